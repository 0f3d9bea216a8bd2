import { Box } from '../../src/geo/box.ts';
import { Circle } from '../../src/geo/circle.ts';
import { EVERYWHERE } from '../../src/geo/everywhere.ts';
import { Polygon } from '../../src/geo/polygon.ts';
import { type Area, Around } from '../../src/subscriptions/area.ts';
import { trueDistance } from '../support/geodesic.ts';

/** A place of the plain world that the tests judge by, degrees. */
export interface Place {
  readonly lat: number;
  readonly lng: number;
}

/** An area as a client means it. Rings are `[lat0, lng0, lat1, lng1, …]`, closed. */
export type PlainArea =
  | { readonly kind: 'everywhere' }
  | { readonly kind: 'circle'; readonly lat: number; readonly lng: number; readonly radius: number }
  | {
      readonly kind: 'box';
      readonly west: number;
      readonly south: number;
      readonly east: number;
      readonly north: number;
    }
  | { readonly kind: 'polygon'; readonly polygons: readonly (readonly (readonly number[])[])[] }
  | { readonly kind: 'around'; readonly driverId: string; readonly radius: number };

/** `either` where rounding may decide: within a millimetre of an edge. */
export type Side = 'in' | 'out' | 'either';

/** What the core is asked for. */
export function toArea(area: PlainArea): Area {
  switch (area.kind) {
    case 'everywhere':
      return EVERYWHERE;
    case 'circle':
      return new Circle(area.lat, area.lng, area.radius);
    case 'box':
      return new Box(area.west, area.south, area.east, area.north);
    case 'polygon':
      return new Polygon(area.polygons);
    case 'around':
      return new Around(area.driverId, area.radius);
  }
}

/** On which side of an area's edge a place is, by the plainest code there is. @param followed where that driver is */
export function sideOf(area: PlainArea, at: Place, followed?: Place): Side {
  switch (area.kind) {
    case 'everywhere':
      return 'in';
    case 'circle':
      return sideOfCircle(area, area.radius, at);
    case 'around':
      return followed === undefined ? 'out' : sideOfCircle(followed, area.radius, at);
    case 'box':
      return isInBox(area, at) ? 'in' : 'out';
    case 'polygon':
      return sideOfPolygons(area.polygons, at);
  }
}

const MILLIMETRE = 1e-3;
/** A degree of latitude is nowhere less, in metres. */
const LEAST_DEGREE = 110_574;

function sideOfCircle(centre: Place, radius: number, { lat, lng }: Place): Side {
  if (lat === centre.lat && lng === centre.lng) return 'in';
  if (LEAST_DEGREE * Math.abs(lat - centre.lat) > radius + 1) return 'out';
  const distance = trueDistance(centre.lat, centre.lng, lat, lng);
  if (Math.abs(distance - radius) < MILLIMETRE) return 'either';
  return distance < radius ? 'in' : 'out';
}

/** Comparing degrees is exact, so no point of a box is in doubt. */
function isInBox(box: { west: number; south: number; east: number; north: number }, { lat, lng }: Place): boolean {
  if (lat < box.south || lat > box.north) return false;
  if (Math.abs(lat) === 90) return true;
  const east = box.east < box.west ? box.east + 360 : box.east;
  return [lng - 360, lng, lng + 360].some((name) => name >= box.west && name <= east);
}

/** Even-odd, polygon by polygon, for each name that the longitude may have. */
function sideOfPolygons(polygons: readonly (readonly (readonly number[])[])[], { lat, lng }: Place): Side {
  let side: Side = 'out';
  for (const rings of polygons) {
    if (Math.abs(lat) === 90) {
      if (rings.flat().some((degree, i) => i % 2 === 0 && degree === lat)) return 'in';
      continue;
    }
    for (const name of [lng - 360, lng, lng + 360]) {
      const one = sideOfRings(rings, lat, name);
      if (one === 'in') return 'in';
      if (one === 'either') side = 'either';
    }
  }
  return side;
}

/** Vertices on multiples of 1/1024 of a degree make differences and their products exact, so also points on an edge. */
function sideOfRings(rings: readonly (readonly number[])[], lat: number, lng: number): Side {
  let odd = false;
  let near = false;
  const shrink = Math.cos((lat * Math.PI) / 180);
  for (const ring of rings) {
    for (let i = 2; i < ring.length; i += 2) {
      const y1 = ring[i - 2] - lat;
      const x1 = ring[i - 1] - lng;
      const y2 = ring[i] - lat;
      const x2 = ring[i + 1] - lng;
      if (x1 * y2 === x2 * y1 && x1 * x2 <= 0 && y1 * y2 <= 0) return 'in';
      if (metresToSegment(x1 * shrink, y1, x2 * shrink, y2) < MILLIMETRE) near = true;
      if (y1 > 0 !== y2 > 0 && x1 + (-y1 / (y2 - y1)) * (x2 - x1) > 0) odd = !odd;
    }
  }
  if (near) return 'either';
  return odd ? 'in' : 'out';
}

/** From the origin, in degrees of a plane; less than half a per cent off. */
function metresToSegment(x1: number, y1: number, x2: number, y2: number): number {
  const dx = x2 - x1;
  const dy = y2 - y1;
  const length2 = dx * dx + dy * dy;
  const t = length2 === 0 ? 0 : Math.min(1, Math.max(0, -(x1 * dx + y1 * dy) / length2));
  return LEAST_DEGREE * Math.hypot(x1 + t * dx, y1 + t * dy);
}
