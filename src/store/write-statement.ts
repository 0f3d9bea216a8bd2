import { type RawBuilder, sql } from 'kysely';
import { toNormal } from '../geo/ecef.ts';
import { indexOf } from '../spatial/point-index.ts';
import { type Forgotten, keyOf, type Outcome } from './outcome.ts';
import type { StoredFix } from './store.ts';

/** What is to be done with a fix, as bits. */
const HISTORY = 1;
const LATEST = 2;

/**
 * One statement for a whole batch: history, latest positions, removals. The fixes travel as one JSON text, of arrays:
 * measured faster than a dozen array parameters, on both engines. What is written is sorted so that two writers meet it in
 * the same order and do not deadlock. No driver is both in `latest` and in `removed`, so no part sees what another one does.
 *
 * @param staleAfter milliseconds after which a driver of whom nothing was received is forgotten
 * @returns undefined when nothing is to be done
 */
export function writeStatement(
  history: readonly StoredFix[],
  { latest, cleared, removed }: Outcome,
  staleAfter: number,
): RawBuilder<never> | undefined {
  const uses = new Map<StoredFix, number>();
  for (const fix of history) uses.set(fix, HISTORY);
  for (const fix of latest) uses.set(fix, (uses.get(fix) ?? 0) | LATEST);

  const parts: RawBuilder<unknown>[] = [];
  if (history.length > 0) parts.push(intoHistory());
  if (latest.length > 0) parts.push(intoPositions(isNewer(staleAfter), cleared));
  if (removed.length > 0) parts.push(outOfPositions(removed));
  const last = parts.pop();
  if (last === undefined) return undefined;
  const ahead = parts.map((part, index) => sql`${sql.raw(`part_${index}`)} AS (${part})`);
  const rows = uses.size === 0 ? [] : [sql`fix AS MATERIALIZED (${rowsOf(uses)})`];
  const clauses = [...rows, ...ahead];
  return clauses.length === 0 ? sql<never>`${last}` : sql<never>`WITH ${sql.join(clauses)} ${last}`;
}

function rowsOf(uses: ReadonlyMap<StoredFix, number>) {
  const tuples: unknown[] = [];
  for (const [fix, use] of uses) tuples.push(toTuple(fix, use));
  return sql`
    SELECT r->>0 AS fleet, r->>1 AS driver_id, ST_MakePoint((r->>2)::float8, (r->>3)::float8)::geography AS location,
      (r->>4)::bigint << 32 | (r->>5)::bigint AS cell,
      ${time(sql`(r->>6)::float8`)} AS recorded_at, ${time(sql`(r->>7)::float8`)} AS received_at,
      (r->>8)::float8 AS accuracy, (r->>9)::float8 AS altitude, (r->>10)::float8 AS heading, (r->>11)::float8 AS speed,
      r->12 AS attributes, (r->>13)::int AS use, nth
    FROM jsonb_array_elements(${JSON.stringify(tuples)}::jsonb) WITH ORDINALITY AS list(r, nth)`;
}

/** The first of a driver and a timestamp stays: the same one written again, after its answer was lost, changes nothing. */
function intoHistory() {
  return sql`
    INSERT INTO fixes (fleet, driver_id, recorded_at, received_at, location, cell,
      accuracy, altitude, heading, speed, attributes)
    SELECT fleet, driver_id, recorded_at, received_at, location, ${coarse(sql`cell`)},
      accuracy, altitude, heading, speed, attributes
    FROM fix WHERE use & ${HISTORY} <> 0
    ORDER BY fleet COLLATE "C", driver_id COLLATE "C", recorded_at, nth
    ON CONFLICT DO NOTHING`;
}

function intoPositions(takes: RawBuilder<boolean>, cleared: readonly Forgotten[]) {
  return sql`
    INSERT INTO positions (fleet, driver_id, location, cell, recorded_at, received_at,
      accuracy, altitude, heading, speed, attributes)
    SELECT fleet, driver_id, location, cell, recorded_at, received_at, accuracy, altitude, heading, speed, attributes
    FROM fix WHERE use & ${LATEST} <> 0
    ORDER BY fleet COLLATE "C", driver_id COLLATE "C"
    ON CONFLICT (fleet, driver_id) DO UPDATE SET
      location = excluded.location, cell = excluded.cell,
      recorded_at = excluded.recorded_at, received_at = excluded.received_at,
      accuracy = excluded.accuracy, altitude = excluded.altitude,
      heading = excluded.heading, speed = excluded.speed, attributes = excluded.attributes
    WHERE ${takes} ${cleared.length === 0 ? sql`` : sql`OR ${isCleared(cleared)}`}`;
}

/** The newest timestamp wins, but not against one of a driver that had gone stale. */
function isNewer(staleAfter: number): RawBuilder<boolean> {
  const newer = sql<boolean>`positions.recorded_at < excluded.recorded_at`;
  if (!Number.isFinite(staleAfter)) return newer;
  return sql<boolean>`(${newer}
    OR positions.received_at < excluded.received_at - ${staleAfter}::float8 * interval '1 millisecond')`;
}

/**
 * Whether what is held was to be forgotten before its place is taken. By a lookup in one JSON object, as the clause sees no
 * table but the one that is written to.
 */
function isCleared(cleared: readonly Forgotten[]): RawBuilder<boolean> {
  const moments = JSON.stringify(Object.fromEntries(cleared.map((it) => [keyOf(it), [it.at, finite(it.before)]])));
  return sql<boolean>`(
    SELECT ${isOf(sql`moment -> 0`, sql`moment -> 1`)}
    FROM (SELECT ${moments}::jsonb -> (positions.fleet || E'\n' || positions.driver_id) AS moment) AS its)`;
}

/** The rows are locked in the order in which they are written, so that here too nobody deadlocks. */
function outOfPositions(removed: readonly Forgotten[]) {
  const keys = JSON.stringify(removed.map((it) => [it.fleet, it.driverId, it.at, finite(it.before)]));
  return sql`
    DELETE FROM positions USING (
      SELECT positions.fleet, positions.driver_id
      FROM jsonb_array_elements(${keys}::jsonb) AS r
      JOIN positions ON positions.fleet = r->>0 AND positions.driver_id = r->>1
      WHERE ${isOf(sql`r->2`, sql`r->3`)}
      ORDER BY positions.fleet, positions.driver_id
      FOR UPDATE OF positions
    ) AS gone
    WHERE positions.fleet = gone.fleet AND positions.driver_id = gone.driver_id`;
}

/** See `isForgotten`. @param at JSON numbers, as `before`, which may be null; or both NULL: then nothing is */
function isOf(at: RawBuilder<unknown>, before: RawBuilder<unknown>): RawBuilder<boolean> {
  const number = (json: RawBuilder<unknown>) => sql`(${json} #>> '{}')::float8`;
  return sql<boolean>`(positions.received_at <= ${time(number(at))} OR positions.recorded_at < ${time(number(before))})`;
}

/** A number for JSON, which has no infinity. */
function finite(number: number): number | null {
  return Number.isFinite(number) ? number : null;
}

/**
 * The cell at resolution 6 in which a cell at resolution 15 is, by digits: bits 52 to 55 hold the resolution, and each digit
 * below it is three bits, all set where unused (https://h3geo.org/docs/core-library/h3Indexing).
 */
function coarse(cell: RawBuilder<unknown>): RawBuilder<string> {
  return sql<string>`((${cell} & ~(15::bigint << 52)) | (6::bigint << 52) | ((1::bigint << 27) - 1))`;
}

const normal = new Float64Array(3);
const halves = new Uint32Array(2);

/** PostGIS takes longitude first. An H3 index has its highest bit clear, so it fits a signed 64-bit integer. */
function toTuple(fix: StoredFix, use: number): readonly unknown[] {
  toNormal(fix.lat, fix.lng, normal, 0);
  indexOf(normal[0], normal[1], normal[2], halves, 0);
  return [
    fix.fleet,
    fix.driverId,
    fix.lng,
    fix.lat,
    halves[0],
    halves[1],
    fix.timestamp,
    fix.receivedAt,
    fix.accuracy,
    fix.altitude,
    fix.heading,
    fix.speed,
    fix.attributes ?? {},
    use,
  ];
}

/**
 * A time from epoch milliseconds. `to_timestamp` would go through seconds, which a float8 cannot hold exactly;
 * milliseconds times an interval stay whole microseconds.
 */
function time(milliseconds: RawBuilder<unknown>): RawBuilder<Date> {
  return sql<Date>`(timestamptz 'epoch' + ${milliseconds} * interval '1 millisecond')`;
}
