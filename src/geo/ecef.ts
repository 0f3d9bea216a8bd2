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
  const cosLat = Math.cos(lat * RADIANS);
  const n = A / Math.sqrt(1 - E2 * sinLat * sinLat);
  out[offset] = n * cosLat * Math.cos(lng * RADIANS);
  out[offset + 1] = n * cosLat * Math.sin(lng * RADIANS);
  out[offset + 2] = n * (1 - E2) * sinLat;
}
