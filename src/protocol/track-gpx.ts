import type { Position } from '../fix.ts';
import type { Track } from './track.ts';

/** The media type of GPX; of those in use, the one of the IANA's kind. */
export const GPX = 'application/gpx+xml';

/**
 * A track as GPX 1.1 (https://www.topografix.com/GPX/1/1/gpx.xsd): one track of one segment, with elevations where they are
 * known, which here are above the ellipsoid. What GPX has no place for is left out.
 */
export function encodeTrackGpx({ driverId, fixes }: Track): string {
  const points = fixes.map(encodePoint);
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<gpx version="1.1" creator="Nearcast" xmlns="http://www.topografix.com/GPX/1/1">',
    `<trk><name>${escapeXml(driverId)}</name><trkseg>`,
    ...points,
    '</trkseg></trk>',
    '</gpx>',
    '',
  ].join('\n');
}

function encodePoint({ lat, lng, altitude, timestamp }: Position): string {
  const elevation = altitude === undefined ? '' : `<ele>${toDecimal(altitude)}</ele>`;
  // The schema has longitudes below 180.
  const longitude = toDecimal(lng === 180 ? -180 : lng);
  const time = new Date(timestamp).toISOString();
  return `<trkpt lat="${toDecimal(lat)}" lon="${longitude}">${elevation}<time>${time}</time></trkpt>`;
}

/** A number without an exponent, as `xsd:decimal` has none; the digits are the same. */
export function toDecimal(value: number): string {
  const text = String(value);
  const [mantissa, exponent] = text.split('e');
  if (exponent === undefined) return text;
  const sign = value < 0 ? '-' : '';
  const [whole, fraction = ''] = mantissa.replace('-', '').split('.');
  const power = Number(exponent);
  if (power < 0) return `${sign}0.${'0'.repeat(-power - 1)}${whole}${fraction}`;
  return sign + whole + fraction.padEnd(power, '0');
}

// What no XML 1.0 document can hold, not even escaped (2.2, Char).
const NOT_XML = /[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu;
const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
};

/** A text as XML may have it, in an element or an attribute's value. */
export function escapeXml(text: string): string {
  return text.replace(NOT_XML, '\ufffd').replace(/[&<>"']/g, (character) => ENTITIES[character]);
}
