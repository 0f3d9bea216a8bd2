import { sql } from 'kysely';
import type { Position } from '../fix.ts';
import type { TrackSource } from '../history/track-source.ts';
import { type FixReader, moment } from './fix-reader.ts';
import { FIX_COLUMNS, type FixRow, toFix } from './fix-row.ts';

/** Tracks out of the table of fixes, along its primary key. */
export class PostgisTracks implements TrackSource {
  readonly #fixes: FixReader;

  constructor(fixes: FixReader) {
    this.#fixes = fixes;
  }

  async track(fleet: string, driverId: string, from: number, to: number, limit: number): Promise<readonly Position[]> {
    const rows = await this.#fixes.read(
      fleet,
      sql<FixRow>`
      SELECT ${FIX_COLUMNS} FROM fixes
      WHERE fleet = ${fleet} AND driver_id = ${driverId} AND recorded_at BETWEEN ${moment(from)} AND ${moment(to)}
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
