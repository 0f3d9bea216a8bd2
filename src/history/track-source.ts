import type { Position } from '../fix.ts';
import type { Circle } from '../geo/circle.ts';

/** No fix is dated later: the end of the year 9999, epoch milliseconds, which every database and format can name. */
export const END_OF_TIME = 253_402_300_799_999;

/** A part of a driver's track. */
export interface Stretch {
  readonly fleet: string;
  readonly driverId: string;
  /** Epoch milliseconds, both ends included. */
  readonly from: number;
  readonly to: number;
  /** Only fixes taken in this circle, which is right to a centimetre. Absent: wherever. */
  readonly within?: Circle;
}

/** Where the fixes of one driver are kept, late ones in their place. */
export interface TrackSource {
  /**
   * The fixes of a stretch, oldest first: the first `limit` of them.
   *
   * @throws {DomainError} `unavailable` when the store does not answer
   */
  track(stretch: Stretch, limit: number): Promise<readonly Position[]>;
  /**
   * Whether any fix of a driver is kept.
   *
   * @throws {DomainError} as for {@link track}
   */
  knows(fleet: string, driverId: string): Promise<boolean>;
}
