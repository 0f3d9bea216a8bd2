import { expect, test } from 'vitest';
import { Standing } from '../../src/overload/standing.ts';

const RULES = { limit: 100, release: 50, begin: 1000, end: 2000 };

/** The moments at which the state changes, given samples as [from, to, every, value]. */
function changes(...spans: [from: number, to: number, every: number, value: number][]): [number, boolean][] {
  const standing = new Standing(RULES);
  const found: [number, boolean][] = [];
  for (const [from, to, every, value] of spans) {
    for (let now = from; now < to; now += every) {
      const before = standing.high;
      standing.sample(value, now);
      if (standing.high !== before) found.push([now, standing.high]);
    }
  }
  return found;
}

test('it begins when every sample was too high for a second, and ends when every one was low for two', () => {
  expect(changes([0, 500, 50, 10], [500, 3000, 50, 100], [3000, 9000, 50, 49])).toEqual([
    [1500, true],
    [5000, false],
  ]);
});

test('one long turn, however long, does not begin it', () => {
  expect(changes([0, 500, 50, 0], [5500, 5501, 1, 5000], [5550, 9000, 50, 0])).toEqual([]);
});

test('turns of more than a second each do, at the second of them', () => {
  expect(changes([0, 10_000, 1500, 1400])).toEqual([[1500, true]]);
});

test('a low sample now and then keeps it from beginning, a high one from ending', () => {
  const bursts = Array.from({ length: 10 }, (_, i): [number, number, number, number][] => [
    [i * 950, i * 950 + 900, 50, 1000],
    [i * 950 + 900, i * 950 + 950, 50, 99],
  ]).flat();
  expect(changes(...bursts)).toEqual([]);
  const calms = Array.from({ length: 10 }, (_, i): [number, number, number, number][] => [
    [2000 + i * 2000, 2000 + i * 2000 + 1950, 50, 0],
    [2000 + i * 2000 + 1950, 2000 + i * 2000 + 2000, 50, 60],
  ]).flat();
  expect(changes([0, 2000, 50, 200], ...calms)).toEqual([[1000, true]]);
});

test('between the two limits it stays as it is, so that it does not flap', () => {
  expect(changes([0, 20_000, 50, 75])).toEqual([]);
  expect(changes([0, 2000, 50, 200], [2000, 60_000, 50, 75])).toEqual([[1000, true]]);
});
