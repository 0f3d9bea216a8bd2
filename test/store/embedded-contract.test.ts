import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { EmbeddedDatabase } from '../../src/store/embedded.ts';
import { migrate } from '../../src/store/migrate.ts';
import { StorePool } from '../../src/store/pool.ts';
import { PostgisStore } from '../../src/store/postgis.ts';
import { STALE_AFTER, storeContract } from './contract.ts';
import { Truth } from './truth.ts';

let scratch: string;
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'nearcast-test-'));
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

storeContract('embedded', async () => {
  const database = await EmbeddedDatabase.start({ dataDir: join(scratch, 'contract') });
  await migrate(database.connection);
  const store = new PostgisStore(new StorePool(database.connection), undefined, STALE_AFTER);
  const truth = await Truth.connect(database.connection);
  return {
    store,
    clear: async () => void (await truth.sql('TRUNCATE positions')),
    truth: () => truth.positions(),
    close: async () => {
      await truth.close();
      await store.close();
      await database.stop();
    },
    rejects: true,
  };
});
