import { sql } from 'kysely';
import type { Position } from '../fix.ts';
import { Circle } from '../geo/circle.ts';
import { historyCells } from '../history/cells.ts';
import { MAX_CELLS } from '../history/past-cover.ts';
import type { Stretch, TrackSource } from '../history/track-source.ts';
import { type FixReader, moment } from './fix-reader.ts';
import { cellNumbers, FIX_COLUMNS, type FixRow, toFix } from './fix-row.ts';

/** Metres, more than PostGIS and we may differ about a distance. */
const ROUNDING = 0.01;

/** Tracks out of the table of fixes, along its primary key. */
export class PostgisTracks implements TrackSource {
  readonly #fixes: FixReader;

  constructor(fixes: FixReader) {
    this.#fixes = fixes;
  }

  async track({ fleet, driverId, from, to, within }: Stretch, limit: number): Promise<readonly Position[]> {
    const rows = await this.#fixes.read(
      fleet,
      sql<FixRow>`
      SELECT ${FIX_COLUMNS} FROM fixes
      WHERE fleet = ${fleet} AND driver_id = ${driverId} AND recorded_at BETWEEN ${moment(from)} AND ${moment(to)}
        ${within === undefined ? sql`` : isWithin(within)}
      ORDER BY recorded_at
      LIMIT ${limit}`,
    );
    return rows.map(toFix);
  }

  async knows(fleet: string, driverId: string): Promise<boolean> {
    // Any would do; but were it not for the order, the planner might look for one through the whole table.
    const rows = await this.#fixes.read(
      fleet,
      sql`
      SELECT 1 FROM fixes
      WHERE fleet = ${fleet} AND driver_id = ${driverId}
      ORDER BY recorded_at DESC
      LIMIT 1`,
    );
    return rows.length > 0;
  }
}

/**
 * The condition that a fix is in a circle. What its cell can tell is asked first, a hundred times as quickly as a distance.
 * The planner takes next to none to be within any distance, and would look at a whole span to sort what is left; of a CASE
 * it thinks nothing, and goes along the key.
 */
function isWithin({ lat, lng, radius }: Circle) {
  const cells = historyCells(new Circle(lat, lng, radius + ROUNDING), MAX_CELLS);
  return sql`
    ${cells === undefined ? sql`` : sql`AND cell = ANY(${cellNumbers(cells)})`}
    AND CASE WHEN ST_DWithin(location, ST_MakePoint(${lng}, ${lat})::geography, ${radius}) THEN true ELSE false END`;
}
