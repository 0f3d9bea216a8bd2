import pg from 'pg';
import { startPostgres, type TestPostgres } from '../../test/support/postgres.ts';
import type { Places } from '../places.ts';
import type { Job } from '../rounds.ts';
import type { Walk } from '../walk.ts';
import { type Contestant, type Found, HAVERSINE } from './contestant.ts';

const CONNECTIONS = 4;
/** Rows of an upsert. */
const BATCH = 1000;

const NEAREST = {
  name: 'nearest',
  text: `
    SELECT driver, ST_Distance(place, centre) AS distance
    FROM position, CAST(ST_SetSRID(ST_MakePoint($1, $2), 4326) AS geography) AS centre
    WHERE ST_DWithin(place, centre, $3)
    ORDER BY place <-> centre
    LIMIT $4`,
  rowMode: 'array',
} as const;

const UPSERT = {
  name: 'upsert',
  text: `
    INSERT INTO position
    SELECT driver, ST_SetSRID(ST_MakePoint(lng, lat), 4326)
    FROM unnest($1::int[], $2::float8[], $3::float8[]) AS fix (driver, lng, lat)
    ON CONFLICT (driver) DO UPDATE SET place = excluded.place`,
} as const;

/** PostGIS with `geography` and a GiST index, asked with ST_DWithin and the order of `<->`. */
export class PostgisGeography implements Contestant {
  readonly name = 'PostGIS';
  /** `<->` orders by the great circle; the distances are those of the ellipsoid. */
  readonly tolerance = HAVERSINE;
  readonly #postgres: TestPostgres;
  readonly #clients: pg.Client[];
  readonly #version: string;

  private constructor(version: string, postgres: TestPostgres, clients: pg.Client[]) {
    this.#version = version;
    this.#postgres = postgres;
    this.#clients = clients;
  }

  /** Starts a private server with the programs in `bin`. */
  static async start(bin: string): Promise<PostgisGeography> {
    const postgres = await startPostgres(bin);
    const clients = Array.from({ length: CONNECTIONS }, () => new pg.Client({ connectionString: postgres.url }));
    for (const client of clients) {
      client.on('error', () => {
        // Whoever waits for an answer hears of it.
      });
    }
    await Promise.all(clients.map((client) => client.connect()));
    const [first] = clients;
    await first.query(`
      CREATE EXTENSION postgis;
      CREATE TABLE position (driver int PRIMARY KEY, place geography(Point) NOT NULL);
      CREATE INDEX ON position USING gist (place)`);
    const { rows } = await first.query(
      "SELECT PostGIS_Lib_Version() || ' on PostgreSQL ' || current_setting('server_version') AS version",
    );
    return new PostgisGeography(rows[0].version, postgres, clients);
  }

  async build({ lats, lngs }: Places): Promise<void> {
    const drivers = Int32Array.from(lats, (_, driver) => driver);
    await this.#upsert({ drivers, lats, lngs }, lats.length);
    await this.#clients[0].query('VACUUM ANALYZE position');
  }

  nearest(lat: number, lng: number, radius: number, limit: number): Promise<Found> {
    return this.#nearest(0, lat, lng, radius, limit);
  }

  queries({ lats, lngs }: Places, radius: number, limit: number): Job {
    let next = 0;
    return {
      least: CONNECTIONS,
      run: async (count) => {
        let left = count;
        let sum = 0;
        const ask = async (connection: number) => {
          while (left-- > 0) {
            next = (next + 1) % lats.length;
            const { drivers, distances } = await this.#nearest(connection, lats[next], lngs[next], radius, limit);
            if (drivers.length > 0) sum += drivers[0] + distances[distances.length - 1];
          }
        };
        await Promise.all(this.#clients.map((_, connection) => ask(connection)));
        return sum;
      },
    };
  }

  updates(walk: Walk): Job {
    return {
      least: BATCH * CONNECTIONS,
      prepare: (count) => walk.prepare(count),
      run: (count) => this.#upsert(walk, count),
    };
  }

  async bytes(): Promise<number> {
    const { rows } = await this.#clients[0].query("SELECT pg_total_relation_size('position')::float8 AS bytes");
    return rows[0].bytes;
  }

  notes(): string[] {
    return [`PostGIS is ${this.#version}, ${CONNECTIONS} connections, upserts of ${BATCH} rows, fsync off.`];
  }

  async close(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.end()));
    await this.#postgres.stop();
  }

  async #nearest(connection: number, lat: number, lng: number, radius: number, limit: number): Promise<Found> {
    const { rows } = await this.#clients[connection].query<[number, number]>({
      ...NEAREST,
      values: [lng, lat, radius, limit],
    });
    return { drivers: rows.map(([driver]) => driver), distances: rows.map(([, distance]) => distance) };
  }

  async #upsert({ drivers, lats, lngs }: Places & Pick<Walk, 'drivers'>, count: number): Promise<number> {
    let next = 0;
    const send = async (connection: number) => {
      while (next < count) {
        const from = next;
        next = Math.min(next + BATCH, count);
        const rows = [drivers, lngs, lats].map((column) => Array.from(column.subarray(from, next)));
        await this.#clients[connection].query({ ...UPSERT, values: rows });
      }
    };
    await Promise.all(this.#clients.map((_, connection) => send(connection)));
    return count;
  }
}
