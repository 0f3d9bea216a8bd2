import { describe, expect, test } from 'vitest';
import { Allowance } from '../../src/delivery/allowance.ts';
import { seeded } from '../support/random.ts';

/** When each message is heard of a sender that has them ready at these times, milliseconds. */
function heard(allowance: Allowance, ready: readonly number[], sizes: readonly number[]): number[] {
  let free = 0;
  return ready.map((at, i) => {
    const now = Math.max(at, free);
    if (!allowance.spend(sizes[i])) free = now + allowance.wait(now);
    return now;
  });
}

describe.each([
  ['messages', { messages: 100, bytes: 0 }],
  ['bytes', { messages: 0, bytes: 5_000 }],
  ['both', { messages: 100, bytes: 5_000 }],
])('of %s', (_what, rates) => {
  test('over any time no more is heard than the rate gives, and what of two seconds was saved', () => {
    const random = seeded('allowance');
    const sizes: number[] = [];
    const ready: number[] = [];
    for (let i = 0, at = 0; i < 5_000; i++) {
      at += random.next() < 0.01 ? random.between(0, 5_000) : random.between(0, 3);
      ready.push(at);
      sizes.push(random.below(100));
    }
    const times = heard(new Allowance(rates, 0), ready, sizes);
    // Above what there may be, in any stretch of time.
    let messagesAbove = Number.NEGATIVE_INFINITY;
    let bytesAbove = Number.NEGATIVE_INFINITY;
    for (let from = 0; from < times.length; from += 97) {
      let bytes = 0;
      for (let to = from; to < times.length; to++) {
        bytes += sizes[to];
        const seconds = (times[to] - times[from]) / 1000 + 2;
        // The message that is one too many is heard, and then waited for.
        messagesAbove = Math.max(messagesAbove, to - from - seconds * rates.messages);
        bytesAbove = Math.max(bytesAbove, bytes - sizes[to] - seconds * rates.bytes);
      }
    }
    if (rates.messages > 0) expect(messagesAbove).toBeLessThanOrEqual(1);
    if (rates.bytes > 0) expect(bytesAbove).toBeLessThanOrEqual(1);
    // Nor less: whoever always has something ready is heard at the rate, but for the shortest wait at the end.
    const flood = heard(new Allowance(rates, 0), Array(5_000).fill(0), Array(5_000).fill(50));
    const rate = Math.min(rates.messages || 1e9, (rates.bytes || 1e9) / 50);
    expect((flood.at(-1) as number) / 1000).toBeGreaterThan((5_000 - 2 * rate) / rate - 0.1);
    expect((flood.at(-1) as number) / 1000).toBeLessThan(5_000 / rate + 0.1);
  });

  test('who stays below the rate never waits', () => {
    const ready = Array.from({ length: 5_000 }, (_, i) => i * 10.1);
    const times = heard(new Allowance(rates, 0), ready, Array(5_000).fill(49));
    expect(times).toEqual(ready);
  });
});

test('a debt is waited for, and says of what it is', () => {
  const allowance = new Allowance({ messages: 10, bytes: 1_000 }, 0);
  expect(allowance.spend(3_500)).toBe(false);
  expect(allowance.wait(0)).toBeGreaterThanOrEqual(2_500);
  expect(allowance.short).toBe('bytes');
  expect(allowance.wait(2_500)).toBe(0);
  for (let i = 0; i < 9; i++) allowance.spend(0);
  expect(allowance.spend(0)).toBe(true);
  expect(allowance.spend(0)).toBe(false);
  expect(allowance.wait(2_500)).toBeGreaterThan(0);
});

test('where neither is limited nobody waits', () => {
  const allowance = new Allowance({ messages: 0, bytes: 0 }, 5);
  for (let i = 0; i < 1_000; i++) expect(allowance.spend(2 ** 20)).toBe(true);
  expect(allowance.wait(5)).toBe(0);
  expect(allowance.spend(2 ** 20)).toBe(true);
});
