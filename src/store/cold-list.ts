import { type RawBuilder, sql } from 'kysely';
import { compareIds } from '../compare-ids.ts';
import type { Position } from '../fix.ts';
import { BoundedRegion, TOO_MUCH_WORK } from '../geo/bounded.ts';
import { holds, type Region } from '../geo/region.ts';
import { type CellRange, rangesOf } from './cell-ranges.ts';
import type { ColdConditions, ColdPage } from './cold-positions.ts';
import type { Read } from './fleet-reader.ts';
import { AGGREGATED, positionsOf, type SomeColumns } from './position-columns.ts';
import { countInRanges } from './range-count.ts';
import { isTimely, nextLimit, PLACED, rangeRows } from './range-scan.ts';

/** Cells that a region is covered with. */
const MAX_CELLS = 200;
/** The most edges of a polygon that are looked at for a page, and for its cover. */
const MAX_WORK = 500_000;
/** Where there are so many times as many inside as asked for, it is tried first to find them by walking. */
const MANY_TIMES = 8;

/** What to list. */
export interface Listed {
  readonly fleet: string;
  /** Within the bounds of the conditions, if there are any; absent: everywhere. */
  readonly area: Region | undefined;
  /** Drivers of a page. */
  readonly limit: number;
  readonly conditions: ColdConditions;
  /** The most rows that are looked at for a page by walking along ids, and that are gathered to be put in their order. */
  readonly looks: number;
}

/**
 * Some drivers by id, after an id. At most {@link Listed.looks} rows and {@link MAX_WORK} edges are looked at by each way to
 * a page, so it may have fewer than its limit, even none, and another after it.
 *
 * There are two ways, as in memory: to walk along the ids of the fleet, and to gather those of an area and put them in order,
 * where they are few.
 */
export async function listWithin(read: Read, what: Listed, after = ''): Promise<ColdPage> {
  const { fleet, area, limit, looks } = what;
  const { bounds } = what.conditions;
  const list = new List(read, what);
  const ranges = area && rangesUnlessTooMuch(area);
  if (ranges !== undefined) {
    const [inside] = await countInRanges(read, fleet, [ranges], looks + 1);
    if (inside <= looks) {
      const walked = inside > MANY_TIMES * limit ? await list.walk(ranges, inside >> 2, after) : undefined;
      return pageOf(walked === undefined || walked.gaveUp ? await list.gather(ranges, after) : walked);
    }
  }
  const page = await list.walk(ranges, looks, after);
  if (!page.gaveUp || page.next !== undefined || bounds === undefined) return pageOf(page);
  // None of so many is within the bounds: the next who is may be far from here.
  const anybody = { ...what, area: bounds, limit: 1, conditions: { receivedSince: what.conditions.receivedSince } };
  const [first] = (await new List(read, anybody).gather(rangesOf(bounds, MAX_CELLS), after)).positions;
  return first === undefined ? { positions: [] } : pageOf(await list.walk(ranges, looks, first.driverId, true));
}

function pageOf({ positions, next }: Walked): ColdPage {
  return next === undefined ? { positions } : { positions, next };
}

/** A page, and whether it is to be gone on with because too much was looked at; `next` is then absent if none may be named. */
interface Walked extends ColdPage {
  readonly gaveUp?: true;
}

/** Rows that were looked at in the order of ids. */
interface ListRow extends SomeColumns {
  readonly seen: number;
  readonly bytes: number;
  readonly last: string | null;
  /** The last of them who is surely within the bounds. */
  readonly named: string | null;
}

/** One list, and what is asked of each row. */
class List {
  readonly #read: Read;
  readonly #what: Listed;
  /** Ranges that are within the bounds, if there are any. */
  readonly #surely: readonly CellRange[];

  constructor(read: Read, what: Listed) {
    this.#read = read;
    this.#what = what;
    const { bounds } = what.conditions;
    this.#surely = bounds === undefined ? [] : rangesOf(bounds, MAX_CELLS).filter(({ inside }) => inside);
  }

  /** A page out of all rows of some ranges. */
  gather(ranges: readonly CellRange[], after: string): Promise<Walked> {
    // Each range along the index of cells: for the sake of the order the planner would go along all ids of the fleet.
    const source = sql`${rangeRows(ranges)} CROSS JOIN LATERAL (
      SELECT * FROM positions WHERE fleet = ${this.#what.fleet} AND cell BETWEEN low AND high ORDER BY cell OFFSET 0
    ) AS those`;
    return this.#list(source, sql`true`, after, false, Number.POSITIVE_INFINITY);
  }

  /**
   * A page out of the rows of a fleet, of whom those in some ranges are wanted. It is given up after so many.
   *
   * @param inclusive begins with that id, which is of somebody within the bounds, not after it
   */
  walk(ranges: readonly CellRange[] | undefined, looks: number, after: string, inclusive = false): Promise<Walked> {
    return this.#list(sql`positions`, ranges === undefined ? sql`true` : isInRanges(ranges), after, inclusive, looks);
  }

  async #list(
    source: RawBuilder<unknown>,
    isWanted: RawBuilder<unknown>,
    after: string,
    inclusive: boolean,
    looks: number,
  ): Promise<Walked> {
    const positions: Position[] = [];
    const { limit, conditions } = this.#what;
    const { bounds } = conditions;
    const area = this.#what.area && new BoundedRegion(this.#what.area, MAX_WORK);
    let named = inclusive ? after : undefined;
    let left = looks;
    let from = after;
    let isFrom = inclusive;
    let size = Math.min(left, 2 * limit + 100);
    for (;;) {
      const [row] = await this.#read(this.#page(source, isWanted, from, isFrom, size));
      for (const position of positionsOf(row).sort((a, b) => compareIds(a.driverId, b.driverId))) {
        if (bounds !== undefined && !holds(bounds, position.lat, position.lng)) continue;
        try {
          if (this.#accepts(area, position)) {
            // One more than asked for tells whether there are more.
            if (positions.length === limit) return { positions, next: positions[limit - 1].driverId };
            positions.push(position);
          }
        } catch (error) {
          if (error !== TOO_MUCH_WORK) throw error;
          return { positions, next: named, gaveUp: true };
        }
        named = position.driverId;
      }
      if (row.seen < size) return { positions };
      named = later(named, row.named);
      left -= row.seen;
      from = row.last as string;
      isFrom = false;
      if (left <= 0) return { positions, next: bounds === undefined ? from : named, gaveUp: true };
      size = Math.min(left, nextLimit(size, row.seen, row.bytes));
    }
  }

  #accepts(area: Region | undefined, { lat, lng, attributes }: Position): boolean {
    const { where } = this.#what.conditions;
    return (where === undefined || where(attributes)) && (area === undefined || holds(area, lat, lng));
  }

  #page(
    source: RawBuilder<unknown>,
    isWanted: RawBuilder<unknown>,
    after: string,
    inclusive: boolean,
    size: number,
  ): RawBuilder<ListRow> {
    const { fleet, conditions } = this.#what;
    const comes = inclusive ? sql`driver_id >= ${after}` : sql`driver_id > ${after}`;
    const isBounded = this.#surely.length === 0 ? sql`false` : isInRanges(this.#surely);
    return sql<ListRow>`
    WITH page AS MATERIALIZED (
      SELECT cell, ${PLACED} FROM ${source}
      WHERE fleet = ${fleet} AND ${comes}
      ORDER BY driver_id
      LIMIT ${size}::int
    )
    SELECT
      (SELECT count(*)::int FROM page) AS seen,
      (SELECT driver_id FROM page ORDER BY driver_id DESC LIMIT 1) AS last,
      (SELECT driver_id FROM page WHERE ${isBounded} AND ${isTimely({ receivedSince: conditions.receivedSince })}
        ORDER BY driver_id DESC LIMIT 1) AS named,
      coalesce(sum(pg_column_size(attributes)), 0)::int AS bytes,
      ${sql.raw(AGGREGATED)}
    FROM page WHERE ${isTimely(conditions)} AND ${isWanted}`;
  }
}

/** The condition that a row is in one of some ranges, which are in order: by halves. Each range begins with a `low`. */
function isInRanges(ranges: readonly CellRange[]): RawBuilder<boolean> {
  const [lows, highs] = [ranges.map(({ low }) => `${low}`), ranges.map(({ high }) => `${high}`)];
  return sql<boolean>`cell <= (${highs}::bigint[])[width_bucket(cell, ${lows}::bigint[])]`;
}

/** The ranges of a region; `undefined` when it takes too much work to tell. */
function rangesUnlessTooMuch(region: Region): readonly CellRange[] | undefined {
  try {
    return rangesOf(new BoundedRegion(region, MAX_WORK), MAX_CELLS);
  } catch (error) {
    if (error === TOO_MUCH_WORK) return undefined;
    throw error;
  }
}

/** The id that comes last. */
function later(a: string | undefined, b: string | null): string | undefined {
  if (a === undefined || b === null) return a ?? b ?? undefined;
  return compareIds(a, b) > 0 ? a : b;
}
