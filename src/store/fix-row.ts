import { type RawBuilder, sql } from 'kysely';
import type { Attributes, Position } from '../fix.ts';

/**
 * The columns of a fix, as {@link toFix} takes them: numbers bit for bit, times to the millisecond. (Before PostgreSQL 14
 * `extract` gives float8, which is some nanoseconds off.)
 */
export const FIX_COLUMNS = sql`
  driver_id AS "driverId", ST_Y(location::geometry) AS lat, ST_X(location::geometry) AS lng,
  round(extract(epoch FROM recorded_at) * 1000)::float8 AS timestamp,
  round(extract(epoch FROM received_at) * 1000)::float8 AS "receivedAt",
  accuracy, altitude, heading, speed, attributes`;

/** A row of {@link FIX_COLUMNS}. */
export interface FixRow {
  readonly driverId: string;
  readonly lat: number;
  readonly lng: number;
  readonly timestamp: number;
  readonly receivedAt: number;
  readonly accuracy: number | null;
  readonly altitude: number | null;
  readonly heading: number | null;
  readonly speed: number | null;
  readonly attributes: Attributes;
}

/** The fix that a row is. What is not known of it is absent; attributes without a key are none. */
export function toFix(row: FixRow): Position {
  const { driverId, lat, lng, timestamp, receivedAt } = row;
  const fix: { -readonly [K in keyof Position]: Position[K] } = { driverId, lat, lng, timestamp, receivedAt };
  if (row.accuracy !== null) fix.accuracy = row.accuracy;
  if (row.altitude !== null) fix.altitude = row.altitude;
  if (row.heading !== null) fix.heading = row.heading;
  if (row.speed !== null) fix.speed = row.speed;
  if (Object.keys(row.attributes).length > 0) fix.attributes = row.attributes;
  return fix;
}

/** H3 cells as the numbers that they are, for the column `cell`. */
export function cellNumbers(cells: readonly string[]): RawBuilder<unknown> {
  return sql`${cells.map((cell) => BigInt(`0x${cell}`).toString())}::bigint[]`;
}
