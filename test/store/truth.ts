import { splitLongToH3Index } from 'h3-js';
import pg from 'pg';
import type { Connection } from '../../src/store/pool.ts';
import type { StoredPosition } from '../../src/store/store.ts';

/** Plain SQL beside the store, as an outside judge. */
export class Truth {
  readonly #client: pg.Client;

  private constructor(client: pg.Client) {
    this.#client = client;
  }

  static async connect(connection: Connection): Promise<Truth> {
    const client = new pg.Client(connection);
    client.on('error', () => {});
    await client.connect();
    return new Truth(client);
  }

  async sql(text: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
    return (await this.#client.query(text, values)).rows;
  }

  /** The table as text, which hides nothing of a number, a time or a place. */
  async positions(): Promise<StoredPosition[]> {
    const rows = await this.sql(
      `SELECT fleet, driver_id, ST_AsBinary(location) AS wkb, cell, recorded_at, received_at,
        accuracy::text, altitude::text, heading::text, speed::text, attributes::text FROM positions`,
    );
    return rows.map((it) => {
      const wkb = it.wkb as Buffer;
      const cell = BigInt(it.cell as string);
      const optional = Object.entries({
        accuracy: it.accuracy,
        altitude: it.altitude,
        heading: it.heading,
        speed: it.speed,
      }).flatMap(([key, value]) => (value === null ? [] : [[key, Number(value)]]));
      return {
        fleet: it.fleet as string,
        driverId: it.driver_id as string,
        // Well-known binary of a point: byte order, type, x, y.
        lng: wkb.readDoubleLE(5),
        lat: wkb.readDoubleLE(13),
        cell: splitLongToH3Index(Number(cell & 0xffffffffn), Number(cell >> 32n)),
        timestamp: (it.recorded_at as Date).getTime(),
        receivedAt: (it.received_at as Date).getTime(),
        ...Object.fromEntries(optional),
        ...(it.attributes === '{}' ? {} : { attributes: JSON.parse(it.attributes as string) }),
      };
    });
  }

  async close(): Promise<void> {
    await this.#client.end();
  }
}
