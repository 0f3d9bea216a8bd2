import type { StorePool } from './pool.ts';
import { StoreUnavailable } from './store.ts';
import { toStoreError } from './store-error.ts';

/** Milliseconds of a day, which is what a partition holds. Days are those of UTC. */
export const DAY = 86_400_000;

/** Any number will do that nobody else locks by; these are the letters "NEAR". */
const LOCK = 0x4e454152;

/** Milliseconds that a partition to be dropped may wait for those who use the table. */
const DROP_PATIENCE = 1_000;

/** SQLSTATE of a row that violates a check, and of one for which there is no partition. */
const CHECK_VIOLATION = '23514';

/**
 * The partitions of the table of fixes, one a day: made when there is something to put into them, dropped when the day is
 * past keeping. Several instances may do either at once.
 */
export class Partitions {
  readonly #pool: StorePool;
  readonly #retentionDays: number;
  readonly #now: () => number;
  /** Days, counted from the epoch, whose partitions are there. */
  readonly #made = new Set<number>();

  /** @param retentionDays whole days that are kept beside the present one; 0: nothing is kept */
  constructor(pool: StorePool, retentionDays: number, now: () => number = Date.now) {
    this.#pool = pool;
    this.#retentionDays = retentionDays;
    this.#now = now;
  }

  /** Whether anything is kept. */
  get keepsAny(): boolean {
    return this.#retentionDays > 0;
  }

  /** The earliest timestamp that is kept, epoch milliseconds; infinite when none is. */
  get since(): number {
    return this.keepsAny ? (dayOf(this.#now()) - this.#retentionDays) * DAY : Number.POSITIVE_INFINITY;
  }

  /**
   * Makes sure of the partitions for these times, in epoch milliseconds.
   *
   * @throws {StoreUnavailable}
   */
  async ensure(timestamps: Iterable<number>): Promise<void> {
    const missing = new Set<number>();
    for (const timestamp of timestamps) {
      const day = dayOf(timestamp);
      if (!this.#made.has(day)) missing.add(day);
    }
    for (const day of missing) {
      await this.#make(day);
      this.#made.add(day);
    }
  }

  /**
   * Makes the partitions of today and tomorrow, and drops those of days that are past keeping.
   *
   * @returns the names of those that were dropped
   * @throws {StoreUnavailable}
   */
  async tend(): Promise<readonly string[]> {
    const now = this.#now();
    if (this.keepsAny) await this.ensure([now, now + DAY]);
    const first = this.keepsAny ? await this.#firstDay() : Number.POSITIVE_INFINITY;
    const dropped: string[] = [];
    for (const name of await this.#names()) {
      const day = dayNamed(name);
      if (day === undefined || day >= first) continue;
      this.#made.delete(day);
      // One instance after the other; and all who come after this wait with it for those who read now.
      await this.#query(
        `BEGIN; SELECT pg_advisory_xact_lock(${LOCK}); SET LOCAL lock_timeout = ${DROP_PATIENCE}; DROP TABLE IF EXISTS ${name}; COMMIT`,
      );
      dropped.push(name);
    }
    return dropped;
  }

  /** Whether a write failed because a partition is gone, which somebody else dropped: then none is taken for granted. */
  lost(error: unknown): boolean {
    const { code, table, constraint } = error as { code?: string; table?: string; constraint?: string };
    const isLost = code === CHECK_VIOLATION && table === 'fixes' && constraint === undefined;
    if (isLost) this.#made.clear();
    return isLost;
  }

  /** Made aside and then attached, which does not stop those who read and write the other days. */
  async #make(day: number): Promise<void> {
    const name = nameOf(day);
    const client = await this.#connect();
    try {
      await client.query('BEGIN');
      await client.query(`SELECT pg_advisory_xact_lock(${LOCK})`);
      const { rows } = await client.query(`SELECT 1 FROM pg_inherits WHERE inhrelid = to_regclass('${name}')`);
      if (rows.length === 0) {
        await client.query(`CREATE TABLE IF NOT EXISTS ${name} (LIKE fixes INCLUDING DEFAULTS INCLUDING CONSTRAINTS)`);
        await client.query(
          `ALTER TABLE fixes ATTACH PARTITION ${name} FOR VALUES FROM ('${isoOf(day)}') TO ('${isoOf(day + 1)}')`,
        );
      }
      await client.query('COMMIT');
      client.release();
    } catch (error) {
      // Whatever state it is in, it is not to be used again.
      client.release(true);
      // Never the fault of a fix that is to go in, whatever the code: somebody's table of that name may be in the way.
      const { message } = toStoreError(error);
      throw new StoreUnavailable(`The partition ${name} could not be made: ${message}`, { cause: error });
    }
  }

  /** The first day that is kept, by the clock of this process or the database's, whichever is behind: one that is wrong drops all. */
  async #firstDay(): Promise<number> {
    const [{ now }] = await this.#query('SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now');
    return Math.min(dayOf(this.#now()), dayOf(Number(now))) - this.#retentionDays;
  }

  async #names(): Promise<readonly string[]> {
    const rows = await this.#query(
      "SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid WHERE inhparent = 'fixes'::regclass",
    );
    return rows.map(({ relname }) => String(relname));
  }

  async #connect() {
    try {
      return await this.#pool.connect();
    } catch (error) {
      throw toStoreError(error);
    }
  }

  async #query(text: string): Promise<readonly Record<string, unknown>[]> {
    try {
      return (await this.#pool.query(text)).rows;
    } catch (error) {
      throw toStoreError(error);
    }
  }
}

function dayOf(timestamp: number): number {
  return Math.floor(timestamp / DAY);
}

/** The first moment of a day. PostgreSQL would read a date alone in the zone of its session. */
function isoOf(day: number): string {
  return new Date(day * DAY).toISOString();
}

function nameOf(day: number): string {
  return `fixes_${isoOf(day).slice(0, 10).replaceAll('-', '')}`;
}

/** The day of a partition that this made; tables that somebody else attached are left alone. */
function dayNamed(name: string): number | undefined {
  const [, year, month, day] = /^fixes_(\d{4})(\d\d)(\d\d)$/.exec(name) ?? [];
  return year === undefined ? undefined : dayOf(Date.parse(`${year}-${month}-${day}T00:00:00Z`));
}
