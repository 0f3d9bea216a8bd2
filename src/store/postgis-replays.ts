import { sql } from 'kysely';
import { compareIds } from '../compare-ids.ts';
import type { Position } from '../fix.ts';
import type { ReplaySource, Span } from '../history/replay-source.ts';
import { type FixReader, moment } from './fix-reader.ts';
import { cellNumbers, FIX_COLUMNS, type FixRow, toFix } from './fix-row.ts';
import { DAY } from './partitions.ts';

/** Replays out of the table of fixes: by cell and time who is asked about, then along the primary key. */
export class PostgisReplays implements ReplaySource {
  readonly #fixes: FixReader;

  constructor(fixes: FixReader) {
    this.#fixes = fixes;
  }

  async latest(span: Span, limit: number, after = ''): Promise<readonly Position[]> {
    const { fleet, from, to, cells } = span;
    if (cells?.length === 0) return [];
    const drivers = cells === undefined ? driversOfDays(span, after) : driversOfCells(span, cells, after, limit);
    const rows = await this.#fixes.read(
      fleet,
      sql<FixRow>`
      WITH RECURSIVE driver AS (${drivers})
      SELECT fix.* FROM driver CROSS JOIN LATERAL (
        SELECT ${FIX_COLUMNS} FROM fixes
        WHERE fleet = ${fleet} AND driver_id = id AND recorded_at BETWEEN ${moment(from)} AND ${moment(to)}
        ORDER BY recorded_at DESC
        LIMIT 1
      ) AS fix
      LIMIT ${limit}`,
    );
    // They come in this order by the way in which they are found; no statement promises it that does not sort.
    return rows.map(toFix).sort((a, b) => compareIds(a.driverId, b.driverId));
  }

  async fixes(
    span: Span,
    drivers: readonly string[],
    limit: number,
    after?: { readonly timestamp: number; readonly driverId: string },
  ): Promise<readonly Position[]> {
    const { fleet, from, to, cells } = span;
    const isAfter =
      after === undefined ? sql`` : sql`AND (recorded_at, driver_id) > (${moment(after.timestamp)}, ${after.driverId})`;
    const rows = await this.#fixes.read(
      fleet,
      sql<FixRow>`
      SELECT ${FIX_COLUMNS} FROM fixes
      WHERE fleet = ${fleet} AND recorded_at BETWEEN ${moment(from)} AND ${moment(to)} ${isAfter}
        ${cells === undefined ? sql`` : sql`AND driver_id = ANY(${driversOf(span, cells, drivers)})`}
      ORDER BY recorded_at, driver_id
      LIMIT ${limit}`,
    );
    return rows.map(toFix);
  }
}

/** Who has a fix in one of the cells in a span, in order, of those after an id. */
function driversOfCells({ fleet, from, to }: Span, cells: readonly string[], after: string, limit: number) {
  return sql`
    SELECT DISTINCT driver_id AS id FROM fixes
    WHERE fleet = ${fleet} AND cell = ANY(${cellNumbers(cells)}) AND recorded_at BETWEEN ${moment(from)} AND ${moment(to)}
      AND driver_id > ${after}
    ORDER BY id
    LIMIT ${limit}`;
}

/**
 * Who has a fix in the days of a span, in order, of those after an id: from each one to the next, so that it costs as many
 * steps as there are drivers, however many fixes each has.
 */
function driversOfDays({ fleet, from, to }: Span, after: string) {
  const first = sql`
    fleet = ${fleet} AND recorded_at >= ${moment(from - (from % DAY))} AND recorded_at < ${moment(to - (to % DAY) + DAY)}`;
  return sql`
    (SELECT driver_id AS id FROM fixes WHERE ${first} AND driver_id > ${after} ORDER BY driver_id LIMIT 1)
    UNION ALL
    SELECT next.driver_id FROM driver CROSS JOIN LATERAL (
      SELECT driver_id FROM fixes WHERE ${first} AND driver_id > id ORDER BY driver_id LIMIT 1
    ) AS next`;
}

/** The drivers of a span, and those named, as an array: then they are looked up one by one, however many the planner expects. */
function driversOf({ fleet, from, to }: Span, cells: readonly string[], named: readonly string[]) {
  if (cells.length === 0) return sql`${named}::text[]`;
  return sql`ARRAY(
    SELECT driver_id FROM fixes
    WHERE fleet = ${fleet} AND cell = ANY(${cellNumbers(cells)}) AND recorded_at BETWEEN ${moment(from)} AND ${moment(to)}
    UNION SELECT unnest(${named}::text[])
  )`;
}
