import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FixReader } from '../../src/store/fix-reader.ts';
import { ensureFleetRole } from '../../src/store/fleet-role.ts';
import { migrate } from '../../src/store/migrate.ts';
import { Partitions } from '../../src/store/partitions.ts';
import { type Connection, StorePool } from '../../src/store/pool.ts';
import { PostgisStore } from '../../src/store/postgis.ts';
import { late, positions, row, T0 } from './rows.ts';
import { Truth } from './truth.ts';

const FLEETS = ['a', 'b', 'c'];
const TABLES = ['positions', 'fixes'];
const HOSTILE = [
  "a' OR true --",
  "'; RESET ROLE; SELECT '",
  "\\'; RESET ROLE; --",
  '',
  'A',
  'a ',
  '%',
  'a\u2019',
  'null',
];

/** What the database itself has to see to, so that no statement can mix fleets. */
export function rowSecurityContract(name: string, connect: () => Promise<Connection>): void {
  describe(`row-level security of ${name}`, () => {
    let truth: Truth;
    let pool: StorePool;
    let store: PostgisStore;
    beforeAll(async () => {
      const connection = await connect();
      await migrate(connection);
      expect(await ensureFleetRole(connection)).toBeUndefined();
      truth = await Truth.connect(connection);
      await truth.sql('TRUNCATE positions, fixes');
      pool = new StorePool(connection);
      store = new PostgisStore(pool, { partitions: new Partitions(pool, 1, () => T0) });
      const fixes = FLEETS.flatMap((fleet) =>
        Array.from({ length: 30 }, (_, n) => row(`d${n % 5}`, { fleet, timestamp: T0 + n * 4_000_000 })),
      );
      await store.write([...late(fixes), ...positions(fixes.slice(-1)), ...positions(fixes.slice(0, 1))]);
      await store.write(positions(FLEETS.map((fleet) => row('d', { fleet }))));
    }, 60_000);
    afterAll(async () => {
      await truth?.close();
      await store?.close();
    }, 30_000);

    /** Does something as the role that sees one fleet, in plain SQL; with nothing set where there is none. */
    const as = async (fleet: string | undefined, statement: string) => {
      await truth.sql('BEGIN');
      try {
        await truth.sql('SET LOCAL ROLE nearcast_fleet');
        if (fleet !== undefined) await truth.sql("SELECT set_config('nearcast.fleet', $1, true)", [fleet]);
        return await truth.sql(statement);
      } finally {
        await truth.sql('ROLLBACK');
      }
    };
    const fleetsOf = (rows: readonly Record<string, unknown>[]) => [...new Set(rows.map((it) => it.fleet))].sort();

    it.each(TABLES)('shows of %s the fleet that is set alone, though the statement names none', async (table) => {
      const everything = await truth.sql(`SELECT fleet FROM ${table}`);
      expect(fleetsOf(everything)).toEqual(FLEETS);
      for (const fleet of FLEETS) {
        const rows = await as(fleet, `SELECT fleet FROM ${table}`);
        expect(rows.length).toBe(everything.filter((it) => it.fleet === fleet).length);
        expect(fleetsOf(rows)).toEqual([fleet]);
        for (const other of FLEETS) {
          if (other === fleet) continue;
          expect(await as(fleet, `SELECT 1 FROM ${table} WHERE fleet = '${other}'`)).toEqual([]);
        }
      }
    });

    it.each(TABLES)('shows nothing of %s where no fleet is set, or none that there is', async (table) => {
      for (const fleet of [undefined, ...HOSTILE]) expect(await as(fleet, `SELECT 1 FROM ${table}`)).toEqual([]);
      expect((await truth.sql(`SELECT 1 FROM ${table}`)).length).toBeGreaterThan(0);
    });

    it('lets nobody pass by it: not by a partition, not by writing, and not by a condition that is looked at first', async () => {
      const [{ name: partition }] = await truth.sql(
        "SELECT relid::text AS name FROM pg_partition_tree('fixes') WHERE isleaf LIMIT 1",
      );
      const denied = { code: '42501' };
      await expect(as('a', `SELECT 1 FROM ${partition}`)).rejects.toMatchObject(denied);
      for (const table of TABLES) {
        await expect(as('a', `UPDATE ${table} SET fleet = 'b'`)).rejects.toMatchObject(denied);
        await expect(as('a', `DELETE FROM ${table}`)).rejects.toMatchObject(denied);
        await expect(as('a', `INSERT INTO ${table} SELECT * FROM ${table}`)).rejects.toMatchObject(denied);
        await expect(as('a', `ALTER TABLE ${table} DISABLE ROW LEVEL SECURITY`)).rejects.toMatchObject(denied);
        // Looked at before the policy, it would fail at a row of another fleet.
        const sly = `SELECT 1 FROM ${table} WHERE 1 / (CASE WHEN fleet = 'b' THEN 0 ELSE 1 END) > 0`;
        expect((await as('a', sly)).length).toBeGreaterThan(0);
      }
    });

    it('is how the past is read: whatever a statement asks for, it is given one fleet', async () => {
      const reader = new FixReader(pool, true);
      const all = sql<{ fleet: string }>`SELECT fleet FROM fixes`;
      for (const fleet of FLEETS) expect(fleetsOf(await reader.read(fleet, all))).toEqual([fleet]);
      for (const fleet of HOSTILE) expect(await reader.read(fleet, all)).toEqual([]);
      await expect(reader.read('a', sql`DELETE FROM fixes`)).rejects.toThrow();
      await expect(reader.read('a', sql`SELECT 1 / 0 FROM fixes`)).rejects.toThrow();
      // What was set is gone with the transaction, however it ended.
      expect(fleetsOf((await pool.query('SELECT fleet FROM fixes')).rows)).toEqual(FLEETS);
      expect(await truth.sql("SELECT current_setting('nearcast.fleet', true) AS fleet, current_role AS role")).toEqual([
        { fleet: expect.toSatisfy((it) => it === null || it === ''), role: 'postgres' },
      ]);
    });

    it('stands when fleets are read and written at once', async () => {
      const reader = new FixReader(pool, true);
      const reads = Array.from({ length: 60 }, async (_, n) => {
        const fleet = FLEETS[n % 3];
        if (n % 10 === 9) await reader.read(fleet, sql`SELECT 1 / 0 FROM fixes`).catch(() => {});
        const rows = await reader.read<{ fleet: string }>(fleet, sql`SELECT fleet, pg_sleep(0) FROM fixes`);
        expect(fleetsOf(rows)).toEqual([fleet]);
      });
      const writes = Array.from({ length: 20 }, (_, n) =>
        store.write(positions(FLEETS.map((fleet) => row(`new${n}`, { fleet, timestamp: T0 + n })))),
      );
      await Promise.all([...reads, ...writes]);
      expect(await truth.sql("SELECT 1 FROM fixes WHERE driver_id LIKE 'new%'")).toHaveLength(60);
    });
  });
}
