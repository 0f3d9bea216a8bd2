import { afterAll, beforeAll, expect, test } from 'vitest';
import { FixReader } from '../../src/store/fix-reader.ts';
import { openStore } from '../../src/store/open.ts';
import { StorePool } from '../../src/store/pool.ts';
import { PostgisTracks } from '../../src/store/postgis-tracks.ts';
import { createDatabase, findPostgres, startPostgres, type TestPostgres } from '../support/postgres.ts';
import { startServer } from '../support/server.ts';
import { describeWith } from '../support/services.ts';
import { fleetDatabase } from './fleet-database.ts';
import { heardPool } from './heard-pool.ts';
import { keepBySql, makePartitions } from './kept-in-sql.ts';
import { MIDNIGHT, tracksContract } from './tracks-contract.ts';

const DAY = 86_400_000;

describeWith('PostgreSQL with PostGIS', findPostgres(), 'tracks on a PostgreSQL server', (bin) => {
  let postgres: TestPostgres;
  beforeAll(async () => {
    postgres = await startPostgres(bin);
  }, 60_000);
  afterAll(() => postgres?.stop(), 30_000);

  const open = async (name: string) => {
    const { connectionString, truth } = await fleetDatabase(postgres, name);
    await makePartitions(truth);
    return { connectionString, truth, pool: new StorePool({ connectionString }, { connectTimeout: 2_000 }) };
  };

  tracksContract('PostGIS', async () => {
    const { truth, pool } = await open('tracks');
    return {
      tracks: new PostgisTracks(new FixReader(pool, true)),
      keep: (fixes) => keepBySql(truth, fixes),
      close: async () => {
        await truth.close();
        await pool.finish();
      },
    };
  });

  test('a part of a day is read from the partition of that day alone, along its key, without sorting', async () => {
    const { truth, pool } = await open('plans');
    const fixes = Array.from({ length: 9_000 }, (_, i) => ({
      fleet: 'default',
      driverId: `d${i % 100}`,
      lat: 0,
      lng: 0,
      timestamp: MIDNIGHT + (i - 2_880) * 30_000,
      receivedAt: MIDNIGHT,
    }));
    await keepBySql(truth, fixes);
    await truth.sql('ANALYZE fixes');
    // The very statement, with its parameters, as it goes to the server.
    const sent: [text: string, values: unknown[]][] = [];
    const spy = heardPool(pool, (...statement) => void sent.push(statement));
    const tracks = new PostgisTracks(new FixReader(spy, true));
    const d7 = { fleet: 'default', driverId: 'd7' };
    await tracks.track({ ...d7, from: MIDNIGHT + 3_600_000, to: MIDNIGHT + 7_200_000 }, 1_001);
    await tracks.track({ ...d7, from: 0, to: 253_402_300_799_999 }, 11);
    await tracks.knows('default', 'nobody');
    const explain = (statement: [string, unknown[]]) =>
      truth.plan('default', ...statement, 'ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF');
    const [part, whole, known] = [await explain(sent[0]), await explain(sent[1]), await explain(sent[2])];
    expect(part).toMatch(/Index Scan using fixes_20260131_pkey/);
    expect(part).not.toMatch(/fixes_20260130|fixes_20260201|Subplans Removed|Sort/);
    // Of the whole of time the first partitions are enough for a page.
    expect(whole).not.toMatch(/Sort/);
    expect(whole).toMatch(/fixes_20260201_pkey on fixes_20260201 \S+ \(never executed\)/);
    expect(known).not.toMatch(/Seq Scan|Sort/);
    await truth.close();
    await pool.finish();
  });

  test('[16.1] what is acknowledged is in the track at once, late fixes in their place, whole, and after a restart', async () => {
    const databaseUrl = await createDatabase(postgres, 'written');
    const pool = new StorePool({ connectionString: databaseUrl });
    const none = async () => [];
    const history = { tracks: new PostgisTracks(new FixReader(pool, true)), replays: { latest: none, fixes: none } };
    const today = Math.floor(Date.now() / DAY) * DAY;
    // From the evening of yesterday to the morning of today, in no order.
    const moments = [3, -2, 1, -1, -3, 2, 0].map((seconds) => today + seconds * 1_000);
    const expected = [...moments].sort((a, b) => a - b);
    const open = () => openStore({ databaseUrl, dataDir: '/nonexistent', retentionDays: 30 });
    let opened = await open();
    const server = await startServer({ store: opened.store, history });
    for (const [i, timestamp] of moments.entries()) {
      const fix = { driverId: 'd', latitude: 40 + i / 3, longitude: -74, timestamp, attributes: { i } };
      const { results } = await (await server.post('/v1/positions', fix)).json();
      expect(results).toEqual([{ verdict: i === 0 ? 'accepted' : 'late' }]);
      const { properties } = await (await server.get('/v1/drivers/d/track')).json();
      expect(properties.timestamps).toContain(timestamp);
    }
    await opened.close();
    opened = await open();
    const { properties, geometry } = await (await server.get('/v1/drivers/d/track')).json();
    expect(properties.timestamps).toEqual(expected);
    const indexes = expected.map((timestamp) => moments.indexOf(timestamp));
    expect(geometry.coordinates).toEqual(indexes.map((i) => [-74, 40 + i / 3]));
    expect(properties.attributes).toEqual(indexes.map((i, index) => ({ index, attributes: { i } })));
    await opened.close();
    await pool.finish();
  });

  test('a server that is away or hangs is unavailable, and tracks are there again after it', async () => {
    const { truth, connectionString } = await open('away');
    await truth.close();
    const pool = new StorePool({ connectionString }, { connectTimeout: 300, queryTimeout: 300 });
    const tracks = new PostgisTracks(new FixReader(pool, true));
    const stretch = { fleet: 'default', driverId: 'd', from: 0, to: 1 };
    const unavailable = { name: 'DomainError', code: 'unavailable' };
    expect(await tracks.knows('default', 'd')).toBe(false);
    const none = async () => [];
    const server = await startServer({ history: { tracks, replays: { latest: none, fixes: none } } });
    postgres.freeze();
    try {
      const answer = await server.get('/v1/drivers/d/track');
      expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
      expect(await answer.json()).toMatchObject({
        code: 'unavailable',
        detail: 'The history cannot be read now; try again later.',
      });
      await expect(tracks.track(stretch, 1)).rejects.toMatchObject(unavailable);
      await expect(tracks.knows('default', 'd')).rejects.toMatchObject(unavailable);
    } finally {
      postgres.thaw();
    }
    expect(await tracks.track(stretch, 1)).toEqual([]);
    await postgres.crash();
    await expect(tracks.track(stretch, 1)).rejects.toMatchObject(unavailable);
    await postgres.restart();
    expect((await server.get('/v1/drivers/d/track')).status).toBe(404);
    expect(await tracks.track(stretch, 1)).toEqual([]);
    await pool.finish();
  }, 30_000);
});
