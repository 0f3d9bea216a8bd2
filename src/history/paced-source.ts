import type { Position } from '../fix.ts';
import type { Clock } from '../subscriptions/outbox.ts';
import type { ReplaySource, Span } from './replay-source.ts';

/** Reads that are under way at a time. */
const MAX_READS = 2;
/** Milliseconds of rest for each fix that was read: at most 40,000 a second, which take half of a core. */
const REST = 0.025;
/** The most that a read waits for the rest of another, milliseconds; more is left only where the clock was set back. */
const MAX_REST = 1_000;

/**
 * A source that is read at a pace, by all replays together: one that is asked for at a high speed would otherwise read, and
 * tell, as fast as it goes, and what happens now would have to wait for the past. First come, first served.
 */
export class PacedSource implements ReplaySource {
  readonly #source: ReplaySource;
  readonly #clock: Clock;
  readonly #waiting: (() => void)[] = [];
  #reads = 0;
  /** When it will have rested, epoch milliseconds. */
  #restedAt = 0;
  #isTimed = false;

  constructor(source: ReplaySource, clock: Clock) {
    this.#source = source;
    this.#clock = clock;
  }

  latest(span: Span, limit: number, after?: string): Promise<readonly Position[]> {
    return this.#inTurn(() => this.#source.latest(span, limit, after));
  }

  fixes(
    span: Span,
    drivers: readonly string[],
    limit: number,
    after?: { readonly timestamp: number; readonly driverId: string },
  ): Promise<readonly Position[]> {
    return this.#inTurn(() => this.#source.fixes(span, drivers, limit, after));
  }

  async #inTurn(read: () => Promise<readonly Position[]>): Promise<readonly Position[]> {
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve);
      this.#next();
    });
    try {
      const fixes = await read();
      this.#restedAt = Math.max(this.#restedAt, this.#clock.now()) + REST * fixes.length;
      return fixes;
    } finally {
      this.#reads--;
      this.#next();
    }
  }

  /** Lets the first go on who waits, as soon as it may. */
  #next(): void {
    while (this.#waiting.length > 0 && this.#reads < MAX_READS && !this.#isTimed) {
      const now = this.#clock.now();
      this.#restedAt = Math.min(this.#restedAt, now + MAX_REST);
      const rest = this.#restedAt - now;
      if (rest >= 1) {
        this.#isTimed = true;
        this.#clock.after(rest, () => {
          this.#isTimed = false;
          this.#next();
        });
        return;
      }
      this.#reads++;
      this.#waiting.shift()?.();
    }
  }
}
