import type { Clock } from '../subscriptions/outbox.ts';

/** The process's turns and timers. @param now the server's clock, epoch milliseconds */
export function processClock(now: () => number): Clock {
  return {
    now,
    defer: setImmediate,
    after(milliseconds, callback) {
      const timer = setTimeout(callback, milliseconds);
      return () => clearTimeout(timer);
    },
  };
}
