import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { Box } from '../../src/geo/box.ts';
import { Circle } from '../../src/geo/circle.ts';
import { FleetReader } from '../../src/store/fleet-reader.ts';
import { openStore } from '../../src/store/open.ts';
import { StorePool } from '../../src/store/pool.ts';
import { PostgisStore } from '../../src/store/postgis.ts';
import { PostgisCutOffs } from '../../src/store/postgis-cut-offs.ts';
import { PLANNING, PostgisPositions } from '../../src/store/postgis-positions.ts';
import { StoreUnavailable } from '../../src/store/store.ts';
import { fleets } from '../spatial/fleets.ts';
import { createDatabase, findPostgres, startPostgres, type TestPostgres } from '../support/postgres.ts';
import { seeded } from '../support/random.ts';
import { describeWith } from '../support/services.ts';
import { coldContract } from './cold-contract.ts';
import { conditionsOf, driversAt, FRESH, NOW } from './cold-fleet.ts';
import { cutOffsContract } from './cut-offs-contract.ts';
import { fleetDatabase } from './fleet-database.ts';
import { heardPool } from './heard-pool.ts';
import { positions, row } from './rows.ts';
import { Truth } from './truth.ts';

const CITY = [30.27, -97.74] as const;

describeWith('PostgreSQL with PostGIS', findPostgres(), 'the latest positions on a PostgreSQL server', (bin) => {
  let postgres: TestPostgres;
  beforeAll(async () => {
    postgres = await startPostgres(bin);
  }, 60_000);
  afterAll(() => postgres?.stop(), 30_000);

  const open = async (name: string) => {
    const { connectionString, truth } = await fleetDatabase(postgres, name);
    const pool = new StorePool({ connectionString });
    return { connectionString, truth, pool, store: new PostgisStore(pool) };
  };

  cutOffsContract(async () => new PostgisCutOffs((await open('cut_offs')).pool));

  coldContract('PostGIS', async () => {
    const { truth, pool, store } = await open('cold');
    return {
      store,
      positions: new PostgisPositions(pool, true),
      impatient: new PostgisPositions(pool, true, 150),
      clear: async () => void (await truth.sql('TRUNCATE positions')),
      close: async () => {
        await truth.close();
        await store.close();
      },
    };
  });

  /** Asks everything that may be asked. */
  const askAll = async (cold: PostgisPositions) => {
    const box = new Box(-97.8, 30.2, -97.7, 30.3);
    const conditions = conditionsOf({});
    const bounds = new Circle(...CITY, 30_000);
    for await (const _ of cold.inCells('f', ['82489ffffffffff', '84489e3ffffffff'], FRESH));
    const answers = [
      cold.byIds('f', ['1', '2', 'nobody'], FRESH),
      cold.occupied('f', 4, FRESH),
      cold.nearby('f', new Circle(...CITY, 500), 20, conditions),
      cold.nearby('f', new Circle(...CITY, 100_000), 20, { ...conditions, bounds, where: () => false }),
      cold.within('f', box, 20, conditions),
      cold.within('f', undefined, 20, { ...conditions, bounds, where: () => false }),
      cold.within('f', undefined, 20, conditions, '5'),
      cold.cells('f', box, 9, 20, conditions),
      cold.cells('f', undefined, 3, 20, conditions),
    ];
    await Promise.all(answers);
  };

  test('goes along an index of a large table, whether or not anything is known of it', async () => {
    const { truth, pool, store } = await open('plans');
    // Of two fleets, one of which is large; no place matters but the cell.
    await truth.sql(
      `INSERT INTO positions (fleet, driver_id, location, cell, recorded_at, received_at)
       SELECT CASE WHEN n % 4 = 0 THEN 'f' ELSE 'g' END, n::text, 'POINT(0 0)', $1::bigint + n * 1000003::bigint, now(), now()
       FROM generate_series(1, 6000) AS n`,
      [BigInt('0x8f489e350000000').toString()],
    );
    const sent: [text: string, values: unknown[]][] = [];
    await askAll(
      new PostgisPositions(
        heardPool(pool, (...statement) => void sent.push(statement)),
        true,
        1_000,
      ),
    );
    expect(sent.length).toBeGreaterThan(12);
    for (const setting of PLANNING) await truth.sql(setting.replace('LOCAL ', ''));
    for (const prepare of ['SELECT 1', 'ANALYZE positions']) {
      await truth.sql(prepare);
      for (const statement of sent) {
        const plan = await truth.plan('f', ...statement);
        expect(plan).not.toMatch(/Seq Scan|Bitmap|positions_location/);
        // Each by the fleet, and by what tells its drivers apart; `occupied` begins with any.
        expect(plan).toMatch(/Index Cond: \(\(fleet = 'f'::text\) AND \((cell|driver_id) /);
      }
    }
    await truth.close();
    await store.close();
  }, 20_000);

  test('those who are near are who PostGIS finds', async () => {
    const random = seeded('near, by PostGIS');
    const { truth, pool, store } = await open('near');
    const drivers = driversAt(random, 700, fleets.pentagons);
    await store.write(positions(drivers));
    const cold = new PostgisPositions(pool, true);
    for (let i = 0; i < 10; i++) {
      const { lat, lng } = random.pick(drivers);
      const radius = 10 ** random.between(1, 7);
      const judge = (slack: number) =>
        truth.sql(
          `SELECT driver_id AS id FROM positions
           WHERE ST_DWithin(location, ST_MakePoint($1, $2)::geography, $3) AND received_at >= $4 ORDER BY driver_id`,
          [lng, lat, radius + slack, new Date(FRESH)],
        );
      // On the rim either answer would do.
      const [least, most] = [await judge(-0.01), await judge(0.01)];
      const found = await cold.nearby('f', new Circle(lat, lng, radius), 5_000, conditionsOf({}));
      if (least.length !== most.length) continue;
      expect(found.positions.map(({ driverId }) => driverId).sort()).toEqual(least.map(({ id }) => id).sort());
    }
    await truth.close();
    await store.close();
  });

  test('it is read as the role that sees one fleet, also where no history is kept, and not where there is no such role', async () => {
    const databaseUrl = await createDatabase(postgres, 'role');
    const opened = await openStore({ databaseUrl, dataDir: '/nonexistent', retentionDays: 0 });
    await opened.store.write(positions([row('a', { fleet: 'f', receivedAt: NOW })]));
    const truth = await Truth.connect({ connectionString: databaseUrl });
    const found = async () => (await opened.positions.within('f', undefined, 5, conditionsOf({}))).positions.length;
    expect(await found()).toBe(1);
    await truth.sql('REVOKE SELECT ON positions FROM nearcast_fleet');
    await expect(found()).rejects.toThrow(StoreUnavailable);
    const pool = new StorePool({ connectionString: databaseUrl });
    const plainly = new PostgisPositions(pool, false);
    expect((await plainly.byIds('f', ['a'], FRESH)).length).toBe(1);
    expect((await plainly.nearby('f', new Circle(12, 67, 1e6), 5, conditionsOf({}))).positions.length).toBe(1);
    await truth.close();
    await pool.finish();
    await opened.close();
  });

  test('what an instance needs to go on does not wait behind what clients ask', async () => {
    const databaseUrl = await createDatabase(postgres, 'crowd');
    const opened = await openStore({ databaseUrl, dataDir: '/nonexistent', retentionDays: 0 });
    const truth = await Truth.connect({ connectionString: databaseUrl });
    const locking = await Truth.connect({ connectionString: databaseUrl });
    // Whoever reads waits in the server from now on, and keeps its connection meanwhile.
    await locking.sql('BEGIN');
    await locking.sql('LOCK TABLE positions IN ACCESS EXCLUSIVE MODE');
    const circle = new Circle(...CITY, 1_000);
    const asked = Array.from({ length: 20 }, () => opened.positions.nearby('f', circle, 5, conditionsOf({})));
    const load = () => opened.positions.inCells('f', ['8001fffffffffff'], FRESH)[Symbol.asyncIterator]().next();
    const own = [load(), load(), opened.positions.byIds('f', ['a'], FRESH)];
    // Each question begins by counting.
    const waiting = () =>
      truth.sql(`SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()
        AND query !~ '^\\s*SELECT \\('`);
    await vi.waitUntil(async () => (await waiting()).length === own.length, 3_000);
    await locking.sql('COMMIT');
    await Promise.all([...asked, ...own]);
    await Promise.all([truth.close(), locking.close()]);
    await opened.close();
  });

  test('a question keeps its connection for ten seconds at the most', async () => {
    const { truth, pool, store } = await open('long');
    const reader = new FleetReader(pool, true);
    const read = () => sql`SELECT 1`;
    vi.useFakeTimers({ toFake: ['performance'] });
    try {
      await reader.snapshot('f', async (ask) => {
        await ask(read());
        vi.advanceTimersByTime(9_999);
        await ask(read());
        vi.advanceTimersByTime(1);
        expect(() => ask(read())).toThrow(StoreUnavailable);
      });
    } finally {
      vi.useRealTimers();
    }
    await truth.close();
    await store.close();
  });

  test('a page is of one moment, whoever moves meanwhile', async () => {
    const { truth, pool, store } = await open('moment');
    const drivers = Array.from({ length: 1_200 }, (_, n) =>
      row(`d${n}`, { fleet: 'f', lat: 30 + n / 1e4, lng: -97, receivedAt: NOW }),
    );
    await store.write(positions(drivers));
    // After every statement all go to the other end.
    let moves = 0;
    const moving = heardPool(pool, async () => {
      moves++;
      await truth.sql(`UPDATE positions SET cell = $1`, [(0x8f0000000000000n + BigInt(moves)).toString()]);
    });
    const { cells } = await new PostgisPositions(moving, true).cells(
      'f',
      undefined,
      5,
      1_000,
      conditionsOf({ where: {} }),
    );
    expect(cells.reduce((sum, { count }) => sum + count, 0)).toBe(1_200);
    await truth.close();
    await store.close();
  });

  test('a server that is away or hangs is unavailable, and positions are there again after it', async () => {
    const { truth, store, connectionString } = await open('away');
    await truth.close();
    await store.write(positions([row('a', { fleet: 'f', receivedAt: NOW })]));
    await store.close();
    const pool = new StorePool({ connectionString }, { connectTimeout: 300, queryTimeout: 300 });
    const cold = new PostgisPositions(pool, true);
    const found = async () => (await cold.byIds('f', ['a'], FRESH)).length;
    const isAway = async () => {
      const questions = [
        found(),
        cold.within('f', undefined, 1, conditionsOf({})),
        cold.nearby('f', new Circle(0, 0, 1), 1, conditionsOf({})),
        cold.inCells('f', ['8001fffffffffff'], FRESH)[Symbol.asyncIterator]().next(),
      ];
      for (const it of await Promise.allSettled(questions)) {
        expect(it).toMatchObject({ status: 'rejected', reason: { name: 'StoreUnavailable' } });
      }
    };
    expect(await found()).toBe(1);
    postgres.freeze();
    try {
      await isAway();
    } finally {
      postgres.thaw();
    }
    expect(await found()).toBe(1);
    await postgres.crash();
    await isAway();
    await postgres.restart();
    expect(await found()).toBe(1);
    await pool.finish();
  }, 30_000);
});
