import { AGGREGATED, describe, type PositionColumns } from './position-columns.ts';
import type { LoadProgress, StoredFix } from './store.ts';

/** A row whose values are texts, as they came. */
export type RawRow = Readonly<Record<string, string | null>>;
/** Sends a statement. */
export type RawQuery = (text: string, values: readonly unknown[]) => Promise<readonly RawRow[]>;

/** Rows looked at by the first statement, and by any. */
const FIRST_PAGE = 1_000;
const LARGEST_PAGE = 10_000;
/** Characters of an answer that are aimed at. */
const PAGE_LENGTH = 2_000_000;

// A page along the primary key holds neither a connection nor a snapshot open while its reader works, and is bounded by
// what it looks at, however few of them are wanted. The moment is worked out once, in a query of its own, as PostgreSQL does
// not take `timestamptz + interval` for a constant.
const PAGE = `
  WITH page AS MATERIALIZED (
    SELECT fleet, driver_id, location::geometry AS place, recorded_at, received_at, accuracy, altitude, heading, speed, attributes
    FROM positions
    WHERE (fleet, driver_id) > ($1, $2)
    ORDER BY fleet, driver_id
    LIMIT $4::int
  ), kept AS (
    SELECT * FROM page
    WHERE received_at >= (SELECT timestamptz 'epoch' + $3::float8 * interval '1 millisecond')
  ), last AS (
    SELECT fleet, driver_id FROM page ORDER BY fleet DESC, driver_id DESC LIMIT 1
  )
  SELECT
    (SELECT count(*) FROM page) AS seen,
    (SELECT fleet FROM last) AS "lastFleet",
    (SELECT driver_id FROM last) AS "lastDriver",
    json_agg(fleet) AS fleet,
    ${AGGREGATED}
  FROM kept`;

/** How many rows there are, as far as PostgreSQL knows without counting; −1 or 0 when it does not. */
const ESTIMATE = `SELECT reltuples::int8 AS rows FROM pg_class WHERE oid = 'positions'::regclass`;

/**
 * Reads all positions received at or after `since`, page by page along the primary key. While the reader works on a page
 * the database makes the next one, and no more.
 */
export async function* loadPositions(
  query: RawQuery,
  since: number,
  onProgress?: LoadProgress,
): AsyncGenerator<readonly StoredFix[]> {
  const [estimate] = onProgress === undefined ? [] : await query(ESTIMATE, []);
  const total = Number(estimate?.rows ?? 0);
  let seen = 0;
  let limit = FIRST_PAGE;
  let next = query(PAGE, ['', '', since, limit]);
  for (;;) {
    const [page] = await next;
    const isLast = Number(page.seen) < limit;
    seen += Number(page.seen);
    limit = nextLimit(page);
    if (!isLast) {
      next = query(PAGE, [page.lastFleet, page.lastDriver, since, limit]);
      // One that fails is heard of when it is waited for, and when nobody does, nobody need hear.
      next.catch(() => {});
      // It leaves the process only when the event loop turns, so not after this page was taken apart and placed.
      await new Promise(setImmediate);
    }
    if (page.driverId !== null) yield positions(page);
    onProgress?.(seen, total > 0 ? Math.max(total, seen) : undefined);
    if (isLast) return;
  }
}

/** So many rows more that their answer is as long as is aimed at, if they are like the last ones. */
function nextLimit({ seen, ...columns }: RawRow): number {
  const length = Object.values(columns).reduce((sum, column) => sum + (column?.length ?? 0), 0);
  return Math.max(1, Math.min(LARGEST_PAGE, Math.floor((PAGE_LENGTH * Number(seen)) / Math.max(1, length))));
}

/** Puts the columns of an answer together. */
function positions(page: RawRow): StoredFix[] {
  const { seen, lastFleet, lastDriver, ...texts } = page;
  const columns = Object.fromEntries(
    Object.entries(texts).map(([name, text]) => [name, JSON.parse(text as string)]),
  ) as unknown as PositionColumns & { readonly fleet: readonly string[] };
  const { fleet, driverId, lat, lng, timestamp, receivedAt } = columns;
  return driverId.map((id, i) => {
    const position = {
      fleet: fleet[i],
      driverId: id,
      lat: lat[i],
      lng: lng[i],
      timestamp: timestamp[i],
      receivedAt: receivedAt[i],
    };
    describe(position, columns, i);
    return position;
  });
}
