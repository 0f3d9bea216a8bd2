import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { EmbeddedDatabase } from '../../src/store/embedded.ts';
import { migrate } from '../../src/store/migrate.ts';
import { Partitions } from '../../src/store/partitions.ts';
import { StorePool } from '../../src/store/pool.ts';
import { PostgisStore } from '../../src/store/postgis.ts';
import { RETENTION_DAYS, STALE_AFTER, storeContract } from './contract.ts';
import { T0 } from './rows.ts';
import { Truth } from './truth.ts';

let scratch: string;
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'nearcast-test-'));
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

storeContract('embedded', async () => {
  const database = await EmbeddedDatabase.start({ dataDir: join(scratch, 'contract') });
  await migrate(database.connection);
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
      await database.stop();
    },
    rejects: true,
  };
});
