import type { Position } from '../fix.ts';

/** A position as the store keeps it. */
export interface StoredPosition extends Position {
  readonly fleet: string;
  /** The H3 index of the position at resolution 15, as h3-js writes it (15 hexadecimal digits). */
  readonly cell: string;
}

/**
 * Where positions survive a restart. Every implementation passes the same contract suite
 * (`test/store/contract.ts`).
 */
export interface Store {
  /**
   * Writes the latest positions in one transaction. A row that the store already holds with the same or a newer
   * timestamp is left alone, unless it was received so long before this one that its driver had gone stale: such a driver
   * is forgotten, and so is its timestamp. Resolves once committed.
   *
   * @param rows at most one for each fleet and driver
   * @throws {StoreUnavailable} nothing was written, or it is not known whether it was: try again
   * @throws {StoreRejected} the database will never take this batch: some row in it is at fault
   */
  writePositions(rows: readonly StoredPosition[]): Promise<void>;
  /** Every position received at or after `since` (epoch milliseconds), in batches, in no stated order. */
  loadPositions(since: number): AsyncIterable<readonly StoredPosition[]>;
  /** Resolves when the database answers. @throws {StoreUnavailable} */
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** The database cannot be reached or did not answer; the same call may succeed later. */
export class StoreUnavailable extends Error {
  override name = 'StoreUnavailable';
}

/** The database understood and refused; the same call will never succeed. */
export class StoreRejected extends Error {
  override name = 'StoreRejected';
}
