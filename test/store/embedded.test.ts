import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { DataDirInUse } from '../../src/store/data-dir-lock.ts';
import { EmbeddedDatabase } from '../../src/store/embedded.ts';
import { migrate } from '../../src/store/migrate.ts';
import { StorePool } from '../../src/store/pool.ts';
import { PostgisStore } from '../../src/store/postgis.ts';
import { StoreUnavailable } from '../../src/store/store.ts';
import { Upkeep } from '../../src/store/upkeep.ts';
import { slowTest } from '../support/slow.ts';
import { positions, row, T0 } from './rows.ts';
import { Truth } from './truth.ts';

let scratch: string;
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'nearcast-test-'));
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

describe('the embedded database', () => {
  let database: EmbeddedDatabase;
  const dataDir = () => join(scratch, 'shared');
  const lines: string[] = [];
  beforeAll(async () => {
    database = await EmbeddedDatabase.start({ dataDir: dataDir(), log: (line) => lines.push(line) });
    await migrate(database.connection);
  }, 60_000);
  afterAll(() => database?.stop(), 30_000);

  it('is nobody else’s: the data, and the socket', () => {
    for (const dir of [dataDir(), join(dataDir(), 'postgres'), database.connection.host as string]) {
      expect(statSync(dir).mode & 0o777).toBe(0o700);
    }
  });

  it('waits for the disk at each commit', async () => {
    const truth = await Truth.connect(database.connection);
    const names = ['fsync', 'synchronous_commit', 'wal_sync_method'];
    const settings = await truth.sql('SELECT setting FROM pg_settings WHERE name = ANY ($1) ORDER BY name', [names]);
    expect(settings.map(({ setting }) => setting)).toEqual(['on', 'on', 'fsync']);
    await truth.close();
  });

  it('refuses a second start in its directory, and names the process', async () => {
    const second = EmbeddedDatabase.start({ dataDir: dataDir() });
    await expect(second).rejects.toThrow(DataDirInUse);
    await expect(second).rejects.toThrow(`${dataDir()} is in use by process ${process.pid}`);
  }, 15_000);

  it('keeps the statements of many connections apart, however long they are', async () => {
    // Most wait for one of the few connections: on a busy machine longer than a pool would usually let them.
    const pool = new StorePool(database.connection, { connectTimeout: 60_000 });
    // Megabytes, so that each statement arrives in many pieces, and of two shapes, so that mistaking shows.
    const results = await Promise.all(
      Array.from({ length: 24 }, async (_, n) => {
        const text = `${n}`.padEnd(3_000_000, 'x');
        const { rows } =
          n % 2 === 0
            ? await pool.query('SELECT $1::text AS text', [text])
            : await pool.query('SELECT $2::int AS n, $1::text AS text', [text, n]);
        return rows[0].text === text;
      }),
    );
    expect(results).not.toContain(false);
    await pool.finish();
  }, 60_000);

  it('rolls back what a connection left open, and serves the others', async () => {
    const pool = new StorePool(database.connection);
    const leaver = await pool.connect();
    await leaver.query('BEGIN');
    await leaver.query("INSERT INTO kysely_migration VALUES ('half', 'done')");
    const waiting = pool.query("SELECT count(*)::int AS n FROM kysely_migration WHERE name = 'half'");
    leaver.release(true);
    expect((await waiting).rows).toEqual([{ n: 0 }]);
    await pool.finish();
  });

  it('comes back by itself when its process is killed, with every committed row', async () => {
    const store = new PostgisStore(new StorePool(database.connection));
    await store.write(positions([row('before')]));
    const pid = database.pid as number;
    process.kill(pid, 'SIGKILL');
    await vi.waitFor(() => expect(store.write(positions([row('x')]))).rejects.toThrow(StoreUnavailable), {
      interval: 1,
    });
    await vi.waitFor(() => store.write(positions([row('after')])), { timeout: 20_000 });
    expect(database.pid).not.toBe(pid);
    expect(lines.join('\n')).toMatch(/ended \(SIGKILL\); starting it again(.|\n)*back/);
    const truth = await Truth.connect(database.connection);
    const ids = (await truth.positions()).map(({ driverId }) => driverId);
    expect(ids).toEqual(expect.arrayContaining(['before', 'after']));
    await truth.close();
    await store.close();
  }, 30_000);

  slowTest(
    'stays small however often the same drivers are written',
    async () => {
      const pool = new StorePool(database.connection);
      const upkeep = new Upkeep((statement) => pool.query(statement), { interval: 5_000 });
      const store = new PostgisStore(pool, { upkeep });
      const truth = await Truth.connect(database.connection);
      const size = async () => Number((await truth.sql("SELECT pg_total_relation_size('positions') AS n"))[0].n);
      const wal = async () => Number((await truth.sql('SELECT sum(size) AS n FROM pg_ls_waldir()'))[0].n);
      const drivers = 1_000;
      const rewrite = async (rounds: number, from: number) => {
        for (let n = from; n < from + rounds; n++) {
          await store.write(
            positions(
              Array.from({ length: drivers }, (_, i) =>
                row(`driver-${i}`, { lat: (n + i) % 80, lng: (i * n) % 170, timestamp: T0 + n }),
              ),
            ),
          );
        }
      };
      await rewrite(12, 1);
      const first = await size();
      await rewrite(48, 13);
      // Without vacuum it would be five times as large.
      expect(await size()).toBeLessThan(first * 1.5);
      expect(await wal()).toBeLessThan(32e6);
      await truth.close();
      await store.close();
    },
    60_000,
  );

  it('leaves no process and no socket behind when it is stopped', async () => {
    const pid = database.pid as number;
    await database.stop();
    expect(isAlive(pid)).toBe(false);
    expect(existsSync(database.connection.host as string)).toBe(false);
  }, 30_000);
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
