import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EmbeddedDatabase } from '../../src/store/embedded.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { MemoryReplays } from '../../src/store/memory-replays.ts';
import { migrate } from '../../src/store/migrate.ts';
import { Partitions } from '../../src/store/partitions.ts';
import { type Connection, StorePool } from '../../src/store/pool.ts';
import { PostgisStore } from '../../src/store/postgis.ts';
import { PostgisReplays } from '../../src/store/postgis-replays.ts';
import { createDatabase, findPostgres, startPostgres, type TestPostgres } from '../support/postgres.ts';
import { describeWith } from '../support/services.ts';
import { REPLAYS_NOW, replaysContract } from './replays-contract.ts';

async function open(connection: Connection) {
  await migrate(connection);
  const pool = new StorePool(connection);
  const store = new PostgisStore(pool, { partitions: new Partitions(pool, 1, () => REPLAYS_NOW) });
  return { store, source: new PostgisReplays(pool) };
}

replaysContract('memory', async () => {
  const store = new MemoryStore(undefined, 0);
  return { store, source: new MemoryReplays(store), close: () => store.close() };
});

describe('embedded', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'nearcast-test-'));
  afterAll(() => rmSync(scratch, { recursive: true, force: true }));

  replaysContract('embedded', async () => {
    const database = await EmbeddedDatabase.start({ dataDir: scratch });
    const subject = await open(database.connection);
    return {
      ...subject,
      close: async () => {
        await subject.store.close();
        await database.stop();
      },
    };
  });
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

  it('says that the history is unavailable when the server is gone', async () => {
    const pool = new StorePool({ connectionString: await createDatabase(postgres, 'away') });
    await migrate({ connectionString: postgres.urlOf('away') });
    const source = new PostgisReplays(pool);
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
