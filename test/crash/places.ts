import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';
import { createDatabase, type TestPostgres } from '../support/postgres.ts';

/** Where a server keeps what it is told: a database that nothing is in at first. */
export interface Place {
  /** The settings by which a server finds it. */
  readonly env: Readonly<Record<string, string>>;
  /** How others reach the tables, while the server of that process runs. */
  connection(server: number): pg.ClientConfig;
  /** What ends the database of that server as `kill -9` does, also when the server is gone by then. */
  databaseKiller(server: number): () => void | Promise<void>;
  /** Has a killed database back, unless that is the server's own task. */
  reviveDatabase(): Promise<void>;
  /** Has the database hang. Absent: it cannot be. */
  readonly freeze?: () => void;
  readonly thaw?: () => void;
  remove(): void;
}

/** A data directory of its own for the embedded database. */
export function embeddedPlace(): Place {
  const dir = mkdtempSync(join(tmpdir(), 'crash-'));
  return {
    // The directory of its socket is left behind when server and database are killed together.
    env: { DATA_DIR: join(dir, 'data'), TMPDIR: dir },
    connection: (server) => ({ host: databaseOf(server)?.socketDir, user: 'postgres', database: 'postgres' }),
    databaseKiller: (server) => {
      const pid = databaseOf(server)?.pid;
      return () => {
        if (pid !== undefined) kill(pid);
      };
    },
    reviveDatabase: async () => {},
    remove: () => rmSync(dir, { recursive: true, force: true, maxRetries: 20 }),
  };
}

/** A database of its own on a PostgreSQL server that other places share. */
export async function postgresPlace(postgres: TestPostgres, name: string): Promise<Place> {
  const url = await createDatabase(postgres, name);
  return {
    env: { DATABASE_URL: url },
    connection: () => ({ connectionString: url }),
    databaseKiller: () => () => postgres.crash(),
    reviveDatabase: () => postgres.restart(),
    freeze: () => postgres.freeze(),
    thaw: () => postgres.thaw(),
    remove: () => {},
  };
}

/** The embedded database of a server, while there is one. */
export function databaseOf(server: number): { readonly pid: number; readonly socketDir: string } | undefined {
  const all = execFileSync('ps', ['-eo', 'pid=,ppid=,args='], { encoding: 'utf8' });
  const [, pid, socketDir] =
    new RegExp(`^ *(\\d+) +${server} .*embedded-server\\.ts \\S+ (\\S+) `, 'm').exec(all) ?? [];
  return pid === undefined ? undefined : { pid: Number(pid), socketDir };
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    // It may have ended by itself meanwhile.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
