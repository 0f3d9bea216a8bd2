import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
  const parent = spawn('sh', ['-c', 'true & echo $!; exec sleep 1000'], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void parent.kill('SIGKILL'));
  const pid = Number((await once(parent.stdout, 'data'))[0]);
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
  const dataDir = await held(300);
  const pid = await pidOf();
  if (pid !== undefined) writeFileSync(join(dataDir, 'pid'), `${pid}\n`);
  lockDataDir(dataDir, 4711);
  expect(readFileSync(join(dataDir, 'pid'), 'utf8')).toBe('4711\n');
  signOff(dataDir);
  expect(() => readFileSync(join(dataDir, 'pid'))).toThrow('ENOENT');
});
