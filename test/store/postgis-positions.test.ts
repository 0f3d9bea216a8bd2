import { afterAll, beforeAll, expect } from 'vitest';
import { FleetReader } from '../../src/store/fleet-reader.ts';
import { ensureFleetRole } from '../../src/store/fleet-role.ts';
import { migrate } from '../../src/store/migrate.ts';
import { StorePool } from '../../src/store/pool.ts';
import { PostgisStore } from '../../src/store/postgis.ts';
import { PostgisPositions } from '../../src/store/postgis-positions.ts';
import { createDatabase, findPostgres, startPostgres, type TestPostgres } from '../support/postgres.ts';
import { describeWith } from '../support/services.ts';
import { coldContract } from './cold-contract.ts';
import { Truth } from './truth.ts';

describeWith('PostgreSQL with PostGIS', findPostgres(), 'the latest positions on a PostgreSQL server', (bin) => {
  let postgres: TestPostgres;
  beforeAll(async () => {
    postgres = await startPostgres(bin);
  }, 60_000);
  afterAll(() => postgres?.stop(), 30_000);

  const open = async (name: string) => {
    const connectionString = await createDatabase(postgres, name);
    await migrate({ connectionString });
    expect(await ensureFleetRole({ connectionString })).toBeUndefined();
    const truth = await Truth.connect({ connectionString });
    const pool = new StorePool({ connectionString });
    return { connectionString, truth, pool, store: new PostgisStore(pool) };
  };

  coldContract('PostGIS', async () => {
    const { truth, pool, store } = await open('cold');
    return {
      store,
      positions: new PostgisPositions(new FleetReader(pool, true)),
      clear: async () => void (await truth.sql('TRUNCATE positions')),
      close: async () => {
        await truth.close();
        await store.close();
      },
    };
  });
});
