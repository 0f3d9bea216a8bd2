import type { Clock } from '../subscriptions/outbox.ts';

/** Milliseconds of a turn that what was put off to its end may take, before sockets and timers are looked after again. */
const BUDGET = 10;

/**
 * The process's turns and timers. What is put off to the end of a turn is done in order, and when there is very much of it,
 * in several turns.
 *
 * @param now the server's clock, epoch milliseconds
 */
export function processClock(now: () => number): Clock {
  let waiting: (() => void)[] = [];
  const run = () => {
    const callbacks = waiting;
    waiting = [];
    const until = performance.now() + BUDGET;
    for (let i = 0; i < callbacks.length; i++) {
      callbacks[i]();
      if (performance.now() < until || i + 1 === callbacks.length) continue;
      // What came meanwhile goes behind what is left.
      if (waiting.length === 0) setImmediate(run);
      waiting = callbacks.slice(i + 1).concat(waiting);
      return;
    }
  };
  return {
    now,
    defer(callback) {
      if (waiting.length === 0) setImmediate(run);
      waiting.push(callback);
    },
    after(milliseconds, callback) {
      const timer = setTimeout(callback, milliseconds);
      return () => clearTimeout(timer);
    },
  };
}
