import type { Position } from '../fix.ts';
import type { Nearby } from '../tracker.ts';
import { roundDistance } from './position.ts';

// The only place on the wire where longitude comes first (RFC 7946, 3.1.1).

/** A position as a GeoJSON Feature. @param distance metres, where a centre was given */
export function encodeFeature(position: Position, distance?: number): string {
  const { driverId, lat, lng, ...properties } = position;
  return JSON.stringify({
    type: 'Feature',
    id: driverId,
    geometry: { type: 'Point', coordinates: [lng, lat] },
    properties: { driverId, ...properties, distance: distance === undefined ? undefined : roundDistance(distance) },
  });
}

/** The drivers near a place as a GeoJSON FeatureCollection. */
export function encodeFeatureCollection(found: Nearby, serverTime: number): string {
  const features = found.drivers.map((driver, i) => encodeFeature(driver.position, found.distances[i]));
  const head = `{"type":"FeatureCollection","serverTime":${serverTime},"cursor":"${found.cursor}"`;
  return `${head}${found.truncated ? ',"truncated":true' : ''},"features":[${features}]}`;
}
