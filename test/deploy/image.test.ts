import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createDatabase, findPostgres, startPostgres } from '../support/postgres.ts';
import { ServerProcess } from '../support/process.ts';
import { SECRET, token } from '../support/server.ts';
import { describeWith } from '../support/services.ts';
import { slowTest } from '../support/slow.ts';

/** The instructions of the Dockerfile, continued lines joined, by stage. */
const [install, final] = readFileSync('Dockerfile', 'utf8')
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
  const copied = [install, final].flatMap(copies).flatMap(({ from }) => from);
  expect([...new Set(copied)].sort()).toEqual([...new Set(allowed)].sort());
  for (const path of copied) expect(existsSync(path)).toBe(true);
});

test('it runs as another user than root, keeps its data where it may, and gets the signals itself', () => {
  expect(final.filter((line) => line.startsWith('USER '))).toEqual(['USER 1000:1000']);
  expect(final).toContain('VOLUME /data');
  expect(final.at(-1)).toBe('CMD ["node", "src/main.ts"]');
  // The Node of its build is that which the project is tested on.
  const [, major] = /^FROM node:(\d+)-/.exec(install[0]) as unknown as [string, string];
  expect(process.versions.node.split('.')[0]).toBe(major);
});

describe('what the build leaves of the packages', () => {
  let root: string;
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), 'nearcast-image-'));
  });
  afterAll(() => rmSync(root, { recursive: true }));

  /** Does in a directory what the stages do, but for what is the system's. */
  function make(name: string, args: Record<string, string>): string {
    const app = join(root, name);
    const copy = (stage: readonly string[]) => {
      for (const { from, to } of copies(stage)) {
        for (const path of from) {
          const target = to.endsWith('/') ? join(app, to, path) : join(app, to);
          mkdirSync(dirname(target), { recursive: true });
          cpSync(path, target, { recursive: true });
        }
      }
    };
    copy(install);
    const env = { ...process.env, ...args };
    for (const line of install.filter((line) => line.startsWith('RUN '))) {
      execFileSync('/bin/sh', ['-c', line.slice('RUN '.length)], {
        cwd: app,
        env,
        stdio: ['ignore', 'ignore', 'pipe'],
      });
    }
    copy(final);
    return app;
  }

  async function serves(app: string, env: Record<string, string>): Promise<void> {
    const server = new ServerProcess({ NODE_ENV: 'production', JWT_SECRET: SECRET, ...env }, app);
    const url = await server.ready;
    const headers = { authorization: `Bearer ${token()}`, 'content-type': 'application/json' };
    const body = JSON.stringify({ driverId: 'd', latitude: 30, longitude: -97 });
    expect((await fetch(`${url}/v1/positions`, { method: 'POST', headers, body })).status).toBe(200);
    const nearby = await fetch(`${url}/v1/drivers/nearby?latitude=30&longitude=-97`, { headers });
    expect(await nearby.json()).toMatchObject({ drivers: [{ driverId: 'd' }] });
    expect((await fetch(`${url}/docs`)).status).toBe(200);
    expect((await fetch(`${url}/openapi.yaml`)).status).toBe(200);
    expect(await server.kill('SIGTERM')).toBe(0);
  }

  slowTest(
    'is enough to run with the database of its own',
    async () => {
      const app = make('whole', { EMBEDDED_DATABASE: 'yes' });
      expect(existsSync(join(app, 'node_modules/typescript'))).toBe(false);
      await serves(app, { DATA_DIR: join(root, 'data') });
    },
    600_000,
  );

  describeWith('PostgreSQL with PostGIS', findPostgres(), 'with a server', (bin) => {
    slowTest(
      'is enough to run without the one of its own, and writes to no directory',
      async () => {
        const app = make('small', { EMBEDDED_DATABASE: 'no' });
        expect(existsSync(join(app, 'node_modules/@electric-sql'))).toBe(false);
        const postgres = await startPostgres(bin);
        try {
          const dataDir = join(root, 'is not made');
          await serves(app, { DATABASE_URL: await createDatabase(postgres, 'image'), DATA_DIR: dataDir });
          expect(existsSync(dataDir)).toBe(false);
        } finally {
          await postgres.stop();
        }
      },
      600_000,
    );
  });
});
