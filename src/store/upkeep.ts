import type { DiskRoom } from './disk-room.ts';

/** Rows written between two checkpoints: about 100 MB of write-ahead log, which is also what a crash has to replay. */
const INTERVAL = 100_000;
/** Between two vacuums, moreover, this part of the rows that the table holds, as autovacuum reckons. */
const VACUUM_SHARE = 0.2;

export interface UpkeepOptions {
  /** Rows written between two checkpoints, and at least between two vacuums. */
  readonly interval?: number;
  /** Of the database's disk. */
  readonly room?: Pick<DiskRoom, 'admit'>;
}

/** Runs one statement. */
type Execute = (statement: string) => Promise<{ readonly rows: readonly Record<string, unknown>[] }>;

/**
 * The work of autovacuum and the checkpointer for a database without background processes: gives the space of
 * overwritten rows back for reuse, and cuts the write-ahead log, which else both grow for ever. Measured by rows
 * written, not by time, so that it follows the load, and an idle database is left in peace.
 */
export class Upkeep {
  readonly #execute: Execute;
  readonly #interval: number;
  readonly #room: Pick<DiskRoom, 'admit'> | undefined;
  #sinceCheckpoint = 0;
  // What an earlier process left undone is unknown: the first write of this one makes up for it.
  #sinceVacuum = Number.POSITIVE_INFINITY;
  #tableRows = 0;
  #running = false;

  constructor(execute: Execute, { interval = INTERVAL, room }: UpkeepOptions = {}) {
    this.#execute = execute;
    this.#interval = interval;
    this.#room = room;
  }

  /** To be called before a write. @throws {StoreUnavailable} its disk has no room for more */
  admit(): void {
    this.#room?.admit();
  }

  /** To be called after a write. Works in the background; the database does one thing at a time anyway. */
  written(rows: number): void {
    this.#sinceCheckpoint += rows;
    this.#sinceVacuum += rows;
    if (this.#running) return;
    const vacuum = this.#sinceVacuum >= this.#interval + VACUUM_SHARE * this.#tableRows;
    const checkpoint = this.#sinceCheckpoint >= this.#interval;
    if (!vacuum && !checkpoint) return;
    this.#running = true;
    this.#run(vacuum)
      // An unreachable database is reported by the next write; the counters make the next write try this again too.
      .catch(() => {})
      .finally(() => {
        this.#running = false;
      });
  }

  async #run(vacuum: boolean): Promise<void> {
    if (vacuum) {
      const before = this.#sinceVacuum;
      await this.#execute('VACUUM (ANALYZE) positions');
      const { rows } = await this.#execute("SELECT reltuples FROM pg_class WHERE oid = 'positions'::regclass");
      this.#tableRows = Number(rows[0].reltuples);
      this.#sinceVacuum = Number.isFinite(before) ? this.#sinceVacuum - before : 0;
    }
    const before = this.#sinceCheckpoint;
    await this.#execute('CHECKPOINT');
    this.#sinceCheckpoint -= before;
  }
}
