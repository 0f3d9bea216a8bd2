import {
  type CompiledQuery,
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type RawBuilder,
} from 'kysely';
import type pg from 'pg';
import type { StorePool } from './pool.ts';
import { toStoreError } from './store-error.ts';

/** Writes statements down, and runs none. */
const writer = new Kysely<unknown>({
  dialect: {
    createAdapter: () => new PostgresAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (db) => new PostgresIntrospector(db),
    createQueryCompiler: () => new PostgresQueryCompiler(),
  },
});

/** A statement as it goes to the server. */
export function compile<Row>(statement: RawBuilder<Row>): CompiledQuery<Row> {
  return statement.compile(writer);
}

/**
 * The rows of a statement. It goes through the pool itself: after an error, a timeout too, the pool discards the connection,
 * which Kysely would hand out again with the old answer still to come.
 *
 * @throws {StoreUnavailable | StoreRejected}
 */
export async function run<Row>(pool: StorePool, statement: RawBuilder<Row>): Promise<readonly Row[]> {
  const { sql, parameters } = compile(statement);
  try {
    return (await pool.query<Row & pg.QueryResultRow>(sql, [...parameters])).rows;
  } catch (error) {
    throw toStoreError(error);
  }
}
