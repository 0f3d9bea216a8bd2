import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { listSettings } from '../src/settings.ts';
import { lockDataDir } from '../src/store/data-dir-lock.ts';

function temporary(): string {
  const dir = mkdtempSync(join(tmpdir(), 'nearcast-check-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** `npm start -- …`, without npm. */
async function start(argv: string[], env: Record<string, string> = {}) {
  const run = promisify(execFile)(process.execPath, ['src/main.ts', ...argv], {
    env: { PATH: process.env.PATH, ...env },
  });
  return run.then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    ({ code, stdout, stderr }) => ({ code: code as number, stdout: stdout as string, stderr: stderr as string }),
  );
}

test('--help needs no valid settings, names every one of them, and exits 0', async () => {
  const { code, stdout, stderr } = await start(['--help'], { PORT: 'x' });
  expect([code, stderr]).toEqual([0, '']);
  for (const { name } of listSettings()) expect(stdout).toMatch(new RegExp(`^  ${name}\\b`, 'm'));
});

test('an argument that nobody knows is a usage error: said in a line, exit 64, and nothing is started', async () => {
  for (const argv of [['--chekc'], ['--check', 'now']]) {
    const { code, stdout, stderr } = await start(argv, { DATA_DIR: '/nonexistent/x' });
    expect([code, stdout]).toEqual([64, '']);
    expect(stderr).toMatch(/^(Unknown option '--chekc'|Unexpected argument 'now').+\nTry --help\.\n$/);
  }
});

test('--check with wrong settings lists every one, looks at nothing, and exits 78', async () => {
  const { code, stdout, stderr } = await start(['--check'], { PORT: 'x', LOG_LEVEL: 'loud' });
  expect([code, stdout]).toEqual([78, '']);
  expect(stderr).toMatch(/PORT: .+\n.+LOG_LEVEL: /);
});

test('--check of a first start finds nothing wrong, and leaves nothing behind', async () => {
  const dir = temporary();
  const { code, stdout, stderr } = await start(['--check'], { DATA_DIR: join(dir, 'new', 'data'), PORT: '0' });
  expect([code, stderr]).toEqual([0, '']);
  expect(
    stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.split(':', 1)[0]),
  ).toEqual(['ok     settings', 'ok     DATABASE_URL', 'ok     DATA_DIR', 'ok     HOST, PORT']);
  expect(readdirSync(dir)).toEqual([]);
});

test('--check says all that is wrong at once, each in a line, without the password, and exits 1', async () => {
  const dir = temporary();
  writeFileSync(join(dir, 'file'), '');
  const taken = createServer().listen(0, '127.0.0.1');
  onTestFinished(() => void taken.close());
  await new Promise((resolve) => taken.once('listening', resolve));
  const { code, stdout, stderr } = await start(['--check'], {
    DATABASE_URL: 'postgres://nobody:hunter2@127.0.0.1:1/none',
    DATA_DIR: join(dir, 'file', 'data'),
    PORT: String((taken.address() as { port: number }).port),
  });
  expect([code, stderr]).toEqual([1, '']);
  const lines = stdout.trimEnd().split('\n');
  expect(lines.length).toBe(4);
  expect(lines[1]).toMatch(/^wrong {2}DATABASE_URL: .+ECONNREFUSED/);
  expect(lines[2]).toMatch(/^wrong {2}DATA_DIR: .+not a directory/);
  expect(lines[3]).toMatch(/^wrong {2}HOST, PORT: .+EADDRINUSE/);
  expect(stdout).not.toMatch('hunter2');
});

test('--check asks Redis too, and says what is wrong without the password', async () => {
  const { code, stdout, stderr } = await start(['--check'], {
    DATABASE_URL: 'postgres://nobody:hunter2@127.0.0.1:1/none',
    REDIS_URL: 'redis://nobody:hunter2@127.0.0.1:1',
    JWT_SECRET: 'x'.repeat(32),
    PORT: '0',
  });
  expect([code, stderr]).toEqual([1, '']);
  expect(stdout).toMatch(/^wrong {2}REDIS_URL: 127\.0\.0\.1:1: .*ECONNREFUSED.+A start goes on/m);
  expect(stdout).not.toMatch('hunter2');
});

test('--check says who works in DATA_DIR, and is in nobody’s way', async () => {
  const dir = temporary();
  mkdirSync(join(dir, 'postgres'));
  lockDataDir(dir, process.pid);
  const { code, stdout } = await start(['--check'], { DATA_DIR: dir, PORT: '0' });
  expect(code).toBe(1);
  expect(stdout).toMatch(new RegExp(`wrong {2}DATA_DIR: .+in use by process ${process.pid}`));
  expect(existsSync(join(dir, 'jwt-secret'))).toBe(false);
});
