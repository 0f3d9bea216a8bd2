import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { migrate } from '../src/store/migrate.ts';
import { Client } from './support/client.ts';
import { createDatabase, findPostgres, startPostgres, type TestPostgres } from './support/postgres.ts';
import { ServerProcess } from './support/process.ts';
import { rawSocket } from './support/raw.ts';
import { SECRET, token } from './support/server.ts';
import { describeWith } from './support/services.ts';
import { slowTest } from './support/slow.ts';

/** Processes whose command line names the directory. */
function processesOf(dir: string): string[] {
  return execFileSync('ps', ['-eo', 'pid,args'], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line.includes(dir) && !line.includes('ps -eo'));
}

function temporary(): string {
  const dir = mkdtempSync(join(tmpdir(), 'nearcast-main-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true, maxRetries: 20 }));
  return dir;
}

/** What pg_control says of the embedded database: 1, it was shut down; 6, it was in production, and is to be recovered. */
const databaseState = (dataDir: string) =>
  readFileSync(join(dataDir, 'postgres', 'global', 'pg_control')).readInt32LE(16);

const authorization = { authorization: `Bearer ${token()}` };
const fix = {
  driverId: 'd',
  latitude: 30.27,
  longitude: -97.74,
  timestamp: 1000,
  attributes: { status: 'free', seats: 4 },
};

async function send(url: string, ...positions: object[]): Promise<string[]> {
  const client = await Client.open(`${url.replace('http', 'ws')}/ws`, undefined, authorization);
  const { results } = await client.ask({ type: 'positions', id: 1, positions }, 'ack');
  client.socket.close();
  return results.map(({ verdict }: { verdict: string }) => verdict);
}

const offDuty = async (url: string, driverId: string) =>
  (await fetch(`${url}/v1/drivers/${driverId}`, { method: 'DELETE', headers: authorization })).status;

const find = async (url: string, driverId = 'd') =>
  (await fetch(`${url}/v1/drivers/${driverId}`, { headers: authorization })).json();

/** Prints what of Redis is loaded by the modules that a server without it runs. */
const LOADS = `import { registerHooks } from 'node:module';
registerHooks({
  load(url, context, next) {
    if (url.includes('@redis/')) console.log(url);
    return next(url, context);
  },
});
await import('./src/app.ts');
await import('./src/main.ts');`;

test('alone it does not load the Redis library: it is a fifth of the memory', () => {
  const args = ['--input-type=module', '-e', LOADS, 'main', '--help'];
  const told = execFileSync(process.execPath, args, { encoding: 'utf8' });
  expect(told).toContain('REDIS_URL');
  expect(told.match(/^file:.*/gm)).toBeNull();
});

describe('with the embedded database', () => {
  test('the first start serves, says so last, and prints a link and a token that work', async () => {
    const dataDir = join(temporary(), 'new', 'data');
    const server = new ServerProcess({ DATA_DIR: dataDir });
    const url = await server.ready;
    expect(server.stdout.at(-1)).toBe(`Nearcast is ready at ${url}`);
    const text = server.stdout.join('\n');
    const [, dashboard, fragment] = /^The dashboard: +(\S+)#token=(\S+)$/m.exec(text) as unknown as string[];
    expect(text.indexOf(dashboard)).toBeLessThan(text.indexOf('curl'));
    expect(dashboard).toBe(`${url}/`);
    for (const path of ['', 'driver', 'rider']) {
      const page = await fetch(`${dashboard}${path}`);
      expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
      if (path !== '') expect(text).toContain(` ${url}/${path}#token=${fragment}\n`);
    }
    const link = /in a browser: +(\S+)/.exec(text)?.[1] as string;
    expect(await (await fetch(link)).json()).toMatchObject({ drivers: [] });
    const jwt = /export TOKEN=(\S+)/.exec(text)?.[1];
    expect(jwt).toBe(fragment);
    const [, path, body] =
      /curl (\S+) -H "Authorization: Bearer \$TOKEN" -H 'Content-Type: application\/json' -d '(.+)'/.exec(text) ?? [];
    const sent = await fetch(path, {
      method: 'POST',
      headers: { authorization: `Bearer ${jwt}`, 'content-type': 'application/json' },
      body,
    });
    expect(await sent.json()).toEqual({ results: [{ verdict: 'accepted' }] });
    expect(await (await fetch(link)).json()).toMatchObject({ drivers: [{ driverId: 'driver-1' }] });
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    expect(statSync(join(dataDir, 'jwt-secret')).mode & 0o777).toBe(0o600);
    // What npm run token mints opens this server.
    const minted = execFileSync(process.execPath, ['src/auth/mint.ts', '--sub', 'me', '--scope', 'positions:read'], {
      env: { PATH: process.env.PATH, DATA_DIR: dataDir },
      encoding: 'utf8',
    });
    const answer = await fetch(`${url}/v1/drivers/driver-1`, { headers: { authorization: `Bearer ${minted.trim()}` } });
    expect(answer.status).toBe(200);

    const second = new ServerProcess({ DATA_DIR: dataDir });
    expect(await second.ended).toBe(1);
    expect(second.stderr).toMatch(/data directory .+ is in use by process \d+/);
    expect(await find(url)).toMatchObject({ code: 'unauthorized' });
    expect(await server.kill('SIGINT')).toBe(0);
    expect(processesOf(dataDir)).toEqual([]);
  });

  test('SIGTERM closes sockets with 1001 and exits 0, leaving no process; the next start knows every position', async () => {
    const dataDir = temporary();
    const server = new ServerProcess({ DATA_DIR: dataDir, JWT_SECRET: SECRET });
    const url = await server.ready;
    // But for what a slow machine is told to wait for.
    expect(server.stdout.filter((line) => !line.endsWith(' …'))).toEqual([`Nearcast is ready at ${url}`]);
    expect(await send(url, fix, { ...fix, timestamp: 2000, heading: 90 })).toEqual(['accepted', 'accepted']);
    const watcher = await Client.open(`${url.replace('http', 'ws')}/ws`, undefined, authorization);
    const closed = watcher.closed;
    // Connections that nothing will come of do not hold it up: as browsers open ahead, and as networks leave them.
    const head = `POST /v1/positions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token()}\r\nContent-Length: 99\r\n\r\n`;
    for (const sent of ['', head.slice(0, 9), head]) (await rawSocket(Number(new URL(url).port))).write(sent);
    const from = performance.now();
    expect(await server.kill('SIGTERM')).toBe(0);
    expect(performance.now() - from).toBeLessThan(8_000);
    expect((await closed).code).toBe(1001);
    expect(processesOf(dataDir)).toEqual([]);
    expect(server.stderr).toBe('');
    // The next start has nothing to recover.
    expect(databaseState(dataDir)).toBe(1);

    const again = new ServerProcess({ DATA_DIR: dataDir, JWT_SECRET: SECRET });
    expect(await find(await again.ready)).toMatchObject({ ...fix, timestamp: 2000, heading: 90 });
    expect(await send(await again.ready, fix)).toEqual(['late']);
    await again.kill('SIGTERM');
  });

  test('kill -9 loses nothing that was acknowledged, brings back nobody who went off duty, and leaves nothing in the way of the next start', async () => {
    const dataDir = temporary();
    const server = new ServerProcess({ DATA_DIR: dataDir, JWT_SECRET: SECRET });
    const positions = Array.from({ length: 500 }, (_, i) => ({ ...fix, driverId: `d${i}` }));
    expect(new Set(await send(await server.ready, ...positions))).toEqual(new Set(['accepted']));
    expect(await offDuty(await server.ready, 'd7')).toBe(204);
    // Its database would see that it is gone, and, given the time, close in order.
    const [child] = processesOf(dataDir).filter((line) => line.includes('embedded-server'));
    process.kill(Number.parseInt(child, 10), 'SIGSTOP');
    await server.kill('SIGKILL');
    process.kill(Number.parseInt(child, 10), 'SIGKILL');
    await vi.waitUntil(() => processesOf(dataDir).length === 0, { timeout: 10_000 });
    expect(databaseState(dataDir)).toBe(6);
    const again = new ServerProcess({ DATA_DIR: dataDir, JWT_SECRET: SECRET });
    const answer = await fetch(`${await again.ready}/v1/drivers/nearby?latitude=30.27&longitude=-97.74&limit=1000`, {
      headers: authorization,
    });
    expect(((await answer.json()) as { drivers: unknown[] }).drivers.length).toBe(499);
    expect(await find(await again.ready, 'd7')).toMatchObject({ code: 'not_found' });
    await again.kill('SIGTERM');
    expect(processesOf(dataDir)).toEqual([]);
  });
});

slowTest(
  'a database process that hangs is not left behind by a shutdown, which is over in time, and says what it could not store',
  async () => {
    const dataDir = temporary();
    const server = new ServerProcess({ DATA_DIR: dataDir, JWT_SECRET: SECRET });
    const url = await server.ready;
    const [child] = processesOf(dataDir).filter((line) => line.includes('embedded-server'));
    process.kill(Number.parseInt(child, 10), 'SIGSTOP');
    const socket = await Client.open(`${url.replace('http', 'ws')}/ws`, undefined, authorization);
    socket.send({ ...fix, id: 1 });
    socket.send({ ...fix, driverId: 'e' });
    await socket.settled();
    const from = performance.now();
    expect(await server.kill('SIGTERM')).toBe(0);
    expect(performance.now() - from).toBeLessThan(10_000);
    expect((await socket.closed).code).toBe(1001);
    // Who is told that it was not stored sends it again, to the next one.
    expect(socket.heard).toMatchObject([
      { type: 'error', code: 'unavailable', id: 1 },
      { type: 'error', code: 'unavailable', retryAfter: expect.any(Number) },
    ]);
    expect(server.stderr).toMatch(/2 writes .*could not be stored/);
    await vi.waitUntil(() => processesOf(dataDir).length === 0, { timeout: 5_000 });
  },
);

describe('a start that cannot be', () => {
  test('with wrong settings lists every one and exits 78', async () => {
    const server = new ServerProcess({ PORT: 'x', LOG_LEVEL: 'loud', NODE_ENV: 'production' });
    expect(await server.ended).toBe(78);
    expect(server.stderr).toMatch(/PORT: .+\n.+LOG_LEVEL: .+\n.+JWT_SECRET: /);
    expect(server.stdout).toEqual([]);
  });

  slowTest('on a port in use says so in a line, exits 1, and leaves nothing', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    onTestFinished(() => void taken.close());
    const dataDir = temporary();
    const server = new ServerProcess({ PORT: String((taken.address() as { port: number }).port), DATA_DIR: dataDir });
    expect(await server.ended).toBe(1);
    expect(server.stderr).toMatch(/EADDRINUSE.+PORT/);
    expect(server.stderr).not.toMatch(/\n\s+at /);
    expect(processesOf(dataDir)).toEqual([]);
  });

  test('on a data directory that is none says so in a line and exits 1', async () => {
    const server = new ServerProcess({ DATA_DIR: 'package.json' });
    expect(await server.ended).toBe(1);
    expect(server.stderr).toMatch(/DATA_DIR .+package\.json/);
    expect(server.stderr).not.toMatch(/\n\s+at /);
  });

  test('with a database that is not there says so in a line and exits 1', async () => {
    const server = new ServerProcess({ DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' });
    expect(await server.ended).toBe(1);
    expect(server.stderr).toMatch(/DATABASE_URL.+ECONNREFUSED/);
    expect(server.stderr).not.toMatch(/\n\s+at /);
  });

  slowTest('interrupted while the database starts ends in order', async () => {
    const dataDir = temporary();
    const server = new ServerProcess({ DATA_DIR: dataDir });
    while (!existsSync(join(dataDir, 'pid'))) await new Promise(setImmediate);
    expect(await server.kill('SIGINT')).toBe(0);
    expect(processesOf(dataDir)).toEqual([]);
    expect(server.stdout.join()).not.toMatch('ready');
  });
});

describeWith('PostgreSQL with PostGIS', findPostgres(), 'with a PostgreSQL server', (bin) => {
  let postgres: TestPostgres;
  beforeAll(async () => {
    postgres = await startPostgres(bin);
  });
  afterAll(() => postgres?.stop());

  test('positions are rows of PostGIS that anybody can query, and come back at the next start', async () => {
    const DATABASE_URL = await createDatabase(postgres, 'main');
    const server = new ServerProcess({ DATABASE_URL, JWT_SECRET: SECRET });
    expect(await send(await server.ready, fix)).toEqual(['accepted']);
    const client = new pg.Client({ connectionString: DATABASE_URL });
    await client.connect();
    const { rows } = await client.query(
      `SELECT fleet, driver_id, ST_AsText(location) AS location, attributes, extract(epoch FROM recorded_at) * 1000 AS recorded_at
       FROM positions WHERE ST_DWithin(location, ST_Point(-97.74, 30.27)::geography, 1)`,
    );
    await client.end();
    expect(rows).toMatchObject([
      { fleet: 'default', driver_id: 'd', location: 'POINT(-97.74 30.27)', attributes: { status: 'free', seats: 4 } },
    ]);
    expect(Number(rows[0].recorded_at)).toBe(1000);
    expect(await server.kill('SIGTERM')).toBe(0);
    const again = new ServerProcess({ DATABASE_URL, JWT_SECRET: SECRET });
    expect(await find(await again.ready)).toMatchObject(fix);
    expect(await again.kill('SIGTERM')).toBe(0);
  });

  test('what is on its way to the database when SIGTERM comes is stored and acknowledged before the sockets are closed', async () => {
    const DATABASE_URL = await createDatabase(postgres, 'stopping');
    const server = new ServerProcess({ DATABASE_URL, JWT_SECRET: SECRET, LOG_LEVEL: 'info' });
    const url = await server.ready;
    const socket = await Client.open(`${url.replace('http', 'ws')}/ws`, undefined, authorization);
    postgres.freeze();
    onTestFinished(() => postgres.thaw());
    for (let i = 0; i < 100; i++) socket.send({ ...fix, driverId: `d${i}`, id: i });
    await socket.settled();
    const exit = server.kill('SIGTERM');
    await vi.waitUntil(() => server.stderr.includes('SIGTERM: shutting down'));
    // It is still there for who comes meanwhile.
    socket.send({ ...fix, driverId: 'late', id: 'late' });
    expect((await fetch(`${url}/readyz`)).status).toBe(503);
    expect(socket.heard).toEqual([]);
    postgres.thaw();
    expect(await exit).toBe(0);
    expect((await socket.closed).code).toBe(1001);
    const acknowledged = socket.heard.filter(({ type }) => type === 'ack').map(({ id, verdict }) => [id, verdict]);
    expect(acknowledged).toEqual([...Array(100).keys(), 'late'].map((id) => [id, 'accepted']));
    const client = new pg.Client({ connectionString: DATABASE_URL });
    await client.connect();
    const { rows } = await client.query('SELECT count(*)::int AS count FROM positions');
    await client.end();
    expect(rows).toEqual([{ count: 101 }]);
  });

  test('a second signal ends it at once', async () => {
    const DATABASE_URL = await createDatabase(postgres, 'twice');
    const server = new ServerProcess({ DATABASE_URL, JWT_SECRET: SECRET, LOG_LEVEL: 'info' });
    const socket = await Client.open(`${(await server.ready).replace('http', 'ws')}/ws`, undefined, authorization);
    postgres.freeze();
    onTestFinished(() => postgres.thaw());
    socket.send({ ...fix, id: 1 });
    await socket.settled();
    void server.kill('SIGTERM');
    await vi.waitUntil(() => server.stderr.includes('SIGTERM: shutting down'));
    // One that comes within a second is the first one again, as npm passes it on.
    const from = performance.now();
    void server.kill('SIGINT');
    await vi.waitUntil(() => performance.now() - from > 1_200, { timeout: 2_000 });
    await socket.settled();
    const second = performance.now();
    expect(await server.kill('SIGINT')).toBe(1);
    expect(performance.now() - second).toBeLessThan(1_000);
    expect(server.stderr).toMatch('SIGINT again');
    expect(socket.heard).toEqual([]);
  });

  slowTest(
    'a start that is stopped while it restores ends in order; one whose database goes away meanwhile says so and exits 1',
    async () => {
      const own = await startPostgres(bin);
      onTestFinished(() => own.stop());
      const DATABASE_URL = await createDatabase(own, 'restore');
      await migrate({ connectionString: DATABASE_URL });
      const client = new pg.Client({ connectionString: DATABASE_URL });
      client.on('error', () => {});
      await client.connect();
      // Whoever reads the table waits.
      await client.query('BEGIN; LOCK TABLE positions IN ACCESS EXCLUSIVE MODE');
      const startAndWait = async () => {
        const server = new ServerProcess({ DATABASE_URL, JWT_SECRET: SECRET });
        const waits = "SELECT 1 FROM pg_locks WHERE relation = 'positions'::regclass AND NOT granted";
        await vi.waitUntil(async () => (await client.query(waits)).rowCount === 1, { timeout: 20_000 });
        return server;
      };
      const stopped = await startAndWait();
      const from = performance.now();
      expect(await stopped.kill('SIGTERM')).toBe(0);
      expect(performance.now() - from).toBeLessThan(5_000);
      expect(stopped.stdout).toEqual([]);
      expect(stopped.stderr).toBe('');

      await client.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'nearcast'");
      const lonely = await startAndWait();
      await own.crash();
      expect(await lonely.ended).toBe(1);
      expect(lonely.stdout).toEqual([]);
      expect(lonely.stderr).toMatch(/^The database of DATABASE_URL cannot be used: .+\n$/);
    },
  );

  slowTest(
    'stopped while the database is away answers what waits as unavailable, and still ends in order and in time',
    async () => {
      const own = await startPostgres(bin);
      onTestFinished(() => own.stop());
      const server = new ServerProcess({
        DATABASE_URL: await createDatabase(own, 'away'),
        JWT_SECRET: SECRET,
        LOG_LEVEL: 'fatal',
      });
      const url = await server.ready;
      await own.crash();
      const socket = await Client.open(`${url.replace('http', 'ws')}/ws`, undefined, authorization);
      socket.send({ ...fix, id: 1 });
      const post = fetch(`${url}/v1/positions`, {
        method: 'POST',
        headers: { ...authorization, 'content-type': 'application/json' },
        body: JSON.stringify({ ...fix, driverId: 'e' }),
      });
      await socket.settled();
      const departure = offDuty(url, 'd');
      await vi.waitUntil(async () => (await fetch(`${url}/readyz`)).status === 503, { timeout: 10_000 });
      await expect.poll(() => find(url)).toMatchObject({ code: 'not_found' });
      const from = performance.now();
      const exit = server.kill('SIGTERM');
      expect((await post).status).toBe(503);
      expect(await departure).toBe(503);
      expect(await exit).toBe(0);
      expect(performance.now() - from).toBeLessThan(10_000);
      expect((await socket.closed).code).toBe(1001);
      expect(socket.heard.filter(({ type }) => type === 'ack')).toEqual([]);
    },
  );
});
