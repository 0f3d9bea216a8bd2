import type { PGlite } from '@electric-sql/pglite';

type RawOptions = Parameters<PGlite['execProtocolRawStream']>[1];

/** Frontend messages of the extended query protocol, which belong together up to the Sync that ends them. */
const EXTENDED = new Set(['P', 'B', 'D', 'E', 'C', 'H'].map((type) => type.charCodeAt(0)));
const SYNC = Uint8Array.of('S'.charCodeAt(0), 0, 0, 0, 4);

/**
 * Stands between PGLiteSocketServer and PGlite. All connections share the one session of PGlite, and the server takes
 * their messages one by one; it keeps to one connection only inside a transaction. A statement that comes in several
 * chunks could so be cut by another connection's, which replaces its unnamed prepared statement. The gate calls the
 * messages up to Sync a transaction too.
 */
export class ProtocolGate {
  readonly #db: PGlite;
  readonly #onFatal: (error: unknown) => void;
  #unsynced = false;

  /** @param onFatal called when the engine itself throws; the server would hang from then on */
  constructor(db: PGlite, onFatal: (error: unknown) => void) {
    this.#db = db;
    this.#onFatal = onFatal;
  }

  get waitReady(): Promise<void> {
    return this.#db.waitReady;
  }

  isInTransaction(): boolean {
    return this.#unsynced || this.#db.isInTransaction();
  }

  runExclusive<T>(work: () => Promise<T>): Promise<T> {
    return this.#db.runExclusive(work);
  }

  async execProtocolRawStream(message: Uint8Array, options: RawOptions): Promise<void> {
    this.#unsynced = EXTENDED.has(message[0]);
    try {
      await this.#db.execProtocolRawStream(message, options);
    } catch (error) {
      this.#onFatal(error);
      throw error;
    }
  }

  /** The server calls this with ROLLBACK for a connection that went away within a transaction. */
  async exec(query: string): Promise<unknown> {
    if (this.#unsynced) {
      this.#unsynced = false;
      await this.#db.execProtocolRawStream(SYNC, { onRawData: () => {} });
    }
    return this.#db.isInTransaction() ? this.#db.exec(query) : [];
  }
}
