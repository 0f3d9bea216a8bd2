import type { Position } from '../fix.ts';

/** Where the fixes of one driver are kept, late ones in their place. Times are epoch milliseconds, both ends included. */
export interface TrackSource {
  /**
   * The fixes of a driver that are dated from … to, oldest first: the first `limit` of them.
   *
   * @throws {DomainError} `unavailable` when the store does not answer
   */
  track(fleet: string, driverId: string, from: number, to: number, limit: number): Promise<readonly Position[]>;
  /**
   * Whether any fix of a driver is kept.
   *
   * @throws {DomainError} as for {@link track}
   */
  knows(fleet: string, driverId: string): Promise<boolean>;
}
