import { accessSync, constants, existsSync, mkdirSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { PGlite } from '@electric-sql/pglite';
import { PGLiteSocketServer } from '@electric-sql/pglite-socket';
import { DataDirInUse, lockDataDir, signOff } from './data-dir-lock.ts';
import type { FromServer, ToServer } from './embedded.ts';
import { closePglite, initPglite, openPglite } from './pglite.ts';
import { ProtocolGate } from './protocol-gate.ts';
import { copyDir, makeDirAtomically } from './template.ts';

/*
 * Process entry of the embedded database: node embedded-server.ts <data directory> <socket directory> <main pid> <template>.
 * It ends when the main process says so, or is gone.
 */
const [, , dataDir, socketDir, mainPid, template] = process.argv;
const databaseDir = join(dataDir, 'postgres');
const socket = join(socketDir, '.s.PGSQL.5432');

// A terminal and an init system signal whole groups; the database must outlive the last write of the main process.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
// Whoever read this end may be gone.
process.stderr.on('error', () => {});

const ended = new Promise<void>((resolve) => {
  process.once('disconnect', resolve);
  process.on('message', (message: ToServer) => {
    if (message === 'stop') resolve();
    else send({ type: 'pong' });
  });
});

try {
  const db = await open();
  const server = await serve(db);
  send({ type: 'ready' });
  await ended;
  await server.stop();
  await closePglite(db);
  signOff(dataDir);
  cleanUp();
  process.exit(0);
} catch (error) {
  if (error instanceof DataDirInUse) send({ type: 'in-use', message: error.message }, 1);
  else send({ type: 'failed', message: error instanceof Error ? error.message : String(error) }, 1);
}

async function open(): Promise<PGlite> {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  lockDataDir(dataDir, Number(mainPid));
  if (!existsSync(databaseDir)) {
    if (isReadable(template)) {
      await makeDirAtomically(databaseDir, (partial) => copyDir(template, partial));
    } else {
      send({ type: 'progress', message: `Making a new database in ${databaseDir} (about 15 s, once) …` });
      await makeDirAtomically(databaseDir, initPglite);
      send({ type: 'progress', message: 'The database is made; opening it …' });
    }
  }
  return openPglite(databaseDir, giveUp);
}

async function serve(db: PGlite): Promise<PGLiteSocketServer> {
  const gate = new ProtocolGate(db, (error) => giveUp(String(error)));
  // One that was killed left its socket.
  rmSync(socket, { force: true });
  const server = new PGLiteSocketServer({ db: gate as unknown as PGlite, path: socket, maxConnections: 20 });
  await server.start();
  return server;
}

/** An engine that threw has lost its state; the next process recovers from the log. */
function giveUp(reason: string): never {
  // Not console.error, which a pipe may take only after the end.
  writeSync(2, `The embedded database gave up: ${reason}\n`);
  process.exit(70);
}

/** One that another user made is none for this one. */
function isReadable(dir: string): boolean {
  try {
    accessSync(dir, constants.R_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function cleanUp(): void {
  rmSync(socketDir, { recursive: true, force: true });
}

/** Tells the main process, if it is still there, and with `exitCode` ends after that. */
function send(message: FromServer, exitCode?: number): void {
  const after = exitCode === undefined ? undefined : () => process.exit(exitCode);
  if (process.connected) process.send?.(message, undefined, undefined, after);
  else {
    cleanUp();
    after?.();
  }
}
