/** Time, as this client sees it: given from outside in tests. */
export interface Clock {
  /** Epoch milliseconds. */
  now(): number;
  /** Calls back after so many milliseconds. */
  setTimeout(callback: () => void, milliseconds: number): unknown;
  /** Takes a timeout back. Anything else is ignored. */
  clearTimeout(timeout: unknown): void;
}

/** The platform’s own. */
export const systemClock: Clock = {
  now: () => Date.now(),
  setTimeout: (callback, milliseconds) => setTimeout(callback, milliseconds),
  clearTimeout: (timeout) => clearTimeout(timeout as Parameters<typeof clearTimeout>[0]),
};

/** A moment in epoch milliseconds, given so or in ISO 8601; not a number where it is neither. */
export function epochOf(moment: number | string): number {
  return typeof moment === 'number' ? moment : Date.parse(moment);
}

/** The longest that a timer can run, milliseconds. */
export const MAX_TIMER = 2 ** 31 - 1;

/** Milliseconds over which the best estimate of the server’s clock is kept. */
const WINDOW = 60_000;

/**
 * An estimate of the server’s clock, from the times that its answers carry. Each is late by its way here, so the greatest
 * difference is the best; those of the last one to two minutes count, so that a clock that is set right is noticed.
 */
export class ServerClock {
  readonly #clock: Clock;
  #best = Number.NEGATIVE_INFINITY;
  #bestBefore = Number.NEGATIVE_INFINITY;
  #since = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Takes note of a time that the server just told. */
  heard(serverTime: number): void {
    const now = this.#clock.now();
    if (now - this.#since >= WINDOW || now < this.#since) {
      this.#bestBefore = this.#best;
      this.#best = Number.NEGATIVE_INFINITY;
      this.#since = now;
    }
    this.#best = Math.max(this.#best, serverTime - now);
  }

  /** The server’s time, epoch milliseconds; by this device’s clock until an answer was heard. */
  now(): number {
    const offset = Math.max(this.#best, this.#bestBefore);
    return this.#clock.now() + (offset === Number.NEGATIVE_INFINITY ? 0 : offset);
  }
}
