import type { Clock } from './clock.ts';
import { asNearcastError, type NearcastError } from './errors.ts';
import type { Fix } from './wire.ts';

/** Where the queue of a track survives a reload. One place is for one track at a time. */
export interface FixStorage {
  /** What was saved last; empty when nothing was. */
  load(): readonly Fix[] | Promise<readonly Fix[]>;
  /** Replaces what was saved. Called again only after it is done. */
  save(fixes: readonly Fix[]): void | Promise<void>;
}

/** As much of `localStorage` or `sessionStorage` as is used here. */
export interface WebStorage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

/**
 * Keeps a queue in `localStorage` (about 30,000 fixes, in 5 MB).
 *
 * @param key one for each track: two tabs must not share it
 */
export function webStorage(key: string, storage: WebStorage = localStorageHere()): FixStorage {
  return {
    load() {
      const fixes = JSON.parse(storage.getItem(key) ?? '[]');
      return Array.isArray(fixes) ? fixes : [];
    },
    save(fixes) {
      if (fixes.length === 0) storage.removeItem(key);
      else storage.setItem(key, JSON.stringify(fixes));
    },
  };
}

function localStorageHere(): WebStorage {
  const { localStorage } = globalThis as { localStorage?: WebStorage };
  if (localStorage === undefined) throw new TypeError('There is no localStorage here: pass a storage.');
  return localStorage;
}

/** A save follows the one before after this long at the earliest, milliseconds. */
const INTERVAL = 1_000;

/** Saves a queue when it has changed: the first time at once, then at most every second, one save at a time. */
export class Keeper {
  readonly #storage: FixStorage;
  readonly #clock: Clock;
  readonly #fixes: () => readonly Fix[];
  readonly #failed: (error: NearcastError) => void;
  #changed = false;
  #saving: Promise<void> | undefined;
  #timer: unknown;
  #ended = false;

  /**
   * @param fixes the queue as it is now
   * @param failed told when a save fails; the next change tries again
   */
  constructor(storage: FixStorage, clock: Clock, fixes: () => readonly Fix[], failed: (error: NearcastError) => void) {
    this.#storage = storage;
    this.#clock = clock;
    this.#fixes = fixes;
    this.#failed = failed;
  }

  /** The queue has changed. */
  changed(): void {
    if (this.#changed || this.#ended) return;
    this.#changed = true;
    // Whatever else this turn brings is saved with it.
    if (this.#timer === undefined) queueMicrotask(() => this.saveNow());
  }

  /** Saves what has changed without waiting: the page may be about to go. */
  saveNow(): void {
    if (this.#changed && this.#saving === undefined) this.#save();
  }

  /** Saves what has changed, and then nothing more. */
  async end(): Promise<void> {
    this.#ended = true;
    await this.#saving;
    this.saveNow();
    await this.#saving;
    this.#clock.clearTimeout(this.#timer);
  }

  #save(): void {
    this.#changed = false;
    this.#clock.clearTimeout(this.#timer);
    this.#timer = this.#clock.setTimeout(() => {
      this.#timer = undefined;
      this.saveNow();
    }, INTERVAL);
    try {
      this.#saving = this.#storage.save(this.#fixes())?.then(
        () => this.#saved(),
        (error) => this.#saved(error),
      );
    } catch (error) {
      this.#saved(error);
    }
  }

  #saved(error?: unknown): void {
    this.#saving = undefined;
    if (error !== undefined) this.#failed(asNearcastError(error, 'internal', 'The queue could not be saved'));
    // The timer may have found it still saving.
    if (this.#timer === undefined) this.saveNow();
  }
}
