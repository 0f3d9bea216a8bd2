import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/** Milliseconds given to a database whose main process was killed, to close. */
const CLOSING_TIMEOUT = 10_000;

/** SQLite's result code for "someone else holds the lock". */
const SQLITE_BUSY = 5;

/** Another process works in the data directory. */
export class DataDirInUse extends Error {
  override name = 'DataDirInUse';

  static by(pid: number | undefined, dataDir: string): DataDirInUse {
    const holder = pid === undefined ? 'another process' : `process ${pid}`;
    return new DataDirInUse(
      `The data directory ${dataDir} is in use by ${holder}. ` +
        'One process can work in it at a time: stop that one, or set DATA_DIR to another directory.',
    );
  }
}

/**
 * Locks a data directory for this process, until it ends: SQLite's lock is a kernel's lock on a file, which is never
 * left behind, however the process ends. Node offers no other way to such a lock.
 *
 * @param mainPid the process that a user knows and can stop; written beside the lock for the message
 * @throws {DataDirInUse}
 */
export function lockDataDir(dataDir: string, mainPid: number): void {
  const pidFile = join(dataDir, 'pid');
  if (!tryLock(dataDir, 0)) {
    // A holder that has signed off, or whose main process is dead, is on its way out.
    const holder = readPid(pidFile);
    const closing = holder === undefined || !isAlive(holder);
    if (!closing || !tryLock(dataDir, CLOSING_TIMEOUT)) throw DataDirInUse.by(holder, dataDir);
  }
  writeFileSync(pidFile, `${mainPid}\n`);
}

/** Takes back what {@link lockDataDir} wrote. The lock itself goes with the process, the empty file it is on stays. */
export function signOff(dataDir: string): void {
  rmSync(join(dataDir, 'pid'), { force: true });
}

/**
 * Makes sure that no process works in a data directory. Changes nothing there.
 *
 * @throws {DataDirInUse}
 */
export function assertDataDirFree(dataDir: string): void {
  const path = join(dataDir, 'lock');
  if (!existsSync(path)) return;
  const file = new DatabaseSync(path, { readOnly: true, timeout: 0 });
  try {
    // A reader is kept out by whoever holds the lock, and keeps nobody out for longer than it reads.
    file.prepare('SELECT count(*) FROM sqlite_schema').get();
  } catch (error) {
    if (error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY) {
      throw DataDirInUse.by(readPid(join(dataDir, 'pid')), dataDir);
    }
    throw error;
  } finally {
    file.close();
  }
}

/** Locks are held for the life of the process: referred to here, they are not collected. */
const held: DatabaseSync[] = [];

function tryLock(dataDir: string, timeout: number): boolean {
  const file = new DatabaseSync(join(dataDir, 'lock'), { timeout });
  try {
    // Nothing is ever written: the lock is all, and a journal in memory leaves no file behind.
    file.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    file.close();
    if (error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY) return false;
    throw error;
  }
  held.push(file);
  return true;
}

function readPid(file: string): number | undefined {
  try {
    return Number.parseInt(readFileSync(file, 'utf8'), 10) || undefined;
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !isZombie(pid);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** A process that has ended stays in the table until its parent asks for it; the first process of a container may never. */
function isZombie(pid: number): boolean {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    // Gone meanwhile, or no Linux.
    return false;
  }
  // The state follows the command's name, which is in parentheses and may hold some of its own (proc(5)).
  return stat[stat.lastIndexOf(')') + 2] === 'Z';
}
