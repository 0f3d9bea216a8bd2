import { expect, test } from 'vitest';
import { Histogram } from '../src/histogram.ts';
import { seeded } from './support/random.ts';

test('each range holds what is above the one before and not above its own end, by brute force', () => {
  const random = seeded('histogram');
  const histogram = new Histogram(0.001, 12);
  const measures: number[] = [];
  for (let i = 0; i < 20_000; i++) measures.push(2 ** random.between(-3, 14), random.below(3_000));
  // The ends themselves, and what is next to them.
  for (let i = 0; i < 12; i++) measures.push(2 ** i, 2 ** i + 1e-9, 2 ** i - 1e-9);
  measures.push(0, 2 ** 31, 2 ** 31 + 1, 2 ** 40, Number.MAX_VALUE, 1e300);
  for (const measure of measures) histogram.record(measure);
  const ends = Array.from({ length: 12 }, (_, i) => 2 ** i);
  const within = (low: number, high: number) => measures.filter((value) => value > low && value <= high).length;
  expect([...histogram.counts]).toEqual([
    within(-1, 1),
    ...ends.slice(1).map((end) => within(end / 2, end)),
    within(2 ** 11, Number.POSITIVE_INFINITY),
  ]);
});

test('the ends are told in the unit that is shown, without digits that mean nothing', () => {
  expect(new Histogram(0.001, 11).bounds).toEqual([
    0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.024,
  ]);
});

test('what a clock that was set back makes negative counts as nothing, and a sum stays a number', () => {
  const histogram = new Histogram(1, 3);
  histogram.record(-5);
  histogram.record(Number.NaN);
  histogram.record(3);
  expect([...histogram.counts]).toEqual([2, 0, 1, 0]);
  expect(histogram.sum).toBe(3);
});
