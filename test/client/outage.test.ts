import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, onTestFinished, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import type { WebSocketConstructor } from '../../src/client/index.ts';
import { everywhere } from '../support/areas.ts';
import { Network } from '../support/network.ts';
import { moveUntilWaiting, watchersOf } from '../support/pressure.ts';
import { seeded } from '../support/random.ts';
import { startServer, type TestServer, token } from '../support/server.ts';
import { Traffic } from '../support/traffic.ts';
import { clientOf, collect, idsOf, ManualClock, next, place, untilTrue } from './support.ts';

const HERE = { latitude: 30, longitude: -97, radius: 1000 };

/** Has a server answer at another port as well. */
async function listenAt(port: number, { app }: TestServer): Promise<void> {
  const door = createServer((socket) => app.server.emit('connection', socket)).listen(port);
  onTestFinished(() => void door.close());
  await once(door, 'listening');
}

/** WebSockets that a test can lay its hands on. */
function holding() {
  const sockets: WebSocket[] = [];
  class Held extends WebSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols);
      sockets.push(this);
    }
  }
  return { sockets, Held: Held as WebSocketConstructor };
}

test('a connection over which nothing comes any more is cut, where it can be, and made anew', async () => {
  const server = await startServer();
  const network = await Network.to(server.port);
  const clock = new ManualClock();
  const { sockets, Held } = holding();
  const nearcast = clientOf(network, { clock, WebSocket: Held });
  const watch = nearcast.watch(HERE);
  await watch.ready;
  network.freeze();
  const lost = next(nearcast, 'error');
  clock.advance(40_000);
  expect(await lost).toMatchObject({ code: 'network', message: 'The connection was lost: it fell silent' });
  const start = performance.now();
  await once(sockets[0], 'close');
  expect(performance.now() - start).toBeLessThan(2_000);
  expect(watch.state).toBe('interrupted');
});

test('of a server that goes away and comes back at its place, the pause is kept, and just what differs is told', async () => {
  const clock = new ManualClock();
  clock.time = Date.now();
  const before = await startServer();
  for (const id of ['stays', 'leaves']) place(before, id, 30, -97, { timestamp: 1 });
  const nearcast = clientOf(before, { clock });
  const errors = collect(nearcast, 'error');
  const watch = nearcast.watch(HERE);
  const track = nearcast.track({ driverId: 'self' });
  const verdicts = collect(track, 'verdict');
  await watch.ready;
  track.send({ latitude: 0, longitude: 0 });
  await track.flush();
  const lost = next(nearcast, 'state', (state) => state === 'waiting');
  await before.app.close();
  await lost;
  const [goodbye] = errors;
  expect(goodbye).toMatchObject({ code: 'unavailable', retryAfter: expect.any(Number) });
  const pause = 1000 * (goodbye.retryAfter as number);
  expect(pause).toBeGreaterThanOrEqual(500);
  // A time of day has no room for the last digits of a fraction.
  expect(clock.waits).toEqual([expect.closeTo(pause, 2)]);
  expect([watch.state, idsOf(watch.drivers)]).toEqual(['interrupted', ['leaves', 'stays']]);
  // While nobody answers, fixes wait, and it is tried again.
  clock.time += 1;
  track.send({ latitude: 0, longitude: 1 });
  const refused = next(nearcast, 'error');
  clock.advance(Math.ceil(pause));
  expect(await refused).toMatchObject({ code: 'network' });
  const after = await startServer();
  place(after, 'stays', 30, -97, { timestamp: 1 });
  place(after, 'comes', 30, -97, { timestamp: 1 });
  await listenAt(before.port, after);
  const [entered, left] = [collect(watch, 'enter'), collect(watch, 'exit')];
  const snapshot = next(watch, 'snapshot');
  clock.advance(clock.waits[0]);
  // A cursor is of one process.
  expect(await snapshot).toEqual({ resumed: false });
  expect([entered.map(({ driverId }) => driverId), left]).toEqual([
    ['comes'],
    [{ driverId: 'leaves', reason: 'unknown' }],
  ]);
  await track.flush();
  expect(verdicts.map(({ verdict }) => verdict)).toEqual(['accepted', 'accepted']);
  expect(after.tracker.driver({ fleet: 'default' }, 'self')?.position.lng).toBe(1);
});

test('a client that reads nothing is closed as slow, comes back when it does, and has what is so', async () => {
  const random = seeded('slow client');
  const server = await startServer({ env: { SLOW_SECONDS: '1' } });
  const traffic = new Traffic(server, random, 2_000, [30, -97]);
  const { sockets, Held } = holding();
  const nearcast = clientOf(server, { WebSocket: Held });
  const watch = nearcast.watch({});
  await watch.ready;
  const [subscription] = watchersOf(server, 'd0');
  sockets[0].pause();
  await moveUntilWaiting(traffic, subscription);
  await vi.waitUntil(() => watchersOf(server, 'd0').length === 0, { timeout: 10_000 });
  traffic.moveAll();
  const lost = next(nearcast, 'error');
  const resumed = next(watch, 'snapshot');
  sockets[0].resume();
  // Whether the close frame still came through is a matter of how much the system held.
  expect([4508, 1006]).toContain((await lost).closeCode);
  expect(await resumed).toEqual({ resumed: true });
  await untilTrue(watch, traffic, everywhere);
});

test('when a token ends the watch goes on with the next one, from where it was', async () => {
  const server = await startServer();
  place(server, 'a', 30, -97);
  // The first holds for one to two seconds.
  const tokens = [token({ ttlSeconds: 2 }), token({ ttlSeconds: 600 })];
  const clock = new ManualClock();
  clock.time = Date.now();
  // Its timers stand still, so that no renewal comes before the end.
  const nearcast = clientOf(server, { clock, token: () => tokens.shift() as string });
  const watch = nearcast.watch(HERE);
  const snapshots = collect(watch, 'snapshot');
  await watch.ready;
  const errors = collect(nearcast, 'error');
  await next(watch, 'snapshot');
  expect(snapshots).toEqual([{ resumed: false }, { resumed: true }]);
  expect([idsOf(watch.drivers), nearcast.state, tokens]).toEqual([['a'], 'open', []]);
  expect(errors.every(({ code }) => code === 'unauthorized')).toBe(true);
});

test('a token that is renewed in time keeps the connection; one of somebody else ends it', async () => {
  const server = await startServer();
  const clock = new ManualClock();
  clock.time = Date.now();
  const tokens = [token({ ttlSeconds: 60 }), token({ ttlSeconds: 120 }), token({ sub: 'other' })];
  const nearcast = clientOf(server, { clock, token: () => tokens.shift() as string });
  const states = collect(nearcast, 'state');
  const watch = nearcast.watch(HERE);
  await watch.ready;
  // The pong that tells when the token ends comes with what follows it.
  await watch.update({ radius: 900 });
  clock.advance(30_000);
  await watch.update({ radius: 800 });
  await watch.update({ radius: 700 });
  expect([tokens.length, states]).toEqual([1, ['connecting', 'open']]);
  const errors = collect(watch, 'error');
  for (let radius = 1; radius <= 12 && watch.state === 'live'; radius++) {
    clock.advance(10_000);
    await watch.update({ radius }).catch(() => {});
  }
  expect(errors).toMatchObject([{ code: 'forbidden', closeCode: 4403 }]);
  expect([watch.state, states]).toEqual(['failed', ['connecting', 'open', 'failed']]);
});
