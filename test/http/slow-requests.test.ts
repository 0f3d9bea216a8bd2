import { once } from 'node:events';
import type { Socket } from 'node:net';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { serverSockets } from '../support/pressure.ts';
import { rawSocket, upgrade } from '../support/raw.ts';
import { startServer, token } from '../support/server.ts';
import { slowTest } from '../support/slow.ts';

/** All that comes until the other side ends it, and how long that took, milliseconds. */
async function toTheEnd(socket: Socket): Promise<{ answer: string; time: number }> {
  const start = performance.now();
  let answer = '';
  socket.setEncoding('utf8').on('data', (more) => {
    answer += more;
  });
  await once(socket, 'close');
  return { answer, time: performance.now() - start };
}

/** Sends a byte now and then, until there is nobody to send it to. */
function drip(socket: Socket, bytes: string): void {
  let i = 0;
  const timer = setInterval(() => socket.write(bytes[i++ % bytes.length]), 50);
  socket.on('close', () => clearInterval(timer));
}

describe('who sends a request slowly is cut off', () => {
  const ENV = { HEADERS_TIMEOUT_SECONDS: '1', REQUEST_TIMEOUT_SECONDS: '2' };
  const body = [
    'POST /v1/positions HTTP/1.1',
    'Host: x',
    `Authorization: Bearer ${token()}`,
    'Content-Type: application/json',
    'Content-Length: 100000',
    '\r\n',
  ].join('\r\n');

  slowTest('in the head, in the body, and before the first byte; who is connected stays so', async () => {
    const server = await startServer({ env: ENV });
    const watcher = await server.connect('/ws?latitude=1&longitude=2&radius=3');
    await watcher.next('snapshot');
    const slow = async (first: string, then: string) => {
      const socket = await rawSocket(server.port);
      socket.write(first);
      if (then !== '') drip(socket, then);
      return toTheEnd(socket);
    };
    const [head, handshake, whole, nothing] = await Promise.all([
      slow('GET /livez HTTP/1.1\r\nHost: x\r\n', 'X-A: b\r\n'),
      slow(upgrade('/ws', token()).slice(0, -2), 'X-A: b\r\n'),
      slow(body, ' '),
      slow('', ''),
    ]);
    for (const { answer } of [head, handshake, whole]) {
      expect(answer).toMatch(/^HTTP\/1.1 408 /);
      expect(answer).toMatch(/did not arrive in time/);
    }
    for (const { time } of [head, handshake, nothing]) expect(time).toBeLessThan(3_000);
    expect(whole.time).toBeGreaterThan(1_500);
    expect(whole.time).toBeLessThan(5_000);
    // Longer than any request may take.
    expect(await watcher.ask({ type: 'ping' }, 'pong')).toMatchObject({ type: 'pong' });
  });
});

describe('a request with a head that is', () => {
  test.each([
    ['too long in one field', `X-A: ${'b'.repeat(20_000)}\r\n`],
    ['too long in all fields', 'X-A: bbbbbbbbbbbbbbbb\r\n'.repeat(1_000)],
    ['of a token that is too long', `Authorization: Bearer ${'b'.repeat(20_000)}\r\n`],
  ])('%s is refused, and the connection closed', async (_what, fields) => {
    const server = await startServer();
    for (const line of ['GET /v1/drivers HTTP/1.1', 'GET /ws HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket']) {
      const socket = await rawSocket(server.port);
      socket.write(`${line}\r\nHost: x\r\n${fields}\r\n`);
      const { answer } = await toTheEnd(socket);
      expect(answer).toMatch(/^HTTP\/1.1 431 /);
      expect(answer).toMatch(/"code":"too_large"/);
    }
  });
});

test('a body that is nested deep is refused before it is parsed', async () => {
  const server = await startServer();
  const deep = (depth: number) =>
    `{"driverId":"d","latitude":1,"longitude":2,"x":${'['.repeat(depth)}${']'.repeat(depth)}}`;
  expect((await server.post('/v1/positions', deep(2_498))).status).toBe(200);
  for (const depth of [2_500, 500_000]) {
    const refused = await server.post('/v1/positions', deep(depth));
    expect(refused.status).toBe(400);
    expect(await refused.json()).toMatchObject({
      code: 'invalid',
      detail: expect.stringMatching(/nested more than 32/),
    });
  }
  const search = await server.post('/v1/drivers/search', deep(2_500), {
    'content-type': 'application/geo+json',
    authorization: `Bearer ${token()}`,
  });
  expect(search.status).toBe(400);
  expect(await search.text()).toMatch(/nested more than 32/);
});

slowTest('who asks for much and reads nothing of it is cut off; who reads slowly is not', async () => {
  const server = await startServer({ env: { SLOW_SECONDS: '1' } });
  const attributes = Object.fromEntries(Array.from({ length: 16 }, (_, i) => [`a${i}`, '€'.repeat(256)]));
  for (let i = 0; i < 1_000; i++) {
    server.tracker.accept('default', { driverId: `driver-${i}`, lat: 1, lng: 2, attributes });
  }
  const get = `GET /v1/drivers?limit=1000 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token()}\r\n\r\n`;
  const ends = serverSockets(server);
  const deaf = await rawSocket(server.port);
  deaf.pause();
  deaf.write(get);
  // A chunk in a hundredth of a second: two seconds for all of it.
  const slow = await rawSocket(server.port);
  const chunks: Buffer[] = [];
  slow.on('data', (data) => {
    chunks.push(data);
    slow.pause();
  });
  const reading = setInterval(() => slow.resume(), 10);
  onTestFinished(() => clearInterval(reading));
  slow.write(get);
  await vi.waitUntil(() => ends.length === 2, { timeout: 10_000 });
  const [deafEnd] = ends;
  await vi.waitUntil(() => deafEnd.writableLength > 0, { timeout: 10_000 });
  const start = performance.now();
  await once(deafEnd, 'close');
  expect(performance.now() - start).toBeLessThan(4_000);
  const length = () => chunks.reduce((sum, { length }) => sum + length, 0);
  const whole = Number(/content-length: (\d+)/i.exec(String(chunks[0]))?.[1]);
  expect(whole).toBeGreaterThan(10_000_000);
  await vi.waitUntil(() => length() > whole, { timeout: 45_000 });
});
