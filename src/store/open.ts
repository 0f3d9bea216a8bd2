import { EmbeddedDatabase } from './embedded.ts';
import { migrate } from './migrate.ts';
import { type Connection, StorePool } from './pool.ts';
import { PostgisStore } from './postgis.ts';
import type { Store } from './store.ts';
import { Upkeep } from './upkeep.ts';

export interface OpenOptions {
  /** A PostgreSQL server with PostGIS; absent, one is embedded in `dataDir`. */
  readonly databaseUrl?: string;
  readonly dataDir: string;
  /** Hears what a first start is doing while it takes long. */
  readonly onProgress?: (message: string) => void;
  /** Hears what the operator of an embedded database should know. */
  readonly log?: (message: string) => void;
}

export interface OpenedStore {
  readonly store: Store;
  /** Closes the store, and the embedded database if there is one. */
  close(): Promise<void>;
}

/**
 * Opens the store, ready for use: PostGIS is there and the tables are up to date.
 *
 * @throws {DataDirInUse} another process works in `dataDir`
 * @throws {EmbeddedFailed} the embedded database cannot work in `dataDir`
 * @throws {DatabaseUnsuitable} the message says what to do
 * @throws {StoreUnavailable} the server cannot be reached
 */
export async function openStore({ databaseUrl, dataDir, onProgress, log }: OpenOptions): Promise<OpenedStore> {
  if (databaseUrl !== undefined) {
    const store = await connect({ connectionString: databaseUrl }, false);
    return { store, close: () => store.close() };
  }
  const database = await EmbeddedDatabase.start({ dataDir, onProgress, log });
  try {
    const store = await connect(database.connection, true);
    return {
      store,
      close: async () => {
        await store.close();
        await database.stop();
      },
    };
  } catch (error) {
    await database.stop();
    throw error;
  }
}

async function connect(connection: Connection, embedded: boolean): Promise<PostgisStore> {
  await migrate(connection);
  const pool = new StorePool(connection);
  return new PostgisStore(pool, embedded ? new Upkeep((statement) => pool.query(statement)) : undefined);
}
