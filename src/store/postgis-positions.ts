import { sql } from 'kysely';
import type { Position } from '../fix.ts';
import type { Circle } from '../geo/circle.ts';
import { overlap } from '../geo/overlap.ts';
import type { Region } from '../geo/region.ts';
import type { CellPage } from '../pages.ts';
import { ancestorBits, joined, rangeOf } from './cell-ranges.ts';
import { countCells } from './cold-cells.ts';
import { listWithin } from './cold-list.ts';
import { findNearest } from './cold-nearest.ts';
import type { ColdConditions, ColdNearby, ColdPage, ColdPositions } from './cold-positions.ts';
import { FleetReader } from './fleet-reader.ts';
import type { StorePool } from './pool.ts';
import { AGGREGATED, positionsOf, type SomeColumns } from './position-columns.ts';
import { cellNameOf, isTimely, PLACED, scanRanges } from './range-scan.ts';

/** As in memory; see pages.ts. */
const MAX_LOOKS = 20_000;
/** Drivers that one statement looks up. */
const MAX_IDS = 1_000;

/**
 * How statements are to be gone about: of a range of cells the planner knows nothing and expects much. So it would gather all of
 * it before it is read in order, of which a page is wanted; and it would have the statement compiled, which takes ten times
 * as long as to run it.
 */
export const PLANNING = ['SET LOCAL enable_bitmapscan = off', 'SET LOCAL jit = off'];

/**
 * Reads the latest positions from PostgreSQL, by the column `cell` and not by the place: of all fleets' drivers in an area the
 * index of cells finds those of one, and under row-level security the index of places is of no use, as its operators might
 * tell of rows that are not to be seen. What is in the cells of an area is then tested by the code of memory, so that both
 * agree to the bit.
 */
export class PostgisPositions implements ColdPositions {
  /** For what clients ask. */
  readonly #reader: FleetReader;
  /** For what the instance itself needs: cells that it opens, and drivers whose fixes wait. */
  readonly #own: FleetReader;
  readonly #looks: number;

  /**
   * @param pool, asFleet as for {@link FleetReader}
   * @param looks the most drivers that are looked at for one page of a list, and of a count that has to look at each
   * @param own whose connections are left alone by what clients ask, some of which takes seconds; absent: the same
   */
  constructor(pool: StorePool, asFleet: boolean, looks = MAX_LOOKS, own = pool) {
    this.#reader = new FleetReader(pool, asFleet, PLANNING);
    this.#own = own === pool ? this.#reader : new FleetReader(own, asFleet, PLANNING);
    this.#looks = looks;
  }

  async byIds(fleet: string, driverIds: readonly string[], receivedSince: number): Promise<readonly Position[]> {
    const found: Position[] = [];
    for (let from = 0; from < driverIds.length; from += MAX_IDS) {
      const [columns] = await this.#own.read(
        fleet,
        sql<SomeColumns>`
        SELECT ${sql.raw(AGGREGATED)} FROM (
          SELECT those.* FROM unnest(${driverIds.slice(from, from + MAX_IDS)}::text[]) AS asked(id) CROSS JOIN LATERAL (
            SELECT ${PLACED} FROM positions
            WHERE fleet = ${fleet} AND driver_id = id AND ${isTimely({ receivedSince })}
            LIMIT 1
          ) AS those
        ) AS found`,
      );
      for (const position of positionsOf(columns)) found.push(position);
    }
    return found;
  }

  async *inCells(fleet: string, cells: readonly string[], receivedSince: number): AsyncGenerator<readonly Position[]> {
    const ranges = joined(cells.map((cell) => rangeOf(cell)));
    const pages = scanRanges((statement) => this.#own.read(fleet, statement), fleet, ranges, { receivedSince });
    for await (const { positions } of pages) if (positions.length > 0) yield positions;
  }

  /** From each cell to the next, so that it costs as many steps as there are cells, however many drivers each has. */
  async occupied(fleet: string, resolution: number, receivedSince: number): Promise<readonly string[]> {
    const isOfFleet = sql`fleet = ${fleet} AND ${isTimely({ receivedSince })}`;
    const rest = `${ancestorBits(resolution).rest}`;
    const rows = await this.#own.read(
      fleet,
      sql<{ name: string }>`
      WITH RECURSIVE step AS (
        (SELECT cell FROM positions WHERE ${isOfFleet} ORDER BY cell LIMIT 1)
        UNION ALL
        SELECT next.cell FROM step CROSS JOIN LATERAL (
          SELECT cell FROM positions WHERE ${isOfFleet} AND cell > (step.cell | ${rest}::bigint) ORDER BY cell LIMIT 1
        ) AS next
      )
      SELECT ${cellNameOf(resolution)} AS name FROM step`,
    );
    return rows.map(({ name }) => name);
  }

  nearby(fleet: string, circle: Circle, limit: number, conditions: ColdConditions): Promise<ColdNearby> {
    return this.#reader.snapshot(fleet, (read) => findNearest(read, fleet, circle, limit, conditions));
  }

  within(
    fleet: string,
    region: Region | undefined,
    limit: number,
    conditions: ColdConditions,
    after?: string,
  ): Promise<ColdPage> {
    const list = { fleet, area: overlap(region, conditions.bounds), limit, conditions, looks: this.#looks };
    return this.#reader.snapshot(fleet, (read) => listWithin(read, list, after));
  }

  cells(
    fleet: string,
    region: Region | undefined,
    resolution: number,
    limit: number,
    conditions: ColdConditions,
    after?: string,
  ): Promise<CellPage> {
    const area = overlap(region, conditions.bounds);
    const count = { fleet, area, resolution, limit, conditions, looks: this.#looks };
    return this.#reader.snapshot(fleet, (read) => countCells(read, count, after));
  }
}
