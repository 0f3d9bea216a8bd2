import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { DataDirInUse } from './data-dir-lock.ts';
import { DiskRoom } from './disk-room.ts';
import type { Connection } from './pool.ts';
import { templateDir } from './template.ts';

export type ToServer = 'ping' | 'stop';

export type FromServer =
  | { readonly type: 'progress'; readonly message: string }
  | { readonly type: 'ready' }
  | { readonly type: 'pong' }
  | { readonly type: 'in-use'; readonly message: string }
  | { readonly type: 'failed'; readonly message: string };

export interface EmbeddedOptions {
  readonly dataDir: string;
  /** A prepared database directory to copy at the first start; by default the one that npm's install made. */
  readonly template?: string;
  /** Hears what a first start is doing while it takes long. */
  readonly onProgress?: (message: string) => void;
  /** Hears of a database process that ended by itself and was started again. */
  readonly log?: (message: string) => void;
  /** Bytes of the disk to leave alone; see {@link DiskRoom}. */
  readonly reserve?: number;
}

/** The data directory cannot be used. The message says what to do. */
export class EmbeddedFailed extends Error {
  override name = 'EmbeddedFailed';
}

/** Milliseconds between pings, and how many in a row may go unanswered before the process counts as hung. */
const PING_INTERVAL = 15_000;
const PINGS_MISSED = 4;
/** Milliseconds before a database process that ended is started again: doubled each time, up to the second … */
const RESTART_DELAY = 100;
const RESTART_DELAY_MAX = 10_000;
/** … and back to the first after one that ran this long. */
const STEADY = 60_000;
/** Milliseconds between two looks whether there is room again for a database that ended for want of it. */
const ROOM_INTERVAL = 500;
/** Bytes of a new database, about. */
const NEW_DATABASE = 48 * 2 ** 20;
/** Milliseconds for the database to close before it is killed, which loses nothing either. */
const STOP_TIMEOUT = 3_000;

/**
 * PostgreSQL with PostGIS in a child process, in WebAssembly, for one machine with nothing installed. It is reached
 * through a unix socket that only this user can open. The child ends with this process, however that ends.
 */
export class EmbeddedDatabase {
  /** Whether there is room for more to be written. */
  readonly room: DiskRoom;
  readonly #options: EmbeddedOptions;
  readonly #socketDir: string;
  #child: ChildProcess | undefined;
  #unanswered = 0;
  #ping: NodeJS.Timeout | undefined;
  #restart: NodeJS.Timeout | undefined;
  #delay = RESTART_DELAY;
  #readyAt = 0;
  #stopped: Promise<void> | undefined;
  #waitsForRoom = false;

  /**
   * Resolves when the database answers.
   *
   * @throws {DataDirInUse} another process works in that directory
   * @throws {EmbeddedFailed} the message says why it cannot work there
   */
  static async start(options: EmbeddedOptions): Promise<EmbeddedDatabase> {
    const database = new EmbeddedDatabase(options);
    process.once('exit', database.#kill);
    try {
      await database.#launch();
    } catch (error) {
      await database.stop();
      throw error;
    }
    return database;
  }

  private constructor(options: EmbeddedOptions) {
    const dataDir = resolve(options.dataDir);
    this.#options = { ...options, dataDir };
    this.room = new DiskRoom({ dir: dataDir, reserve: options.reserve, log: options.log });
    this.#socketDir = makeSocketDir();
  }

  /** For a pool of pg; a few connections at most, since one statement runs at a time. */
  get connection(): Connection {
    return { host: this.#socketDir, port: 5432, user: 'postgres', database: 'postgres', ssl: false };
  }

  /** The database process, while there is one. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Closes the database; nothing of it is left but the data. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #launch(): Promise<void> {
    const { dataDir, template = templateDir(), onProgress, log } = this.#options;
    const full = this.room.tooFullToOpen(existsSync(join(dataDir, 'postgres')) ? 0 : NEW_DATABASE);
    if (full !== undefined) throw new EmbeddedFailed(`The embedded database in DATA_DIR cannot start: ${full}.`);
    const child = fork(
      join(import.meta.dirname, 'embedded-server.ts'),
      [dataDir, this.#socketDir, String(process.pid), template],
      {
        // In its own session, the signals of a terminal do not reach it.
        detached: true,
        // It needs nothing from there, and must not see the secrets.
        env: {},
        execArgv: [],
        stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      },
    );
    this.#child = child;
    // One that hangs would outlive this process. Killed, it loses nothing that was committed.
    const kill = () => {
      child.kill('SIGKILL');
      rmSync(this.#socketDir, { recursive: true, force: true });
    };
    process.once('exit', kill);
    child.once('exit', () => process.off('exit', kill));
    let said = '';
    let starting = true;
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      if (starting) said += text;
      else log?.(text.trimEnd());
    });

    await new Promise<void>((ready, failed) => {
      child.on('message', (message: FromServer) => {
        this.#unanswered = 0;
        if (message.type === 'progress') onProgress?.(message.message);
        else if (message.type === 'ready') ready();
        else if (message.type === 'in-use') failed(new DataDirInUse(message.message));
        else if (message.type === 'failed')
          failed(
            new EmbeddedFailed(
              `The embedded database in DATA_DIR (${dataDir}) did not start: ${message.message}. ` +
                'Set DATA_DIR to a directory that this user may write to, or put back what was in it from a copy.',
            ),
          );
      });
      child.once('error', failed);
      // After all that it said.
      child.once('close', (code, signal) => {
        const how = `ended while starting (${signal ?? `code ${code}`})`;
        failed(new EmbeddedFailed(`The embedded database in DATA_DIR (${dataDir}) ${how}. ${said.trim()}`.trimEnd()));
      });
    });
    starting = false;

    child.once('exit', (code, signal) => {
      if (performance.now() - this.#readyAt >= STEADY) this.#delay = RESTART_DELAY;
      this.#onExit(signal ?? `code ${code}`);
    });
    // The child alone is no reason for this process to live on.
    child.unref();
    child.channel?.unref();
    (child.stderr as { unref?: () => void } | null)?.unref?.();
    this.#unanswered = 0;
    this.#readyAt = performance.now();
    this.#ping = setInterval(() => this.#watch(child), PING_INTERVAL).unref();
  }

  /** An engine stuck in a loop holds its socket open and answers nothing: only from outside can it be ended. */
  #watch(child: ChildProcess): void {
    if (this.#unanswered >= PINGS_MISSED) {
      child.kill('SIGKILL');
      return;
    }
    this.#unanswered++;
    child.send('ping' satisfies ToServer, () => {});
  }

  #onExit(how: string): void {
    clearInterval(this.#ping);
    this.#child = undefined;
    if (this.#stopped !== undefined) return;
    const delay = this.#delay;
    this.#delay = Math.min(this.#delay * 2, RESTART_DELAY_MAX);
    this.#options.log?.(`The embedded database ended (${how}); starting it again in ${delay} ms`);
    this.#relaunch(delay);
  }

  #relaunch(delay: number): void {
    this.#restart = setTimeout(async () => {
      const full = this.room.tooFullToOpen();
      if (full !== undefined) {
        if (!this.#waitsForRoom) this.#options.log?.(`The embedded database waits, as ${full}`);
        this.#waitsForRoom = true;
        this.#relaunch(ROOM_INTERVAL);
        return;
      }
      this.#waitsForRoom = false;
      try {
        await this.#launch();
        this.#options.log?.('The embedded database is back');
      } catch (error) {
        this.#onExit(error instanceof Error ? error.message : String(error));
      }
    }, delay);
  }

  /**
   * This process ends without having stopped it, as when somebody does not wait: an engine that hangs would never notice,
   * and keep the directory locked.
   */
  readonly #kill = (): void => {
    this.#child?.kill('SIGKILL');
  };

  async #stop(): Promise<void> {
    clearTimeout(this.#restart);
    clearInterval(this.#ping);
    const child = this.#child;
    if (child?.pid !== undefined && child.exitCode === null && child.signalCode === null) {
      child.ref();
      const gone = once(child, 'exit');
      const kill = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT);
      if (child.connected) child.send('stop' satisfies ToServer, () => {});
      await gone;
      clearTimeout(kill);
    }
    process.off('exit', this.#kill);
    rmSync(this.#socketDir, { recursive: true, force: true });
  }
}

/** A unix socket's path has room for 103 bytes on some systems (sun_path), and the socket's name takes 14. */
const MAX_SOCKET_DIR = 80;

/** A new directory for the socket, that only this user can enter. @throws {EmbeddedFailed} */
function makeSocketDir(): string {
  const base = Buffer.byteLength(tmpdir()) > MAX_SOCKET_DIR ? '/tmp' : tmpdir();
  try {
    return mkdtempSync(join(base, 'nearcast-'));
  } catch (error) {
    throw new EmbeddedFailed(
      `The embedded database needs a directory for its socket: ${(error as Error).message}. Set TMPDIR to one that exists and is writable.`,
    );
  }
}
