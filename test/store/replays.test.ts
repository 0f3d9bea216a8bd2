import { cellToParent, latLngToCell } from 'h3-js';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { FixReader } from '../../src/store/fix-reader.ts';
import { ensureFleetRole } from '../../src/store/fleet-role.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { MemoryReplays } from '../../src/store/memory-replays.ts';
import { migrate } from '../../src/store/migrate.ts';
import { Partitions } from '../../src/store/partitions.ts';
import { type Connection, StorePool } from '../../src/store/pool.ts';
import { PostgisStore } from '../../src/store/postgis.ts';
import { PostgisReplays } from '../../src/store/postgis-replays.ts';
import { createDatabase, findPostgres, startPostgres, type TestPostgres } from '../support/postgres.ts';
import { describeWith } from '../support/services.ts';
import { heardPool } from './heard-pool.ts';
import { REPLAYS_NOW, replaysContract } from './replays-contract.ts';
import { late, row } from './rows.ts';
import { Truth } from './truth.ts';

async function open(connection: Connection) {
  await migrate(connection);
  expect(await ensureFleetRole(connection)).toBeUndefined();
  const pool = new StorePool(connection);
  const store = new PostgisStore(pool, { partitions: new Partitions(pool, 1, () => REPLAYS_NOW) });
  return { store, source: new PostgisReplays(new FixReader(pool, true)) };
}

replaysContract('memory', async () => {
  const store = new MemoryStore(undefined, 0);
  return { store, source: new MemoryReplays(store), close: () => store.close() };
});

describeWith('PostgreSQL with PostGIS', findPostgres(), 'on a PostgreSQL server', (bin) => {
  let postgres: TestPostgres;
  beforeAll(async () => {
    postgres = await startPostgres(bin);
  }, 60_000);
  afterAll(() => postgres?.stop(), 30_000);

  replaysContract('PostGIS', async () => {
    const subject = await open({ connectionString: await createDatabase(postgres, 'replays') });
    return { ...subject, close: () => subject.store.close() };
  });

  it('reads by the indexes, and in the partitions of its days alone', async () => {
    const connection = { connectionString: await createDatabase(postgres, 'plans') };
    const { store } = await open(connection);
    const day = Date.UTC(2025, 10, 21);
    const fixes = Array.from({ length: 20_000 }, (_, n) =>
      row(`d${n % 200}`, { timestamp: day + 2_000 * n, lat: (n % 200) / 10, lng: 0 }),
    );
    await store.write(late(fixes));
    const truth = await Truth.connect(connection);
    await truth.sql('ANALYZE fixes');
    const plans: string[] = [];
    // The very statements, with their parameters, as they go to the server.
    const pool = new StorePool(connection);
    const explaining = heardPool(pool, async (...statement) => {
      plans.push(await truth.plan('default', ...statement));
    });
    const source = new PostgisReplays(new FixReader(explaining, true));
    const span = { fleet: 'default', from: day + 3_600_000, to: day + 3_660_000 };
    const cells = [cellToParent(latLngToCell(0, 0, 15), 6)];
    expect((await source.latest({ ...span, cells }, 10)).length).toBe(1);
    expect((await source.latest(span, 1_000)).length).toBe(31);
    expect((await source.fixes({ ...span, cells }, ['d7'], 1_000)).length).toBe(2);
    expect((await source.fixes(span, [], 1_000, { timestamp: span.from, driverId: 'd7' })).length).toBe(30);
    expect(plans.length).toBe(4);
    for (const plan of plans) {
      expect(plan).toMatch(/Index (Only )?Scan/);
      expect(plan).not.toMatch(/Seq Scan|fixes_20251120|fixes_20251122/);
    }
    await truth.close();
    await pool.finish();
    await store.close();
  });

  it('says that the history is unavailable when the server is gone', async () => {
    const pool = new StorePool({ connectionString: await createDatabase(postgres, 'away') });
    await migrate({ connectionString: postgres.urlOf('away') });
    await ensureFleetRole({ connectionString: postgres.urlOf('away') });
    const source = new PostgisReplays(new FixReader(pool, true));
    const span = { fleet: 'default', from: 0, to: 1 };
    expect(await source.latest(span, 1)).toEqual([]);
    await postgres.crash();
    try {
      await expect(source.latest(span, 1)).rejects.toMatchObject({ name: 'DomainError', code: 'unavailable' });
      await expect(source.fixes(span, [], 1)).rejects.toMatchObject({ name: 'DomainError', code: 'unavailable' });
    } finally {
      await postgres.restart();
      await pool.finish();
    }
  });
});
