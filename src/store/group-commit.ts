import { byHalves } from './by-halves.ts';
import { keyOf, Pending } from './pending.ts';
import { type DriverKey, type Store, type StoredPosition, type StoreRejected, StoreUnavailable } from './store.ts';

/** Hears that what it waited for is committed, or else why it never will be. */
export type OnStored = (error?: Error) => void;

export interface GroupCommitOptions {
  readonly store: Pick<Store, 'writePositions' | 'removePositions'>;
  /** What the database will never do for this driver. */
  readonly onRejected: (driver: DriverKey, error: StoreRejected) => void;
  /** Called once when the store cannot be reached, and once with nothing when it can be again. */
  readonly onAvailability?: (error?: Error) => void;
  /** Drivers in one statement, at the most. */
  readonly maxBatch?: number;
  /** Drivers, or callbacks, that may wait before `full`. */
  readonly maxPending?: number;
  /** Milliseconds before the first retry, doubled each time up to the second. Each is cut by up to a half, at random. */
  readonly retryDelay?: number;
  readonly retryDelayMax?: number;
  /** 0 … 1 */
  readonly random?: () => number;
  /** Calls back after so many milliseconds, unless the function that it returns is called before. */
  readonly after?: (milliseconds: number, callback: () => void) => () => void;
}

/** Characters of one statement, about: a second of work for the slowest database, however large the rows are. */
const MAX_BATCH_SIZE = 4_000_000;

interface Waiter {
  /** Everything up to this place must be done. */
  readonly place: number;
  readonly entry: Pending | undefined;
  readonly what: 'row' | 'removal';
  readonly callback: OnStored;
}

/**
 * Writes what arrives while the previous batch is being written as one batch, so that the load makes its own batches.
 * Of the rows of one driver that wait, only the newest is written, and none that came before a removal.
 */
export class GroupCommit {
  readonly #options: Required<GroupCommitOptions>;
  /** In order of place, by fleet and driver. */
  #waiting = new Map<string, Pending>();
  #writing: readonly Pending[] = [];
  /** In order of arrival; those before `#head` are called already. */
  #waiters: Waiter[] = [];
  #head = 0;
  #lastPlace = 0;
  #scheduled = false;
  #failures = 0;
  /** Rows in the next statement: fewer after a failure, which may be one of time, and up again by success. */
  #batch: number;
  #cancelRetry: (() => void) | undefined;
  #closed = false;

  constructor(options: GroupCommitOptions) {
    this.#options = {
      onAvailability: () => {},
      maxBatch: 5_000,
      maxPending: 100_000,
      retryDelay: 100,
      retryDelayMax: 5_000,
      random: Math.random,
      after: afterTimeout,
      ...options,
    };
    this.#batch = this.#options.maxBatch;
  }

  /** Whether so much waits that no more should be written; a write is taken nevertheless. */
  get full(): boolean {
    const { maxPending } = this.#options;
    return this.#waiting.size + this.#writing.length >= maxPending || this.#waiters.length - this.#head >= maxPending;
  }

  get pending(): { readonly rows: number; readonly callbacks: number } {
    return { rows: this.#waiting.size + this.#writing.length, callbacks: this.#waiters.length - this.#head };
  }

  /** Whether the last attempt reached the store. */
  get available(): boolean {
    return this.#failures === 0;
  }

  /**
   * Hands over a row to be stored.
   *
   * @param onStored called once this row, or a newer one of the driver or its removal in its stead, and all that was
   * written before is committed; with an error if this row, or the newer one, was rejected. Never called before `write`
   * returns.
   */
  write(row: StoredPosition, onStored?: OnStored): void {
    const entry = this.#entry(row);
    entry?.write(row);
    if (onStored !== undefined) this.#wait(onStored, entry);
    this.#schedule();
  }

  /**
   * Has a driver forgotten: all that was written of it before, and nothing of what will be.
   *
   * @param onStored called once this, and all that was written before, is committed; with an error if it was rejected.
   * Never called before `remove` returns.
   */
  remove(driver: DriverKey, onStored?: OnStored): void {
    const entry = this.#entry(driver);
    entry?.remove();
    if (onStored !== undefined) this.#wait(onStored, entry, 'removal');
    this.#schedule();
  }

  /** Calls back, in order with all other callbacks, once everything written before this call is stored or rejected. */
  whenStored(callback: OnStored): void {
    this.#wait(callback);
    this.#schedule();
  }

  /** Resolves when nothing waits any more, with true, or with false after so many milliseconds. */
  drain(deadline: number): Promise<boolean> {
    return new Promise((resolve) => {
      const cancel = this.#options.after(deadline, () => resolve(false));
      this.whenStored((error) => {
        cancel();
        resolve(error === undefined);
      });
    });
  }

  /** Stops; what still waits hears StoreUnavailable, and may have been stored or not. No timer is left. */
  close(): void {
    this.#closed = true;
    this.#cancelRetry?.();
    this.#cancelRetry = undefined;
    this.#waiting.clear();
    this.#release();
  }

  /** What waits of a driver, to be added to; nothing is any more once this is closed. */
  #entry(driver: DriverKey): Pending | undefined {
    if (this.#closed) return undefined;
    const key = keyOf(driver);
    let entry = this.#waiting.get(key);
    if (entry === undefined) {
      entry = new Pending(driver, ++this.#lastPlace);
      this.#waiting.set(key, entry);
    }
    return entry;
  }

  #wait(callback: OnStored, entry?: Pending, what: Waiter['what'] = 'row'): void {
    this.#waiters.push({ place: this.#lastPlace, entry, what, callback });
  }

  /** At the end of this turn of the event loop, so that all that arrives in it shares a batch. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#release();
      if (this.#writing.length === 0 && this.#cancelRetry === undefined) void this.#pump();
    });
  }

  async #pump(): Promise<void> {
    while (this.#waiting.size > 0 && !this.#closed) {
      this.#writing = this.#take();
      try {
        await this.#store(this.#writing);
      } catch (error) {
        this.#putBack(error);
        return;
      }
      this.#writing = [];
      this.#batch = Math.min(this.#batch * 2, this.#options.maxBatch);
      this.#setFailures(0);
      this.#release();
    }
  }

  #take(): readonly Pending[] {
    const batch: Pending[] = [];
    let size = 0;
    for (const [key, entry] of this.#waiting) {
      batch.push(entry);
      this.#waiting.delete(key);
      size += entry.size;
      if (batch.length >= this.#batch || size >= MAX_BATCH_SIZE) break;
    }
    return batch;
  }

  /**
   * Removals first, then rows, each as a transaction of its own: of every driver the store has then been told in order,
   * and if it goes away between the two, what is left to do is still to be done.
   */
  async #store(entries: readonly Pending[]): Promise<void> {
    const { store } = this.#options;
    await byHalves(
      entries.filter((entry) => entry.removal),
      (some) => store.removePositions(some),
      (entry, error) => {
        entry.removed(error);
        if (error !== undefined) call(() => this.#options.onRejected(entry, error));
      },
    );
    await byHalves(
      entries.filter((entry) => entry.row !== undefined),
      (some) => store.writePositions(some.map((entry) => entry.row as StoredPosition)),
      (entry, error) => {
        entry.written(error);
        if (error !== undefined) call(() => this.#options.onRejected(entry, error));
      },
    );
  }

  /** The store is away: what it did not take goes first again, each driver with what came of it since, after a while. */
  #putBack(error: unknown): void {
    const again = new Map<string, Pending>();
    for (const entry of this.#writing) if (!entry.done) again.set(keyOf(entry), entry);
    for (const [key, newer] of this.#waiting) {
      const older = again.get(key);
      if (older === undefined) again.set(key, newer);
      else older.inherit(newer);
    }
    this.#writing = [];
    if (this.#closed) return;
    this.#waiting = again;
    this.#batch = Math.max(1, this.#batch >> 1);
    this.#release();

    const { retryDelay, retryDelayMax, random, after } = this.#options;
    const delay = Math.min(retryDelay * 2 ** this.#failures, retryDelayMax) * (1 - random() / 2);
    this.#setFailures(this.#failures + 1, error);
    this.#cancelRetry = after(delay, () => {
      this.#cancelRetry = undefined;
      void this.#pump();
    });
  }

  #setFailures(failures: number, error?: unknown): void {
    const changed = failures > 0 !== this.#failures > 0;
    this.#failures = failures;
    if (!changed) return;
    const cause = error === undefined || error instanceof Error ? error : new Error(String(error));
    call(() => this.#options.onAvailability(cause));
  }

  /** Calls those whose time has come, in order. */
  #release(): void {
    const settled = this.#settled();
    // Those that a callback adds have their own turn.
    const end = this.#waiters.length;
    // A callback may close this, and so empty the list.
    while (this.#head < Math.min(end, this.#waiters.length)) {
      const waiter = this.#waiters[this.#head];
      if (waiter.place > settled && !this.#closed) break;
      this.#head++;
      const error = this.#closed
        ? new StoreUnavailable('Nearcast is shutting down')
        : waiter.entry?.errorOf(waiter.what);
      call(() => waiter.callback(error));
    }
    // Cut off what is done, each time it is more than what is left: a constant cost for each.
    if (this.#head * 2 > this.#waiters.length) {
      this.#waiters = this.#waiters.slice(this.#head);
      this.#head = 0;
    }
  }

  /** The place up to which everything is stored or rejected. */
  #settled(): number {
    if (this.#writing.length > 0) return this.#writing[0].place - 1;
    for (const entry of this.#waiting.values()) return entry.place - 1;
    return this.#lastPlace;
  }
}

/** A callback that throws is a bug that must come to light, but not here, where it would stop the others. */
function call(callback: () => void): void {
  try {
    callback();
  } catch (error) {
    setImmediate(() => {
      throw error;
    });
  }
}

function afterTimeout(milliseconds: number, callback: () => void): () => void {
  const timer = setTimeout(callback, milliseconds).unref();
  return () => clearTimeout(timer);
}
