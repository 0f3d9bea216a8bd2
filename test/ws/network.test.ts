import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { expect, onTestFinished, test, vi } from 'vitest';
import { HIGH_WATER } from '../../src/subscriptions/outbox.ts';
import { circle, everywhere } from '../support/areas.ts';
import { Client } from '../support/client.ts';
import { Network } from '../support/network.ts';
import { moveUntilWaiting, serverSockets, turns, watchersOf } from '../support/pressure.ts';
import { seeded } from '../support/random.ts';
import { startServer, type TestServer, token } from '../support/server.ts';
import { Traffic } from '../support/traffic.ts';

const DRIVERS = 2_000;
/** Bytes of a position on the wire, at most. */
const POSITION = 300;

const headers = { authorization: `Bearer ${token()}` };
const subscribe = { type: 'subscribe', subscription: 's' };
const fleet = 'bbox=-180,-90,180,90';

/** A peer without a WebSocket library: it says what a handshake needs, and reads when told to. */
async function rawPeer(server: TestServer): Promise<Socket> {
  const socket = connect(server.port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  socket.on('error', () => {});
  const lines = [
    `GET /ws?${fleet}&access_token=${token()} HTTP/1.1`,
    'Host: x',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
  ];
  socket.write(`${lines.join('\r\n')}\r\n\r\n`);
  await once(socket, 'data');
  socket.pause();
  return socket;
}

async function setUp(env: Record<string, string> = {}) {
  const random = seeded('network');
  const server = await startServer({ env });
  const sockets = serverSockets(server);
  return { server, sockets, traffic: new Traffic(server, random, DRIVERS, [30, -97]) };
}

test('[6.5, 13.2] a peer that completes the handshake and then reads nothing has little wait for it, and is gone after SLOW_SECONDS', async () => {
  const { server, sockets, traffic } = await setUp({ SLOW_SECONDS: '1' });
  await rawPeer(server);
  await vi.waitUntil(() => watchersOf(server, 'd0').length === 1);
  const [subscription] = watchersOf(server, 'd0');
  await moveUntilWaiting(traffic, subscription);
  const [socket] = sockets;
  const held = socket.writableLength;
  expect(held).toBeLessThan(HIGH_WATER + DRIVERS * POSITION);
  const start = performance.now();
  while (watchersOf(server, 'd0').length > 0) {
    expect(subscription.backlog).toBeLessThanOrEqual(DRIVERS);
    expect(socket.writableLength).toBe(held);
    traffic.moveAll();
    await turns(10);
  }
  expect(performance.now() - start).toBeGreaterThan(500);
  expect(performance.now() - start).toBeLessThan(4_000);
});

test('[6.5, 13.1] a peer that reads slowly is never closed, is told less often, and believes what is so in the end', async () => {
  const { server, traffic } = await setUp({ SLOW_SECONDS: '1', PING_SECONDS: '1' });
  const network = await Network.to(server.port, 8e6);
  const slow = await Client.open(`ws://127.0.0.1:${network.port}/ws`, [], headers);
  await slow.ask(subscribe, 'snapshot');
  const [subscription] = watchersOf(server, 'd0');
  await moveUntilWaiting(traffic, subscription);
  let moves = 0;
  for (const end = performance.now() + 1_200; performance.now() < end; moves += DRIVERS) {
    traffic.moveAll();
    await turns(20);
    expect(subscription.backlog).toBeLessThanOrEqual(DRIVERS);
  }
  while (!traffic.isBelieved(slow.belief('s'), everywhere)) await slow.next('changes');
  expect(slow.contradictions).toEqual([]);
  expect(slow.socket.readyState).toBe(1);
  expect(watchersOf(server, 'd0')).toEqual([subscription]);
  console.log(`${moves} moves; ${(slow.bytes / 1e6).toFixed(1)} MB told`);
});

test('[6.2] a peer in the middle of a huge snapshot, of which now and then a part gets through, is not pinged to death', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
  onTestFinished(() => void vi.useRealTimers());
  const random = seeded('huge');
  // How many parts it gets through in is for the system to say: enough pings fall between any two.
  const server = await startServer({ env: { PING_SECONDS: '5', SLOW_SECONDS: '30' } });
  const sockets = serverSockets(server);
  const traffic = new Traffic(server, random, 100_000, [30, -97]);
  const network = await Network.to(server.port, 20e6);
  const client = await Client.open(`ws://127.0.0.1:${network.port}/ws`, [], headers);
  client.send(subscribe);
  const [socket] = sockets;
  // What of the one write under way the system has not taken yet.
  const left = () => (socket as unknown as { _handle: { writeQueueSize: number } | null })._handle?.writeQueueSize ?? 0;
  await vi.waitUntil(() => left() > 0);
  let seconds = 0;
  for (let before = left(); before > 0; before = left()) {
    // Some pings, of which nearly all find that nothing was read in the second before.
    vi.advanceTimersByTime(20_000);
    seconds += 20;
    await vi.waitUntil(() => left() < before);
  }
  // Longer than SLOW_SECONDS.
  expect(seconds).toBeGreaterThan(30);
  expect((await client.next('snapshot')).drivers.length).toBe(100_000);
  // It was not taken for slow either, which would let the snapshot through before the close.
  await client.settled();
  expect(traffic.isBelieved(client.belief('s'), everywhere)).toBe(true);
});

test('[6.2] a peer that is no longer there is found by its silence, and its subscriptions with it', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
  onTestFinished(() => void vi.useRealTimers());
  const { server, sockets } = await setUp();
  const network = await Network.to(server.port);
  const client = await Client.open(`ws://127.0.0.1:${network.port}/ws`, [], headers);
  const witness = await server.connect();
  await client.ask(subscribe, 'snapshot');
  expect(watchersOf(server, 'd0').length).toBe(1);
  for (let second = 0; second < 300; second++) {
    vi.advanceTimersByTime(1_000);
    if (second % 10 === 0) await client.settled();
    if (second % 10 === 0) await witness.settled();
  }
  // As long as it answers it stays. Now its train is in a tunnel: no connection is closed, nothing comes through.
  network.freeze();
  let seconds = 0;
  for (; watchersOf(server, 'd0').length > 0 && seconds < 200; seconds++) {
    vi.advanceTimersByTime(1_000);
    if (seconds % 10 === 0) await witness.settled();
    await turns();
  }
  expect(seconds).toBeGreaterThan(50);
  expect(seconds).toBeLessThanOrEqual(77);
  await vi.waitUntil(() => sockets.filter(({ destroyed }) => !destroyed).length === 1);
});

test('[6.2, 6.5] one that is no longer there while much happens is found as well', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
  onTestFinished(() => void vi.useRealTimers());
  const { server, traffic } = await setUp({ SLOW_SECONDS: '30' });
  const network = await Network.to(server.port);
  const client = await Client.open(`ws://127.0.0.1:${network.port}/ws`, [], headers);
  await client.ask(subscribe, 'snapshot');
  network.freeze();
  await moveUntilWaiting(traffic, watchersOf(server, 'd0')[0]);
  let seconds = 0;
  for (; watchersOf(server, 'd0').length > 0 && seconds < 200; seconds++) {
    vi.advanceTimersByTime(1_000);
    traffic.move(100);
    await turns();
  }
  expect(seconds).toBeGreaterThanOrEqual(29);
  expect(seconds).toBeLessThanOrEqual(33);
});

test('[6.7] compression that a peer offers is not negotiated', async () => {
  const { server } = await setUp();
  const client = await server.connect();
  expect(client.socket.extensions).toBe('');
});

test('[6.7] with PERMESSAGE_DEFLATE=on it is, by those who offer it, and messages long and short come as they are', async () => {
  const { server, sockets, traffic } = await setUp({ PERMESSAGE_DEFLATE: 'on' });
  const plain = await Client.open(`ws://127.0.0.1:${server.port}/ws`, [], headers, { perMessageDeflate: false });
  const client = await server.connect();
  expect(plain.socket.extensions).toBe('');
  expect(client.socket.extensions).toMatch(/permessage-deflate/);
  const area = circle(30, -97, 3_000);
  for (const watcher of [plain, client]) await watcher.ask({ ...subscribe, ...area.fields }, 'snapshot');
  for (let turn = 0; turn < 50; turn++) {
    traffic.move(turn % 2 === 0 ? 200 : 1);
    await turns();
  }
  for (const watcher of [plain, client]) {
    await watcher.settled();
    while (!traffic.isBelieved(watcher.belief('s'), area)) await watcher.next('changes');
    expect(watcher.contradictions).toEqual([]);
  }
  const [sent, compressed] = sockets.map(({ bytesWritten }) => bytesWritten);
  expect(compressed).toBeLessThan(sent / 2);
  // What a client compresses is understood.
  const positions = Array.from({ length: 1_000 }, (_, i) => ({ driverId: `d${i}`, latitude: 30, longitude: -97 }));
  const { results } = await client.ask({ type: 'positions', id: 1, positions }, 'ack');
  expect(results.length).toBe(1_000);
  expect(results.every(({ verdict }: { verdict: string }) => verdict === 'accepted')).toBe(true);
});

test('[6.7, 6.5] with compression too what waits for a peer that reads nothing is bounded, and is right in the end', async () => {
  const { server, sockets, traffic } = await setUp({ PERMESSAGE_DEFLATE: 'on' });
  const client = await server.connect(`/ws?${fleet}`, undefined, headers);
  await client.next('snapshot');
  const [subscription] = watchersOf(server, 'd0');
  client.socket.pause();
  await moveUntilWaiting(traffic, subscription);
  for (let turn = 0; turn < 50; turn++) {
    traffic.moveAll();
    await turns();
    expect(subscription.backlog).toBeLessThanOrEqual(DRIVERS);
    expect(sockets[0].writableLength).toBeLessThan(HIGH_WATER + DRIVERS * POSITION);
  }
  client.socket.resume();
  while (!traffic.isBelieved(client.belief(), everywhere)) await client.next('changes');
  expect(client.contradictions).toEqual([]);
});

test('[6.8, 6.9] before it goes the server says when to come back, to each another time, and closes with 1001', async () => {
  const { server } = await setUp();
  const clients = await Promise.all(Array.from({ length: 8 }, () => server.connect()));
  for (const client of clients) await client.ask({ ...subscribe, ...circle(30, -97, 10).fields }, 'snapshot');
  await server.app.close();
  const times = new Set<number>();
  for (const client of clients) {
    const { retryAfter, ...error } = await client.next('error');
    expect(error).toMatchObject({ type: 'error', code: 'unavailable' });
    expect(retryAfter).toBeGreaterThanOrEqual(0.5);
    expect(retryAfter).toBeLessThanOrEqual(5);
    times.add(retryAfter);
    expect(await client.closed).toMatchObject({ code: 1001 });
    expect(client.heard).toEqual([]);
  }
  expect(times.size).toBeGreaterThan(4);
});

test('[6.4] peers that read nothing hold up a server that goes away for no longer than two seconds', async () => {
  const { server, traffic } = await setUp();
  await rawPeer(server);
  await vi.waitUntil(() => watchersOf(server, 'd0').length === 1);
  await moveUntilWaiting(traffic, watchersOf(server, 'd0')[0]);
  const start = performance.now();
  await server.app.close();
  expect(performance.now() - start).toBeLessThan(3_500);
});
