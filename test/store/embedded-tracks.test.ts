import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { EmbeddedDatabase } from '../../src/store/embedded.ts';
import { migrate } from '../../src/store/migrate.ts';
import { StorePool } from '../../src/store/pool.ts';
import { PostgisTracks } from '../../src/store/postgis-tracks.ts';
import { keepBySql, makePartitions } from './kept-in-sql.ts';
import { tracksContract } from './tracks-contract.ts';
import { Truth } from './truth.ts';

let scratch: string;
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'nearcast-test-'));
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

tracksContract('the embedded database', async () => {
  const database = await EmbeddedDatabase.start({ dataDir: join(scratch, 'tracks') });
  await migrate(database.connection);
  const pool = new StorePool(database.connection);
  const truth = await Truth.connect(database.connection);
  await makePartitions(truth);
  return {
    tracks: new PostgisTracks(pool),
    keep: (fixes) => keepBySql(truth, fixes),
    close: async () => {
      await truth.close();
      await pool.finish();
      await database.stop();
    },
  };
});
