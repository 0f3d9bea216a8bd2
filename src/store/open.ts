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
  /** Milliseconds after which a driver of whom nothing was received is forgotten. */
  readonly staleAfter?: number;
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
export async function openStore(options: OpenOptions): Promise<OpenedStore> {
  const { databaseUrl, dataDir, onProgress, log } = options;
  if (databaseUrl !== undefined) {
    const store = await connect({ connectionString: databaseUrl }, false, options);
    return { store, close: () => store.close() };
  }
  const database = await EmbeddedDatabase.start({ dataDir, onProgress, log });
  try {
    const store = await connect(database.connection, true, options);
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

/** Milliseconds after which a wait for the database is worth a word. */
const LONG = 3_000;

async function connect(
  connection: Connection,
  embedded: boolean,
  { staleAfter, onProgress }: OpenOptions,
): Promise<PostgisStore> {
  const waiting = setTimeout(() => onProgress?.('Waiting for the database to bring its tables up to date …'), LONG);
  try {
    await migrate(connection);
  } finally {
    clearTimeout(waiting);
  }
  // The embedded one has no other users to wait for.
  const pool = new StorePool(connection, { serverTimeouts: !embedded });
  return new PostgisStore(pool, embedded ? new Upkeep((statement) => pool.query(statement)) : undefined, staleAfter);
}
