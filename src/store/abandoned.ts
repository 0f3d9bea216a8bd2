import type { StorePool } from './pool.ts';

/** SQLSTATE insufficient_privilege: where sessions must not be ended, theirs is the risk. */
const MAY_NOT = '42501';

/**
 * Sessions of the database of which an answer was given up. One that hung, or that was told over a network that did, may
 * yet do what it was told, long after it was told again over another: it must be ended before.
 */
export class Abandoned {
  readonly #pool: StorePool;
  readonly #pids = new Set<number>();

  constructor(pool: StorePool) {
    this.#pool = pool;
  }

  /** @param pid of the session's process, as the database said */
  add(pid: number): void {
    this.#pids.add(pid);
  }

  /** Ends them; those that are busy stop, and those that are not do not begin. @throws what the pool does */
  async end(): Promise<void> {
    if (this.#pids.size === 0) return;
    const pids = [...this.#pids];
    try {
      // A process of that number may by now be another's: one of this program tries again. An embedded database has but one.
      await this.#pool.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE pid = ANY($1::int[]) AND pid <> pg_backend_pid() AND datname = current_database()
           AND usename = current_user AND application_name = current_setting('application_name')`,
        [pids],
      );
    } catch (error) {
      if ((error as { code?: string }).code !== MAY_NOT) throw error;
    }
    for (const pid of pids) this.#pids.delete(pid);
  }
}
