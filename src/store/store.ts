import type { Position } from '../fix.ts';

/** Names a driver among those of all fleets. */
export interface DriverKey {
  readonly fleet: string;
  readonly driverId: string;
}

/** A fix as the store keeps it. */
export interface StoredFix extends Position, DriverKey {}

/**
 * Hears how far a load is.
 *
 * @param seen rows that were looked at, those too old to be handed out included
 * @param total of about how many, where that is known
 */
export type LoadProgress = (seen: number, total: number | undefined) => void;

/**
 * One thing that the store is to take in: a fix that is its driver's position from then on, one that came too late for that,
 * or that what was received of a driver until `at` (epoch milliseconds) is to be forgotten, with its timestamp: then any fix
 * is a newer one.
 */
export type Entry =
  | { readonly kind: 'position' | 'late'; readonly fix: StoredFix }
  | { readonly kind: 'removal'; readonly driver: DriverKey; readonly at: number };

/**
 * Where positions and fixes survive a restart. Every implementation passes the same contract suite
 * (`test/store/contract.ts`).
 */
export interface Store {
  /**
   * Takes in entries, those of a driver in the order in which they happened, in one transaction. Resolves once committed.
   *
   * Of each driver the latest position is held. One that is held with the same or a newer timestamp is left alone, unless
   * it was received so long before the other that its driver had gone stale: such a driver is forgotten, and so is its
   * timestamp. A removal leaves alone what was received after its moment, by another process; of a driver of whom nothing
   * is held it is no error. In history, where there is one, every fix is kept, the first of a driver and a timestamp; to
   * take in a fix again changes nothing.
   *
   * @throws {StoreUnavailable} nothing was written, or it is not known whether it was: try again
   * @throws {StoreRejected} the database will never take this batch: some entry in it is at fault
   */
  write(entries: readonly Entry[]): Promise<void>;
  /** Every position received at or after `since` (epoch milliseconds), in batches, in no stated order. */
  loadPositions(since: number, onProgress?: LoadProgress): AsyncIterable<readonly StoredFix[]>;
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
