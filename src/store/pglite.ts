import { fsyncSync } from 'node:fs';
import { type Extension, PGlite } from '@electric-sql/pglite';
import { postgis } from '@electric-sql/pglite-postgis';

/**
 * Settings of the embedded PostgreSQL, for one small database with one client.
 *
 * - PGlite starts with `-F`, no fsync, because its file layer has none; `openPglite` gives it one, which serves
 *   `fsync` but not the default `fdatasync`. So a committed row outlives not only the process but the power.
 * - 128 MB of shared buffers is a tenth of the process, and the kernel caches the same files.
 * - The log's segments are 1 MB each (see `initPglite`); 16 of them are enough to reuse.
 */
const SETTINGS = ['wal_sync_method=fsync', 'shared_buffers=16MB', 'min_wal_size=16MB', 'max_connections=5'];

/**
 * Opens a database directory that exists; without one PGlite would make it, so the caller looks first.
 *
 * @param onFatal called, with what PostgreSQL last said, when the engine gives up: on the spot, from within it. The
 * process must end then. PGlite itself catches all that the engine throws and calls it again, for ever
 */
export async function openPglite(dir: string, onFatal: (reason: string) => void): Promise<PGlite> {
  const lastWords = new LastWords(onFatal);
  const db = await PGlite.create(dir, {
    extensions: { postgis, lastWords },
    startParams: [
      ...PGlite.defaultStartParams.filter((param) => param !== '-F'),
      ...SETTINGS.flatMap((setting) => ['-c', setting]),
    ],
  });
  addFsync(db);
  lastWords.hearTraps(db);
  return db;
}

/** Makes a new database directory with PostGIS in it: ten seconds of work. */
export async function initPglite(dir: string): Promise<void> {
  const db = await PGlite.create(dir, {
    extensions: { postgis },
    // PostgreSQL's default segment of the write-ahead log is 16 MB, and there are always two.
    initDbStartParams: ['--wal-segsize=1'],
  });
  await db.exec('CREATE EXTENSION postgis');
  await closePglite(db);
}

/** Closes it such that the next start has nothing to recover. */
export async function closePglite(db: PGlite): Promise<void> {
  await db.exec('CHECKPOINT');
  await db.close();
}

/** Emscripten's NODEFS answers fsync with "done" and does nothing, unless its stream operations have one. */
function addFsync(db: PGlite): void {
  const nodefs = db.Module.FS.filesystems.NODEFS as unknown as {
    stream_ops: { fsync?: (stream: NodeStream) => number };
  };
  nodefs.stream_ops.fsync = ({ nfd }) => {
    // Directories are opened without a descriptor.
    if (nfd !== undefined) fsyncSync(nfd);
    return 0;
  };
}

/** Severities after which there is nothing more to say. */
const FATAL = /^.*\b(?:PANIC|FATAL): +/;

/** WebAssembly's own error, and the one for a stack that overflows. */
const TRAPS = new Set(['RuntimeError', 'RangeError']);

/** Hears what the engine prints, and that it gives up. In the guise of an extension, as these see its options first. */
class LastWords implements Extension {
  readonly name = 'last-words';
  readonly #onFatal: (reason: string) => void;
  #last = '';

  constructor(onFatal: (reason: string) => void) {
    this.#onFatal = onFatal;
  }

  setup: Extension['setup'] = async (_db, options) => ({
    emscriptenOpts: {
      ...options,
      // PostgreSQL's log, of which each entry is a line, and some that explain it.
      printErr: (line: string) => {
        if (FATAL.test(line)) this.#last = line.replace(FATAL, '');
      },
      // After a PANIC.
      onAbort: (what: unknown) => this.#onFatal(this.#last || String(what)),
    },
  });

  /** WebAssembly's own traps do not abort. What the engine throws to jump out of a statement has other names. */
  hearTraps({ Module }: PGlite): void {
    const step = Module._PostgresMainLoopOnce;
    Module._PostgresMainLoopOnce = () => {
      try {
        step();
      } catch (error) {
        if (error instanceof Error && TRAPS.has(error.name)) this.#onFatal(error.message);
        throw error;
      }
    };
  }
}

interface NodeStream {
  /** Node's file descriptor. */
  readonly nfd?: number;
}
