import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { expect, onTestFinished, test, vi } from 'vitest';
import { DataDirInUse, lockDataDir, signOff } from '../../src/store/data-dir-lock.ts';

/** Another process holds the lock of a new directory, as long as it is told or until it is killed. */
async function held(milliseconds: number): Promise<string> {
  const dataDir = mkdtempSync(join(tmpdir(), 'nearcast-lock-'));
  const source = `
    import { DatabaseSync } from 'node:sqlite';
    new DatabaseSync(${JSON.stringify(join(dataDir, 'lock'))}).exec('BEGIN EXCLUSIVE');
    setTimeout(() => process.exit(), ${milliseconds});
    console.log('held');`;
  const holder = spawn(process.execPath, ['--input-type=module', '-e', source], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => {
    holder.kill('SIGKILL');
    rmSync(dataDir, { recursive: true });
  });
  await once(holder.stdout, 'data');
  return dataDir;
}

/** The pid of a process that has ended, and whose parent never asks for it. */
async function zombie(): Promise<number> {
  // The child lives until its input ends, which is when the shell has become a process that asks for no child.
  const script = 'cat <&3 & echo $!; exec sleep 1000';
  const parent = spawn('sh', ['-c', script], { stdio: ['ignore', 'pipe', 'inherit', 'pipe'] });
  onTestFinished(() => void parent.kill('SIGKILL'));
  const pid = Number((await once(parent.stdout as Readable, 'data'))[0]);
  await vi.waitUntil(() => readFileSync(`/proc/${parent.pid}/cmdline`, 'utf8').startsWith('sleep'));
  (parent.stdio[3] as Writable).end();
  await vi.waitUntil(() => readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z '));
  return pid;
}

test('a directory in use by a living process is refused at once, by its pid', async () => {
  const dataDir = await held(60_000);
  writeFileSync(join(dataDir, 'pid'), `${process.pid}\n`);
  expect(() => lockDataDir(dataDir, 1)).toThrow(DataDirInUse);
  expect(() => lockDataDir(dataDir, 1)).toThrow(`process ${process.pid}`);
});

test.each<[string, () => Promise<number | undefined>]>([
  ['has signed off', async () => undefined],
  ['is dead', async () => 2 ** 22 + 1],
  ...(process.platform === 'linux' ? [['is dead and not reaped', zombie] as [string, typeof zombie]] : []),
])('the lock of a process that %s is waited for', async (_how, pidOf) => {
  const pid = await pidOf();
  const dataDir = await held(300);
  if (pid !== undefined) writeFileSync(join(dataDir, 'pid'), `${pid}\n`);
  lockDataDir(dataDir, 4711);
  expect(readFileSync(join(dataDir, 'pid'), 'utf8')).toBe('4711\n');
  signOff(dataDir);
  expect(() => readFileSync(join(dataDir, 'pid'))).toThrow('ENOENT');
});
