import { type CompiledQuery, sql } from 'kysely';
import type pg from 'pg';
import { Abandoned } from './abandoned.ts';
import { loadPositions, type RawRow } from './load-positions.ts';
import { outcomeOf } from './outcome.ts';
import { Partitions } from './partitions.ts';
import type { StorePool } from './pool.ts';
import { compile, run } from './statement.ts';
import { type Entry, type LoadProgress, type Store, type StoredFix, StoreRejected, StoreUnavailable } from './store.ts';
import { isDeadlock, toStoreError } from './store-error.ts';
import type { Upkeep } from './upkeep.ts';
import { writeStatement } from './write-statement.ts';

/** Leaves every value the text that it came as. */
const RAW_TYPES = { getTypeParser: () => (text: string) => text };

/** How often in a row a write may be undone for another writer's sake before it counts as failed. */
const MAX_DEADLOCKS = 10;

export interface PostgisOptions {
  /** Where history goes; absent: there is none. */
  readonly partitions?: Partitions;
  /** For a database that has no autovacuum and no checkpointer of its own. */
  readonly upkeep?: Upkeep;
  /** Milliseconds after which a driver of whom nothing was received is forgotten; absent: never. */
  readonly staleAfter?: number;
}

/**
 * Positions and their history in PostgreSQL with PostGIS. Numbers come back bit for bit, except that −0 becomes 0; times to the
 * millisecond. Attributes that are absent and attributes without a key are one and the same.
 */
export class PostgisStore implements Store {
  readonly #pool: StorePool;
  readonly #partitions: Partitions;
  readonly #abandoned: Abandoned;
  readonly #upkeep: Upkeep | undefined;
  readonly #staleAfter: number;
  #closed: Promise<void> | undefined;

  /** @param pool reaches a migrated database; `close` ends it */
  constructor(pool: StorePool, { partitions, upkeep, staleAfter }: PostgisOptions = {}) {
    this.#pool = pool;
    this.#partitions = partitions ?? new Partitions(pool, 0);
    this.#abandoned = new Abandoned(pool);
    this.#upkeep = upkeep;
    this.#staleAfter = staleAfter ?? Number.POSITIVE_INFINITY;
  }

  async write(entries: readonly Entry[]): Promise<void> {
    if (entries.length === 0) return;
    this.#upkeep?.admit();
    const since = this.#partitions.since;
    const history: StoredFix[] = [];
    for (const entry of entries) {
      if (entry.kind !== 'removal' && entry.fix.timestamp >= since) history.push(entry.fix);
    }
    if (history.length > 0) await this.#partitions.ensure(timestamps(history));
    const query = this.#statement(entries, history);
    if (query === undefined) return;
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#commit(query);
        break;
      } catch (error) {
        // The parts of the statement meet their drivers in an order of their own, so two writers can wait for each other.
        if (attempt === MAX_DEADLOCKS || !isDeadlock(error)) throw error;
      }
    }
    this.#upkeep?.written(entries.length + history.length);
  }

  /** @throws {StoreRejected} an entry that cannot be written down never will be, and must not hold up the others */
  #statement(entries: readonly Entry[], history: readonly StoredFix[]): CompiledQuery | undefined {
    try {
      const statement = writeStatement(history, outcomeOf(entries, this.#staleAfter), this.#staleAfter);
      return statement && compile(statement);
    } catch (error) {
      throw new StoreRejected(String(error), { cause: error });
    }
  }

  loadPositions(since: number, onProgress?: LoadProgress): AsyncGenerator<readonly StoredFix[]> {
    return loadPositions((text, values) => this.#raw(text, values), since, onProgress);
  }

  async ping(): Promise<void> {
    this.#upkeep?.admit();
    await run(this.#pool, sql`SELECT 1`);
  }

  close(): Promise<void> {
    this.#closed ??= this.#pool.finish();
    return this.#closed;
  }

  /** Runs what writes, once nothing that was told before can still be done after it. */
  async #commit(query: CompiledQuery): Promise<void> {
    // pg tells the session's process, its types do not.
    let client: pg.PoolClient & { readonly processID?: number | null };
    try {
      await this.#abandoned.end();
      client = await this.#pool.connect();
    } catch (error) {
      throw toStoreError(error);
    }
    try {
      await client.query(query.sql, [...query.parameters]);
      client.release();
    } catch (error) {
      client.release(true);
      if (this.#partitions.lost(error))
        throw new StoreUnavailable('A partition of the history is gone', { cause: error });
      // A session that answered, if only with an error, is done.
      if (!(error instanceof Error && 'severity' in error) && typeof client.processID === 'number')
        this.#abandoned.add(client.processID);
      throw toStoreError(error);
    }
  }

  /** As `run`, without taking the values apart. */
  async #raw(text: string, values: readonly unknown[]): Promise<readonly RawRow[]> {
    try {
      return (await this.#pool.query<RawRow>({ text, values: [...values], types: RAW_TYPES as never })).rows;
    } catch (error) {
      throw toStoreError(error);
    }
  }
}

function* timestamps(fixes: readonly StoredFix[]): Iterable<number> {
  for (const { timestamp } of fixes) yield timestamp;
}
