import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { promisify } from 'node:util';
import { expect, onTestFinished, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { HeldStore } from '../support/held-store.ts';
import { turns } from '../support/pressure.ts';
import { startServer, type TestServer, token } from '../support/server.ts';
import { slowTest } from '../support/slow.ts';

/** A peer that speaks WebSocket frames by hand, and so can leave a close frame unanswered. */
class RawPeer {
  readonly socket: Socket;
  received = Buffer.alloc(0);

  static async open({ port }: TestServer): Promise<RawPeer> {
    const peer = new RawPeer(connect(port, '127.0.0.1'));
    const lines = [
      'GET /ws HTTP/1.1',
      'Host: x',
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
      `Authorization: Bearer ${token()}`,
    ];
    peer.socket.write(`${lines.join('\r\n')}\r\n\r\n`);
    await peer.until(() => peer.received.includes('\r\n\r\n'));
    return peer;
  }

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (data) => {
      this.received = Buffer.concat([this.received, data]);
    });
    socket.on('error', () => {});
    onTestFinished(() => void socket.destroy());
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await once(this.socket, 'data');
  }

  send(message: unknown): void {
    const payload = Buffer.from(typeof message === 'string' ? message : JSON.stringify(message));
    const head = Buffer.from([0x81, 0x80 | 126, payload.length >> 8, payload.length & 255, 0, 0, 0, 0]);
    this.socket.write(Buffer.concat([head, payload]));
  }
}

const fix = { driverId: 'ghost', latitude: 1, longitude: 2 };

test('a connection that was told to close does nothing more, though the peer leaves the close unanswered; then it is cut', async () => {
  const server = await startServer();
  const watcher = await server.connect();
  const peer = await RawPeer.open(server);
  peer.send({ type: 'subscribe', subscription: 's', latitude: 1, longitude: 2, radius: 10 });
  for (let i = 0; i < 20; i++) peer.send('rubbish');
  await peer.until(() => peer.received.includes('too many bad messages'));
  const cut = once(peer.socket, 'close');
  const { length } = peer.received;
  peer.send(fix);
  peer.send({ type: 'authenticate', token: token() });
  await watcher.ask({ ...fix, driverId: 'someone', id: 1 }, 'ack');
  expect(server.tracker.driver({ fleet: 'default' }, 'ghost')).toBeUndefined();
  expect(server.tracker.driver({ fleet: 'default' }, 'someone')?.watchers).toEqual([]);
  await cut;
  expect(peer.received.length).toBe(length);
});

slowTest(
  'a peer that asks and asks, and does not read, is heard no more, and closed when it has read nothing for so long',
  async () => {
    const server = await startServer({ env: { SLOW_SECONDS: '1' } });
    const peer = await server.connect();
    peer.socket.pause();
    const positions = Array(300).fill({ ...fix, latitude: 91 });
    // Each answer has some 30 kB.
    for (let i = 0; i < 1_500; i++) peer.send({ type: 'positions', id: i, positions });
    const connections = promisify((callback: (error: Error | null, count: number) => void) =>
      server.app.server.getConnections(callback),
    );
    await vi.waitUntil(async () => (await connections()) === 0, { timeout: 20_000 });
    peer.socket.resume();
    expect([4508, 1006]).toContain((await peer.closed).code);
  },
);

test('a peer that answers no ping is gone after the third interval; one that does stays', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
  try {
    const server = await startServer();
    const alive = await server.connect();
    const dead = new WebSocket(`ws://127.0.0.1:${server.port}/ws?access_token=${token()}`, { autoPong: false });
    let pings = 0;
    dead.on('ping', () => pings++);
    await once(dead, 'open');
    const closed = once(dead, 'close');
    for (let interval = 0; interval < 3; interval++) {
      // Each is called on once a second.
      vi.advanceTimersByTime(26_000);
      await alive.settled();
    }
    expect((await closed)[0]).toBe(1006);
    expect(pings).toBe(2);
    vi.advanceTimersByTime(26_000);
    await alive.settled();
  } finally {
    vi.useRealTimers();
  }
});

test('closing the server closes every socket with 1001, and leaves none', async () => {
  const server = await startServer();
  const clients = await Promise.all(Array.from({ length: 20 }, () => server.connect()));
  await server.app.close();
  for (const { closed } of clients) expect((await closed).code).toBe(1001);
});

test('what was heard on a connection before the server closes it is acknowledged, and nothing is heard after', async () => {
  const store = new HeldStore();
  const server = await startServer({ store });
  const driver = await server.connect();
  driver.send({ ...fix, driverId: 'first', id: 1 });
  await vi.waitUntil(() => store.batches.length === 1);
  driver.send({ ...fix, driverId: 'second', id: 2 });
  await driver.settled();
  const closing = server.app.close();
  await turns(5);
  driver.send({ ...fix, driverId: 'third', id: 3 });
  store.release();
  // The second is in a transaction of its own, which begins when the first is over.
  await vi.waitUntil(() => store.batches.length === 2);
  await turns(5);
  store.release();
  await closing;
  expect((await driver.closed).code).toBe(1001);
  expect(driver.heard.filter(({ type }) => type === 'ack').map(({ id }) => id)).toEqual([1, 2]);
  const written = store.batches.flat().map((entry) => entry.kind === 'position' && entry.fix.driverId);
  expect(written).toEqual(['first', 'second']);
});

test('a store that hangs does not keep the connections of a server that closes for long', async () => {
  const store = new HeldStore();
  const server = await startServer({ store });
  const driver = await server.connect();
  driver.send({ ...fix, id: 1 });
  await vi.waitUntil(() => store.batches.length === 1);
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'], shouldAdvanceTime: true });
  onTestFinished(() => void vi.useRealTimers());
  const closing = server.app.close();
  await turns(5);
  vi.advanceTimersByTime(3_000);
  expect((await driver.closed).code).toBe(1001);
  await closing;
  expect(driver.heard.map(({ type }) => type)).toEqual(['error']);
});

test('who comes while the server waits for what it owes others is refused, and cut off, so that nobody keeps it open', async () => {
  const store = new HeldStore();
  const server = await startServer({ store });
  const driver = await server.connect();
  driver.send({ ...fix, id: 1 });
  await vi.waitUntil(() => store.batches.length === 1);
  const closing = server.app.close();
  await turns(5);
  const late = await RawPeer.open(server);
  expect(late.received.toString()).toMatch(/^HTTP\/1\.1 503 .*\r\nretry-after: 1\r\n/s);
  const cut = once(late.socket, 'close');
  store.release();
  await closing;
  await cut;
});
