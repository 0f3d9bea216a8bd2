import pg from 'pg';

/** How to reach the database, as pg takes it. */
export type Connection = Pick<pg.PoolConfig, 'connectionString' | 'host' | 'port' | 'user' | 'database' | 'ssl'>;

export interface PoolLimits {
  /** Connections. */
  readonly max?: number;
  /** Milliseconds to get a connection. */
  readonly connectTimeout?: number;
  /** Milliseconds for one statement; a server that hangs is given up after it. */
  readonly queryTimeout?: number;
  /**
   * Has the server itself give up on what takes too long or waits for a lock. A client alone can only drop the
   * connection, which a server does not notice while it waits, so that stuck backends would pile up.
   */
  readonly serverTimeouts?: boolean;
}

/** Milliseconds that a statement may wait for a lock. */
const LOCK_TIMEOUT = 10_000;

/** A pool that neither hangs on a dead server nor brings the process down with it. */
export class StorePool extends pg.Pool {
  readonly #clients = new Set<pg.Client>();

  constructor(connection: Connection, limits: PoolLimits = {}) {
    const queryTimeout = limits.queryTimeout ?? 30_000;
    super({
      application_name: 'nearcast',
      ...connection,
      max: limits.max ?? 4,
      connectionTimeoutMillis: limits.connectTimeout ?? 5_000,
      query_timeout: queryTimeout,
      ...(limits.serverTimeouts ? { statement_timeout: queryTimeout, lock_timeout: LOCK_TIMEOUT } : {}),
      keepAlive: true,
    });
    // An idle connection that breaks is no news: the pool drops it, and the next statement reports the state of things.
    this.on('error', () => {});
    this.on('connect', (client) => {
      this.#clients.add(client);
      // A connection in use but between two statements belongs to nobody; unheard, its error would end the process.
      client.on('error', () => {});
    });
    this.on('remove', (client) => this.#clients.delete(client));
  }

  /** Ends the pool. What still runs gets `grace` milliseconds; then its connections are cut. */
  async finish(grace = 1_000): Promise<void> {
    const cut = setTimeout(() => {
      for (const client of this.#clients) {
        client.connection.stream.destroy();
      }
    }, grace);
    try {
      await this.end();
    } finally {
      clearTimeout(cut);
    }
  }
}
