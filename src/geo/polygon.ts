import { Box } from './box.ts';
import { type EdgeTree, edgeTree } from './edge-tree.ts';
import { B, E2 } from './ellipsoid.ts';
import { holds, SEAM, sideOf } from './even-odd.ts';
import { Footprint } from './footprint.ts';
import { EDGE, INSIDE, OUTSIDE, type Region, type Side } from './region.ts';

const RADIANS = Math.PI / 180;
const TURN = 360;

/**
 * Degrees by which a longitude that is reckoned a turn further may be off what was meant: both spellings are decimals
 * rounded to half of 2.8e-14 at most, and so is their difference. 7 nm at the equator.
 */
const TURN_SLACK = 6e-14;

/** {@link Polygon.effort} asks about as many times as many points. */
const EFFORT_ROWS = 8;

/** The footprint of the ball in question; one is enough, as a question ends before the next begins. */
const footprint = new Footprint();

/**
 * Every point in one of many polygons with holes. Edges are straight lines in the plane of degrees, as RFC 7946,
 * 3.1.1 says. Closed: edges are inside, those of holes too. What an odd number of a polygon's rings go round is
 * inside it; what is in one polygon is inside whatever the others say. −180° and 180° are one meridian, and a pole is
 * one point, inside when a polygon reaches its latitude.
 *
 * A point is on an edge also where floating point cannot tell on which side of it the point is.
 */
export class Polygon implements Region {
  readonly #tree: EdgeTree;
  /** Degrees; the rectangle of all vertices. */
  readonly #south: number;
  readonly #north: number;
  readonly #west: number;
  readonly #east: number;
  /** The same rectangle on the surface, which costs less to look at than edges. */
  readonly #bounds: Box;

  /**
   * O(n). The input is taken as valid: it is checked where it enters.
   *
   * @param polygons each a list of rings, the outer one first, then holes; a ring is `[lat0, lng0, lat1, lng1, …]`, at
   * least four positions, the last being the first again; latitudes −90 … 90, longitudes −360 … 360, so that a polygon
   * across the antimeridian may go on beyond 180 as well as be cut in two there. At least one polygon.
   */
  constructor(polygons: readonly (readonly ArrayLike<number>[])[]) {
    this.#tree = edgeTree(polygons);
    const [south, north, west, east] = this.#tree.spans;
    this.#south = south;
    this.#north = north;
    this.#west = west;
    this.#east = east;
    // Somewhat less than a turn will do, so that no rounding can make nearly everything a sliver.
    const everyLongitude = east - west > 359;
    this.#bounds = new Box(everyLongitude ? -180 : named(west), south, everyLongitude ? 180 : named(east), north);
  }

  /** Edges looked at until now. */
  get work(): number {
    return this.#tree.work;
  }

  /**
   * How many edges it takes to tell whether a point is inside: the most that any of 64 points spread over the polygons
   * takes. A dozen for most rings, thousands for those that run to and fro over themselves.
   */
  effort(): number {
    let most = 0;
    for (let row = 0; row < EFFORT_ROWS; row++) {
      for (let column = 0; column < EFFORT_ROWS; column++) {
        // Odd shares, so that a pattern of the rings is hardly ever missed by all.
        const lat = this.#south + ((row + 0.382) / EFFORT_ROWS) * (this.#north - this.#south);
        const lng = this.#west + ((column + 0.618) / EFFORT_ROWS) * (this.#east - this.#west);
        const before = this.work;
        this.contains(0, 0, 0, lat, named(lng));
        most = Math.max(most, this.work - before);
      }
    }
    return most;
  }

  /** Whether a point is inside, exactly. Only its degrees matter (longitude −180 … 180). O(log n) for most rings. */
  contains(_x: number, _y: number, _z: number, lat: number, lng: number): boolean {
    if (lat < this.#south || lat > this.#north) return false;
    if (lat === 90 || lat === -90) return true;
    return this.#holds(lat, lng);
  }

  /** The same for a latitude that no pole has. */
  #holds(lat: number, lng: number): boolean {
    const tree = this.#tree;
    const west = this.#west;
    const east = this.#east;
    if (lng >= west && lng <= east && holds(tree, lat, lng, 0)) return true;
    if (lng - TURN >= west - TURN_SLACK && holds(tree, lat, lng - TURN, TURN_SLACK)) return true;
    return lng + TURN <= east + TURN_SLACK && holds(tree, lat, lng + TURN, TURN_SLACK);
  }

  /**
   * How the polygons lie to a ball around (x, y, z): never wrong where it says inside or outside. It is certain where
   * no edge meets the ball's footprint, for then the polygons hold all of it or nothing. O(log n) for most rings.
   *
   * Edges along ±180° are no border where another polygon goes on beyond them (RFC 7946, 3.1.9, has polygons cut
   * there), nor are those along a pole, a line in the plane and a point on the surface: footprints that only they
   * meet are inside when what is on either side is.
   */
  side(x: number, y: number, z: number, bound: number): Side {
    if (this.#bounds.side(x, y, z, bound) === OUTSIDE) return OUTSIDE;
    const tree = this.#tree;
    footprint.set(x, y, z, bound);
    const { lat, lng, halfHeight, halfWidth } = footprint;
    if (halfWidth > 180) {
      const side = sideOf(tree, footprint, 0);
      if (side !== SEAM) return side;
      // What holds one point between the seams holds all, from one to the other.
      const middle = (Math.max(lat - halfHeight, -90) + Math.min(lat + halfHeight, 90)) / 2;
      return this.#holds(middle, 0) ? INSIDE : EDGE;
    }

    let inside = false;
    let seam = false;
    for (let shift = -TURN; shift <= TURN; shift += TURN) {
      if (lng + shift + halfWidth < this.#west || lng + shift - halfWidth > this.#east) continue;
      const side = sideOf(tree, footprint, shift);
      if (side === EDGE) return EDGE;
      inside ||= side === INSIDE;
      seam ||= side === SEAM;
    }
    if (inside || !seam) return inside ? INSIDE : OUTSIDE;
    // The antimeridian goes through it: one point on either side.
    const west = lng > 0 ? lng - halfWidth : lng - halfWidth + TURN;
    const east = lng > 0 ? lng + halfWidth - TURN : lng + halfWidth;
    return this.#holds(lat, (west + 180) / 2) && this.#holds(lat, (east - 180) / 2) ? INSIDE : EDGE;
  }

  /** Rings and polygons in another order may be marked as another region; the same in the same order never are. */
  identify(mark: (number: number) => void): void {
    const { vertices, from, polygon } = this.#tree;
    mark(3);
    for (const number of vertices) mark(number);
    // Which edges are drawn in one go, and of which polygon.
    for (const number of from) mark(number);
    for (const number of polygon) mark(number);
  }
}

/** A longitude's name between −180 and 180. */
function named(lng: number): number {
  if (lng > 180) return lng - TURN;
  return lng < -180 ? lng + TURN : lng;
}

/**
 * The area of polygons with straight edges in the plane of degrees, in km², holes taken off, right to 0.02 %. What
 * several polygons hold counts several times. O(n).
 *
 * By Green's theorem it is ∮ Z(φ) dλ along the rings, Z(φ) = ∫ M·N·cos φ dφ being the area of the zone from the
 * equator to latitude φ a radian wide. As M·N = b² / (1 − e² sin²φ)², Z = b²(sin φ + ⅔e² sin³φ + ⅗e⁴ sin⁵φ + …)
 * (Snyder, *Map Projections: A Working Manual* (1987), eq. 3-12, as a series), of which the first two terms are
 * taken, and sin³φ = ¾ sin φ − ¼ sin 3φ. Along an edge, where φ is linear in λ, ∫ sin kφ dλ = Δλ · sin kφₘ ·
 * sin(kΔφ/2) / (kΔφ/2), φₘ being the middle.
 */
export function areaOf(polygons: readonly (readonly ArrayLike<number>[])[]): number {
  let area = 0;
  for (const rings of polygons) {
    for (const [number, ring] of rings.entries()) area += number === 0 ? ringArea(ring) : -ringArea(ring);
  }
  return area;
}

/** The same for one ring, whichever way round it goes. */
function ringArea(ring: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 2; i < ring.length; i += 2) {
    const middle = ((ring[i - 2] + ring[i]) / 2) * RADIANS;
    const half = ((ring[i] - ring[i - 2]) / 2) * RADIANS;
    const sine = Math.sin(middle) * sinc(half);
    const sineOfThree = Math.sin(3 * middle) * sinc(3 * half);
    sum += (ring[i + 1] - ring[i - 1]) * RADIANS * ((1 + E2 / 2) * sine - (E2 / 6) * sineOfThree);
  }
  return (Math.abs(sum) * B * B) / 1e6;
}

/** sin t / t */
function sinc(t: number): number {
  return t === 0 ? 1 : Math.sin(t) / t;
}
