import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Fingerprint } from '../../src/subscriptions/fingerprint.ts';
import { seeded } from '../support/random.ts';

const of = (mark: (fingerprint: Fingerprint) => void): string => {
  const fingerprint = new Fingerprint();
  mark(fingerprint);
  return fingerprint.toString();
};
const members = (...values: string[]) => of((fingerprint) => fingerprint.members(values));

test('a set has one fingerprint, in whatever order it comes, and another set another', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.string(), { minLength: 1 }), fc.nat(), fc.string(), (values, at, other) => {
      const whole = members(...values);
      const i = at % values.length;
      expect(members(...values.slice(i), ...values.slice(0, i))).toBe(whole);
      expect(members(...values.toReversed())).toBe(whole);
      expect(members(...values.toSpliced(i, 1))).not.toBe(whole);
      fc.pre(!values.includes(other));
      expect(members(...values, other)).not.toBe(whole);
      expect(members(...values.with(i, other))).not.toBe(whole);
    }),
    { numRuns: 2_000, verbose: true },
  );
});

test('texts are told apart by where one ends, sets by which of two has a member, numbers by the last bit', () => {
  const texts = (...values: string[]) =>
    of((fingerprint) => {
      for (const value of values) fingerprint.text(value);
    });
  const number = (value: number) => of((fingerprint) => fingerprint.number(value));
  expect(texts('ab', 'c')).not.toBe(texts('a', 'bc'));
  expect(texts('a')).not.toBe(texts('a', ''));
  const twoSets = (a: string[], b: string[]) =>
    of((fingerprint) => {
      fingerprint.members(a);
      fingerprint.members(b);
    });
  expect(twoSets(['a', 'b'], ['c'])).not.toBe(twoSets(['a'], ['b', 'c']));
  expect(number(1)).not.toBe(number(1 + Number.EPSILON));
  expect(number(-0)).toBe(number(0));
  expect(number(0.1)).toMatch(/^[0-9a-z]{1,7}-[0-9a-z]{1,7}$/);
  expect(of(() => {})).not.toBe(number(0));
});

test('of 100,000 things that are nearly the same no two have one fingerprint', () => {
  const random = seeded('fingerprints');
  const seen = new Map<string, string>();
  const note = (what: string, fingerprint: string) => {
    const other = seen.get(fingerprint);
    if (other !== undefined && other !== what) throw new Error(`${what} and ${other} are both ${fingerprint}`);
    seen.set(fingerprint, what);
  };
  for (let i = 0; i < 25_000; i++) {
    // Neighbours on a grid, as the centres of circles are.
    const [lat, lng] = [30 + (i % 150) / 1e5, -97 + Math.floor(i / 150) / 1e5];
    note(
      `${lat},${lng}`,
      of((fingerprint) => {
        fingerprint.number(1);
        fingerprint.number(lat);
        fingerprint.number(lng);
        fingerprint.number(1_000);
      }),
    );
    note(
      `d${i}`,
      of((fingerprint) => fingerprint.text(`d${i}`)),
    );
    note(`{d${i}}`, members(`d${i}`));
    // Fleets that differ by a few.
    const few = [...new Set(Array.from({ length: 3 }, () => `d${random.below(100)}`))].sort();
    note(`{${few}}`, few.length === 1 ? members(...few, 'one more') : members(...few));
  }
});
