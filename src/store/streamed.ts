import type { Entry, LoadProgress, Store, StoredFix } from './store.ts';

/** Where what was stored is told on; see `stream/fix-stream.ts`. */
export interface StoredEntries {
  /** Takes entries that are committed. Never rejects, and resolves soon, whatever becomes of them. */
  add(entries: readonly Entry[]): Promise<void>;
}

/**
 * A store that tells on what it has taken in: after it is committed, and before whoever wrote it hears so. What a store
 * takes in twice, as its answer was lost, is told once it has answered.
 */
export class StreamedStore implements Store {
  readonly #store: Store;
  readonly #stream: StoredEntries;

  constructor(store: Store, stream: StoredEntries) {
    this.#store = store;
    this.#stream = stream;
  }

  async write(entries: readonly Entry[]): Promise<void> {
    await this.#store.write(entries);
    await this.#stream.add(entries);
  }

  loadPositions(since: number, onProgress?: LoadProgress): AsyncIterable<readonly StoredFix[]> {
    return this.#store.loadPositions(since, onProgress);
  }

  ping(): Promise<void> {
    return this.#store.ping();
  }

  close(): Promise<void> {
    return this.#store.close();
  }
}
