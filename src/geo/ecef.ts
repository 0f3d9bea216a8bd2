import { A, E2 } from './ellipsoid.ts';

const RADIANS = Math.PI / 180;

/**
 * Writes the ellipsoid's outward unit normal at a point (the n-vector: cos lat cos lng, cos lat sin lng, sin lat) to
 * `out[offset … offset + 2]`. The longitude may be any number of turns.
 *
 * @param lat degrees, −90 … 90
 * @param lng degrees
 */
export function toNormal(lat: number, lng: number, out: Float64Array, offset: number): void {
  // A pole is one point, and so are ±180°: rounding must not tell its names apart, or radius 0 would miss it.
  const cosLat = Math.abs(lat) === 90 ? 0 : Math.cos(lat * RADIANS);
  const angle = (lng === -180 ? 180 : lng) * RADIANS;
  out[offset] = cosLat * Math.cos(angle);
  out[offset + 1] = cosLat * Math.sin(angle);
  out[offset + 2] = Math.sin(lat * RADIANS);
}

/**
 * Writes the earth-centred, earth-fixed coordinates (metres) of the point of the WGS84 ellipsoid with a given normal to
 * `out[offset … offset + 2]`. Altitude is left out on purpose, as distances are along the ellipsoid.
 *
 * Source: Hofmann-Wellenhof et al., *GNSS* (2008), eq. 8.23, with h = 0.
 */
export function normalToEcef(nx: number, ny: number, nz: number, out: Float64Array, offset: number): void {
  const n = A / Math.sqrt(1 - E2 * nz * nz);
  out[offset] = n * nx;
  out[offset + 1] = n * ny;
  out[offset + 2] = n * (1 - E2) * nz;
}

/** Writes the earth-centred, earth-fixed coordinates (metres) of a point in degrees to `out[offset … offset + 2]`. */
export function toEcef(lat: number, lng: number, out: Float64Array, offset: number): void {
  toNormal(lat, lng, out, offset);
  normalToEcef(out[offset], out[offset + 1], out[offset + 2], out, offset);
}
