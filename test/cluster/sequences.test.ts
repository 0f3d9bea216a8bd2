import { expect, test } from 'vitest';
import { Sequences } from '../../src/cluster/sequences.ts';
import { seeded } from '../support/random.ts';

/** Milliseconds by which a claim has had time enough. */
const LATER = 1_000;

test('a publisher that counts on is heard without a gap, wherever it began', () => {
  const sequences = new Sequences();
  expect([7, 8, 9].map((seq) => sequences.heard('a', seq))).toEqual([true, true, true]);
  expect([1, 2].map((seq) => sequences.heard('b', seq))).toEqual([true, true]);
});

test('what comes twice or late is no gap, and what was left out is, once', () => {
  const sequences = new Sequences();
  expect([1, 2, 2, 1, 3].map((seq) => sequences.heard('a', seq))).toEqual([true, true, true, true, true]);
  expect([5, 4, 6].map((seq) => sequences.heard('a', seq))).toEqual([false, true, true]);
});

test('a claim of more than was heard is a gap when it does not come true in time', () => {
  const sequences = new Sequences();
  sequences.heard('a', 3);
  sequences.claimed('a', 5, 0);
  expect(sequences.check(1)).toBeUndefined();
  sequences.heard('a', 4);
  expect(sequences.check(LATER)).toBe('gap');
  // It is known of now.
  expect(sequences.check(2 * LATER)).toBeUndefined();
  expect(sequences.heard('a', 6)).toBe(true);
});

test('a claim that comes true is none', () => {
  const sequences = new Sequences();
  sequences.heard('a', 3);
  sequences.claimed('a', 3, 0);
  sequences.claimed('a', 4, 0);
  sequences.heard('a', 4);
  expect(sequences.check(LATER)).toBeUndefined();
});

test('the claim of one that was never heard is a stranger’s', () => {
  const sequences = new Sequences();
  sequences.claimed('a', 9, 0);
  expect(sequences.check(LATER)).toBe('stranger');
  expect(sequences.heard('a', 10)).toBe(true);
});

test('whatever is lost between two that were heard, or before a claim, is noticed; and nothing else', () => {
  const random = seeded('sequences');
  for (let round = 0; round < 300; round++) {
    const sequences = new Sequences();
    sequences.heard('a', 0);
    let [seq, noticed, lost] = [0, 0, 0];
    for (let i = 0; i < 40; i++) {
      seq++;
      if (random.below(8) === 0) lost++;
      else if (!sequences.heard('a', seq)) noticed++;
    }
    sequences.claimed('a', seq, 0);
    if (sequences.check(LATER) === 'gap') noticed++;
    expect(noticed > 0).toBe(lost > 0);
    expect(noticed).toBeLessThanOrEqual(lost);
  }
});
