import { type CompiledQuery, Kysely, PostgresDialect, sql } from 'kysely';
import type pg from 'pg';
import { DomainError } from '../errors.ts';
import type { Position } from '../fix.ts';
import type { TrackSource } from '../history/track-source.ts';
import { FIX_COLUMNS, type FixRow, toFix } from './fix-row.ts';
import type { StorePool } from './pool.ts';
import type { Schema } from './schema.ts';
import { StoreUnavailable } from './store.ts';
import { toStoreError } from './store-error.ts';

/** Tracks out of the table of fixes, along its primary key. */
export class PostgisTracks implements TrackSource {
  readonly #pool: StorePool;
  readonly #db: Kysely<Schema>;

  /** @param pool reaches a migrated database; whoever made it ends it */
  constructor(pool: StorePool) {
    this.#pool = pool;
    this.#db = new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) });
  }

  async track(fleet: string, driverId: string, from: number, to: number, limit: number): Promise<readonly Position[]> {
    const rows = await this.#run(
      sql<FixRow>`
        SELECT ${FIX_COLUMNS} FROM fixes
        WHERE fleet = ${fleet} AND driver_id = ${driverId}
          AND recorded_at BETWEEN ${toText(from)}::timestamptz AND ${toText(to)}::timestamptz
        ORDER BY recorded_at
        LIMIT ${limit}`.compile(this.#db),
    );
    return rows.map(toFix);
  }

  async knows(fleet: string, driverId: string): Promise<boolean> {
    // Any would do; but were it not for the order, the planner might look for one through the whole table.
    const rows = await this.#run(
      sql`
        SELECT 1 FROM fixes
        WHERE fleet = ${fleet} AND driver_id = ${driverId}
        ORDER BY recorded_at DESC
        LIMIT 1`.compile(this.#db),
    );
    return rows.length > 0;
  }

  /** Through the pool itself, which discards a connection after an error; see `PostgisStore`. */
  async #run<Row>(query: CompiledQuery<Row>): Promise<readonly Row[]> {
    try {
      const result = await this.#pool.query<Row & pg.QueryResultRow>(query.sql, [...query.parameters]);
      return result.rows;
    } catch (error) {
      const cause = toStoreError(error);
      if (!(cause instanceof StoreUnavailable)) throw cause;
      throw new DomainError('unavailable', 'The history cannot be read now; try again later.');
    }
  }
}

/**
 * A time as the database reads it. Its cast from text is the parameter itself, which is known when the statement is
 * planned, so that partitions of other days are not even opened; an expression would be known only after that.
 */
function toText(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
