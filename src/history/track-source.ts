import type { Position } from '../fix.ts';
import type { Circle } from '../geo/circle.ts';

/** No fix is dated later: the end of the year 9999, epoch milliseconds, which every database and format can name. */
export const END_OF_TIME = 253_402_300_799_999;

/** Where the fixes of one driver are kept, late ones in their place. Times are epoch milliseconds, both ends included. */
export interface TrackSource {
  /**
   * The fixes of a driver that are dated from … to, oldest first: the first `limit` of them.
   *
   * @param within only of those taken in this circle, which is right to a centimetre
   * @throws {DomainError} `unavailable` when the store does not answer
   */
  track(
    fleet: string,
    driverId: string,
    from: number,
    to: number,
    limit: number,
    within?: Circle,
  ): Promise<readonly Position[]>;
  /**
   * Whether any fix of a driver is kept.
   *
   * @throws {DomainError} as for {@link track}
   */
  knows(fleet: string, driverId: string): Promise<boolean>;
}
