/**
 * Web Mercator in whole numbers: a place is how far it is from the north-west corner of the world, east and south, in
 * 2^-32 of the world's width (9 mm at the equator). Differences of such numbers are exact on the graphics card, where
 * floating point numbers would jitter at high zoom; and east of the antimeridian they go on from 0 by themselves, as
 * unsigned integers of 32 bits do.
 */
export const WORLD = 2 ** 32;

/** Where Web Mercator ends: what is nearer to a pole is drawn there. */
const FARTHEST_LAT = 85.051129;

/** How far east a longitude is: 0 at the antimeridian. */
export function eastOf(lng: number): number {
  return Math.round((lng / 360 + 0.5) * WORLD) >>> 0;
}

/** How far south a latitude is: 0 in the north. */
export function southOf(lat: number): number {
  const bounded = Math.max(-FARTHEST_LAT, Math.min(FARTHEST_LAT, lat));
  const y = Math.log(Math.tan(Math.PI / 4 + (bounded * Math.PI) / 360));
  return Math.max(0, Math.min(WORLD - 1, Math.round((0.5 - y / (2 * Math.PI)) * WORLD)));
}

/** The longitude, −180 … 180, of any `east`, wound round the world as often as may be. */
export function lngOf(east: number): number {
  return (wound(east) / WORLD - 0.5) * 360;
}

/** The latitude of a `south`. */
export function latOf(south: number): number {
  return (Math.atan(Math.sinh((0.5 - south / WORLD) * 2 * Math.PI)) * 180) / Math.PI;
}

/** How far east of `from` something is by the shorter way round the world: −2^31 … 2^31. */
export function eastward(to: number, from: number): number {
  return wound(to - from + WORLD / 2) - WORLD / 2;
}

function wound(east: number): number {
  return east - Math.floor(east / WORLD) * WORLD;
}
