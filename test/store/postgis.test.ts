import { latLngToCell } from 'h3-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DatabaseUnsuitable, migrate } from '../../src/store/migrate.ts';
import { openStore } from '../../src/store/open.ts';
import { Partitions } from '../../src/store/partitions.ts';
import { StorePool } from '../../src/store/pool.ts';
import { PostgisStore } from '../../src/store/postgis.ts';
import { StoreUnavailable } from '../../src/store/store.ts';
import { createDatabase, findPostgres, startPostgres, type TestPostgres } from '../support/postgres.ts';
import { describeWith } from '../support/services.ts';
import { RETENTION_DAYS, STALE_AFTER, storeContract } from './contract.ts';
import { positions, removals, row, T0 } from './rows.ts';
import { Truth } from './truth.ts';

describeWith('PostgreSQL with PostGIS', findPostgres(), 'on a PostgreSQL server', (bin) => {
  let postgres: TestPostgres;
  beforeAll(async () => {
    postgres = await startPostgres(bin);
  }, 60_000);
  afterAll(() => postgres?.stop(), 30_000);

  storeContract('PostGIS', async () => {
    const url = await createDatabase(postgres, 'contract');
    const { store, close } = await openStore({ databaseUrl: url, dataDir: '/nonexistent', staleAfter: STALE_AFTER });
    const pool = new StorePool({ connectionString: url });
    const partitions = new Partitions(pool, RETENTION_DAYS, () => T0);
    const keeping = new PostgisStore(pool, { partitions, staleAfter: STALE_AFTER });
    const truth = await Truth.connect({ connectionString: url });
    return {
      store,
      keeping,
      clear: async () => void (await truth.sql('TRUNCATE positions, fixes')),
      truth: () => truth.positions(),
      fixes: () => truth.fixes(),
      close: async () => {
        await keeping.close();
        await close();
        await truth.close();
      },
      rejects: true,
    };
  });

  describe('set-up', () => {
    it('is safe when many instances start at once, and again later', async () => {
      const url = await createDatabase(postgres, 'at_once');
      await Promise.all(Array.from({ length: 5 }, () => migrate({ connectionString: url })));
      await migrate({ connectionString: url });
      const truth = await Truth.connect({ connectionString: url });
      expect(await truth.sql('SELECT name FROM kysely_migration')).toEqual([
        { name: '001-positions' },
        { name: '002-fixes' },
        { name: '003-row-security' },
        { name: '004-access' },
        { name: '005-access-changes' },
        { name: '006-cut-offs' },
      ]);
      await truth.close();
    });

    it('says which command a superuser has to run when its user may not add PostGIS', async () => {
      const admin = await Truth.connect({ connectionString: postgres.url });
      await admin.sql('CREATE ROLE plain LOGIN');
      await admin.close();
      const url = (await createDatabase(postgres, 'no_right')).replace('postgres@', 'plain@');
      await expect(migrate({ connectionString: url })).rejects.toThrow(DatabaseUnsuitable);
      await expect(migrate({ connectionString: url })).rejects.toThrow('CREATE EXTENSION postgis');
    });

    it('refuses a database of a newer version', async () => {
      const url = await createDatabase(postgres, 'newer');
      await migrate({ connectionString: url });
      const truth = await Truth.connect({ connectionString: url });
      await truth.sql("INSERT INTO kysely_migration VALUES ('999-future', now()::text)");
      await truth.close();
      await expect(migrate({ connectionString: url })).rejects.toThrow(/newer Nearcast.*999-future/);
    });

    it('says that a server is not there', async () => {
      const url = 'postgres://postgres@/postgres?host=/nonexistent';
      await expect(openStore({ databaseUrl: url, dataDir: '/nonexistent' })).rejects.toThrow(StoreUnavailable);
    });
  });

  describe('in trouble', () => {
    const open = async (name: string, queryTimeout?: number) => {
      const connectionString = await createDatabase(postgres, name);
      await migrate({ connectionString });
      return new PostgisStore(new StorePool({ connectionString }, { queryTimeout, connectTimeout: queryTimeout }));
    };

    it('is unavailable while the server is down, and there again after it', async () => {
      const store = await open('crash');
      await store.write(positions([row('a')]));
      await postgres.crash();
      await expect(store.write(positions([row('b')]))).rejects.toThrow(StoreUnavailable);
      await expect(store.ping()).rejects.toThrow(StoreUnavailable);
      await postgres.restart();
      await store.write(positions([row('b')]));
      await store.close();
    }, 30_000);

    it('gives up on a server that hangs, and does not mistake a late answer for the next', async () => {
      const store = await open('hang', 300);
      await store.ping();
      postgres.freeze();
      try {
        await expect(store.ping()).rejects.toThrow(StoreUnavailable);
        await expect(store.write(positions([row('a')]))).rejects.toThrow(StoreUnavailable);
      } finally {
        postgres.thaw();
      }
      await store.write(positions([row('a', { timestamp: T0 + 1 })]));
      for await (const batch of store.loadPositions(0)) expect(batch).toEqual([row('a', { timestamp: T0 + 1 })]);
      await store.close();
    }, 30_000);

    it('has what it gave up on not done after what came later', async () => {
      const connectionString = await createDatabase(postgres, 'given_up');
      await migrate({ connectionString });
      const store = new PostgisStore(new StorePool({ connectionString }, { queryTimeout: 300, max: 1 }));
      const truth = await Truth.connect({ connectionString });
      const session = async () => {
        const rows = await truth.sql(
          "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'nearcast'",
        );
        return Number(rows[0].pid);
      };
      const back = row('a', { timestamp: T0 + 2, lat: 1 });
      for (const told of [removals([row('a')]), [...removals([row('a')]), ...positions([row('a')])]]) {
        await store.write(positions([row('a', { timestamp: T0 - 1 })]));
        // Its process stands still with the statement in its hands; others do not.
        const pid = await session();
        process.kill(pid, 'SIGSTOP');
        try {
          await expect(store.write(told)).rejects.toThrow(StoreUnavailable);
          await store.write(told);
          await store.write(positions([back]));
        } finally {
          process.kill(pid, 'SIGCONT');
        }
        await expect.poll(() => truth.sql('SELECT 1 FROM pg_stat_activity WHERE pid = $1', [pid])).toEqual([]);
        expect(await truth.positions()).toEqual([back]);
        await store.write(removals([back]));
      }
      await truth.close();
      await store.close();
    }, 30_000);

    it('closes in time even while a statement hangs', async () => {
      const store = await open('close');
      await store.ping();
      postgres.freeze();
      try {
        const hanging = store.ping().catch((error) => error);
        // The statement is on its way once the pool has given it the idle connection.
        await new Promise(setImmediate);
        await store.close();
        expect(await hanging).toBeInstanceOf(StoreUnavailable);
      } finally {
        postgres.thaw();
      }
    }, 30_000);
  });

  it('finds the rows of any coarser cell in one range of the column', async () => {
    const url = await createDatabase(postgres, 'cells');
    const { store, close } = await openStore({ databaseUrl: url, dataDir: '/nonexistent' });
    await store.write(positions([row('a', { lat: 50.1, lng: 14.4 }), row('b', { lat: -33.9, lng: 151.2 })]));
    const truth = await Truth.connect({ connectionString: url });
    // The cell of `a` at resolution 5: its digits below are 0 … 6, and 7 stands for none.
    const cell = latLngToCell(50.1, 14.4, 15);
    const low = (BigInt(`0x${cell}`) >> 30n) << 30n;
    const inside = await truth.sql('SELECT driver_id FROM positions WHERE fleet = $1 AND cell BETWEEN $2 AND $3', [
      'default',
      low.toString(),
      (low + (1n << 30n) - 1n).toString(),
    ]);
    expect(inside).toEqual([{ driver_id: 'a' }]);
    await truth.close();
    await close();
  });
});
