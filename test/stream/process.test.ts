import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished } from 'vitest';
import { type StreamEvent, streamEventSchema } from '../../src/protocol/stream-event.ts';
import { Client } from '../support/client.ts';
import { createDatabase, findPostgres, startPostgres, type TestPostgres } from '../support/postgres.ts';
import { ServerProcess } from '../support/process.ts';
import { findRedis, startRedis, type TestRedis } from '../support/redis.ts';
import { SECRET, token } from '../support/server.ts';
import { describeWith } from '../support/services.ts';
import { slowTest } from '../support/slow.ts';

const KEY = 'nearcast-fixes';
/** Of the timestamps: recent, as history knows no others. */
const BASE = Date.now() - 60_000;
const authorization = { authorization: `Bearer ${token()}` };
const services = (() => {
  const [postgres, redis] = [findPostgres(), findRedis()];
  return postgres === undefined || redis === undefined ? undefined : { postgres, redis };
})();

describeWith('PostgreSQL with PostGIS, or redis-server', services, 'the stream of a process', (bins) => {
  let postgres: TestPostgres;
  let redis: TestRedis;
  beforeAll(async () => {
    postgres = await startPostgres(bins.postgres);
    redis = await startRedis(bins.redis);
  }, 60_000);
  afterAll(async () => {
    await redis?.stop();
    await postgres?.stop();
  }, 30_000);

  async function told(): Promise<StreamEvent[]> {
    const entries = (await redis.command('XRANGE', KEY, '-', '+')) as [string, string[]][];
    return entries.map(([, [, text]]) => streamEventSchema.parse(JSON.parse(text)));
  }

  /** Sends fixes, one after the other, and returns once all are acknowledged. */
  async function send(url: string, from: number, count: number): Promise<void> {
    const client = await Client.open(`${url.replace('http', 'ws')}/ws`, undefined, authorization);
    for (let n = from; n < from + count; n++) {
      const fix = { driverId: `it's "${n % 5}" \\`, latitude: n / 1000, longitude: 0.1 + n / 7, timestamp: BASE + n };
      const ack = await client.ask({ ...fix, id: n, attributes: { "it's": `\\'${n}"` } }, 'ack');
      expect(ack.verdict).toBe('accepted');
    }
    client.socket.close();
  }

  const numbers = (events: readonly StreamEvent[]) =>
    events.flatMap((event) => (event.type === 'offline' ? [] : [event.timestamp - BASE]));
  const upTo = (count: number) => Array.from({ length: count }, (_, n) => n);

  slowTest('has what is acknowledged, whatever becomes of Redis, and the database fills it again', async () => {
    const database = await createDatabase(postgres, 'stream');
    const env = { DATABASE_URL: database, REDIS_URL: redis.url, REDIS_STREAM: KEY, JWT_SECRET: SECRET };
    const server = new ServerProcess(env);
    const url = await server.ready;
    await send(url, 0, 20);
    expect(numbers(await told())).toEqual(upTo(20));

    // It is emptied with its server; what comes meanwhile is acknowledged, and added when it is back.
    await redis.crash();
    await send(url, 20, 20);
    await redis.start();
    await expect.poll(async () => numbers(await told()), { timeout: 10_000 }).toEqual(upTo(40).slice(20));
    const gone = await fetch(`${url}/v1/drivers/${encodeURIComponent(`it's "0" \\`)}`, {
      method: 'DELETE',
      headers: authorization,
    });
    expect(gone.status).toBe(204);
    expect((await told()).at(-1)).toMatchObject({ type: 'offline', driverId: `it's "0" \\` });

    // It ends in time, and says what it could not add.
    await redis.crash();
    await send(url, 40, 3);
    const began = performance.now();
    expect(await server.kill('SIGTERM')).toBe(0);
    expect(performance.now() - began).toBeLessThan(9_000);
    expect(server.stderr).toMatch(/stream nearcast-fixes does not take what is stored.*ECONNREFUSED/);
    const [, events, since, until] =
      /not told on to the stream: (\d+) events of what was received from (\S+) to ([^\s"]+)/.exec(server.stderr) ?? [];
    expect(events).toBe('3');

    await redis.start();
    const refill = (first: string, last: string) => {
      const variables = [`key=${KEY}`, `since=${first}`, `until=${last}`].flatMap((set) => ['-v', set]);
      const lines = execFileSync(
        join(bins.postgres, 'psql'),
        [database, '-XAtq', ...variables, '-f', 'examples/refill-stream.sql'],
        { encoding: 'utf8' },
      );
      execFileSync('redis-cli', ['-u', redis.url], { input: lines });
    };
    refill(since, until);
    expect(numbers(await told())).toEqual([40, 41, 42]);
    expect((await told())[1]).toMatchObject({
      driverId: `it's "1" \\`,
      latitude: 0.041,
      longitude: 0.1 + 41 / 7,
      attributes: { "it's": `\\'41"` },
    });
  });

  slowTest('the example of a consumer misses nothing when one of its group dies', async () => {
    await redis.command('FLUSHALL');
    const add = async (from: number, to: number) => {
      for (let n = from; n < to; n++) {
        const position = { driverId: `d${n}`, latitude: 1, longitude: 2, timestamp: n, receivedAt: 1 };
        const event = JSON.stringify({ type: 'accepted', fleet: 'default', ...position });
        await redis.command('XADD', KEY, '*', 'event', event);
      }
    };
    const start = (name: string) => {
      const args = ['examples/stream-consumer.ts', redis.url, KEY, 'workers', name, '0.5'];
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
      onTestFinished(() => void child.kill('SIGKILL'));
      let output = '';
      child.stdout.on('data', (text) => {
        output += text;
      });
      return { child, output: () => output };
    };
    await add(0, 10);
    // Who took them, and died before it had done anything.
    await redis.command('XGROUP', 'CREATE', KEY, 'workers', '0');
    await redis.command('XREADGROUP', 'GROUP', 'workers', 'dead', 'COUNT', '4', 'STREAMS', KEY, '>');
    const { child, output } = start('alive');
    await expect.poll(output, { timeout: 10_000 }).toMatch(/; 10 drivers/);
    await add(10, 15);
    await expect.poll(output, { timeout: 10_000 }).toMatch(/; 15 drivers/);
    const [pending] = (await redis.command('XPENDING', KEY, 'workers')) as number[];
    expect(pending).toBe(0);
    // As a server that keeps nothing does when it is started again.
    await redis.command('FLUSHALL');
    await add(15, 20);
    await expect.poll(output, { timeout: 10_000 }).toMatch(/; 20 drivers/);
    child.kill('SIGINT');
    expect((await once(child, 'exit'))[0]).toBe(0);
  });
});
