import {
  chmodSync,
  closeSync,
  cpSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Part of the template's name: to be raised when `initPglite` makes something else of the same versions. */
const FORMAT = 1;

/** Where the prepared database directory of the installed versions is, or would be. */
export function templateDir(): string {
  const pglite = packageDir('@electric-sql/pglite');
  const name = `postgres-${version(pglite)}-postgis-${version(packageDir('@electric-sql/pglite-postgis'))}-${FORMAT}`;
  return join(dirname(dirname(pglite)), '.cache', 'nearcast', name);
}

function packageDir(name: string): string {
  return dirname(dirname(fileURLToPath(import.meta.resolve(name))));
}

function version(dir: string): string {
  return JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8')).version;
}

/**
 * Makes a directory all at once: `make` works under another name beside it, which is renamed when all of it is on the
 * disk. What a process that was killed half-way left there is removed by the next one.
 */
export async function makeDirAtomically(dir: string, make: (partial: string) => void | Promise<void>): Promise<void> {
  const partial = `${dir}.partial-${process.pid}`;
  mkdirSync(dirname(dir), { recursive: true });
  for (const name of readdirSync(dirname(dir))) {
    if (name.startsWith(`${basename(dir)}.partial-`))
      rmSync(join(dirname(dir), name), { recursive: true, force: true });
  }
  try {
    await make(partial);
    chmodSync(partial, 0o700);
    fsyncTree(partial);
    renameSync(partial, dir);
    fsyncPath(dirname(dir));
  } catch (error) {
    rmSync(partial, { recursive: true, force: true });
    // Another process was quicker.
    if (!existsSync(dir)) throw error;
  }
}

/** Copies a directory with all that is in it. Where the file system can share the blocks, it does. */
export function copyDir(from: string, to: string): void {
  cpSync(from, to, { recursive: true, mode: 2 /* COPYFILE_FICLONE */ });
}

function fsyncTree(dir: string): void {
  for (const entry of readdirSync(dir, { recursive: true, withFileTypes: true })) {
    fsyncPath(join(entry.parentPath, entry.name));
  }
  fsyncPath(dir);
}

function fsyncPath(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
