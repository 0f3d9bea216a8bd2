import type { CutOffs } from '../store/cut-offs.ts';

/** How often it is asked who is cut off, milliseconds; while somebody is, with every tick. */
const INTERVAL = 3_000;
/** Milliseconds for which it is believed of an instance that says nothing more. */
const HOLDS = 12_000;

/**
 * Tells the others, past the bus, that this instance is cut off from it, and hears whether any of them is. While one is, its fixes
 * come from the store alone, as those of all do for one that is cut off itself.
 */
export class CutOffWatch {
  readonly #cutOffs: CutOffs;
  readonly #instance: string;
  readonly #now: () => number;
  readonly #onChange: () => void;
  #askedAt = Number.NEGATIVE_INFINITY;
  #hasSaid = false;
  #othersAre = false;
  #isAtIt = false;

  /** @param onChange hears that somebody is cut off now, or that nobody is any more */
  constructor(cutOffs: CutOffs, instance: string, now: () => number, onChange: () => void) {
    this.#cutOffs = cutOffs;
    this.#instance = instance;
    this.#now = now;
    this.#onChange = onChange;
  }

  /** Whether another instance is cut off, as far as is known. */
  get othersAre(): boolean {
    return this.#othersAre;
  }

  /** To be called every second, and when the bus goes or comes. @param isUp whether the bus reaches this instance */
  async look(isUp: boolean): Promise<void> {
    const isNews = isUp === this.#hasSaid;
    if (this.#isAtIt || (!isNews && !this.#othersAre && this.#now() - this.#askedAt < INTERVAL)) return;
    this.#isAtIt = true;
    this.#askedAt = this.#now();
    try {
      if (!isUp) await this.#cutOffs.say(this.#instance, HOLDS);
      else if (this.#hasSaid) await this.#cutOffs.unsay(this.#instance);
      this.#hasSaid = !isUp;
      const othersAre = await this.#cutOffs.others(this.#instance);
      if (othersAre !== this.#othersAre) {
        this.#othersAre = othersAre;
        this.#onChange();
      }
    } catch {
      // The store is away, so nobody who is cut off acknowledges anything. It is asked again with the next tick.
      this.#askedAt = Number.NEGATIVE_INFINITY;
    } finally {
      this.#isAtIt = false;
    }
  }
}
