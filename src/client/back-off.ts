import { MAX_TIMER } from './clock.ts';

/** The first wait is up to this long, milliseconds. */
const BASE = 500;
/** No wait is longer, unless the server asks for it. Milliseconds. */
const LONGEST = 30_000;

/** How long to wait before trying again: up to twice as long each time, evenly at random (full jitter). */
export class BackOff {
  readonly #random: () => number;
  #failures = 0;

  /** @param random 0 … 1 */
  constructor(random: () => number) {
    this.#random = random;
  }

  /** Milliseconds to wait now. @param retryAfter seconds that the server asked to wait at least */
  next(retryAfter = 0): number {
    const limit = Math.min(LONGEST, BASE * 2 ** Math.min(this.#failures++, 16));
    return Math.min(Math.max(retryAfter * 1000, this.#random() * limit), MAX_TIMER);
  }

  /** It worked: the next wait is a short one. */
  reset(): void {
    this.#failures = 0;
  }
}
