import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { PAGES_DIR } from '../../src/build-pages.ts';
import { createDatabase, findPostgres, startPostgres } from '../support/postgres.ts';
import { ServerProcess } from '../support/process.ts';
import { findRedis, startRedis } from '../support/redis.ts';
import { SECRET, token } from '../support/server.ts';
import { describeWith } from '../support/services.ts';
import { slowTest } from '../support/slow.ts';

/** The instructions of the Dockerfile, continued lines joined, by stage. */
const [install, pages, final] = readFileSync('Dockerfile', 'utf8')
  .replaceAll(/^#.*\n/gm, '')
  .replaceAll('\\\n', ' ')
  .split(/^(?=FROM )/m)
  .filter((stage) => stage.startsWith('FROM '))
  .map((stage) => stage.trim().split('\n').filter(Boolean));

/** What a stage copies from the context, and where to. */
function copies(stage: readonly string[]): { from: string[]; to: string }[] {
  return stage
    .filter((line) => line.startsWith('COPY ') && !line.includes('--from='))
    .map((line) => {
      const paths = line.split(/ +/).slice(1);
      return { from: paths.slice(0, -1), to: paths.at(-1) as string };
    });
}

test('all that it is made of is let through to its build, and nothing else is', () => {
  const lines = readFileSync('.dockerignore', 'utf8').trim().split('\n');
  expect(lines[0]).toBe('*');
  const allowed = lines.slice(1).map((line) => line.replace(/^!/, ''));
  const copied = [install, pages, final].flatMap(copies).flatMap(({ from }) => from);
  const through = copied.map((path) => allowed.find((name) => path === name || path.startsWith(`${name}/`)) ?? path);
  expect([...new Set(through)].sort()).toEqual([...new Set(allowed)].sort());
  for (const path of copied) expect(existsSync(path)).toBe(true);
});

test('its stages have the same Node, and take of each other what there is', () => {
  expect(pages[0]).toBe(install[0].replace(' AS install', ' AS pages'));
  const taken = final.filter((line) => line.includes('--from=pages')).map((line) => line.split(' ').slice(2));
  expect(taken).toEqual([[`/app/${relative('.', PAGES_DIR)}`, relative('.', PAGES_DIR)]]);
});

test('it runs as another user than root, keeps its data where it may, and gets the signals itself', () => {
  expect(final.filter((line) => line.startsWith('USER '))).toEqual(['USER 1000:1000']);
  expect(final).toContain('VOLUME /data');
  expect(final.at(-1)).toBe('CMD ["node", "src/main.ts"]');
  // The Node of its build is that which the project is tested on.
  const [, major] = /^FROM node:(\d+)-/.exec(install[0]) as unknown as [string, string];
  expect(process.versions.node.split('.')[0]).toBe(major);
});

/** Does in a directory what the stages do, but for what is the system's. */
function make(app: string): void {
  const copy = (stage: readonly string[], app: string) => {
    for (const { from, to } of copies(stage)) {
      for (const path of from) {
        const target = to.endsWith('/') ? join(app, to, path) : join(app, to);
        mkdirSync(dirname(target), { recursive: true });
        cpSync(path, target, { recursive: true });
      }
    }
  };
  copy(install, app);
  runAll(install, app, { EMBEDDED_DATABASE: 'yes' });
  copy(final, app);
  const beside = `${app}-pages`;
  copy(pages, beside);
  runAll(pages, beside);
  cpSync(join(beside, 'dist/web'), join(app, 'dist/web'), { recursive: true });
}

/** Runs the commands of a stage, or one of them, with its arguments. */
function runAll(stage: readonly string[], app: string, args: Record<string, string> = {}, about = ''): void {
  const env = { ...process.env, ...args };
  for (const line of stage.filter((line) => line.startsWith('RUN ') && line.includes(about))) {
    execFileSync('/bin/sh', ['-c', line.slice('RUN '.length)], { cwd: app, env, stdio: ['ignore', 'ignore', 'pipe'] });
  }
}

async function serves(app: string, env: Record<string, string>): Promise<void> {
  const server = new ServerProcess({ NODE_ENV: 'production', JWT_SECRET: SECRET, ...env }, onTestFinished, app);
  const url = await server.ready;
  const headers = { authorization: `Bearer ${token()}`, 'content-type': 'application/json' };
  const body = JSON.stringify({ driverId: 'd', latitude: 30, longitude: -97 });
  expect((await fetch(`${url}/v1/positions`, { method: 'POST', headers, body })).status).toBe(200);
  const nearby = await fetch(`${url}/v1/drivers/nearby?latitude=30&longitude=-97`, { headers });
  expect(await nearby.json()).toMatchObject({ drivers: [{ driverId: 'd' }] });
  for (const path of ['/', '/driver', '/rider', '/docs', '/openapi.yaml'])
    expect((await fetch(url + path)).status).toBe(200);
  expect(await server.kill('SIGTERM')).toBe(0);
}

const services = { postgres: findPostgres(), redis: findRedis() };
const found =
  services.postgres === undefined || services.redis === undefined
    ? undefined
    : { postgresBin: services.postgres, redisBin: services.redis };

describeWith('PostgreSQL with PostGIS, or Redis,', found, 'what the build leaves', ({ postgresBin, redisBin }) => {
  slowTest(
    'is enough to run with the database of its own and, without that, with servers, and then writes to no directory',
    async () => {
      const root = mkdtempSync(join(tmpdir(), 'nearcast-image-'));
      onTestFinished(() => rmSync(root, { recursive: true }));
      const app = join(root, 'app');
      make(app);
      for (const name of ['typescript', 'vite', 'maplibre-gl', 'preact']) {
        expect(existsSync(join(app, 'node_modules', name)), name).toBe(false);
      }
      await serves(app, { DATA_DIR: join(root, 'data') });

      runAll(install, app, { EMBEDDED_DATABASE: 'no' }, 'EMBEDDED_DATABASE');
      expect(existsSync(join(app, 'node_modules/@electric-sql'))).toBe(false);
      const postgres = await startPostgres(postgresBin);
      const redis = await startRedis(redisBin);
      try {
        const DATA_DIR = join(root, 'is not made');
        await serves(app, { DATABASE_URL: await createDatabase(postgres, 'image'), REDIS_URL: redis.url, DATA_DIR });
        expect(existsSync(DATA_DIR)).toBe(false);
      } finally {
        await Promise.all([postgres.stop(), redis.stop()]);
      }
    },
    600_000,
  );
});
