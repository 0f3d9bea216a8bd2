import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test, vi } from 'vitest';
import { startServer, token } from '../support/server.ts';

const run = promisify(execFile);
const CLIENT = join(import.meta.dirname, '../../src/client/index.ts');
const HERE = '{ latitude: 30, longitude: -97, radius: 1000 }';

/** Runs an application in a process of its own, until it ends by itself. @returns what it printed */
async function application(body: string, url: string): Promise<string> {
  const program = `
    import { Nearcast } from ${JSON.stringify(CLIENT)};
    const [url, token] = process.argv.slice(1);
    const until = (source, name, wanted) => new Promise((resolve) => {
      const off = source.on(name, (event) => { if (wanted === undefined || event === wanted) { off(); resolve(event); } });
    });
    ${body}
    const closedAt = performance.now();
    process.on('exit', () => console.log(performance.now() - closedAt < 1000 ? 'at once' : 'late'));`;
  const { stdout, stderr } = await run('node', ['--input-type=module', '-e', program, url, token()], {
    timeout: 20_000,
    env: { ...process.env, NODE_NO_WARNINGS: '1' },
  });
  expect(stderr).toBe('');
  return stdout;
}

test('a process in which promises are rejected that nobody waits for goes on, and ends by itself after close', async () => {
  const { port } = await startServer();
  const printed = await application(
    `const nearcast = new Nearcast({ url, token: () => token, random: () => 1 });
     const bad = nearcast.watch({ ...${HERE}, radius: -1 });
     const good = nearcast.watch(${HERE});
     const other = nearcast.watch(${HERE}, { signal: AbortSignal.timeout(1e8) });
     const track = nearcast.track({ driverId: 'd' });
     await Promise.all([good.ready, until(bad, 'error')]);
     good.update({ radius: -1 });
     await until(good, 'error');
     track.send({ latitude: 30, longitude: -97 });
     for await (const { enter } of good) if (enter.length > 0) break;
     const left = good[Symbol.asyncIterator]();
     await left.next();
     const waiting = left.next();
     good.update({ radius: 5 });
     await nearcast.close();
     console.log(bad.state, good.state, other.state, nearcast.state, (await waiting).done, await left.next().then(({ done }) => done));`,
    `http://127.0.0.1:${port}`,
  );
  expect(printed).toBe('failed closed closed idle true true\nat once\n');
});

test('it ends by itself, too, when it closes while it waits to reconnect, for a token, or for an answer', async () => {
  const hole = createServer().listen(0, '127.0.0.1');
  onTestFinished(() => void hole.close());
  hole.on('connection', (socket) => {
    socket.on('error', () => {});
    onTestFinished(() => void socket.destroy());
  });
  await once(hole, 'listening');
  const printed = await application(
    `const gone = new Nearcast({ url: 'http://127.0.0.1:1', token, random: () => 1 });
     gone.watch({});
     await until(gone, 'error');
     await until(gone, 'error');
     const unheard = gone.replay({}, { from: 1 });
     await until(unheard, 'error');
     const tokenless = new Nearcast({ url, token: () => new Promise(() => {}) });
     tokenless.watch({});
     const call = tokenless.nearby(${HERE}).catch(({ code }) => code);
     const silent = new Nearcast({ url, token });
     silent.watch({});
     silent.replay({}, { from: 1 });
     tokenless.replay({}, { from: 1 });
     silent.track().send({ latitude: 1, longitude: 2 });
     await new Promise((resolve) => setImmediate(resolve));
     const states = [gone, tokenless, silent].map(({ state }) => state);
     await Promise.all([gone, tokenless, silent].map((nearcast) => nearcast.close()));
     console.log(...states, await call, unheard.state);`,
    `http://127.0.0.1:${(hole.address() as AddressInfo).port}`,
  );
  expect(printed).toBe('waiting connecting connecting closed closed\nat once\n');
});

test('a server that breaks every connection is no end of the application', async () => {
  const server = await startServer();
  const connections = new Set<{ resetAndDestroy(): void }>();
  server.app.server.on('connection', (socket) => connections.add(socket));
  const printed = application(
    `const nearcast = new Nearcast({ url, token, random: () => 0.02 });
     const watch = nearcast.watch({});
     const snapshots = [];
     watch.on('snapshot', ({ resumed }) => snapshots.push(resumed));
     await watch.ready;
     const track = nearcast.track({ driverId: 'cut me' });
     track.send({ latitude: 30, longitude: -97 });
     await until(nearcast, 'state', 'waiting');
     await until(watch, 'state', 'live');
     await track.flush();
     await nearcast.close();
     console.log(...snapshots);`,
    `http://127.0.0.1:${server.port}`,
  );
  await vi.waitUntil(() => server.tracker.driver({ fleet: 'default' }, 'cut me') !== undefined, { timeout: 10_000 });
  for (const socket of connections) socket.resetAndDestroy();
  expect(await printed).toBe('false true\nat once\n');
});
