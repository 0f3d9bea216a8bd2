import type { RawBuilder } from 'kysely';
import type pg from 'pg';
import { beginAsFleet } from './fleet-role.ts';
import type { StorePool } from './pool.ts';
import { compile } from './statement.ts';
import { StoreUnavailable } from './store.ts';
import { toStoreError } from './store-error.ts';

/** Gives the rows of a statement. @throws {StoreUnavailable | StoreRejected} */
export type Read = <Row>(statement: RawBuilder<Row>) => Promise<readonly Row[]>;

/** Milliseconds for all statements of one snapshot: as long holds a question a connection, however much there is to read. */
const LONGEST = 10_000;

/** Reads the rows of one fleet, for whoever asks over the wire. After an error the connection is discarded; see `run`. */
export class FleetReader {
  readonly #pool: StorePool;
  readonly #asFleet: boolean;
  readonly #settings: readonly string[];

  /**
   * @param pool reaches a migrated database; whoever made it ends it
   * @param asFleet reads as a role that sees no other fleet, whatever the statement asks for; see `ensureFleetRole`
   * @param settings statements that hold for a transaction
   */
  constructor(pool: StorePool, asFleet: boolean, settings: readonly string[] = []) {
    this.#pool = pool;
    this.#asFleet = asFleet;
    this.#settings = settings;
  }

  /** The rows of a statement about a fleet. @throws {StoreUnavailable | StoreRejected} */
  read<Row>(fleet: string, statement: RawBuilder<Row>): Promise<readonly Row[]> {
    return this.#connected(fleet, [], (read) => read(statement));
  }

  /**
   * What statements about a fleet come to that all see the same moment.
   *
   * @throws {StoreUnavailable | StoreRejected} and what `work` throws
   */
  snapshot<T>(fleet: string, work: (read: Read) => Promise<T>): Promise<T> {
    const end = performance.now() + LONGEST;
    return this.#connected(fleet, ['SET TRANSACTION ISOLATION LEVEL REPEATABLE READ'], (read) =>
      work((statement) => {
        if (performance.now() < end) return read(statement);
        throw new StoreUnavailable('There is too much to read for one question');
      }),
    );
  }

  async #connected<T>(fleet: string, settings: readonly string[], work: (read: Read) => Promise<T>): Promise<T> {
    const client = await store(this.#pool.connect());
    try {
      const begin = this.#asFleet ? beginAsFleet(fleet) : 'BEGIN READ ONLY';
      await store(client.query([begin, ...this.#settings, ...settings].join('; ')));
      const result = await work(async <Row>(statement: RawBuilder<Row>) => {
        const { sql, parameters } = compile(statement);
        return (await store(client.query<Row & pg.QueryResultRow>(sql, [...parameters]))).rows;
      });
      await store(client.query('COMMIT'));
      client.release();
      return result;
    } catch (error) {
      client.release(true);
      throw error;
    }
  }
}

/** What the database gives, or its error as one of the store's. */
async function store<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw toStoreError(error);
  }
}
