import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import { EmbeddedDatabase } from '../../src/store/embedded.ts';
import { FixReader } from '../../src/store/fix-reader.ts';
import { ensureFleetRole } from '../../src/store/fleet-role.ts';
import { migrate } from '../../src/store/migrate.ts';
import { Partitions } from '../../src/store/partitions.ts';
import { StorePool } from '../../src/store/pool.ts';
import { PostgisStore } from '../../src/store/postgis.ts';
import { PostgisAccess } from '../../src/store/postgis-access.ts';
import { PostgisPositions } from '../../src/store/postgis-positions.ts';
import { PostgisReplays } from '../../src/store/postgis-replays.ts';
import { PostgisTracks } from '../../src/store/postgis-tracks.ts';
import { slowDescribe } from '../support/slow.ts';
import { accessContract } from './access-contract.ts';
import { coldContract } from './cold-contract.ts';
import { RETENTION_DAYS, STALE_AFTER, storeContract } from './contract.ts';
import { keepBySql, makePartitions } from './kept-in-sql.ts';
import { REPLAYS_NOW, replaysContract } from './replays-contract.ts';
import { rowSecurityContract } from './row-security-contract.ts';
import { T0 } from './rows.ts';
import { tracksContract } from './tracks-contract.ts';
import { Truth } from './truth.ts';

// One database for all contracts: its start takes seconds.
let scratch: string;
let database: EmbeddedDatabase;
beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), 'nearcast-test-'));
  database = await EmbeddedDatabase.start({ dataDir: join(scratch, 'contract') });
  await migrate(database.connection);
  expect(await ensureFleetRole(database.connection)).toBeUndefined();
}, 60_000);
afterAll(async () => {
  await database?.stop();
  rmSync(scratch, { recursive: true, force: true });
}, 30_000);

storeContract('embedded', async () => {
  const pool = new StorePool(database.connection);
  const store = new PostgisStore(pool, { staleAfter: STALE_AFTER });
  const partitions = new Partitions(pool, RETENTION_DAYS, () => T0);
  const keeping = new PostgisStore(pool, { partitions, staleAfter: STALE_AFTER });
  const truth = await Truth.connect(database.connection);
  return {
    store,
    keeping,
    clear: async () => void (await truth.sql('TRUNCATE positions, fixes')),
    truth: () => truth.positions(),
    fixes: () => truth.fixes(),
    close: async () => {
      await truth.close();
      await store.close();
    },
    rejects: true,
  };
});

tracksContract('the embedded database', async () => {
  const pool = new StorePool(database.connection);
  const truth = await Truth.connect(database.connection);
  await makePartitions(truth);
  return {
    tracks: new PostgisTracks(new FixReader(pool, true)),
    keep: (fixes) => keepBySql(truth, fixes),
    close: async () => {
      await truth.close();
      await pool.finish();
    },
  };
});

replaysContract('embedded', async () => {
  const pool = new StorePool(database.connection);
  await pool.query('TRUNCATE fixes');
  const store = new PostgisStore(pool, { partitions: new Partitions(pool, 1, () => REPLAYS_NOW) });
  return { store, source: new PostgisReplays(new FixReader(pool, true)), close: () => store.close() };
});

accessContract('the embedded database', async () => {
  const pool = new StorePool(database.connection);
  return {
    access: new PostgisAccess(pool, { admit() {} }),
    clear: async () => void (await pool.query('TRUNCATE shares, revocations, access_changes')),
    close: () => pool.finish(),
  };
});

coldContract(
  'the embedded database',
  async () => {
    const pool = new StorePool(database.connection);
    const store = new PostgisStore(pool);
    return {
      store,
      positions: new PostgisPositions(pool, true),
      impatient: new PostgisPositions(pool, true, 150),
      clear: async () => void (await pool.query('TRUNCATE positions')),
      close: () => store.close(),
    };
  },
  slowDescribe,
);

rowSecurityContract('the embedded database', async () => database.connection);
