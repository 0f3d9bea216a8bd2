import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { migrate } from '../../src/store/migrate.ts';
import { openStore } from '../../src/store/open.ts';
import { Partitions } from '../../src/store/partitions.ts';
import { StorePool } from '../../src/store/pool.ts';
import { PostgisStore } from '../../src/store/postgis.ts';
import { StoreUnavailable } from '../../src/store/store.ts';
import { createDatabase, findPostgres, startPostgres, type TestPostgres } from '../support/postgres.ts';
import { describeWith } from '../support/services.ts';
import { late, positions, row } from './rows.ts';
import { Truth } from './truth.ts';

const DAY = 86_400_000;
/** Noon of a day, in UTC. */
const NOON = Date.parse('2026-03-01T12:00:00Z');

describeWith('PostgreSQL with PostGIS', findPostgres(), 'the partitions of history', (bin) => {
  let postgres: TestPostgres;
  let url: string;
  let pool: StorePool;
  let truth: Truth;
  let databases = 0;
  beforeAll(async () => {
    postgres = await startPostgres(bin);
  }, 60_000);
  afterAll(() => postgres?.stop(), 30_000);
  beforeEach(async () => {
    url = await createDatabase(postgres, `partitions_${databases++}`);
    await migrate({ connectionString: url });
    pool = new StorePool({ connectionString: url });
    truth = await Truth.connect({ connectionString: url });
  });
  afterEach(async () => {
    await pool.finish();
    await truth.close();
  });

  const names = async () =>
    (await truth.sql("SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'fixes'::regclass"))
      .map(({ name }) => String(name))
      .filter((name) => !name.includes('_idx'))
      .sort();

  it('are there for today and tomorrow, and gone when they are past keeping', async () => {
    let now = NOON;
    const partitions = new Partitions(pool, 2, () => now);
    const store = new PostgisStore(pool, { partitions });
    expect(await partitions.tend()).toEqual([]);
    expect(await names()).toEqual(['fixes_20260301', 'fixes_20260302']);
    const fixes = [0, -1, -2].map((days) => row('a', { timestamp: NOON + days * DAY }));
    await store.write(late(fixes));
    expect(await names()).toEqual(['fixes_20260227', 'fixes_20260228', 'fixes_20260301', 'fixes_20260302']);

    // Two whole days are kept beside the present one, until its very end.
    now = Date.parse('2026-03-01T23:59:59.999Z');
    expect(await partitions.tend()).toEqual([]);
    now++;
    expect(await partitions.tend()).toEqual(['fixes_20260227']);
    expect((await truth.fixes()).map(({ timestamp }) => timestamp).sort()).toEqual([NOON - DAY, NOON]);
    // What is past keeping now does not come back.
    await store.write(late([row('a', { timestamp: NOON - 2 * DAY + 1 })]));
    expect((await truth.fixes()).length).toBe(2);
  });

  it('are days of UTC, whatever the zone of the server', async () => {
    await truth.sql(`ALTER DATABASE partitions_${databases - 1} SET timezone = 'Pacific/Kiritimati'`);
    const store = new PostgisStore(pool, { partitions: new Partitions(pool, 7, () => NOON) });
    const midnight = Date.parse('2026-03-01T00:00:00Z');
    await store.write(late([row('a', { timestamp: midnight }), row('a', { timestamp: midnight - 1 })]));
    const rows = await truth.sql('SELECT tableoid::regclass::text AS name FROM fixes ORDER BY recorded_at');
    expect(rows.map(({ name }) => name)).toEqual(['fixes_20260228', 'fixes_20260301']);
  });

  it('are dropped one and all where nothing is kept, but for tables that somebody else attached', async () => {
    await new Partitions(pool, 7, () => NOON).tend();
    await truth.sql("CREATE TABLE mine PARTITION OF fixes FOR VALUES FROM ('2020-01-01') TO ('2021-01-01')");
    const partitions = new Partitions(pool, 0, () => NOON);
    expect([...(await partitions.tend())].sort()).toEqual(['fixes_20260301', 'fixes_20260302']);
    expect(await names()).toEqual(['mine']);
    await new PostgisStore(pool, { partitions }).write(positions([row('a')]));
    expect(await truth.fixes()).toEqual([]);
  });

  it('can be made and dropped by many instances at once', async () => {
    const pools = Array.from({ length: 5 }, () => new StorePool({ connectionString: url }));
    const stores = pools.map((it) => new PostgisStore(it, { partitions: new Partitions(it, 7, () => NOON) }));
    const fixes = Array.from({ length: 8 }, (_, days) => row('a', { timestamp: NOON - days * DAY }));
    await Promise.all(stores.map((store) => store.write(late(fixes))));
    expect((await truth.fixes()).length).toBe(8);
    await Promise.all(pools.map((it) => new Partitions(it, 3, () => NOON).tend()));
    expect(await names()).toEqual([
      'fixes_20260226',
      'fixes_20260227',
      'fixes_20260228',
      'fixes_20260301',
      'fixes_20260302',
    ]);
    await Promise.all(stores.map((store) => store.close()));
  });

  it('are not dropped by a clock that is far ahead of the database’s', async () => {
    const today = Date.now();
    const store = new PostgisStore(pool, { partitions: new Partitions(pool, 2, () => today) });
    await store.write(late([row('a', { timestamp: today })]));
    expect(await new Partitions(pool, 2, () => today + 400 * DAY).tend()).toEqual([]);
    expect((await truth.fixes()).length).toBe(1);
  });

  it('that somebody drops meanwhile is made anew at the next try', async () => {
    const store = new PostgisStore(pool, { partitions: new Partitions(pool, 7, () => NOON) });
    await store.write(late([row('a', { timestamp: NOON })]));
    await truth.sql('DROP TABLE fixes_20260301');
    const again = late([row('b', { timestamp: NOON })]);
    await expect(store.write(again)).rejects.toThrow(StoreUnavailable);
    await store.write(again);
    expect((await truth.fixes()).map(({ driverId }) => driverId)).toEqual(['b']);
  });

  it('are dropped only when nobody reads for long, whom those who write would have to wait for', async () => {
    const partitions = new Partitions(pool, 2, () => NOON);
    const store = new PostgisStore(pool, { partitions });
    await new Partitions(pool, 7, () => NOON).ensure([NOON - 3 * DAY, NOON]);
    await truth.sql('BEGIN');
    await truth.sql('SELECT FROM fixes');
    const tending = expect(partitions.tend()).rejects.toThrow(StoreUnavailable);
    // It waits for the reader; the writer waits for it, and not for the reader.
    const locks = await Truth.connect({ connectionString: url });
    await expect.poll(() => locks.sql('SELECT 1 FROM pg_locks WHERE NOT granted')).toHaveLength(1);
    await store.write(late([row('a', { timestamp: NOON })]));
    await tending;
    await truth.sql('COMMIT');
    expect(await partitions.tend()).toEqual(['fixes_20260226']);
    await locks.close();
  }, 8_000);

  it('are seen to at the start, and nothing is left of it but the tables', async () => {
    await new Partitions(pool, 7, () => Date.now() - 30 * DAY).tend();
    const opened = await openStore({ databaseUrl: url, dataDir: '/nonexistent', retentionDays: 2 });
    // Today's and tomorrow's; those of a month ago are gone.
    expect((await names()).length).toBe(2);
    await opened.store.ping();
    await opened.history?.tracks.knows('f', 'a');
    await opened.close();
    await pool.query('SELECT 1');
    const sessions =
      "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'nearcast'";
    await expect.poll(() => truth.sql(sessions)).toHaveLength(1);
  });

  it('that cannot be made say nothing of the fixes', async () => {
    await truth.sql('CREATE TABLE fixes_20260301 (LIKE fixes INCLUDING DEFAULTS)');
    await truth.sql(`INSERT INTO fixes_20260301 VALUES ('f', 'd', '2026-03-09', now(), 'POINT(0 0)', 0)`);
    const store = new PostgisStore(pool, { partitions: new Partitions(pool, 7, () => NOON) });
    await expect(store.write(late([row('a', { timestamp: NOON })]))).rejects.toThrow(StoreUnavailable);
    // Out of the way, it is taken for the partition: so one can be put back that was detached.
    await truth.sql('DELETE FROM fixes_20260301');
    await store.write(late([row('a', { timestamp: NOON })]));
    expect(await names()).toEqual(['fixes_20260301']);
  });
});
