import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { codecTable } from '../../bench/bus-codec.ts';
import { FanoutPlan } from '../../bench/fanout-plan.ts';
import { instanceOf } from '../../bench/fanout-targets.ts';
import { total } from '../../bench/metrics-text.ts';
import { trueDistance } from '../support/geodesic.ts';
import { findPostgres } from '../support/postgres.ts';
import { findRedis } from '../support/redis.ts';
import { describeWith } from '../support/services.ts';
import { slowTest } from '../support/slow.ts';

/** The bench as `npm run bench` runs it. */
function bench(args: readonly string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, ['bench/main.ts', 'cluster', ...args], {
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const told = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text) => (told.out += text));
  child.stderr.setEncoding('utf8').on('data', (text) => (told.err += text));
  const ended = once(child, 'close').then(([code]) => code as number | null);
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  return { child, told, ended };
}

/** Processes, of any depth, that were started with the directory as their own. */
function processesOf(dir: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/environ`, 'latin1').includes(`TMPDIR=${dir}`);
    } catch {
      // It has ended meanwhile.
      return false;
    }
  });
}

test('Help names every option, and what makes no sense is refused with the rule', async () => {
  const help = bench(['--help']);
  const wrong = bench(['--instances', '1,9']);
  const few = bench(['--instances', '4', '--gateways', '3']);
  expect(await help.ended).toBe(0);
  for (const option of ['--instances', '--drivers', '--watchers-by-city', '--quick', '--profile', '--seed']) {
    expect(help.told.out).toContain(option);
  }
  expect(await wrong.ended).toBe(64);
  expect(wrong.told.err).toContain('--instances must be whole numbers from 1 to 8');
  expect(await few.ended).toBe(64);
  expect(few.told.err).toContain('--gateways must be a whole number, 4 to 1000');
});

test('Each city has its share of drivers and watchers, and nobody watches another city', () => {
  const settings = { drivers: 60, interval: 1, watchers: 24, radii: [500, 5000], cityRadius: 1000, cities: 3, seed: 7 };
  const plan = new FanoutPlan(settings);
  expect(plan.circles.map((_, n) => plan.cityOf(n))).toEqual(
    Array.from({ length: 24 }, (_, n) => [0, 1, 2][Math.floor(n / 8)]),
  );
  for (let driver = 0; driver < 60; driver++) {
    const { latitude, longitude } = JSON.parse(plan.fix(driver, 0, 1, 1));
    const within = plan.circles.flatMap(({ lat, lng, radius }, n) =>
      trueDistance(lat, lng, latitude, longitude) <= radius ? [n] : [],
    );
    expect(plan.watchersOf(driver, 0)).toEqual(within);
    expect(new Set(within.map((n) => plan.cityOf(n)))).toEqual(new Set([Math.floor(driver / 20)]));
  }
});

test('As many drivers are connected to each instance, whatever their city', () => {
  for (const size of [1, 2, 3]) {
    const target = { kind: 'nearcast' as const, ports: Array.from({ length: size }, () => 0), path: '/ws' };
    for (const city of [0, 1, 2]) {
      const drivers = Array.from({ length: 60 }, (_, n) => instanceOf(60 * city + n, 12, target));
      for (let instance = 0; instance < size; instance++) {
        expect(drivers.filter((one) => one === instance)).toHaveLength(60 / size);
      }
    }
  }
});

test('A metric is summed over the series that have a label', () => {
  const text = [
    '# TYPE bus_messages_total counter',
    'bus_messages_total{direction="out",kind="a"} 3',
    'bus_messages_total{direction="out",kind="b"} 4',
    'bus_messages_total{direction="in"} 20',
    'bus_messages_total_more 100',
    '',
  ].join('\n');
  expect(total(text, 'bus_messages_total', 'direction="out"')).toBe(7);
  expect(total(text, 'bus_messages_total')).toBe(27);
  expect(total(text, 'bus_messages')).toBeUndefined();
});

test('The codec’s table has a line for writing and reading each size of frame', async () => {
  const lines = (await codecTable(1, { seconds: 0.002, rounds: 1 })).split('\n');
  expect(lines.slice(2).map((line) => line.split('  ')[0])).toEqual([
    'write, 1 a frame',
    'read, 1 a frame',
    'write, 32 a frame',
    'read, 32 a frame',
  ]);
});

describeWith('PostgreSQL with PostGIS', findPostgres(), 'Bench of a cluster', () => {
  test('Without a redis-server the bench says so, and starts nothing', async () => {
    const { told, ended } = bench(['--quick'], { PATH: '' });
    expect(await ended).toBe(1);
    expect(told.err).toBe('there is no redis-server on this machine, over which instances talk\n');
  });

  describeWith('redis-server', findRedis(), 'with Redis', () => {
    /** Milliseconds: on a busy machine it takes long until all are there. */
    const PATIENT = { timeout: 180_000 };
    const small = ['--instances', '2', '--drivers', '120', '--watchers', '24', '--cities', '2', '--no-codec'];

    slowTest('Watchers on both instances believe what is so, and the tables tell of both', PATIENT, async () => {
      const { told, ended } = bench([...small, '--interval', '1', '--rounds', '1', '--seconds', '1']);
      expect(await ended, told.err).toBe(0);
      expect(told.out).toContain('Every watcher believed in the end what brute force');
      expect(told.out).not.toMatch(/NaN|–/);
    });

    slowTest('Ctrl-C ends all that was started', PATIENT, async () => {
      const dir = mkdtempSync(join(tmpdir(), 'nearcast-bench-'));
      onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
      // PostgreSQL runs as another user.
      chmodSync(dir, 0o755);
      const { child, told, ended } = bench([...small, '--seconds', '60'], { TMPDIR: dir });
      await new Promise<void>((resolve) => {
        child.stderr.on('data', () => told.err.includes('round 1') && resolve());
        void ended.then(() => resolve());
      });
      child.kill('SIGINT');
      expect(await ended).toBe(1);
      expect(told.err).toContain('stopped by SIGINT');
      expect(readdirSync(dir)).toEqual([]);
      expect(processesOf(dir)).toEqual([]);
    });
  });
});
