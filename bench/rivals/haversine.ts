/** Metres, the mean of Earth's radii (IUGG). */
export const EARTH_RADIUS = 6_371_008.8;
const RADIANS = Math.PI / 180;

/** Metres along the great circle between two points in degrees. */
export function haversine(lat1: number, lng1: number, lat2: number, lng2: number): number {
  const sinLat = Math.sin(((lat2 - lat1) * RADIANS) / 2);
  const sinLng = Math.sin(((lng2 - lng1) * RADIANS) / 2);
  const h = sinLat * sinLat + Math.cos(lat1 * RADIANS) * Math.cos(lat2 * RADIANS) * sinLng * sinLng;
  return 2 * EARTH_RADIUS * Math.asin(Math.min(1, Math.sqrt(h)));
}
