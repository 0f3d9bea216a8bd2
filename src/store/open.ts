import type { AccessStore } from '../auth/access-store.ts';
import type { ReplaySource } from '../history/replay-source.ts';
import type { TrackSource } from '../history/track-source.ts';
import type { ColdPositions } from './cold-positions.ts';
import type { CutOffs } from './cut-offs.ts';
import type { DiskRoom } from './disk-room.ts';
import { EmbeddedDatabase } from './embedded.ts';
import { FixReader } from './fix-reader.ts';
import { ensureFleetRole } from './fleet-role.ts';
import { migrate } from './migrate.ts';
import { Partitions } from './partitions.ts';
import { type Connection, StorePool } from './pool.ts';
import { PostgisStore } from './postgis.ts';
import { PostgisAccess } from './postgis-access.ts';
import { PostgisCutOffs } from './postgis-cut-offs.ts';
import { PostgisPositions } from './postgis-positions.ts';
import { PostgisReplays } from './postgis-replays.ts';
import { PostgisTracks } from './postgis-tracks.ts';
import type { Store } from './store.ts';
import { Upkeep } from './upkeep.ts';

export interface OpenOptions {
  /** A PostgreSQL server with PostGIS; absent, one is embedded in `dataDir`. */
  readonly databaseUrl?: string;
  readonly dataDir: string;
  /** Milliseconds after which a driver of whom nothing was received is forgotten. */
  readonly staleAfter?: number;
  /** Days for which fixes are kept; 0 or absent: not at all. */
  readonly retentionDays?: number;
  /** Hears what a first start is doing while it takes long. */
  readonly onProgress?: (message: string) => void;
  /** Hears what the operator of an embedded database should know. */
  readonly log?: (message: string) => void;
  /** Bytes of the disk that an embedded database leaves alone; by default what it needs to be safe. */
  readonly reserve?: number;
}

export interface OpenedStore {
  readonly store: Store;
  /** The latest positions, for what memory does not hold. */
  readonly positions: ColdPositions;
  /** Where shares and revocations are kept. */
  readonly access: AccessStore;
  /** Where instances say that they cannot be heard. */
  readonly cutOffs: CutOffs;
  /** What was kept of the past; absent where nothing is kept. */
  readonly history?: { readonly tracks: TrackSource; readonly replays: ReplaySource };
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
  const { databaseUrl, dataDir, onProgress, log, reserve } = options;
  if (databaseUrl !== undefined) return connect({ connectionString: databaseUrl }, options);
  const database = await EmbeddedDatabase.start({ dataDir, onProgress, log, reserve });
  try {
    const opened = await connect(database.connection, options, database.room);
    return {
      ...opened,
      close: async () => {
        await opened.close();
        await database.stop();
      },
    };
  } catch (error) {
    await database.stop();
    throw error;
  }
}

/**
 * Connections that read the latest positions, for what clients ask and for what an instance itself needs to go on: one more
 * than it reads cells by at a time. None is opened before somebody asks.
 */
const PRESENT_READERS = 3;
const OWN_READERS = 3;
/** Milliseconds for a read, which somebody waits for. */
const READ_TIMEOUT = 10_000;
/** How often days that are past keeping are looked for, milliseconds. */
const TEND_INTERVAL = 3_600_000;
/** Milliseconds after which a wait for the database is worth a word. */
const LONG = 3_000;

/** @param room of the embedded database's disk */
async function connect(
  connection: Connection,
  { staleAfter, retentionDays = 0, onProgress, log }: OpenOptions,
  room?: DiskRoom,
): Promise<OpenedStore> {
  const waiting = setTimeout(() => onProgress?.('Waiting for the database to bring its tables up to date …'), LONG);
  try {
    await migrate(connection);
  } finally {
    clearTimeout(waiting);
  }
  const insecurity = await ensureFleetRole(connection);
  if (insecurity !== undefined) log?.(insecurity);
  // The embedded one has no other users to wait for.
  const pool = new StorePool(connection, { serverTimeouts: room === undefined });
  // A crowd that reads must not be in the queue before what is to be stored, nor one that reads the past before the present.
  const readers = (max: number) =>
    new StorePool(connection, { serverTimeouts: room === undefined, max, queryTimeout: READ_TIMEOUT });
  const pastReaders = retentionDays > 0 ? readers(2) : undefined;
  const fixes = pastReaders && new FixReader(pastReaders, insecurity === undefined);
  const presentReaders = readers(PRESENT_READERS);
  const ownReaders = readers(OWN_READERS);
  const partitions = new Partitions(pool, retentionDays);
  const upkeep = room && new Upkeep((statement) => pool.query(statement), { room });
  const store = new PostgisStore(pool, { partitions, upkeep, staleAfter });
  const tend = async () => {
    try {
      for (const name of await partitions.tend()) log?.(`History: dropped ${name}, which was past keeping`);
    } catch (error) {
      log?.(`History: days past keeping could not be dropped, and stay for another hour: ${(error as Error).message}`);
    }
  };
  await tend();
  const tending = setInterval(tend, TEND_INTERVAL).unref();
  return {
    store,
    positions: new PostgisPositions(presentReaders, insecurity === undefined, undefined, ownReaders),
    access: new PostgisAccess(pool, room),
    cutOffs: new PostgisCutOffs(ownReaders),
    history: fixes && { tracks: new PostgisTracks(fixes), replays: new PostgisReplays(fixes) },
    close: async () => {
      clearInterval(tending);
      await Promise.all([store.close(), pastReaders?.finish(), presentReaders.finish(), ownReaders.finish()]);
    },
  };
}
