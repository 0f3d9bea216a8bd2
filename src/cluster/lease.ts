import { highOf, LEASE_RESOLUTION, LOW, nameOf } from './lease-cells.ts';
import { Sequences } from './sequences.ts';

/**
 * How well memory knows a cell: `opening` and `loading` until what is there was read once; `held` while it is told of all that
 * moves there; `doubtful` when something may have been missed, until it is read again.
 */
export type LeaseState = 'opening' | 'loading' | 'held' | 'doubtful';

/** Why a cell is read from the store. */
export type LoadReason = 'open' | 'late' | 'gap' | 'beat' | 'return' | 'check' | 'away';

/** Whether what is read for a reason is read again a little later: what was published before may not have been stored yet. */
export function isReadTwice(reason: LoadReason): boolean {
  return reason !== 'late' && reason !== 'check' && reason !== 'away';
}

/** A coarse cell of a fleet of which this instance is told all that moves in it. */
export class Lease {
  readonly key: number;
  readonly channel: string;
  /** The cell's index, as h3-js writes it. */
  readonly cell: string;
  readonly sequences = new Sequences();
  state: LeaseState = 'opening';
  /** How many need it; with none it goes once it is idle. */
  holds = 0;
  /** When somebody last asked about it, epoch milliseconds. */
  askedAt = 0;
  /** When it was last read as a whole, epoch milliseconds; 0: never. */
  loadedAt = 0;
  /** How often something may have been missed. */
  doubts = 0;
  /** Why it is to be read again, and when at the earliest; epoch milliseconds. */
  due: { readonly reason: LoadReason; readonly at: number } | undefined;
  /** Dropped. */
  over = false;
  readonly #waiting: { readonly resolve: () => void; readonly reject: (error: unknown) => void }[] = [];

  constructor(key: number, channel: string, now: number) {
    this.key = key;
    this.channel = channel;
    this.cell = nameOf(key);
    this.askedAt = now;
  }

  /** Whether somebody waits for it. */
  get isAwaited(): boolean {
    return this.#waiting.length > 0;
  }

  /** Resolves once it may be answered from; rejects when it could not be read. */
  ready(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
    });
  }

  /** Lets go of those who wait. @param error why it could not be read */
  settle(error?: unknown): void {
    for (const { resolve, reject } of this.#waiting.splice(0)) {
      if (error === undefined) resolve();
      else reject(error);
    }
  }

  /** Has it read again, at a moment or when it is due already before. Of two reasons the one goes that asks for more. */
  schedule(reason: LoadReason, at: number): void {
    const { due } = this;
    if (due === undefined) this.due = { reason, at };
    else {
      const isMore = isReadTwice(reason) || !isReadTwice(due.reason);
      this.due = { reason: isMore ? reason : due.reason, at: Math.min(at, due.at) };
    }
  }

  /** The drivers of a fleet that are in it. */
  driversOf<Driver>(fleet: { inCell(high: number, low: number, resolution: number): Driver[] }): Driver[] {
    return fleet.inCell(highOf(this.key), LOW, LEASE_RESOLUTION);
  }
}
