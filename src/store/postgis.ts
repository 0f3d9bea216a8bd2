import { type CompiledQuery, Kysely, PostgresDialect, sql } from 'kysely';
import type pg from 'pg';
import type { Attributes } from '../fix.ts';
import { outcomeOf } from './outcome.ts';
import { Partitions } from './partitions.ts';
import type { StorePool } from './pool.ts';
import type { Schema } from './schema.ts';
import { type Entry, type Store, type StoredFix, StoreUnavailable } from './store.ts';
import { isDeadlock, toStoreError } from './store-error.ts';
import { time } from './time.ts';
import type { Upkeep } from './upkeep.ts';
import { writeStatement } from './write-statement.ts';

/** Rows read at a time: about a megabyte of answer. */
const LOAD_BATCH = 5_000;

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
  readonly #db: Kysely<Schema>;
  readonly #upkeep: Upkeep | undefined;
  readonly #staleAfter: number;
  #closed: Promise<void> | undefined;

  /** @param pool reaches a migrated database; `close` ends it */
  constructor(pool: StorePool, { partitions, upkeep, staleAfter }: PostgisOptions = {}) {
    this.#pool = pool;
    this.#partitions = partitions ?? new Partitions(pool, 0);
    this.#upkeep = upkeep;
    this.#staleAfter = staleAfter ?? Number.POSITIVE_INFINITY;
    this.#db = new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) });
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
    const statement = writeStatement(history, outcomeOf(entries), this.#staleAfter);
    if (statement === undefined) return;
    const query = statement.compile(this.#db);
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#run(query);
        break;
      } catch (error) {
        // The parts of the statement meet their drivers in an order of their own, so two writers can wait for each other.
        if (attempt === MAX_DEADLOCKS || !isDeadlock(error)) throw error;
      }
    }
    this.#upkeep?.written(entries.length + history.length);
  }

  async *loadPositions(since: number): AsyncGenerator<readonly StoredFix[]> {
    let fleet = '';
    let driverId = '';
    for (;;) {
      // Keyset pages along the primary key hold neither a connection nor a snapshot open while the reader works.
      const rows = await this.#run(
        this.#db
          .selectFrom('positions')
          .select([
            'fleet',
            'driver_id as driverId',
            sql<number>`ST_Y(location::geometry)`.as('lat'),
            sql<number>`ST_X(location::geometry)`.as('lng'),
            sql<number>`(extract(epoch FROM recorded_at) * 1000)::float8`.as('timestamp'),
            sql<number>`(extract(epoch FROM received_at) * 1000)::float8`.as('receivedAt'),
            'accuracy',
            'altitude',
            'heading',
            'speed',
            'attributes',
          ])
          .where(sql<boolean>`(fleet, driver_id) > (${fleet}, ${driverId})`)
          .where(sql<boolean>`received_at >= ${time(sql`${since}::float8`)}`)
          .orderBy('fleet')
          .orderBy('driver_id')
          .limit(LOAD_BATCH)
          .compile(),
      );
      if (rows.length > 0) yield rows.map(toPosition);
      if (rows.length < LOAD_BATCH) return;
      const last = rows[rows.length - 1];
      fleet = last.fleet;
      driverId = last.driverId;
    }
  }

  async ping(): Promise<void> {
    this.#upkeep?.admit();
    await this.#run(sql`SELECT 1`.compile(this.#db));
  }

  close(): Promise<void> {
    this.#closed ??= this.#pool.finish();
    return this.#closed;
  }

  /**
   * Sends a query through the pool itself: after an error, a timeout too, the pool discards the connection, which
   * Kysely would hand out again with the old answer still to come.
   */
  async #run<Row>(query: CompiledQuery<Row>): Promise<readonly Row[]> {
    try {
      const result = await this.#pool.query<Row & pg.QueryResultRow>(query.sql, [...query.parameters]);
      return result.rows;
    } catch (error) {
      if (this.#partitions.lost(error))
        throw new StoreUnavailable('A partition of the history is gone', { cause: error });
      throw toStoreError(error);
    }
  }
}

function* timestamps(fixes: readonly StoredFix[]): Iterable<number> {
  for (const { timestamp } of fixes) yield timestamp;
}

/** A row as `loadPositions` selects it. */
interface LoadedRow {
  fleet: string;
  driverId: string;
  lat: number;
  lng: number;
  timestamp: number;
  receivedAt: number;
  accuracy: number | null;
  altitude: number | null;
  heading: number | null;
  speed: number | null;
  attributes: Attributes;
}

function toPosition(row: LoadedRow): StoredFix {
  const position: { -readonly [K in keyof StoredFix]: StoredFix[K] } = {
    fleet: row.fleet,
    driverId: row.driverId,
    lat: row.lat,
    lng: row.lng,
    timestamp: row.timestamp,
    receivedAt: row.receivedAt,
  };
  if (row.accuracy !== null) position.accuracy = row.accuracy;
  if (row.altitude !== null) position.altitude = row.altitude;
  if (row.heading !== null) position.heading = row.heading;
  if (row.speed !== null) position.speed = row.speed;
  if (Object.keys(row.attributes).length > 0) position.attributes = row.attributes;
  return position;
}
