import pg from 'pg';
import { afterAll, beforeAll, expect, onTestFinished } from 'vitest';
import { clientOf, collect } from '../client/support.ts';
import { Client } from '../support/client.ts';
import { EventStreamReader } from '../support/event-stream.ts';
import { findPostgres, startPostgres, type TestPostgres } from '../support/postgres.ts';
import { findRedis, startRedis, type TestRedis } from '../support/redis.ts';
import { token } from '../support/server.ts';
import { describeWith } from '../support/services.ts';
import { slowTest } from '../support/slow.ts';
import { findNginx } from './nginx.ts';
import { startTwoInstances, until } from './two-instances.ts';

const [nginxBin, postgresBin, redisBin] = [findNginx(), findPostgres(), findRedis()];
const found =
  nginxBin === undefined || postgresBin === undefined || redisBin === undefined
    ? undefined
    : { nginxBin, postgresBin, redisBin };
const authorization = `Bearer ${token()}`;

describeWith('nginx, Redis, or PostgreSQL with PostGIS,', found, 'two instances behind nginx', (bins) => {
  const { nginxBin } = bins;
  let postgres: TestPostgres;
  let redis: TestRedis;
  beforeAll(async () => {
    [postgres, redis] = await Promise.all([startPostgres(bins.postgresBin), startRedis(bins.redisBin)]);
  });
  afterAll(() => Promise.all([postgres?.stop(), redis?.stop()]));

  /** The drivers that are in a table, sorted. */
  async function driversIn(database: string, table: 'positions' | 'fixes'): Promise<string[]> {
    const client = new pg.Client({ connectionString: database });
    await client.connect();
    const { rows } = await client.query(`SELECT DISTINCT driver_id FROM ${table}`);
    await client.end();
    return rows.map(({ driver_id }) => driver_id).sort();
  }

  slowTest('a fix that comes to either is heard by whoever watches at the other, and found there', async () => {
    const { nginx, instances, post } = await startTwoInstances(nginxBin, postgres, redis);
    const here = '?latitude=30&longitude=-97&radius=1000';
    const sockets = [
      await Client.open(nginx.ws + here, [], { authorization }),
      await Client.open(nginx.ws + here, [], { authorization }),
    ];
    for (const socket of sockets) await socket.next('snapshot');
    expect(await Promise.all(instances.map((instance) => instance.connections('websocket')))).toEqual([1, 1]);
    const ids = Array.from({ length: 10 }, (_, i) => `d${i}`);
    for (const driverId of ids) expect((await post({ driverId, latitude: 30, longitude: -97 })).status).toBe(200);
    const accepted = await Promise.all(instances.map((instance) => instance.accepted()));
    expect(Math.min(...accepted)).toBeGreaterThan(0);
    expect(accepted[0] + accepted[1]).toBe(ids.length);
    for (const socket of sockets) await expect.poll(() => socket.inside(), { timeout: 10_000 }).toEqual(ids);
    for (const { url } of instances) {
      const answer = await fetch(`${url}/v1/drivers/nearby${here}`, { headers: { authorization } });
      const { drivers } = (await answer.json()) as { drivers: { driverId: string }[] };
      expect(drivers.map(({ driverId }) => driverId).sort()).toEqual(ids);
    }
    expect(sockets.flatMap((socket) => socket.contradictions)).toEqual([]);
  });

  slowTest('one is killed: whoever was there comes back to the other, and nothing acknowledged is lost', async () => {
    const stage = await startTwoInstances(nginxBin, postgres, redis);
    const { nginx, instances, post, database } = stage;
    const clients = Array.from({ length: 8 }, () => clientOf(nginx));
    const watches = clients.map((client) => client.watch({ bbox: [-180, -90, 180, 90] }));
    await Promise.all(watches.map((watch) => watch.ready));
    expect(await Promise.all(instances.map((instance) => instance.connections('websocket')))).toEqual([4, 4]);

    const tracks = clients.map((client, n) => client.track({ driverId: `t${n}` }));
    const verdicts = tracks.map((track) => collect(track, 'verdict'));
    const start = Date.now();
    const send = (i: number) => {
      for (const track of tracks) track.send({ latitude: 30 + i / 1000, longitude: -97, timestamp: start + i });
    };
    const posted: string[] = [];
    const postSome = async (name: string) => {
      for (let i = 0; i < 10; i++) {
        const answer = await post({ driverId: `${name}${i}`, latitude: 30, longitude: -97 });
        expect([200, 503]).toContain(answer.status);
        if (answer.ok) posted.push(`${name}${i}`);
      }
    };
    send(0);
    await Promise.all(tracks.map((track) => track.flush()));
    const busy = postSome('a');
    send(1);
    await instances[0].process.kill('SIGKILL');
    send(2);
    await busy;
    await Promise.all(tracks.map((track) => track.flush()));
    for (const told of verdicts) expect(new Set(told.map(({ fix }) => fix.timestamp)).size).toBe(3);
    await until(async () => (await instances[1].connections('websocket')) === 8);

    // Nothing that comes new is refused on account of the one that is gone.
    const before = posted.length;
    await postSome('b');
    expect(posted.length).toBe(before + 10);
    await until(async () => watches.every((watch) => watch.drivers.has('b9')));
    for (let i = 0; i < 10; i++) {
      const answer = await fetch(`${nginx.url}/v1/drivers/b9`, { headers: { authorization } });
      expect(answer.status).toBe(200);
    }
    const stored = await driversIn(database, 'fixes');
    for (const driverId of posted) expect(stored).toContain(driverId);

    // It is back, and has fewest connections: the next are its own.
    await stage.restart(0);
    for (let i = 0; i < 8; i++) await Client.open(nginx.ws, [], { authorization });
    expect(await Promise.all(instances.map((instance) => instance.connections('websocket')))).toEqual([8, 8]);
  });

  slowTest(
    'one is told to end: every fix is stored or its sender told to come again, and whoever asks is answered',
    async () => {
      const { nginx, instances, post, database } = await startTwoInstances(nginxBin, postgres, redis);
      const clients = Array.from({ length: 4 }, () => clientOf(nginx));
      const tracks = clients.map((client, n) => client.track({ driverId: `t${n}` }));
      const watches = clients.map((client) => client.watch({ latitude: 30, longitude: -97, radius: 1000 }));
      await Promise.all(watches.map((watch) => watch.ready));

      const acknowledged: string[] = [];
      const refused: unknown[] = [];
      let running = true;
      let last = 0;
      const sender = async () => {
        while (running) {
          const driverId = `d${++last}`;
          const answer = await post({ driverId, latitude: 30, longitude: -97 });
          if (answer.ok) acknowledged.push(driverId);
          else refused.push([answer.status, answer.headers.has('retry-after')]);
        }
      };
      const asked: number[] = [];
      const asker = async () => {
        while (running) {
          const answer = await fetch(`${nginx.url}/v1/drivers/nearby?latitude=30&longitude=-97`, {
            headers: { authorization },
          });
          asked.push(answer.status);
          await answer.arrayBuffer();
        }
      };
      const everybody = [sender(), sender(), sender(), asker(), asker()];
      const some = { timeout: 20_000 };
      onTestFinished(() => {
        running = false;
      });
      await expect.poll(() => Math.min(acknowledged.length, asked.length), some).toBeGreaterThan(50);
      for (const track of tracks) track.send({ latitude: 30, longitude: -97, timestamp: Date.now() });
      expect(await instances[0].process.kill('SIGTERM')).toBe(0);
      for (const track of tracks) track.send({ latitude: 30, longitude: -97, timestamp: Date.now() + 1 });
      const at = acknowledged.length;
      await expect.poll(() => acknowledged.length, some).toBeGreaterThan(at + 50);
      running = false;
      await Promise.all(everybody);
      await Promise.all(tracks.map((track) => track.flush()));
      for (const track of tracks) expect(track.pending).toBe(0);

      console.log(
        `${acknowledged.length} fixes acknowledged, ${refused.length} told to come again, ${asked.length} asked`,
      );
      for (const refusal of refused) expect(refusal).toEqual([503, true]);
      expect(new Set(asked)).toEqual(new Set([200]));
      const stored = new Set(await driversIn(database, 'fixes'));
      expect(acknowledged.filter((driverId) => !stored.has(driverId))).toEqual([]);
      for (let n = 0; n < tracks.length; n++) expect(stored).toContain(`t${n}`);
      await until(async () => (await instances[1].connections('websocket')) === 4);
    },
  );

  slowTest(
    'what is silent for as long as it may be is not cut: a poll of a minute, a stream and a WebSocket without news',
    async () => {
      const { nginx } = await startTwoInstances(nginxBin, postgres, redis);
      const nowhere = 'bbox=0,0,1,1';
      const socket = await Client.open(`${nginx.ws}?${nowhere}`, [], { authorization });
      const stream = await EventStreamReader.open(`${nginx.url}/v1/stream?${nowhere}`, { authorization });
      const ask = async (query: string) =>
        (await fetch(`${nginx.url}/v1/changes?${nowhere}${query}`, { headers: { authorization } })).json() as Promise<
          Record<string, unknown>
        >;
      const { cursor } = await ask('');
      const polls = [
        await ask(`&wait=0&cursor=${cursor}`),
        ask(`&wait=60&cursor=${cursor}`),
        ask(`&wait=60&cursor=${cursor}`),
      ];
      const started = performance.now();
      const answers = await Promise.all(polls);
      expect(answers.some(({ type }) => type === 'changes')).toBe(true);
      expect(performance.now() - started).toBeGreaterThan(59_000);
      await socket.settled();
      expect(stream.comments).toBeGreaterThanOrEqual(2);
    },
    120_000,
  );
});
