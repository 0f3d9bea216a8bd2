import type { Feature, FeatureCollection, Polygon, Position } from 'geojson';
import { offset } from '../phone/offset.ts';
import { type Corner, cornersOf, isCircle } from './area-link.ts';
import { type Drawing, nearTo, radiusTo } from './drawing.ts';
import type { DrawnArea } from './subject.ts';

/** Corners of a circle's outline. */
const ROUND = 96;
/** Metres of a degree of latitude, about. */
const DEGREE = 111_195;

/** The outline of a circle on the ellipsoid, closed, as exact as {@link offset} is; longitudes go on beyond ±180. */
export function ringOf(centre: Corner, radius: number): Position[] {
  const from = { latitude: centre.lat, longitude: centre.lng };
  const ring: Position[] = [];
  for (let step = 0; step < ROUND; step++) {
    const angle = (2 * Math.PI * step) / ROUND;
    let [north, east] = [Math.cos(angle) * radius, Math.sin(angle) * radius];
    let to = from;
    // A degree is of another length elsewhere: what is measured tells how much further to go.
    for (let turn = 0; turn < 4; turn++) {
      const latitude = Math.max(-89.9, Math.min(89.9, from.latitude + north / DEGREE));
      const wide = DEGREE * Math.cos((((from.latitude + latitude) / 2) * Math.PI) / 180);
      to = { latitude, longitude: from.longitude + Math.max(-179, Math.min(179, east / wide)) };
      const reached = offset(from, to);
      north += Math.cos(angle) * radius - reached.north;
      east += Math.sin(angle) * radius - reached.east;
    }
    ring.push([to.longitude, to.latitude]);
  }
  ring.push(ring[0]);
  return ring;
}

/** What is drawn of an area. */
export function featuresOf(area: DrawnArea): FeatureCollection {
  const ring = isCircle(area)
    ? ringOf({ lat: area.latitude, lng: area.longitude }, area.radius)
    : closed(cornersOf(area));
  return { type: 'FeatureCollection', features: [fill(ring), line(ring)] };
}

/**
 * What is drawn of an area that is not finished.
 *
 * @param pointer where the next place would be
 * @param label of the distance from a circle's centre
 */
export function previewOf(
  { shape, corners }: Drawing,
  pointer: Corner | undefined,
  label: (metres: number) => string,
): FeatureCollection {
  const features: Feature[] = corners.map((corner, index) => point(corner, { first: index === 0 }));
  const last = corners.at(-1);
  if (last !== undefined && pointer !== undefined) {
    const next = nearTo(last, pointer);
    if (shape === 'circle') {
      const radius = radiusTo(last, next);
      const ring = ringOf(last, radius);
      const middle = { lat: (last.lat + next.lat) / 2, lng: (last.lng + next.lng) / 2 };
      features.push(fill(ring), line(ring), line([last, next].map(toPosition)));
      features.push(point(middle, { label: label(radius) }));
    } else {
      const open = [...corners, next];
      if (open.length > 2) features.push(fill(closed(open)));
      features.push(line(open.map(toPosition)));
    }
  } else if (corners.length > 1) features.push(line(corners.map(toPosition)));
  return { type: 'FeatureCollection', features };
}

/** West, south, east, north of an area, as maps are fitted to. */
export function boundsOfArea(area: DrawnArea): [number, number, number, number] {
  const { features } = featuresOf(area);
  const ring = (features[0].geometry as Polygon).coordinates[0];
  const [lngs, lats] = [ring.map(([lng]) => lng), ring.map(([, lat]) => lat)];
  return [Math.min(...lngs), Math.max(-85, Math.min(...lats)), Math.max(...lngs), Math.min(85, Math.max(...lats))];
}

function toPosition({ lat, lng }: Corner): Position {
  return [lng, lat];
}

function closed(corners: readonly Corner[]): Position[] {
  return [...corners, corners[0]].map(toPosition);
}

function fill(ring: Position[]): Feature {
  return { type: 'Feature', properties: {}, geometry: { type: 'Polygon', coordinates: [ring] } };
}

function line(coordinates: Position[]): Feature {
  return { type: 'Feature', properties: {}, geometry: { type: 'LineString', coordinates } };
}

function point(corner: Corner, properties: Record<string, unknown>): Feature {
  return { type: 'Feature', properties, geometry: { type: 'Point', coordinates: toPosition(corner) } };
}
