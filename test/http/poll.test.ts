import { expect, test } from 'vitest';
import { Poll } from '../../src/http/poll.ts';
import { messageEncoder } from '../../src/protocol/encode.ts';
import type { Subscription } from '../../src/subscriptions/subscription.ts';
import { FakeClock } from '../subscriptions/fake-clock.ts';

/** A poll in which nothing happens, and after how long it is answered. */
function answeredAfter(pause: number, wait: number): number {
  const clock = new FakeClock();
  const since = clock.now;
  let answeredAt: number | undefined;
  const poll = new Poll(
    messageEncoder(() => clock.now),
    clock.of({}),
    () => {},
  );
  const subscription = {
    skipSnapshot: () => true,
    answer() {
      answeredAt = clock.now;
    },
  } as Subscription;
  poll.start(() => subscription, pause, wait);
  clock.pass(100_000);
  return (answeredAt ?? Number.NaN) - since;
}

test.each([
  [0, 25_000],
  [1_000, 25_000],
  [24_999, 25_000],
  [60_000, 25_000],
])('[15.2, 15.4] a poll that is held back by %i ms waits for a change no longer than %i ms in all', (pause, wait) => {
  // A timer of Node takes a millisecond at the least.
  expect(answeredAfter(pause, wait) - wait).toBeLessThanOrEqual(1);
  expect(answeredAfter(pause, wait)).toBeGreaterThanOrEqual(wait);
});
