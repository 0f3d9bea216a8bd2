import geographiclib from 'geographiclib-geodesic';
import type { Places } from './places.ts';
import type { Found, Tolerance } from './rivals/contestant.ts';
import { haversine } from './rivals/haversine.ts';

const { Geodesic } = geographiclib;
/** No geodesic differs from the great circle by a larger share, and by a rounding error near nothing. */
const SPHERE = 0.006;

/** Metres between two points in degrees, by GeographicLib and nothing of Nearcast's. */
export function geodesic(lat1: number, lng1: number, lat2: number, lng2: number): number {
  return Geodesic.WGS84.Inverse(lat1, lng1, lat2, lng2, Geodesic.DISTANCE).s12 as number;
}

/**
 * The distances of the nearest, by brute force, nearest first. The great circle to everybody tells who might be among
 * them, GeographicLib who is.
 *
 * @param accept leaves out drivers
 */
export function truth(
  { lats, lngs }: Places,
  lat: number,
  lng: number,
  radius: number,
  limit: number,
  accept: (driver: number) => boolean = () => true,
): number[] {
  const around = Float64Array.from(lats, (other, i) =>
    accept(i) ? haversine(lat, lng, other, lngs[i]) : Number.POSITIVE_INFINITY,
  );
  const kth = around.toSorted()[Math.min(limit, around.length) - 1];
  const reach = (Math.min(kth, radius) * (1 + SPHERE)) / (1 - SPHERE) + 0.001;
  const distances: number[] = [];
  for (let i = 0; i < around.length; i++) {
    if (around[i] <= reach) distances.push(geodesic(lat, lng, lats[i], lngs[i]));
  }
  return distances
    .filter((distance) => distance <= radius)
    .sort((a, b) => a - b)
    .slice(0, limit);
}

/**
 * What is wrong with an answer, or nothing: it must hold as many as are within the radius, give or take who is on the
 * rim, each of them at the distance it has, and the n-th nearest as near as the n-th nearest is.
 */
export function fault(
  { drivers, distances }: Found,
  right: readonly number[],
  { lats, lngs }: Places,
  [lat, lng, radius, limit]: readonly [lat: number, lng: number, radius: number, limit: number],
  { share, metres }: Tolerance,
): string | undefined {
  const off = (a: number, b: number) => Math.abs(a - b) > Math.max(metres, share * b);
  if (new Set(Array.from(drivers)).size !== drivers.length) return 'it names a driver twice';
  if (drivers.length > limit) return `it has ${drivers.length} drivers, not ${limit} at the most`;
  for (let i = 0; i < drivers.length; i++) {
    if (i > 0 && distances[i] < distances[i - 1] - Math.max(metres, share * distances[i])) {
      return `number ${i + 1} is nearer than number ${i}`;
    }
    const actual = geodesic(lat, lng, lats[drivers[i]], lngs[drivers[i]]);
    if (off(distances[i], actual)) return `driver ${drivers[i]} is ${actual} m away, not ${distances[i]}`;
    const expected = right[i] ?? radius;
    if (off(distances[i], expected)) return `number ${i + 1} is at ${distances[i]} m instead of ${expected}`;
  }
  const missing = right[drivers.length];
  if (missing !== undefined && off(missing, radius)) return `number ${drivers.length + 1}, at ${missing} m, is missing`;
  return undefined;
}
