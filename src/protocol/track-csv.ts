import type { Position } from '../fix.ts';
import type { Track } from './track.ts';

/** The media type of CSV (RFC 4180; it has UTF-8 for its default since RFC 7111, 5.1). */
export const CSV = 'text/csv';

const HEADER = 'timestamp,time,latitude,longitude,altitude,accuracy,heading,speed,receivedAt,attributes';

/**
 * A track as CSV: a line for each fix, after one of names, each ended by CR LF. The driver is not in it, as all lines are
 * of the one that was asked for, and no field begins with a text that others chose: a spreadsheet would take `=…` for a
 * formula, and to write anything before it would change it.
 */
export function encodeTrackCsv({ fixes }: Track): string {
  return `${[HEADER, ...fixes.map(encodeLine)].join('\r\n')}\r\n`;
}

function encodeLine(fix: Position): string {
  const { timestamp, lat, lng, altitude, accuracy, heading, speed, receivedAt, attributes } = fix;
  const time = new Date(timestamp).toISOString();
  return [
    timestamp,
    time,
    lat,
    lng,
    altitude,
    accuracy,
    heading,
    speed,
    receivedAt,
    encodeAttributes(attributes),
  ].join();
}

/**
 * Attributes as a field of JSON text. Semicolons in it are escaped, as JSON may have any character: where they separate
 * fields, as in spreadsheets of many languages, what follows one would be a field by itself, and perhaps a formula.
 */
function encodeAttributes(attributes: Position['attributes']): string {
  if (attributes === undefined) return '';
  return `"${JSON.stringify(attributes).replaceAll(';', '\\u003b').replaceAll('"', '""')}"`;
}
