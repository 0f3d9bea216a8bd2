import type { Attributes, Position } from '../fix.ts';
import type { Track } from './track.ts';

/**
 * A track as a GeoJSON Feature: the line of its fixes, and lists of what else is known of each, in the same order. A line
 * across the antimeridian is not cut there, as each of its positions is a fix.
 */
export function encodeTrackGeoJson({ driverId, fixes, serverTime, next }: Track): string {
  const isHigh = fixes.every(({ altitude }) => altitude !== undefined);
  // Longitude comes first (RFC 7946, 3.1.1).
  const coordinates = fixes.map(({ lng, lat, altitude }) => (isHigh ? [lng, lat, altitude] : [lng, lat]));
  return JSON.stringify({
    type: 'Feature',
    id: driverId,
    geometry: geometryOf(coordinates),
    properties: {
      driverId,
      timestamps: fixes.map(({ timestamp }) => timestamp),
      receivedAt: fixes.map(({ receivedAt }) => receivedAt),
      altitude: isHigh ? undefined : listOf(fixes, 'altitude'),
      accuracy: listOf(fixes, 'accuracy'),
      heading: listOf(fixes, 'heading'),
      speed: listOf(fixes, 'speed'),
      attributes: changesOf(fixes),
      serverTime,
      truncated: next === undefined ? undefined : true,
      next,
    },
  });
}

/** A line needs two positions (RFC 7946, 3.1.4). */
function geometryOf(coordinates: readonly unknown[]): unknown {
  if (coordinates.length === 0) return null;
  if (coordinates.length === 1) return { type: 'Point', coordinates: coordinates[0] };
  return { type: 'LineString', coordinates };
}

/** A number of each fix, null where it is unknown; nothing when it is so of all. */
function listOf(fixes: readonly Position[], name: 'altitude' | 'accuracy' | 'heading' | 'speed') {
  if (fixes.every((fix) => fix[name] === undefined)) return undefined;
  return fixes.map((fix) => fix[name] ?? null);
}

/** The attributes, where they are others than those of the fix before: they hardly ever change, and are long. */
function changesOf(fixes: readonly Position[]) {
  const changes: { index: number; attributes: Attributes }[] = [];
  let last = '{}';
  for (const [index, { attributes = {} }] of fixes.entries()) {
    const text = JSON.stringify(attributes);
    if (text !== last) changes.push({ index, attributes });
    last = text;
  }
  return changes.length === 0 ? undefined : changes;
}
