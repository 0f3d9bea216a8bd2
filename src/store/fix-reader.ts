import { Kysely, PostgresDialect, type RawBuilder, sql } from 'kysely';
import type pg from 'pg';
import { DomainError } from '../errors.ts';
import type { StorePool } from './pool.ts';
import type { Schema } from './schema.ts';
import { StoreUnavailable } from './store.ts';
import { toStoreError } from './store-error.ts';

/** Reads the table of fixes, for whoever asks over the wire. */
export class FixReader {
  readonly #pool: StorePool;
  readonly #db: Kysely<Schema>;

  /** @param pool reaches a migrated database; whoever made it ends it */
  constructor(pool: StorePool) {
    this.#pool = pool;
    this.#db = new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) });
  }

  /**
   * The rows of a statement. It goes through the pool itself, which discards a connection after an error; see `PostgisStore`.
   *
   * @throws {DomainError} `unavailable` when the store does not answer
   */
  async read<Row>(statement: RawBuilder<Row>): Promise<readonly Row[]> {
    const query = statement.compile(this.#db);
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
 * A time as the database reads it, from epoch milliseconds. Its cast from text is the parameter itself, which is known when
 * the statement is planned, so that partitions of other days are not even opened; an expression would be known only after
 * that.
 */
export function moment(milliseconds: number): RawBuilder<Date> {
  return sql<Date>`${new Date(milliseconds).toISOString()}::timestamptz`;
}
