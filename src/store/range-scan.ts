import { type RawBuilder, sql } from 'kysely';
import type { Position } from '../fix.ts';
import { ancestorBits, type CellRange, from } from './cell-ranges.ts';
import { moment } from './fix-reader.ts';
import type { Read } from './fleet-reader.ts';
import { AGGREGATED, positionsOf, type SomeColumns } from './position-columns.ts';

/** Rows looked at by the first statement, and by any. */
const FIRST_PAGE = 500;
const LARGEST_PAGE = 10_000;
/** Bytes of an answer that are aimed at. */
const PAGE_BYTES = 2_000_000;
/** Bytes of a row without its attributes, about. */
const ROW_BYTES = 200;

/** Positions with other times are left out. */
export interface Times {
  /** Epoch milliseconds, of the clock that received them. */
  readonly receivedSince: number;
  /** Epoch milliseconds, of their timestamps. */
  readonly since?: number;
}

/** What a page of a scan holds. */
export interface Scanned {
  readonly positions: readonly Position[];
  /** The cells that the positions are in, if a resolution was asked for. */
  readonly cells: readonly string[];
  /** How many are in each cell of those that need not be looked at. */
  readonly counts: readonly (readonly [cell: string, count: number])[];
  /** The cell of the row that was looked at last, if a resolution was asked for. */
  readonly last: string;
  /** How many rows were looked at. */
  readonly seen: number;
}

/** A row of the statement of a scan. */
interface ScanRow extends SomeColumns {
  readonly cells: readonly string[] | null;
  readonly counts: readonly (readonly [string, number])[] | null;
  readonly seen: number;
  readonly bytes: number;
  readonly lastIndex: string | null;
  readonly lastCell: string | null;
  readonly lastDriver: string | null;
}

/**
 * Reads a fleet's positions in ranges of cells, in the order of their cells, page by page: none is longer than somebody's
 * turn, however much the ranges hold. Pages that are read one by one and not of one snapshot hold whoever was there before
 * and does not change meanwhile.
 *
 * @param ranges in order
 * @param resolution at which rows of ranges that are inside are counted instead of read; absent: all are read
 * @param largest rows of a page at the most
 */
export async function* scanRanges(
  read: Read,
  fleet: string,
  ranges: readonly CellRange[],
  times: Times,
  resolution?: number,
  largest = Number.POSITIVE_INFINITY,
): AsyncGenerator<Scanned> {
  let left = ranges;
  let lastIndex = '-1';
  let lastDriver = '';
  let limit = Math.min(FIRST_PAGE, largest);
  while (left.length > 0) {
    const [row] = await read(scanPage(fleet, left, times, resolution, lastIndex, lastDriver, limit));
    const { seen, bytes } = row;
    if (seen > 0) {
      const { cells, counts, lastCell } = row;
      yield { positions: positionsOf(row), cells: cells ?? [], counts: counts ?? [], last: lastCell as string, seen };
    }
    if (seen < limit) return;
    lastIndex = row.lastIndex as string;
    lastDriver = row.lastDriver as string;
    left = from(left, BigInt(lastIndex));
    limit = Math.min(nextLimit(limit, seen, bytes), largest);
  }
}

/** More rows than before, but no more than are about as long as an answer is to be. */
export function nextLimit(limit: number, seen: number, bytes: number): number {
  return Math.max(1, Math.min(4 * limit, LARGEST_PAGE, Math.floor((PAGE_BYTES * seen) / (bytes + ROW_BYTES * seen))));
}

/** The columns that {@link AGGREGATED} takes, and their length. */
export const PLACED = sql`driver_id, location::geometry AS place, recorded_at, received_at,
  accuracy, altitude, heading, speed, attributes`;

/** The condition that a row's times are as asked for. */
export function isTimely({ receivedSince, since }: Times): RawBuilder<boolean> {
  const isReceived = sql`received_at >= ${time(receivedSince)}`;
  return since === undefined
    ? sql<boolean>`${isReceived}`
    : sql<boolean>`${isReceived} AND recorded_at >= ${time(since)}`;
}

/** Ranges as rows of `low`, `high` and `inside`. */
export function rangeRows(ranges: readonly CellRange[]): RawBuilder<unknown> {
  const [lows, highs] = [ranges.map(({ low }) => `${low}`), ranges.map(({ high }) => `${high}`)];
  const insides = ranges.map(({ inside }) => inside);
  return sql`unnest(${lows}::bigint[], ${highs}::bigint[], ${insides}::bool[]) AS range(low, high, inside)`;
}

/** The ancestor of `cell` at a resolution, as h3-js writes it. */
export function cellNameOf(resolution: number): RawBuilder<string> {
  const { keep, set } = ancestorBits(resolution);
  return sql<string>`to_hex((cell & ${`${keep}`}::bigint) | ${`${set}`}::bigint)`;
}

/**
 * One page. Ranges are gone through one after the other, each along the index, so that no more rows are looked at than the
 * page has; several drivers at one index are in the order of their ids.
 */
function scanPage(
  fleet: string,
  ranges: readonly CellRange[],
  times: Times,
  resolution: number | undefined,
  lastIndex: string,
  lastDriver: string,
  limit: number,
): RawBuilder<ScanRow> {
  const cell = resolution === undefined ? sql`NULL::text` : cellNameOf(resolution);
  const isCounted = resolution === undefined ? sql`false` : sql`inside`;
  return sql<ScanRow>`
  WITH page AS MATERIALIZED (
    SELECT found.*, inside FROM ${rangeRows(ranges)} CROSS JOIN LATERAL (
      SELECT cell, ${PLACED} FROM positions
      WHERE fleet = ${fleet} AND cell BETWEEN low AND high AND (cell > ${lastIndex}::bigint OR driver_id > ${lastDriver})
      ORDER BY cell, driver_id
      LIMIT ${limit}::int
    ) AS found
    LIMIT ${limit}::int
  ), timely AS (
    SELECT * FROM page WHERE ${isTimely(times)}
  ), last AS (
    SELECT cell, driver_id FROM page ORDER BY cell DESC, driver_id DESC LIMIT 1
  ), counted AS (
    SELECT ${cell} AS name, count(*)::int AS count FROM timely WHERE ${isCounted} GROUP BY name
  )
  SELECT
    (SELECT count(*)::int FROM page) AS seen,
    (SELECT cell::text FROM last) AS "lastIndex",
    (SELECT ${cell} FROM last) AS "lastCell",
    (SELECT driver_id FROM last) AS "lastDriver",
    (SELECT json_agg(json_build_array(name, count)) FROM counted) AS counts,
    coalesce(sum(pg_column_size(attributes)), 0)::int AS bytes,
    json_agg(${cell}) AS cells,
    ${sql.raw(AGGREGATED)}
  FROM timely WHERE NOT ${isCounted}`;
}

/** The first and the last moment that can be written down so that everybody reads them. */
const [BEGIN, END] = [Date.parse('0001-01-01T00:00:00Z'), Date.parse('9999-12-31T23:59:59.999Z')];

/** A moment since which times, that are whole milliseconds, are; none of them is before the first or after the last. */
function time(milliseconds: number): RawBuilder<Date> {
  return moment(Math.min(Math.max(Math.ceil(milliseconds), BEGIN), END));
}
