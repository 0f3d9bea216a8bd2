import type { Position } from '../fix.ts';
import { encodeHead, encodeNext, type Found } from './list.ts';
import { roundDistance } from './position.ts';

/** The media type of GeoJSON (RFC 7946, 12). */
export const GEOJSON = 'application/geo+json';

// The only place on the wire where longitude comes first (RFC 7946, 3.1.1).

/**
 * A position as a GeoJSON Feature.
 *
 * @param more.distance metres, where a centre was given
 * @param more.serverTime for a feature that stands alone
 */
export function encodeFeature(position: Position, more: { distance?: number; serverTime?: number }): string {
  const { driverId, lat, lng, ...properties } = position;
  const distance = more.distance === undefined ? undefined : roundDistance(more.distance);
  return JSON.stringify({
    type: 'Feature',
    id: driverId,
    serverTime: more.serverTime,
    geometry: { type: 'Point', coordinates: [lng, lat] },
    properties: { driverId, ...properties, distance },
  });
}

/**
 * A list of drivers as a GeoJSON FeatureCollection; what else the answer says are foreign members (RFC 7946, 6.1).
 *
 * @param next the path to the next page
 */
export function encodeFeatureCollection(found: Found, serverTime: number, next?: string): string {
  const features = found.drivers.map(({ position }, i) => encodeFeature(position, { distance: found.distances?.[i] }));
  return `{"type":"FeatureCollection",${encodeHead(found, serverTime)},"features":[${features}]${encodeNext(next)}}`;
}
