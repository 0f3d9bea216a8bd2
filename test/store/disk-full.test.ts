import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { describe, expect, onTestFinished, vi } from 'vitest';
import { Client } from '../support/client.ts';
import { ServerProcess } from '../support/process.ts';
import { SECRET, token } from '../support/server.ts';
import { slowTest } from '../support/slow.ts';
import { SmallDisk } from '../support/small-disk.ts';

const headers = { authorization: `Bearer ${token()}`, 'content-type': 'application/json' };

const fix = (driverId: string, timestamp = 1000) => ({ driverId, latitude: 30, longitude: -97, timestamp });

/** Sends fixes; resolves to the status once they are stored, or are refused. */
async function send(url: string, positions: object[]): Promise<number> {
  const answer = await fetch(`${url}/v1/positions`, { method: 'POST', headers, body: JSON.stringify({ positions }) });
  await answer.arrayBuffer();
  return answer.status;
}

const readiness = async (url: string) => (await fetch(`${url}/readyz`)).status;

async function nearby(url: string): Promise<string[]> {
  const answer = await fetch(`${url}/v1/drivers/nearby?latitude=30&longitude=-97&limit=1000`, { headers });
  expect(answer.status).toBe(200);
  return ((await answer.json()) as { drivers: { driverId: string }[] }).drivers.map(({ driverId }) => driverId).sort();
}

/** What a server has logged with a severity of warning or above. */
function logged({ stderr }: ServerProcess, pattern: RegExp): string[] {
  return stderr.split('\n').filter((line) => pattern.test(line));
}

/** The database process of a data directory, and the directory of its socket. */
function databaseOf(dataDir: string): { pid: number; socketDir: string } | undefined {
  const lines = execFileSync('ps', ['-eo', 'pid,args'], { encoding: 'utf8' }).split('\n');
  for (const line of lines) {
    const [, pid, socketDir] = /^ *(\d+) .*embedded-server\.ts (?:\S+) (\S+)/.exec(line) ?? [];
    if (socketDir !== undefined && line.includes(` ${dataDir} `)) return { pid: Number(pid), socketDir };
  }
  return undefined;
}

/** Waits for what a busy machine may take its time with. */
const until = (condition: () => boolean | Promise<boolean>) => vi.waitUntil(condition, { timeout: 30_000 });

const start = (dataDir: string) => new ServerProcess({ DATA_DIR: dataDir, JWT_SECRET: SECRET });

describe('on a disk that is full', () => {
  slowTest(
    'it stops storing before the database fails, serves and pushes from memory, says why once, and goes on by itself',
    async ({ skip }) => {
      const disk = SmallDisk.mount(200);
      if (disk === undefined) return skip('this user may not mount a disk to fill');
      onTestFinished(() => disk.unmount());
      const dataDir = disk.dir;
      const server = start(dataDir);
      const url = await server.ready;
      expect(await send(url, [fix('before')])).toBe(200);

      // Little is left: 64 MB are let alone.
      disk.fill(50e6);
      const { pid } = databaseOf(dataDir) ?? { pid: 0 };
      const watcher = await Client.open(`${url.replace('http', 'ws')}/ws?bbox=-98,29,-96,31`, undefined, headers);
      await watcher.next('snapshot');
      let stored = false;
      const waiting = send(url, [fix('meanwhile')]).finally(() => {
        stored = true;
      });
      expect(await watcher.next('changes')).toMatchObject({ enter: [{ driverId: 'meanwhile' }] });
      await until(async () => (await readiness(url)) === 503);
      expect(await nearby(url)).toEqual(['before', 'meanwhile']);
      // Tried again and again, and told once.
      await until(() => logged(server, /The disk is full/).length > 0);
      const driver = await Client.open(`${url.replace('http', 'ws')}/ws`, undefined, headers);
      driver.send({ ...fix('another'), id: 1 });
      expect(await watcher.next('changes')).toMatchObject({ enter: [{ driverId: 'another' }] });
      for (const end = performance.now() + 1_000; performance.now() < end; ) expect(await readiness(url)).toBe(503);
      expect(driver.heard).toEqual([]);
      expect(stored).toBe(false);
      expect(logged(server, /The disk is full/)).toHaveLength(1);
      expect(server.stderr).toContain(`are free in DATA_DIR (${dataDir})`);
      expect(databaseOf(dataDir)?.pid).toBe(pid);
      disk.empty();
      expect(await waiting).toBe(200);
      expect(await driver.next()).toMatchObject({ id: 1, verdict: 'accepted' });
      expect(await readiness(url)).toBe(200);

      // Nothing at all is left, and the database dies.
      disk.fill();
      process.kill(pid, 'SIGKILL');
      const again = send(url, [fix('dead')]);
      await until(() => logged(server, /The embedded database waits, as the disk is full/).length > 0);
      await until(async () => (await readiness(url)) === 503);
      expect(await nearby(url)).toEqual(['another', 'before', 'dead', 'meanwhile']);
      disk.empty();
      expect(await again).toBe(200);
      expect(await readiness(url)).toBe(200);

      // It is stopped, and started while there is no room.
      disk.fill();
      expect(await server.kill('SIGTERM')).toBe(0);
      expect(server.stderr).not.toMatch(/wasm/);
      const refused = start(dataDir);
      expect(await refused.ended).toBe(1);
      expect(refused.stderr).toMatch(
        /^The embedded database in DATA_DIR cannot start: the disk is full: \d+ MB are free/,
      );
      expect(refused.stderr).toContain(dataDir);
      expect(refused.stderr.trim().split('\n')).toHaveLength(1);
    },
  );
});

slowTest(
  'a database that cannot write its log gives up at once, says why in a line, and is back with all that was acknowledged',
  async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'nearcast-full-'));
    onTestFinished(() => rmSync(dataDir, { recursive: true, force: true, maxRetries: 20 }));
    const server = start(dataDir);
    const url = await server.ready;
    const { pid, socketDir } = databaseOf(dataDir) ?? { pid: 0, socketDir: '' };
    // Files end for it after 512 kB: a limit that needs no disk of its own. A segment of the log is twice as long.
    execFileSync('prlimit', ['--pid', String(pid), '--fsize=524288']);
    const from = performance.now();
    const acknowledged: string[] = [];
    let n = 0;
    while (databaseOf(dataDir)?.pid === pid) {
      const ids = Array.from({ length: 500 }, () => `d${n++}`);
      expect(
        await send(
          url,
          ids.map((id) => fix(id)),
        ),
      ).toBe(200);
      acknowledged.push(...ids);
    }
    // Not by the watch for what hangs, which takes a minute.
    expect(performance.now() - from).toBeLessThan(20_000);
    await until(() => logged(server, /The embedded database is back/).length === 1);
    expect(logged(server, /gave up: could not .+: File too large/)).toHaveLength(1);
    expect(logged(server, /The embedded database ended \(code 70\)/)).toHaveLength(1);
    expect(server.stderr).not.toMatch(/wasm/);
    const client = new pg.Client({ host: socketDir, user: 'postgres', database: 'postgres' });
    await client.connect();
    const { rows } = await client.query('SELECT driver_id FROM positions');
    await client.end();
    expect(new Set(rows.map(({ driver_id }) => driver_id))).toEqual(new Set(acknowledged));
  },
);
