import geographiclib from 'geographiclib-geodesic';
import { toEcef } from '../../src/geo/ecef.ts';
import { MAX_CURVATURE_RADIUS } from '../../src/geo/ellipsoid.ts';
import { INSIDE, OUTSIDE, type Region } from '../../src/geo/region.ts';
import type { Random } from '../support/random.ts';

/** A ring: `[lat0, lng0, lat1, lng1, …]`, closed. */
export type Ring = number[];
/** Polygons, each of rings. */
export type Polygons = Ring[][];

const wgs84 = geographiclib.Geodesic.WGS84;
const ecef = new Float64Array(3);

export function contains(region: Region, lat: number, lng: number): boolean {
  toEcef(lat, lng, ecef, 0);
  return region.contains(ecef[0], ecef[1], ecef[2], lat, lng);
}

/** A longitude's name between −180 and 180, from at most two turns further. */
export function named(lng: number): number {
  if (lng > 180) return named(lng - 360);
  return lng < -180 ? named(lng + 360) : lng;
}

/** The ring of a box; `east` beyond 180 where it crosses the antimeridian. */
export function boxRing(west: number, south: number, east: number, north: number): Ring {
  return [south, west, south, east, north, east, north, west, south, west];
}

/** A star around a place: valid, whatever the radii, as its vertices go round it in order. */
export function star(
  random: Random,
  vertices: number,
  lat: number,
  lng: number,
  [halfHeight, halfWidth]: [number, number],
  least = 0.4,
): Ring {
  const ring: Ring = [];
  for (let i = 0; i < vertices; i++) {
    const angle = ((i + random.between(0, 0.9)) / vertices) * 2 * Math.PI;
    const reach = random.between(least, 1);
    ring.push(lat + halfHeight * reach * Math.sin(angle), lng + halfWidth * reach * Math.cos(angle));
  }
  ring.push(ring[0], ring[1]);
  return ring;
}

/** Degrees of latitude and of longitude that some metres are at a latitude, the latter at most 80. */
export function degreesOf(metres: number, lat: number): [number, number] {
  const height = metres / 111_000;
  return [height, Math.min(80, height / Math.cos((lat * Math.PI) / 180))];
}

/** A place, often near a pole or the antimeridian. */
export function place(random: Random): [lat: number, lng: number] {
  const [lat, lng] = random.place();
  return [
    random.below(4) === 0 ? random.pick([-1, 1]) * (90 - 10 ** random.between(-5, 1)) : lat,
    random.below(4) === 0 ? random.pick([-1, 1]) * (180 - 10 ** random.between(-5, 1)) : lng,
  ];
}

/** The point a way from a place in some direction, longitude −180 … 180. */
export function goFrom(lat: number, lng: number, azimuth: number, metres: number): [lat: number, lng: number] {
  const { lat2, lon2 } = wgs84.Direct(lat, lng, azimuth, metres) as { lat2: number; lon2: number };
  return [lat2, lon2];
}

/** A ball, and how a region lies to it. */
export interface Ball {
  readonly lat: number;
  readonly lng: number;
  /** ECEF metres. */
  readonly centre: readonly [number, number, number];
  readonly bound: number;
}

/** A ball around a place; around a point somewhat above or below it one time in four. */
export function ball(random: Random, lat: number, lng: number, bound: number): Ball {
  toEcef(lat, lng, ecef, 0);
  const scale = random.below(4) === 0 ? 1 + (random.between(-0.5, 0.5) * bound) / 6.4e6 : 1;
  return { lat, lng, centre: [ecef[0] * scale, ecef[1] * scale, ecef[2] * scale], bound };
}

/** Points of the surface in a ball, half of them just within its rim. Tried by their chord, so there may be fewer. */
export function* pointsIn(
  random: Random,
  { lat, lng, centre, bound }: Ball,
  count: number,
): Generator<[number, number]> {
  for (let i = 0; i < count; i++) {
    // At least as far as the rim, along any direction.
    const rim = 2 * MAX_CURVATURE_RADIUS * Math.asin(Math.min(1, bound / (2 * MAX_CURVATURE_RADIUS)));
    const azimuth = random.below(4) === 0 ? random.pick([0, 90, 180, 270]) : random.between(0, 360);
    let way = random.below(2) === 0 ? rim : rim * random.next();
    for (let attempt = 0; attempt < 4; attempt++) {
      const point = goFrom(lat, lng, azimuth, way);
      toEcef(point[0], point[1], ecef, 0);
      const chord = Math.hypot(ecef[0] - centre[0], ecef[1] - centre[1], ecef[2] - centre[2]);
      if (chord <= bound) {
        yield point;
        break;
      }
      way *= (bound / chord) * (1 - 1e-9);
    }
  }
}

/** A point of a ball that makes what the region says of the ball wrong, if there is one among some. */
export function contradiction(
  random: Random,
  region: Region,
  where: Ball,
  count: number,
): [number, number] | undefined {
  const side = region.side(...where.centre, where.bound);
  if (side !== INSIDE && side !== OUTSIDE) return undefined;
  for (const point of pointsIn(random, where, count)) {
    if (contains(region, ...point) !== (side === INSIDE)) return point;
  }
  return undefined;
}

/**
 * Whether a point is in one of some polygons, by another method than the ray: an odd number of turns as seen from the
 * point. Right unless it is on an edge, or next to one.
 */
export function isInside(polygons: Polygons, lat: number, lng: number): boolean {
  return polygons.some((rings) => {
    let angle = 0;
    for (const ring of rings) {
      for (let i = 2; i < ring.length; i += 2) {
        const y1 = ring[i - 2] - lat;
        const x1 = ring[i - 1] - lng;
        const y2 = ring[i] - lat;
        const x2 = ring[i + 1] - lng;
        angle += Math.atan2(x1 * y2 - x2 * y1, x1 * x2 + y1 * y2);
      }
    }
    return Math.round(angle / (2 * Math.PI)) % 2 !== 0;
  });
}

/** Whether a point is on an edge. Exact where differences and their products are, as for multiples of 1/16. */
export function isOnEdge(polygons: Polygons, lat: number, lng: number): boolean {
  return polygons.flat().some((ring) => {
    for (let i = 2; i < ring.length; i += 2) {
      const y1 = ring[i - 2] - lat;
      const x1 = ring[i - 1] - lng;
      const y2 = ring[i] - lat;
      const x2 = ring[i + 1] - lng;
      if (x1 * y2 === x2 * y1 && x1 * x2 <= 0 && y1 * y2 <= 0) return true;
    }
    return false;
  });
}
