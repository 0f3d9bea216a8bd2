import type { Circle } from '../../client/index.ts';
import type { DrawnArea } from './subject.ts';

/** Corners of a polygon in a link, at the most: browsers take no link of any length. */
export const MAX_CORNERS = 200;

/** A place, degrees. Of a polygon's corners longitudes may go on beyond ±180. */
export interface Corner {
  readonly lat: number;
  readonly lng: number;
}

/** Degrees to about a decimetre: an area is what its link says, to the last digit. */
export function rounded({ lat, lng }: Corner): Corner {
  return { lat: Number(lat.toFixed(6)), lng: Number(lng.toFixed(6)) };
}

export function isCircle(area: DrawnArea): area is Circle {
  return 'radius' in area;
}

/** A polygon of these corners, in their order. */
export function polygonOf(corners: readonly Corner[]): DrawnArea {
  const ring = [...corners, corners[0]].map(({ lng, lat }) => [lng, lat]);
  return { polygon: { type: 'Polygon', coordinates: [ring] } };
}

/** The corners of a drawn polygon. */
export function cornersOf(area: Exclude<DrawnArea, Circle>): Corner[] {
  const [ring] = area.polygon.coordinates as readonly (readonly (readonly number[])[])[];
  return ring.slice(0, -1).map(([lng, lat]) => ({ lat, lng }));
}

/** A drawn area as links say it: `circle:40.75,-73.98,1500` or `polygon:40.7,-74;40.8,-74;40.8,-73.9`. */
export function formatArea(area: DrawnArea): string {
  if (isCircle(area)) return `circle:${area.latitude},${area.longitude},${area.radius}`;
  return `polygon:${cornersOf(area)
    .map(({ lat, lng }) => `${lat},${lng}`)
    .join(';')}`;
}

/** The area that a link says; undefined where it says none, or not a whole one. What is too large is for the server to say. */
export function parseArea(text: string | undefined): DrawnArea | undefined {
  const [, shape, places] = /^(circle|polygon):([-+\d.,;e]+)$/i.exec(text ?? '') ?? [];
  if (shape === undefined) return undefined;
  if (shape.toLowerCase() === 'circle') {
    const [latitude, longitude, radius, ...more] = numbersIn(places);
    const isWhole = more.length === 0 && radius >= 0 && Number.isFinite(radius);
    if (!isWhole || !isPlace({ lat: latitude, lng: longitude }, 180)) return undefined;
    return { latitude, longitude, radius };
  }
  const corners = places.split(';').map((place) => {
    const [lat, lng, ...more] = numbersIn(place);
    return { lat, lng: more.length === 0 ? lng : Number.NaN };
  });
  const isWhole = corners.length >= 3 && corners.length <= MAX_CORNERS;
  return isWhole && corners.every((corner) => isPlace(corner, 360)) ? polygonOf(corners) : undefined;
}

function numbersIn(text: string): number[] {
  return text.split(',').map((part) => (part === '' ? Number.NaN : Number(part)));
}

function isPlace({ lat, lng }: Corner, widest: number): boolean {
  return Math.abs(lat) <= 90 && Math.abs(lng) <= widest;
}
