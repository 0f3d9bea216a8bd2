import type { Position } from '../fix.ts';

/** Names a driver among those of all fleets. */
export interface DriverKey {
  readonly fleet: string;
  readonly driverId: string;
}

/** A position as the store keeps it. */
export interface StoredPosition extends Position, DriverKey {
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
  /**
   * Forgets drivers in one transaction, with their timestamps: whatever is written of them after it is new. Resolves once
   * committed; a driver of whom nothing is held is no error.
   *
   * @param drivers each at most once
   * @throws {StoreUnavailable} as for {@link writePositions}
   * @throws {StoreRejected} as for {@link writePositions}
   */
  removePositions(drivers: readonly DriverKey[]): Promise<void>;
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
