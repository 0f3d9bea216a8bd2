import type { Attributes, Position } from '../fix.ts';

/**
 * Columns of `positions`, `location` as the geometry `place`, each as one JSON array of all rows: an answer of a row for each
 * driver took the client three times as long to take apart. Numbers come bit for bit, times to the millisecond: `date_part`
 * gives float8 where `extract` would go through numeric; seconds with a fraction are half a microsecond off at most, which
 * rounding takes away.
 */
export const AGGREGATED = `json_agg(driver_id) AS "driverId",
    json_agg(ST_Y(place)) AS lat,
    json_agg(ST_X(place)) AS lng,
    json_agg(round(date_part('epoch', recorded_at) * 1000)) AS timestamp,
    json_agg(round(date_part('epoch', received_at) * 1000)) AS "receivedAt",
    json_agg(accuracy) AS accuracy,
    json_agg(altitude) AS altitude,
    json_agg(heading) AS heading,
    json_agg(speed) AS speed,
    json_agg(attributes) AS attributes`;

/** What {@link AGGREGATED} gives of at least one row. */
export interface PositionColumns {
  readonly driverId: readonly string[];
  readonly lat: readonly number[];
  readonly lng: readonly number[];
  readonly timestamp: readonly number[];
  readonly receivedAt: readonly number[];
  readonly accuracy: readonly (number | null)[];
  readonly altitude: readonly (number | null)[];
  readonly heading: readonly (number | null)[];
  readonly speed: readonly (number | null)[];
  readonly attributes: readonly Attributes[];
}

/** The same of any rows: there are no arrays where there are no rows. */
export type SomeColumns = { readonly [K in keyof PositionColumns]: PositionColumns[K] | null };

/** A position that is being put together. */
type Draft = { -readonly [K in keyof Position]: Position[K] };

/** Puts columns together. */
export function positionsOf(columns: SomeColumns): Position[] {
  if (columns.driverId === null) return [];
  const all = columns as PositionColumns;
  const { driverId, lat, lng, timestamp, receivedAt } = all;
  return driverId.map((id, i) => {
    const position = { driverId: id, lat: lat[i], lng: lng[i], timestamp: timestamp[i], receivedAt: receivedAt[i] };
    describe(position, all, i);
    return position;
  });
}

/** Adds what need not be known of a position. Attributes without a key are none. */
export function describe(position: Draft, columns: PositionColumns, row: number): void {
  const { accuracy, altitude, heading, speed, attributes } = columns;
  if (accuracy[row] !== null) position.accuracy = accuracy[row] as number;
  if (altitude[row] !== null) position.altitude = altitude[row] as number;
  if (heading[row] !== null) position.heading = heading[row] as number;
  if (speed[row] !== null) position.speed = speed[row] as number;
  if (hasKeys(attributes[row])) position.attributes = attributes[row];
}

function hasKeys(attributes: Attributes): boolean {
  for (const _ in attributes) return true;
  return false;
}
