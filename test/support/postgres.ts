import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import pg from 'pg';

/** A private PostgreSQL server that listens on a unix socket alone, so it needs no port and meets no other. */
export interface TestPostgres {
  /** Directory of the socket: the `host` of a connection. */
  readonly host: string;
  readonly user: string;
  readonly database: string;
  /** Of the process whose children are all others. */
  readonly pid: number;
  /** The same as a URL. */
  readonly url: string;
  /** A URL of a database of this server; the server's own without a name. */
  urlOf(database: string): string;
  /** Stops the server without a word to its clients, as `kill -9` of it would. */
  crash(): Promise<void>;
  /** Starts it again after `crash`. */
  restart(): Promise<void>;
  /** Stops the processes where they stand: the server is there, and answers nothing. */
  freeze(): void;
  thaw(): void;
  stop(): Promise<void>;
}

/** The newest PostgreSQL of the machine that has PostGIS beside it, or nothing. */
export function findPostgres(): string | undefined {
  return candidates().find((bin) => existsSync(join(bin, 'initdb')) && hasPostgis(bin));
}

function candidates(): string[] {
  const debian = '/usr/lib/postgresql';
  const bins = existsSync(debian)
    ? readdirSync(debian)
        .sort((a, b) => Number(b) - Number(a))
        .map((version) => join(debian, version, 'bin'))
    : [];
  const own = output('pg_config', '--bindir');
  return own === undefined ? bins : [...bins, own];
}

function hasPostgis(bin: string): boolean {
  const share = output(join(bin, 'pg_config'), '--sharedir');
  return share !== undefined && existsSync(join(share, 'extension', 'postgis.control'));
}

function output(command: string, ...args: string[]): string | undefined {
  try {
    return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return undefined;
  }
}

/** initdb and postgres refuse to run as root: then they run as the user that the package made. */
function account(): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {};
  const [, , uid, gid] = execFileSync('getent', ['passwd', 'postgres'], { encoding: 'utf8' }).split(':');
  return { uid: Number(uid), gid: Number(gid) };
}

/** Starts a server in a fresh temporary directory, which `stop` removes. */
export async function startPostgres(bin: string): Promise<TestPostgres> {
  const owner = account();
  const dir = mkdtempSync(join(tmpdir(), 'nearcast-pg-'));
  if (owner.uid !== undefined && owner.gid !== undefined) chownSync(dir, owner.uid, owner.gid);
  const data = join(dir, 'data');
  execFileSync(join(bin, 'initdb'), ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-sync'], {
    ...owner,
    cwd: dir,
    stdio: 'ignore',
  });

  const run = async () => {
    const server = spawn(
      join(bin, 'postgres'),
      ['-D', data, '-k', dir, '-c', 'listen_addresses=', '-c', 'shared_buffers=32MB', '-c', 'fsync=off'],
      { ...owner, cwd: dir, stdio: ['ignore', 'ignore', 'pipe'] },
    );
    await new Promise<void>((resolve, reject) => {
      let log = '';
      server.stderr.setEncoding('utf8').on('data', (text: string) => {
        log += text;
        if (log.includes('database system is ready to accept connections')) resolve();
      });
      server.once('exit', (code) => reject(new Error(`postgres ended with ${code}: ${log}`)));
    });
    return server;
  };

  let server = await run();
  // Each backend is a process of its own, in a group of its own, and nobody's child once the server is killed: they are
  // looked up before.
  const signalAll = (name: NodeJS.Signals) => {
    const backends = output('pgrep', '-P', String(server.pid))?.split('\n') ?? [];
    server.kill(name);
    for (const pid of backends) {
      try {
        process.kill(Number(pid), name);
      } catch (error) {
        // One that has ended meanwhile needs no signal.
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
      }
    }
  };
  const end = async (name: NodeJS.Signals) => {
    if (server.exitCode !== null || server.signalCode !== null) return;
    const gone = once(server, 'exit');
    if (name === 'SIGKILL') signalAll(name);
    else server.kill(name);
    await gone;
  };
  const urlOf = (database: string) => `postgres://postgres@/${database}?host=${encodeURIComponent(dir)}`;

  return {
    host: dir,
    user: 'postgres',
    database: 'postgres',
    get pid() {
      return server.pid ?? 0;
    },
    url: urlOf('postgres'),
    urlOf,
    crash: () => end('SIGKILL'),
    restart: async () => {
      const deadline = performance.now() + 10_000;
      for (;;) {
        try {
          server = await run();
          return;
        } catch (error) {
          // A backend that was just being forked when the others were killed goes by itself, a moment later.
          if (!String(error).includes('shared memory block') || performance.now() > deadline) throw error;
          await setTimeout(50);
        }
      }
    },
    freeze: () => signalAll('SIGSTOP'),
    thaw: () => signalAll('SIGCONT'),
    stop: async () => {
      await end('SIGQUIT');
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** Makes a database for one test alone and returns its URL. */
export async function createDatabase(postgres: TestPostgres, name: string): Promise<string> {
  const client = new pg.Client({ connectionString: postgres.url });
  await client.connect();
  await client.query(`CREATE DATABASE "${name}"`);
  await client.end();
  return postgres.urlOf(name);
}
