import { type RawBuilder, sql } from 'kysely';
import type pg from 'pg';
import { DomainError } from '../errors.ts';
import { beginAsFleet } from './fleet-role.ts';
import type { StorePool } from './pool.ts';
import { compile } from './statement.ts';
import { StoreUnavailable } from './store.ts';
import { toStoreError } from './store-error.ts';

/** Reads the fixes of one fleet, for whoever asks over the wire. */
export class FixReader {
  readonly #pool: StorePool;
  readonly #asFleet: boolean;

  /**
   * @param pool reaches a migrated database; whoever made it ends it
   * @param asFleet reads as a role that sees no other fleet, whatever the statement asks for; see `ensureFleetRole`
   */
  constructor(pool: StorePool, asFleet: boolean) {
    this.#pool = pool;
    this.#asFleet = asFleet;
  }

  /**
   * The rows of a statement about a fleet. After an error the connection is discarded, and with it all that was set; see
   * `run`.
   *
   * @throws {DomainError} `unavailable` when the store does not answer
   */
  async read<Row>(fleet: string, statement: RawBuilder<Row>): Promise<readonly Row[]> {
    const { sql: text, parameters } = compile(statement);
    try {
      const client = await this.#pool.connect();
      try {
        if (this.#asFleet) await client.query(beginAsFleet(fleet));
        const { rows } = await client.query<Row & pg.QueryResultRow>(text, [...parameters]);
        if (this.#asFleet) await client.query('COMMIT');
        client.release();
        return rows;
      } catch (error) {
        client.release(true);
        throw error;
      }
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
