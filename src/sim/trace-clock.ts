/** How many distinct timestamps of a driver are remembered. */
const REMEMBERED = 64;

/** A driver's latest distinct timestamps, rising, and what each was mapped to. */
interface Memory {
  readonly original: number[];
  readonly mapped: number[];
}

/**
 * Maps the clock of a recorded trace onto the present, `speed` times as fast. For each driver equal timestamps stay
 * equal, distinct ones distinct, and their order stays, whatever the order of the lines.
 *
 * Division by the speed merges timestamps less than `speed` ms apart, so those are moved on by single milliseconds,
 * and that takes memory: 64 timestamps a driver. A trace whose drivers report at least `speed` ms apart (once a second
 * with a speed up to 1000) needs none of it. Where a denser trace reaches back beyond the 64, or into a gap of 1 ms
 * between two timestamps already sent, timestamps older than the driver's latest may merge with one another; never
 * with the latest, so a late fix stays late. {@link merged} counts the second case.
 */
export class TraceClock {
  /** Timestamps for which there was no millisecond of their own left. */
  merged = 0;
  readonly #start: number;
  readonly #speed: number;
  #first: number | undefined;
  readonly #memories = new Map<string, Memory>();

  /**
   * @param start epoch milliseconds at which the replay started; the first fix is mapped to a second before
   * @param speed trace seconds per second
   */
  constructor(start: number, speed: number) {
    this.#start = start;
    this.#speed = speed;
  }

  /** When a fix is to be sent, epoch milliseconds: the original spacing, divided by the speed. */
  due(t: number): number {
    this.#first ??= t;
    return this.#start + (t - this.#first) / this.#speed;
  }

  /** The timestamp, in whole epoch milliseconds, that a driver's original one stands for. */
  map(driverId: string, t: number): number {
    const plain = Math.floor(this.due(t)) - 1000;
    // Whole milliseconds that are not compressed cannot merge.
    if (this.#speed <= 1) return plain;
    let memory = this.#memories.get(driverId);
    if (memory === undefined) {
      memory = { original: [], mapped: [] };
      this.#memories.set(driverId, memory);
    }
    const { original, mapped } = memory;
    let at = original.length;
    while (at > 0 && original[at - 1] > t) at--;
    if (at > 0 && original[at - 1] === t) return mapped[at - 1];
    const low = at > 0 ? mapped[at - 1] + 1 : Number.NEGATIVE_INFINITY;
    const high = at < mapped.length ? mapped[at] - 1 : Number.POSITIVE_INFINITY;
    if (low > high) {
      this.merged++;
      return high;
    }
    const chosen = Math.min(Math.max(plain, low), high);
    if (at > 0 || original.length < REMEMBERED) {
      original.splice(at, 0, t);
      mapped.splice(at, 0, chosen);
      if (original.length > REMEMBERED) {
        original.shift();
        mapped.shift();
      }
    }
    return chosen;
  }
}
