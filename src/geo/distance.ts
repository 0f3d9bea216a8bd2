import geographiclib from 'geographiclib-geodesic';
import { toEcef } from './ecef.ts';
import { A, B, MIN_CURVATURE_RADIUS } from './ellipsoid.ts';

const INV_A2 = 1 / (A * A);
const INV_B2 = 1 / (B * B);

/** Beyond this chord (metres) the curvature correction is off by more than about a millimetre, and GeographicLib is asked. */
export const MAX_CORRECTED_CHORD = 500_000;

const wgs84 = geographiclib.Geodesic.WGS84;
const DISTANCE = geographiclib.Geodesic.DISTANCE;

/**
 * Distance in metres along the WGS84 ellipsoid between two points given as ECEF metres, at most
 * {@link MAX_CORRECTED_CHORD} apart.
 *
 * The chord c is taken for that of a circle whose radius R is the ellipsoid's radius of normal curvature at the
 * midpoint in the direction of travel: s = 2R·asin(c / 2R). With gradient g = H·m at the midpoint m, H =
 * diag(1/a², 1/a², 1/b²), and unit direction t, 1/R = (tᵀHt)·√(mᵀHm) / |g| (the normal curvature of an implicit
 * surface, do Carmo, *Differential Geometry of Curves and Surfaces*, 3-2; it equals Euler's cos²α/M + sin²α/N and needs
 * no trigonometry). The worst error against GeographicLib on a million lines (test/geo/distance.test.ts, `LINES`), of
 * which the first row is rounding, and the others grow with the fifth power of the length:
 *
 * | length    | worst error |
 * |-----------|-------------|
 * | to 10 km  | 4.4 nm      |
 * | to 100 km | 0.26 µm     |
 * | to 500 km | 0.82 mm     |
 */
export function chordDistance(x1: number, y1: number, z1: number, x2: number, y2: number, z2: number): number {
  const dx = x2 - x1;
  const dy = y2 - y1;
  const dz = z2 - z1;
  const c2 = dx * dx + dy * dy + dz * dz;
  if (c2 === 0) return 0;
  const mx = (x1 + x2) / 2;
  const my = (y1 + y2) / 2;
  const mz = (z1 + z2) / 2;
  const gx = mx * INV_A2;
  const gy = my * INV_A2;
  const gz = mz * INV_B2;
  const curvature =
    (((dx * dx + dy * dy) * INV_A2 + dz * dz * INV_B2) / c2) *
    Math.sqrt((mx * gx + my * gy + mz * gz) / (gx * gx + gy * gy + gz * gz));
  const c = Math.sqrt(c2);
  const half = (c * curvature) / 2;
  // Below 10 km the next term of the series of asin is less than a part in 10¹⁵, and asin takes half of the time.
  const half2 = half * half;
  if (half < 8e-4) return c + c * half2 * (1 / 6 + half2 * (3 / 40));
  return (2 / curvature) * Math.asin(half);
}

/**
 * Distance in metres along the WGS84 ellipsoid between two points in degrees, as exact as GeographicLib at any length.
 *
 * Source: C. F. F. Karney, *Algorithms for geodesics*, J. Geodesy 87 (2013), 43–55.
 */
export function geodesicDistance(lat1: number, lng1: number, lat2: number, lng2: number): number {
  return wgs84.Inverse(lat1, lng1, lat2, lng2, DISTANCE).s12 as number;
}

/** Whether two points, ECEF metres, are near enough for {@link chordDistance}. */
export function isCorrectable(x1: number, y1: number, z1: number, x2: number, y2: number, z2: number): boolean {
  const c2 = (x2 - x1) ** 2 + (y2 - y1) ** 2 + (z2 - z1) ** 2;
  return c2 <= MAX_CORRECTED_CHORD * MAX_CORRECTED_CHORD;
}

/**
 * Distance in metres along the WGS84 ellipsoid between two points, given both as ECEF metres and as degrees, right to a
 * millimetre at any length.
 */
export function distanceBetween(
  x1: number,
  y1: number,
  z1: number,
  lat1: number,
  lng1: number,
  x2: number,
  y2: number,
  z2: number,
  lat2: number,
  lng2: number,
): number {
  if (isCorrectable(x1, y1, z1, x2, y2, z2)) return chordDistance(x1, y1, z1, x2, y2, z2);
  return geodesicDistance(lat1, lng1, lat2, lng2);
}

const scratch = new Float64Array(6);

/** Distance in metres along the WGS84 ellipsoid between two points in degrees, right to a millimetre at any length. */
export function distance(lat1: number, lng1: number, lat2: number, lng2: number): number {
  toEcef(lat1, lng1, scratch, 0);
  toEcef(lat2, lng2, scratch, 3);
  const [x1, y1, z1, x2, y2, z2] = scratch;
  return distanceBetween(x1, y1, z1, lat1, lng1, x2, y2, z2, lat2, lng2);
}

/**
 * The chord (metres) below which two points are certainly no further apart than `distance` along the ellipsoid.
 *
 * A geodesic's curvature in space is the ellipsoid's normal curvature, never more than 1 / {@link
 * MIN_CURVATURE_RADIUS}, so by Schur's comparison theorem (do Carmo, 5-7) its chord is at least that of the circle of that
 * radius: 2r·sin(s / 2r). A nanometre in a metre is taken off for rounding.
 *
 * @param distance metres, up to π·b²/a (19,903 km); 0 is returned beyond, where the theorem is silent
 */
export function safeChord(distance: number): number {
  const half = distance / (2 * MIN_CURVATURE_RADIUS);
  if (half >= Math.PI / 2) return 0;
  return 2 * MIN_CURVATURE_RADIUS * Math.sin(half) * (1 - 1e-9);
}
