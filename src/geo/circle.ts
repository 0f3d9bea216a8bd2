import { distance, distanceBetween, safeChord } from './distance.ts';
import { toEcef } from './ecef.ts';
import { MAX_DISTANCE } from './ellipsoid.ts';
import { EDGE, INSIDE, OUTSIDE, type Region, type Side } from './region.ts';

/** Every point no further than `radius` metres from the centre, along the WGS84 ellipsoid. Closed: the rim is inside. */
export class Circle implements Region {
  readonly lat: number;
  readonly lng: number;
  readonly radius: number;
  readonly #x: number;
  readonly #y: number;
  readonly #z: number;
  readonly #maxChord2: number;
  readonly #safeChord: number;
  readonly #safeChord2: number;

  /**
   * @param lat degrees, −90 … 90
   * @param lng degrees, −180 … 180
   * @param radius metres, at least 0
   */
  constructor(lat: number, lng: number, radius: number) {
    this.lat = lat;
    this.lng = lng;
    this.radius = radius;
    const centre = new Float64Array(3);
    toEcef(lat, lng, centre, 0);
    this.#x = centre[0];
    this.#y = centre[1];
    this.#z = centre[2];
    // A hair wide, so that rounding never keeps a point on the rim from the exact test below.
    this.#maxChord2 = radius * radius * (1 + 1e-12);
    this.#safeChord = radius >= MAX_DISTANCE ? Number.POSITIVE_INFINITY : safeChord(radius);
    this.#safeChord2 = this.#safeChord * this.#safeChord;
  }

  /**
   * Whether a point is inside, exactly. Only a point in the sliver between the chord that is surely inside and the
   * chord as long as the radius (0.1 mm wide at 5 km, 1 m at 100 km) costs more than three multiplications.
   */
  contains(x: number, y: number, z: number, lat: number, lng: number): boolean {
    const dx = x - this.#x;
    const dy = y - this.#y;
    const dz = z - this.#z;
    const c2 = dx * dx + dy * dy + dz * dz;
    if (c2 <= this.#safeChord2) return true;
    if (c2 > this.#maxChord2) return false;
    return this.distanceTo(x, y, z, lat, lng) <= this.radius;
  }

  /** Metres along the ellipsoid from the centre to a point, given both ways. */
  distanceTo(x: number, y: number, z: number, lat: number, lng: number): number {
    return distanceBetween(this.#x, this.#y, this.#z, this.lat, this.lng, x, y, z, lat, lng);
  }

  /** No point of the circle is further from a place than this: metres along the ellipsoid, a hair too many. */
  furthestFrom(lat: number, lng: number): number {
    return distance(lat, lng, this.lat, this.lng) + this.radius + 1e-2;
  }

  /** How the circle lies to a ball around (x, y, z): never wrong where it says inside or outside. */
  side(x: number, y: number, z: number, bound: number): Side {
    const c = Math.sqrt((x - this.#x) ** 2 + (y - this.#y) ** 2 + (z - this.#z) ** 2);
    if (c - bound > this.radius) return OUTSIDE;
    return c + bound <= this.#safeChord ? INSIDE : EDGE;
  }

  identify(mark: (number: number) => void): void {
    mark(1);
    mark(this.lat);
    mark(this.lng);
    mark(this.radius);
  }
}
