import { A, E2 } from './ellipsoid.ts';

const RADIANS = Math.PI / 180;

/**
 * Writes the earth-centred, earth-fixed coordinates (metres) of a point on the WGS84 ellipsoid to
 * `out[offset … offset + 2]`. Its longitude may be any number of turns; altitude is left out on purpose, as distances
 * are along the ellipsoid.
 *
 * Source: Hofmann-Wellenhof et al., *GNSS* (2008), eq. 8.23, with h = 0.
 *
 * @param lat degrees, −90 … 90
 * @param lng degrees
 */
export function toEcef(lat: number, lng: number, out: Float64Array, offset: number): void {
  const sinLat = Math.sin(lat * RADIANS);
  // A pole is one point, and so are ±180°: rounding must not tell its names apart, or radius 0 would miss it.
  const cosLat = Math.abs(lat) === 90 ? 0 : Math.cos(lat * RADIANS);
  const angle = (lng === -180 ? 180 : lng) * RADIANS;
  const n = A / Math.sqrt(1 - E2 * sinLat * sinLat);
  out[offset] = n * cosLat * Math.cos(angle);
  out[offset + 1] = n * cosLat * Math.sin(angle);
  out[offset + 2] = n * (1 - E2) * sinLat;
}
