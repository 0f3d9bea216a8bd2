import { type CompiledQuery, Kysely, PostgresDialect, type RawBuilder, sql } from 'kysely';
import type pg from 'pg';
import type { Attributes } from '../fix.ts';
import type { StorePool } from './pool.ts';
import type { Schema } from './schema.ts';
import type { DriverKey, Store, StoredPosition } from './store.ts';
import { toStoreError } from './store-error.ts';
import type { Upkeep } from './upkeep.ts';

/** Rows read at a time: about a megabyte of answer. */
const LOAD_BATCH = 5_000;

/**
 * Positions in PostgreSQL with PostGIS. Numbers come back bit for bit, except that −0 becomes 0; times to the
 * millisecond. Attributes that are absent and attributes without a key are one and the same.
 */
export class PostgisStore implements Store {
  readonly #pool: StorePool;
  readonly #db: Kysely<Schema>;
  readonly #upkeep: Upkeep | undefined;
  readonly #staleAfter: number;
  #closed: Promise<void> | undefined;

  /**
   * @param pool reaches a migrated database; `close` ends it
   * @param upkeep for a database that has no autovacuum and no checkpointer of its own
   * @param staleAfter milliseconds after which a driver of whom nothing was received is forgotten
   */
  constructor(pool: StorePool, upkeep?: Upkeep, staleAfter = Number.POSITIVE_INFINITY) {
    this.#pool = pool;
    this.#upkeep = upkeep;
    this.#staleAfter = staleAfter;
    this.#db = new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) });
  }

  async writePositions(rows: readonly StoredPosition[]): Promise<void> {
    if (rows.length === 0) return;
    await this.#run(upsert(rows, this.#staleAfter).compile(this.#db));
    this.#upkeep?.written(rows.length);
  }

  async removePositions(drivers: readonly DriverKey[]): Promise<void> {
    if (drivers.length === 0) return;
    await this.#run(remove(drivers).compile(this.#db));
    this.#upkeep?.written(drivers.length);
  }

  async *loadPositions(since: number): AsyncGenerator<readonly StoredPosition[]> {
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
            sql<string>`to_hex(cell)`.as('cell'),
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
      throw toStoreError(error);
    }
  }
}

/**
 * One statement for a whole batch. The rows travel as one JSON text, of arrays: measured faster than a dozen array
 * parameters, on both engines. They are sorted so that two writers meet them in the same order and never deadlock.
 */
function upsert(rows: readonly StoredPosition[], staleAfter: number) {
  const forgotten = Number.isFinite(staleAfter)
    ? sql<boolean>`positions.received_at < excluded.received_at - ${staleAfter}::float8 * interval '1 millisecond'`
    : sql<boolean>`false`;
  return sql<never>`
    INSERT INTO positions (fleet, driver_id, location, cell, recorded_at, received_at,
      accuracy, altitude, heading, speed, attributes)
    SELECT r->>0, r->>1, ST_MakePoint((r->>2)::float8, (r->>3)::float8)::geography, (r->>4)::bigint,
      ${time(sql`(r->>5)::float8`)}, ${time(sql`(r->>6)::float8`)},
      (r->>7)::float8, (r->>8)::float8, (r->>9)::float8, (r->>10)::float8, r->11
    FROM jsonb_array_elements(${JSON.stringify(rows.map(toTuple))}::jsonb) AS r
    ORDER BY (r->>0) COLLATE "C", (r->>1) COLLATE "C"
    ON CONFLICT (fleet, driver_id) DO UPDATE SET
      location = excluded.location, cell = excluded.cell,
      recorded_at = excluded.recorded_at, received_at = excluded.received_at,
      accuracy = excluded.accuracy, altitude = excluded.altitude,
      heading = excluded.heading, speed = excluded.speed, attributes = excluded.attributes
    WHERE positions.recorded_at < excluded.recorded_at OR ${forgotten}`;
}

/** One statement for all. The rows are locked in the order in which they are written, so that here too nobody deadlocks. */
function remove(drivers: readonly DriverKey[]) {
  const keys = JSON.stringify(drivers.map(({ fleet, driverId }) => [fleet, driverId]));
  return sql<never>`
    DELETE FROM positions USING (
      SELECT fleet, driver_id FROM positions
      WHERE (fleet, driver_id) IN (SELECT r->>0, r->>1 FROM jsonb_array_elements(${keys}::jsonb) AS r)
      ORDER BY fleet, driver_id
      FOR UPDATE
    ) AS gone
    WHERE positions.fleet = gone.fleet AND positions.driver_id = gone.driver_id`;
}

/** PostGIS takes longitude first. An H3 index has its highest bit clear, so it fits a signed 64-bit integer. */
function toTuple(row: StoredPosition): readonly unknown[] {
  return [
    row.fleet,
    row.driverId,
    row.lng,
    row.lat,
    BigInt(`0x${row.cell}`).toString(),
    row.timestamp,
    row.receivedAt,
    row.accuracy,
    row.altitude,
    row.heading,
    row.speed,
    row.attributes ?? {},
  ];
}

/**
 * A time from epoch milliseconds. `to_timestamp` would go through seconds, which a float8 cannot hold exactly;
 * milliseconds times an interval stay whole microseconds.
 */
function time(milliseconds: RawBuilder<unknown>): RawBuilder<Date> {
  return sql<Date>`(timestamptz 'epoch' + ${milliseconds} * interval '1 millisecond')`;
}

/** A row as `loadPositions` selects it. */
interface LoadedRow {
  fleet: string;
  driverId: string;
  lat: number;
  lng: number;
  cell: string;
  timestamp: number;
  receivedAt: number;
  accuracy: number | null;
  altitude: number | null;
  heading: number | null;
  speed: number | null;
  attributes: Attributes;
}

function toPosition(row: LoadedRow): StoredPosition {
  const position: { -readonly [K in keyof StoredPosition]: StoredPosition[K] } = {
    fleet: row.fleet,
    driverId: row.driverId,
    lat: row.lat,
    lng: row.lng,
    cell: row.cell,
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
