import { lengthOf } from '../fix.ts';
import { byHalves } from './by-halves.ts';
import {
  type DriverKey,
  type Entry,
  type Store,
  type StoredFix,
  type StoreRejected,
  StoreUnavailable,
} from './store.ts';
import { WriteStats } from './write-stats.ts';

/** Hears that what it waited for is committed, or else why it never will be. */
export type OnStored = (error?: Error) => void;

export interface GroupCommitOptions {
  readonly store: Pick<Store, 'write'>;
  /** What the database will never take in. */
  readonly onRejected: (entry: Entry, error: StoreRejected) => void;
  /** Called once when the store cannot be reached, and once with nothing when it can be again. */
  readonly onAvailability?: (error?: Error) => void;
  /** Entries in one transaction, at the most. */
  readonly maxBatch?: number;
  /** What may wait before `full`. */
  readonly maxPending?: number;
  /** Milliseconds before the first retry, doubled each time up to the second. Each is cut by up to a half, at random. */
  readonly retryDelay?: number;
  readonly retryDelayMax?: number;
  /** 0 … 1 */
  readonly random?: () => number;
  /** Calls back after so many milliseconds, unless the function that it returns is called before. */
  readonly after?: (milliseconds: number, callback: () => void) => () => void;
}

/** Characters of one statement, about: a second of work for the slowest database, however large the fixes are. */
const MAX_BATCH_SIZE = 4_000_000;

/** Characters of an entry without attributes, about. */
const SMALLEST = 200;

/** Characters for each entry that may wait, on average: for very large ones their number alone would not bound memory. */
const MEAN_SIZE = 1_000;

/** An entry that waits, or only somebody who wants to know when all that came before is done. */
interface Waiting {
  readonly kind: Entry['kind'] | 'barrier';
  readonly fix?: StoredFix;
  readonly driver?: DriverKey;
  readonly at?: number;
  readonly onStored: OnStored | undefined;
  /** Characters, about. */
  readonly size: number;
  /** It is stored, or never will be: then the error says why. */
  done: boolean;
  error: StoreRejected | undefined;
}

/**
 * Writes what arrives while the previous batch is being written as one batch, so that the load makes its own batches: a
 * queue, of which the head is in the database's hands. What the database did not take stays at the head.
 */
export class GroupCommit {
  readonly stats = new WriteStats();
  readonly #options: Required<GroupCommitOptions>;
  /** In order of arrival; those before `#head` are done and told. */
  #queue: Waiting[] = [];
  #head = 0;
  /** Characters of what waits. */
  #size = 0;
  #writing = false;
  #scheduled = false;
  /** In a row. */
  #failures = 0;
  #away = false;
  /** Entries in the next transaction: fewer after a failure, which may be one of time, and up again by success. */
  #batch: number;
  #cancelRetry: (() => void) | undefined;
  #closed = false;

  constructor(options: GroupCommitOptions) {
    this.#options = {
      onAvailability: () => {},
      maxBatch: 5_000,
      maxPending: 200_000,
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
    return this.pending >= maxPending || this.#size >= maxPending * MEAN_SIZE;
  }

  /** How many entries and callbacks wait. */
  get pending(): number {
    return this.#queue.length - this.#head;
  }

  /** How many entries are neither stored nor rejected. Counts them: not for every turn. */
  get unstored(): number {
    let count = 0;
    for (let i = this.#head; i < this.#queue.length; i++) if (!this.#queue[i].done) count++;
    return count;
  }

  /** Whether the store takes what comes: not from a failure on, until it takes as much at a time as ever, or nothing waits. */
  get available(): boolean {
    return !this.#away;
  }

  /**
   * Hands over a fix that is its driver's position now.
   *
   * @param onStored called once this and all that was written before is committed; with an error if this was rejected.
   * Never called before `write` returns.
   */
  write(fix: StoredFix, onStored?: OnStored): void {
    this.#push({ kind: 'position', fix, onStored, size: sizeOf(fix), done: false, error: undefined });
  }

  /** Hands over a fix that is for history alone. @param onStored as for {@link write} */
  writeLate(fix: StoredFix, onStored?: OnStored): void {
    this.#push({ kind: 'late', fix, onStored, size: sizeOf(fix), done: false, error: undefined });
  }

  /**
   * Has what was received of a driver until `at` (epoch milliseconds) forgotten, and nothing of what will be written of it.
   *
   * @param onStored as for {@link write}
   */
  remove(driver: DriverKey, at: number, onStored?: OnStored): void {
    this.#push({ kind: 'removal', driver, at, onStored, size: SMALLEST, done: false, error: undefined });
  }

  /** Calls back, in order with all other callbacks, once everything written before this call is stored or rejected. */
  whenStored(onStored: OnStored): void {
    this.#push({ kind: 'barrier', onStored, size: 0, done: true, error: undefined });
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
    this.#tell();
  }

  #push(waiting: Waiting): void {
    this.#queue.push(waiting);
    this.#size += waiting.size;
    // At the end of this turn of the event loop, so that all that arrives in it shares a batch.
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#tell();
      if (!this.#writing && this.#cancelRetry === undefined) void this.#pump();
    });
  }

  async #pump(): Promise<void> {
    this.#writing = true;
    for (let batch = this.#take(); batch.length > 0; batch = this.#take()) {
      try {
        await byHalves(
          batch,
          (some) => this.#commit(some as readonly Waiting[] as readonly Entry[]),
          (waiting, error) => this.#settle(waiting, error),
        );
      } catch (error) {
        this.#writing = false;
        this.#tryAgain(error);
        return;
      }
      this.#batch = Math.min(this.#batch * 2, this.#options.maxBatch);
      this.#failures = 0;
      this.#tell();
      // One that takes a little between two failures, as on a full disk, is not back.
      if (this.#batch === this.#options.maxBatch || this.pending === 0) this.#setAway(undefined);
    }
    this.#writing = false;
  }

  async #commit(entries: readonly Entry[]): Promise<void> {
    const began = performance.now();
    await this.#options.store.write(entries);
    this.stats.committed(entries.length, performance.now() - began);
  }

  /** What is to be written next; nothing when nothing waits. */
  #take(): readonly Waiting[] {
    const batch: Waiting[] = [];
    if (this.#closed) return batch;
    let size = 0;
    for (let at = this.#head; at < this.#queue.length; at++) {
      const waiting = this.#queue[at];
      if (waiting.done) continue;
      batch.push(waiting);
      size += waiting.size;
      if (batch.length >= this.#batch || size >= MAX_BATCH_SIZE) break;
    }
    return batch;
  }

  #settle(waiting: Waiting, error?: StoreRejected): void {
    waiting.done = true;
    waiting.error = error;
    if (error === undefined) return;
    this.stats.rejected++;
    call(() => this.#options.onRejected(waiting as Entry, error));
  }

  /** The store is away: what it did not take is tried again after a while. */
  #tryAgain(error: unknown): void {
    // What it took of the batch, by halves, is done.
    this.#tell();
    if (this.#closed) return;
    this.#batch = Math.max(1, this.#batch >> 1);
    const { retryDelay, retryDelayMax, random, after } = this.#options;
    const delay = Math.min(retryDelay * 2 ** this.#failures, retryDelayMax) * (1 - random() / 2);
    this.stats.failures++;
    this.#failures++;
    this.#setAway(error instanceof Error ? error : new Error(String(error)));
    this.#cancelRetry = after(delay, () => {
      this.#cancelRetry = undefined;
      void this.#pump();
    });
  }

  #setAway(error: Error | undefined): void {
    if (this.#away === (error !== undefined)) return;
    this.#away = !this.#away;
    call(() => this.#options.onAvailability(error));
  }

  /** Calls those whose time has come, in order. */
  #tell(): void {
    // Those that a callback adds have their own turn.
    const end = this.#queue.length;
    // A callback may close this, and so empty the queue.
    while (this.#head < Math.min(end, this.#queue.length)) {
      const { done, onStored, size, error } = this.#queue[this.#head];
      if (!done && !this.#closed) break;
      this.#head++;
      this.#size -= size;
      if (onStored === undefined) continue;
      call(() => onStored(this.#closed ? new StoreUnavailable('Nearcast is shutting down') : error));
    }
    // Cut off what is done, each time it is more than what is left: a constant cost for each.
    if (this.#head * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
  }
}

/** About how many characters an entry is on its way to the database. */
function sizeOf({ attributes }: StoredFix): number {
  return SMALLEST + lengthOf(attributes);
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
