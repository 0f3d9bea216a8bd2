import { toEcef } from './ecef.ts';
import { EDGE, INSIDE, OUTSIDE, type Region, type Side } from './region.ts';

const RADIANS = Math.PI / 180;

/**
 * Metres that a ball must be clear of a border to count as clear of it: a thousand times what rounding does to
 * coordinates of 6·10⁶ m, and nothing beside the smallest cell.
 */
const HAIR = 1e-6;

/**
 * Every point between two parallels and two meridians. Closed: the borders are inside. −180° and 180° are one
 * meridian, and a pole is one point, inside when the box reaches it, by whatever longitude it is named.
 */
export class Box implements Region {
  readonly west: number;
  readonly south: number;
  readonly east: number;
  readonly north: number;
  /** Whether the meridian of ±180° is inside. */
  readonly #antimeridian: boolean;
  readonly #everyLongitude: boolean;
  /** Whether the box is wider than half a turn, so that what it leaves out is the convex part. */
  readonly #wide: boolean;
  // Horizontal directions: the normals of the planes of both meridians, inwards, and the direction of the middle one.
  readonly #westX: number;
  readonly #westY: number;
  readonly #eastX: number;
  readonly #eastY: number;
  readonly #middleX: number;
  readonly #middleY: number;
  // Each parallel's line (see `side`), as the sine and cosine of its latitude and its distance from the origin.
  readonly #southSin: number;
  readonly #southCos: number;
  readonly #southAt: number;
  readonly #northSin: number;
  readonly #northCos: number;
  readonly #northAt: number;

  /**
   * @param west degrees, −180 … 180; greater than `east` where the box crosses the antimeridian
   * @param south degrees, −90 … `north`
   * @param east degrees, −180 … 180; the same as `west` is one meridian, −180 to 180 is every longitude
   * @param north degrees, `south` … 90
   */
  constructor(west: number, south: number, east: number, north: number) {
    this.west = west;
    this.south = south;
    this.east = east;
    this.north = north;
    this.#antimeridian = west > east || west === -180 || east === 180;
    this.#everyLongitude = west === -180 && east === 180;
    const width = west > east ? east - west + 360 : east - west;
    this.#wide = width > 180;
    this.#westX = -Math.sin(west * RADIANS);
    this.#westY = Math.cos(west * RADIANS);
    this.#eastX = Math.sin(east * RADIANS);
    this.#eastY = -Math.cos(east * RADIANS);
    const middle = (west + width / 2) * RADIANS;
    this.#middleX = Math.cos(middle);
    this.#middleY = Math.sin(middle);
    const at = new Float64Array(3);
    toEcef(south, 0, at, 0);
    // Nothing is beyond a pole: every point is infinitely far on the right side of it.
    this.#southSin = south === -90 ? 0 : Math.sin(south * RADIANS);
    this.#southCos = south === -90 ? 0 : Math.cos(south * RADIANS);
    this.#southAt = south === -90 ? Number.NEGATIVE_INFINITY : at[2] * this.#southCos - at[0] * this.#southSin;
    toEcef(north, 0, at, 0);
    this.#northSin = north === 90 ? 0 : Math.sin(north * RADIANS);
    this.#northCos = north === 90 ? 0 : Math.cos(north * RADIANS);
    this.#northAt = north === 90 ? Number.POSITIVE_INFINITY : at[2] * this.#northCos - at[0] * this.#northSin;
  }

  /** Whether a point is inside, exactly. Only its degrees matter (longitude −180 … 180). */
  contains(_x: number, _y: number, _z: number, lat: number, lng: number): boolean {
    if (lat < this.south || lat > this.north) return false;
    if (lat === 90 || lat === -90) return true;
    if (lng === 180 || lng === -180) return this.#antimeridian;
    return this.west <= this.east ? lng >= this.west && lng <= this.east : lng >= this.west || lng <= this.east;
  }

  /**
   * How the box lies to a ball around (x, y, z): never wrong where it says inside or outside, and nearly always certain
   * where the ball is clear of the borders. No trigonometry.
   *
   * A meridian is where the surface meets a half-plane that ends in the axis, so the ball's distance from both planes
   * tells on which side of them all of it is. A parallel is where the surface meets the cone of its normals. In
   * the half-plane of distance from the axis p and height z that cone is the normal of the ellipse at that latitude,
   * which the ellipse crosses only once on that side of the axis: so on which side of that line a point is tells
   * whether it is north or south. To go from space to that half-plane makes no distance longer, so the ball becomes a
   * disk of at most its radius.
   */
  side(x: number, y: number, z: number, bound: number): Side {
    const clear = bound + HAIR;
    const p = Math.sqrt(x * x + y * y);
    // Metres north of the southern border's line, and of the northern one's.
    const south = z * this.#southCos - p * this.#southSin - this.#southAt;
    const north = z * this.#northCos - p * this.#northSin - this.#northAt;
    if (south < -clear || north > clear) return OUTSIDE;
    const within = south >= clear && north <= -clear;
    if (this.#everyLongitude) return within ? INSIDE : EDGE;

    // Metres inwards of each meridian's plane, and towards the middle of the box from the axis.
    const west = x * this.#westX + y * this.#westY;
    const east = x * this.#eastX + y * this.#eastY;
    const middle = x * this.#middleX + y * this.#middleY;
    if (this.#wide) {
      if (west < -clear && east < -clear) return OUTSIDE;
      return within && (west >= clear || east >= clear || middle >= clear) ? INSIDE : EDGE;
    }
    if (west < -clear || east < -clear || middle < -clear) return OUTSIDE;
    return within && west >= clear && east >= clear ? INSIDE : EDGE;
  }

  identify(mark: (number: number) => void): void {
    mark(2);
    mark(this.west);
    mark(this.south);
    mark(this.east);
    mark(this.north);
  }
}
