import { expect, onTestFinished, test, vi } from 'vitest';
import { HIGH_WATER } from '../../src/subscriptions/outbox.ts';
import { everywhere } from '../support/areas.ts';
import { EventStreamReader } from '../support/event-stream.ts';
import { Network } from '../support/network.ts';
import { moveUntilWaiting, serverSockets, turns, watchersOf } from '../support/pressure.ts';
import { seeded } from '../support/random.ts';
import { startServer, token } from '../support/server.ts';
import { Traffic } from '../support/traffic.ts';

const DRIVERS = 2_000;
/** Bytes of a position on the wire, at most. */
const POSITION = 300;

const authorization = { authorization: `Bearer ${token()}` };

/** A stream whose peer reads nothing after the snapshot, and which therefore waits. */
async function setUp(env: Record<string, string> = {}, claims: Parameters<typeof token>[0] = {}) {
  const random = seeded('slow stream');
  const server = await startServer({ env });
  const sockets = serverSockets(server);
  const traffic = new Traffic(server, random, DRIVERS, [30, -97]);
  const url = `http://127.0.0.1:${server.port}/v1/stream`;
  const stream = await EventStreamReader.open(url, { authorization: `Bearer ${token(claims)}` });
  await stream.next('snapshot');
  const [subscription] = watchersOf(server, 'd0');
  stream.pause();
  await moveUntilWaiting(traffic, subscription);
  return { server, traffic, stream, subscription, socket: sockets[0] };
}

test('[13.1, 13.2] what waits for a peer that reads nothing is bounded, however much happens; when it reads again it believes what is so', async () => {
  const { traffic, stream, subscription, socket } = await setUp();
  const held = socket.writableLength;
  for (let turn = 0; turn < 50; turn++) {
    traffic.moveAll();
    await turns();
    expect(subscription.backlog).toBeLessThanOrEqual(DRIVERS);
    expect(socket.writableLength).toBe(held);
  }
  expect(held).toBeLessThan(HIGH_WATER + DRIVERS * POSITION);
  stream.resume();
  await stream.until(() => traffic.isBelieved(stream.belief, everywhere));
  expect(stream.belief.contradictions).toEqual([]);
  // A hundred thousand moves happened while it did not read.
  expect(stream.bytes).toBeLessThan(50 * DRIVERS * 200);
});

test('[14.4, 6.5] a peer that reads nothing for SLOW_SECONDS is gone, with all that waited for it', async () => {
  const { server, stream, socket } = await setUp({ SLOW_SECONDS: '1' });
  const start = performance.now();
  await vi.waitUntil(() => watchersOf(server, 'd0').length === 0, { timeout: 5_000 });
  expect(performance.now() - start).toBeGreaterThan(500);
  expect(performance.now() - start).toBeLessThan(3_000);
  await vi.waitUntil(() => socket.destroyed);
  stream.resume();
  expect(await stream.ended).toBe(false);
});

test('[6.5] a peer that reads slowly is never closed, and believes what is so in the end', async () => {
  const random = seeded('slow reader');
  const server = await startServer({ env: { SLOW_SECONDS: '1', PING_SECONDS: '1' } });
  const traffic = new Traffic(server, random, DRIVERS, [30, -97]);
  const network = await Network.to(server.port, 8e6);
  const stream = await EventStreamReader.open(`http://127.0.0.1:${network.port}/v1/stream`, authorization);
  await stream.next('snapshot');
  const [subscription] = watchersOf(server, 'd0');
  await moveUntilWaiting(traffic, subscription);
  const end = performance.now() + 1_200;
  while (performance.now() < end) {
    traffic.moveAll();
    await turns(20);
    expect(subscription.backlog).toBeLessThanOrEqual(DRIVERS);
  }
  await stream.until(() => traffic.isBelieved(stream.belief, everywhere));
  expect(stream.belief.contradictions).toEqual([]);
  expect(watchersOf(server, 'd0')).toEqual([subscription]);
});

test('[6.4] a peer that reads nothing does not hold up a server that goes away', async () => {
  const { server, socket } = await setUp();
  const start = performance.now();
  await server.app.close();
  expect(performance.now() - start).toBeLessThan(4_000);
  expect(socket.destroyed).toBe(true);
});

test('[6.4] a peer that reads nothing is cut when its token has ended', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
  onTestFinished(() => void vi.useRealTimers());
  const { server, socket } = await setUp({}, { ttlSeconds: 100 });
  vi.advanceTimersByTime(101_000);
  expect(watchersOf(server, 'd0')).toEqual([]);
  vi.advanceTimersByTime(3_000);
  await vi.waitUntil(() => socket.destroyed);
});
