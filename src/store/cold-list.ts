import { type RawBuilder, sql } from 'kysely';
import { compareIds } from '../compare-ids.ts';
import type { Position } from '../fix.ts';
import { BoundedRegion, TOO_MUCH_WORK } from '../geo/bounded.ts';
import { toEcef } from '../geo/ecef.ts';
import type { Region } from '../geo/region.ts';
import { type CellRange, rangesOf } from './cell-ranges.ts';
import type { ColdConditions, ColdPage } from './cold-positions.ts';
import type { Read } from './fleet-reader.ts';
import { AGGREGATED, positionsOf, type SomeColumns } from './position-columns.ts';
import { countInRanges } from './range-count.ts';
import { isTimely, nextLimit, PLACED, rangeRows } from './range-scan.ts';

/** Cells that a region is covered with. */
const MAX_CELLS = 200;
/** The most rows that are looked at for a page by walking along ids, and that are gathered to be put in their order. */
const MAX_LOOKS = 20_000;
/** The most edges of a polygon that are looked at for a page, and for its cover. */
const MAX_WORK = 500_000;
/** Where there are so many times as many inside as asked for, it is tried first to find them by walking. */
const MANY_TIMES = 8;

/**
 * Some drivers by id, at most `limit` of those after an id. At most {@link MAX_LOOKS} rows and {@link MAX_WORK} edges are
 * looked at by each way to a page, so it may have fewer than `limit`, even none, and another after it.
 *
 * There are two ways, as in memory: to walk along the ids of the fleet, and to gather those of an area and put them in order,
 * where they are few.
 *
 * @param area within the bounds of the conditions, if there are any; absent: everywhere
 */
export async function listWithin(
  read: Read,
  fleet: string,
  area: Region | undefined,
  limit: number,
  conditions: ColdConditions,
  after = '',
): Promise<ColdPage> {
  const { bounds } = conditions;
  const list = new List(read, fleet, area, limit, conditions);
  const ranges = area && rangesUnlessTooMuch(area);
  if (ranges === undefined) return list.walk(ranges, MAX_LOOKS, after);
  const [inside] = await countInRanges(read, fleet, [ranges], MAX_LOOKS + 1);
  if (inside <= MAX_LOOKS) {
    const walked = inside > MANY_TIMES * limit && (await list.walk(ranges, inside >> 1, after));
    return walked && !walked.gaveUp ? walked : list.gather(ranges, after);
  }
  const page = await list.walk(ranges, MAX_LOOKS, after);
  if (!page.gaveUp || page.next !== undefined || bounds === undefined) return page;
  // None of so many is within the bounds: the next who is may be far from here.
  const first = await new List(read, fleet, bounds, 1, { receivedSince: Number.NEGATIVE_INFINITY, bounds }).gather(
    rangesOf(bounds, MAX_CELLS),
    after,
  );
  if (first.positions.length === 0) return { positions: [] };
  return list.walk(ranges, MAX_LOOKS, first.positions[0].driverId, true);
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
}

/** One list, and what is asked of each row. */
class List {
  readonly #read: Read;
  readonly #fleet: string;
  readonly #area: Region | undefined;
  readonly #limit: number;
  readonly #conditions: ColdConditions;
  readonly #place = new Float64Array(3);

  constructor(read: Read, fleet: string, area: Region | undefined, limit: number, conditions: ColdConditions) {
    this.#read = read;
    this.#fleet = fleet;
    this.#area = area;
    this.#limit = limit;
    this.#conditions = conditions;
  }

  /** A page out of all rows of some ranges. */
  gather(ranges: readonly CellRange[], after: string): Promise<ColdPage> {
    const source = sql`${rangeRows(ranges)} JOIN positions ON cell BETWEEN low AND high`;
    return this.#list(source, sql`true`, after, false, Number.POSITIVE_INFINITY);
  }

  /**
   * A page out of the rows of a fleet, of whom those in some ranges are wanted. It is given up after so many.
   *
   * @param inclusive begins with that id, not after it
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
    const { bounds } = this.#conditions;
    const area = this.#area && new BoundedRegion(this.#area, MAX_WORK);
    let named: string | undefined;
    let left = looks;
    let from = after;
    let isFrom = inclusive;
    let size = Math.min(left, 2 * this.#limit + 100);
    for (;;) {
      const [row] = await this.#read(this.#page(source, isWanted, from, isFrom, size));
      for (const position of positionsOf(row).sort((a, b) => compareIds(a.driverId, b.driverId))) {
        if (bounds !== undefined && !this.#isIn(bounds, position)) continue;
        try {
          if (this.#accepts(area, position)) {
            // One more than asked for tells whether there are more.
            if (positions.length === this.#limit) return { positions, next: positions[this.#limit - 1].driverId };
            positions.push(position);
          }
        } catch (error) {
          if (error !== TOO_MUCH_WORK) throw error;
          return { positions, next: named, gaveUp: true };
        }
        named = position.driverId;
      }
      if (row.seen < size) return { positions };
      left -= row.seen;
      from = row.last as string;
      isFrom = false;
      if (left <= 0) return { positions, next: bounds === undefined ? from : named, gaveUp: true };
      size = Math.min(left, nextLimit(size, row.seen, row.bytes));
    }
  }

  #accepts(area: Region | undefined, position: Position): boolean {
    const { where } = this.#conditions;
    return (where === undefined || where(position.attributes)) && (area === undefined || this.#isIn(area, position));
  }

  #isIn(region: Region, { lat, lng }: Position): boolean {
    toEcef(lat, lng, this.#place, 0);
    const [x, y, z] = this.#place;
    return region.contains(x, y, z, lat, lng);
  }

  #page(
    source: RawBuilder<unknown>,
    isWanted: RawBuilder<unknown>,
    after: string,
    inclusive: boolean,
    size: number,
  ): RawBuilder<ListRow> {
    const comes = inclusive ? sql`driver_id >= ${after}` : sql`driver_id > ${after}`;
    return sql<ListRow>`
    WITH page AS MATERIALIZED (
      SELECT cell, ${PLACED} FROM ${source}
      WHERE fleet = ${this.#fleet} AND ${comes}
      ORDER BY driver_id
      LIMIT ${size}::int
    )
    SELECT
      (SELECT count(*)::int FROM page) AS seen,
      (SELECT driver_id FROM page ORDER BY driver_id DESC LIMIT 1) AS last,
      coalesce(sum(pg_column_size(attributes)), 0)::int AS bytes,
      ${sql.raw(AGGREGATED)}
    FROM page WHERE ${isTimely(this.#conditions)} AND ${isWanted}`;
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
