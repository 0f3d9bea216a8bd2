import { cellToParent, latLngToCell, splitLongToH3Index } from 'h3-js';
import pg from 'pg';
import { expect } from 'vitest';
import type { Connection } from '../../src/store/pool.ts';
import type { StoredFix } from '../../src/store/store.ts';

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

  /** How the server would go about a statement of a fleet: as the role that sees no other. */
  async plan(fleet: string, text: string, values: unknown[], options = 'COSTS OFF'): Promise<string> {
    await this.sql('BEGIN');
    await this.sql("SELECT set_config('role', 'nearcast_fleet', true), set_config('nearcast.fleet', $1, true)", [
      fleet,
    ]);
    const lines = await this.sql(`EXPLAIN (${options}) ${text}`, values);
    await this.sql('ROLLBACK');
    return lines.map((line) => line['QUERY PLAN']).join('\n');
  }

  /** The table of positions as text, which hides nothing of a number, a time or a place. */
  positions(): Promise<StoredFix[]> {
    return this.#rows('positions', 15);
  }

  /** The table of fixes likewise. */
  fixes(): Promise<StoredFix[]> {
    return this.#rows('fixes', 6);
  }

  async #rows(table: string, resolution: number): Promise<StoredFix[]> {
    const rows = await this.sql(
      `SELECT fleet, driver_id, ST_AsBinary(location) AS wkb, cell, recorded_at, received_at,
        accuracy::text, altitude::text, heading::text, speed::text, attributes::text FROM ${table}`,
    );
    return rows.map((it) => {
      const wkb = it.wkb as Buffer;
      const optional = Object.entries({
        accuracy: it.accuracy,
        altitude: it.altitude,
        heading: it.heading,
        speed: it.speed,
      }).flatMap(([key, value]) => (value === null ? [] : [[key, Number(value)]]));
      // Well-known binary of a point: byte order, type, x, y.
      const [lng, lat] = [wkb.readDoubleLE(5), wkb.readDoubleLE(13)];
      const cell = BigInt(it.cell as string);
      const index = splitLongToH3Index(Number(cell & 0xffffffffn), Number(cell >> 32n));
      // The column beside the place, by H3 itself; at the poles every longitude is one place. Rows of a test's own have 0.
      if (cell !== 0n && Math.abs(lat) < 89.9) expect(index).toBe(cellToParent(latLngToCell(lat, lng, 15), resolution));
      return {
        fleet: it.fleet as string,
        driverId: it.driver_id as string,
        lng,
        lat,
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
