import { toEcef } from './ecef.ts';

/** No point of the ball is in the region. */
export const OUTSIDE = 0;
/** Every point of the ball is in the region. */
export const INSIDE = 1;
/** Neither is certain: each point must be tested. */
export const EDGE = 2;
/** How a region lies to a ball. */
export type Side = typeof OUTSIDE | typeof INSIDE | typeof EDGE;

/** A part of the ellipsoid's surface with an exact membership test. */
export interface Region {
  /** Whether a point, given as ECEF metres and as degrees, is inside. Exact. */
  contains(x: number, y: number, z: number, lat: number, lng: number): boolean;
  /**
   * How the region lies to the points of the surface within `bound` metres (straight) of an ECEF point. May say
   * {@link EDGE} where it cannot tell, and is never wrong otherwise.
   */
  side(x: number, y: number, z: number, bound: number): Side;
  /** Marks the numbers that tell the region from every other one, its kind first. O(vertices). */
  identify(mark: (number: number) => void): void;
  /**
   * Where a question may take much longer than an ordinary one: how many edges were looked at for all that were asked
   * until now (a few nanoseconds each). See {@link BoundedRegion} in bounded.ts.
   */
  readonly work?: number;
}

const place = new Float64Array(3);

/** Whether a place, in degrees, is in a region. */
export function holds(region: Region, lat: number, lng: number): boolean {
  toEcef(lat, lng, place, 0);
  return region.contains(place[0], place[1], place[2], lat, lng);
}
