import { toEcef } from '../geo/ecef.ts';
import { A, B, E2 } from '../geo/ellipsoid.ts';

const RADIANS = Math.PI / 180;

/** A place on the ellipsoid and the heading there: degrees, clockwise from that place's true north. */
export interface Bearing {
  readonly lat: number;
  readonly lng: number;
  readonly heading: number;
}

/**
 * The plane that touches the WGS84 ellipsoid at a centre, to lay out a city in metres. Lengths on it are lengths on the
 * ground to r²/2R²: 1.2 parts in a million at 10 km, 31 at 50 km. Good at the poles and across the antimeridian.
 */
export class TangentPlane {
  readonly #centre = new Float64Array(3);
  readonly #east: readonly [number, number, number];
  readonly #north: readonly [number, number, number];

  /** @param lat degrees @param lng degrees */
  constructor(lat: number, lng: number) {
    toEcef(lat, lng, this.#centre, 0);
    this.#east = east(lng);
    this.#north = north(lat, lng);
  }

  /**
   * The place `x` metres east and `y` metres north of the centre, and what `heading` on the plane (degrees clockwise
   * from the centre's north) is there, where the meridian has another direction.
   */
  locate(x: number, y: number, heading: number): Bearing {
    const [ex, ey, ez] = this.#east;
    const [nx, ny, nz] = this.#north;
    const { lat, lng } = toDegrees(
      this.#centre[0] + x * ex + y * nx,
      this.#centre[1] + x * ey + y * ny,
      this.#centre[2] + x * ez + y * nz,
    );
    const s = Math.sin(heading * RADIANS);
    const c = Math.cos(heading * RADIANS);
    const direction = [s * ex + c * nx, s * ey + c * ny, s * ez + c * nz] as const;
    const there = Math.atan2(dot(direction, east(lng)), dot(direction, north(lat, lng))) / RADIANS;
    return { lat, lng, heading: (there + 360) % 360 };
  }

  /** Where on the plane a place is, less than a quarter of the globe away: the inverse of {@link locate}. */
  project(lat: number, lng: number): [x: number, y: number] {
    const up = upwards(lat, lng);
    const centreUp = cross(this.#east, this.#north);
    toEcef(lat, lng, scratch, 0);
    const [cx, cy, cz] = this.#centre;
    const away = [scratch[0] - cx, scratch[1] - cy, scratch[2] - cz] as const;
    // What is on the plane is as far above the ground as the vertical there is long until it.
    const height = -dot(away, centreUp) / dot(up, centreUp);
    const on = [away[0] + height * up[0], away[1] + height * up[1], away[2] + height * up[2]] as const;
    return [dot(on, this.#east), dot(on, this.#north)];
  }
}

const scratch = new Float64Array(3);

type Vector = readonly [number, number, number];

function east(lng: number): Vector {
  return [-Math.sin(lng * RADIANS), Math.cos(lng * RADIANS), 0];
}

function north(lat: number, lng: number): Vector {
  const s = Math.sin(lat * RADIANS);
  return [-s * Math.cos(lng * RADIANS), -s * Math.sin(lng * RADIANS), Math.cos(lat * RADIANS)];
}

function upwards(lat: number, lng: number): Vector {
  const c = Math.cos(lat * RADIANS);
  return [c * Math.cos(lng * RADIANS), c * Math.sin(lng * RADIANS), Math.sin(lat * RADIANS)];
}

function cross(a: Vector, b: Vector): Vector {
  return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
}

function dot(a: Vector, b: Vector): number {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

/**
 * ECEF metres near the surface to degrees, right to nanometres there.
 *
 * Source: B. R. Bowring, *Transformation from spatial to geographical coordinates*, Survey Review 23 (1976), 323–327.
 */
function toDegrees(x: number, y: number, z: number): { lat: number; lng: number } {
  const p = Math.hypot(x, y);
  const theta = Math.atan2(z * A, p * B);
  const secondE2 = E2 / (1 - E2);
  const lat = Math.atan2(z + secondE2 * B * Math.sin(theta) ** 3, p - E2 * A * Math.cos(theta) ** 3);
  return { lat: lat / RADIANS, lng: Math.atan2(y, x) / RADIANS };
}
