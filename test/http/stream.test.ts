import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { expect, onTestFinished, test, vi } from 'vitest';
import { EVERYWHERE } from '../../src/geo/everywhere.ts';
import { areasIn } from '../support/areas.ts';
import type { Belief } from '../support/belief.ts';
import { EventStreamReader } from '../support/event-stream.ts';
import { seeded } from '../support/random.ts';
import { startServer, type TestServer, token } from '../support/server.ts';
import { describeWith } from '../support/services.ts';
import { Traffic } from '../support/traffic.ts';

const CIRCLE = 'latitude=30&longitude=-97&radius=1000';
const authorization = { authorization: `Bearer ${token()}` };

function open(
  server: TestServer,
  query = '',
  headers: Record<string, string> = authorization,
  options?: { belief?: Belief; method?: string },
): Promise<EventStreamReader> {
  return EventStreamReader.open(`http://127.0.0.1:${server.port}/v1/stream?${query}`, headers, options);
}

/** Puts a driver somewhere. */
function put(server: TestServer, driverId: string, lat: number, lng = -97, attributes?: Record<string, string>): void {
  expect(server.tracker.accept('default', { driverId, lat, lng, attributes })).toBe('accepted');
}

const ids = (list: { driverId: string }[] | undefined) => list?.map(({ driverId }) => driverId);

/** Which fleet of its name this is: another one once nobody was in it or watched it. */
function epoch({ tracker }: TestServer): string {
  const { cursor } = tracker.within({ fleet: 'default' }, EVERYWHERE, {}, 1) as { cursor: string };
  return cursor.split('.')[0];
}

test('[14.1] events snapshot and changes have the message as their data and its cursor as their id', async () => {
  const server = await startServer();
  put(server, 'in', 30.001);
  put(server, 'out', 31);
  const stream = await open(server, CIRCLE);
  expect([stream.status, stream.headers['content-type']]).toEqual([200, 'text/event-stream; charset=utf-8']);
  expect(stream.headers['cache-control']).toBe('no-store');
  expect(stream.headers['x-accel-buffering']).toBe('no');
  expect(stream.headers['x-content-type-options']).toBe('nosniff');
  const snapshot = await stream.next();
  expect(snapshot.event).toBe('snapshot');
  expect(snapshot.data).toMatchObject({ type: 'snapshot', subscription: 'default', resumed: false });
  expect(snapshot.id).toBe(snapshot.data.cursor);
  expect(ids(snapshot.data.drivers)).toEqual(['in']);
  put(server, 'out', 30.002);
  const changes = await stream.next();
  expect(changes.event).toBe('changes');
  expect(changes.id).toBe(changes.data.cursor);
  expect(changes.data).toMatchObject({ type: 'changes', subscription: 'default', enter: [{ driverId: 'out' }] });
  put(server, 'in', 31);
  put(server, 'out', 30.003);
  expect((await stream.next()).data).toMatchObject({
    move: [{ driverId: 'out', latitude: 30.003 }],
    exit: [{ driverId: 'in', reason: 'left' }],
  });
  expect(stream.belief.contradictions).toEqual([]);
});

test('[14.1] every kind of area is asked for in the query string, and what is told of it adds up to brute force', async () => {
  const random = seeded('stream');
  const server = await startServer();
  const traffic = new Traffic(server, random, 200, [30, -97]);
  const streams = await Promise.all(
    areasIn([30, -97], 'd7').map(async (area) => ({ area, stream: await open(server, area.query) })),
  );
  for (let turn = 0; turn < 100; turn++) {
    traffic.move(20);
    await new Promise(setImmediate);
  }
  for (const { area, stream } of streams) {
    await stream.until(() => traffic.isBelieved(stream.belief, area));
    expect(stream.belief.contradictions, area.kind).toEqual([]);
    expect(stream.belief.drivers.size, area.kind).toBeGreaterThan(0);
  }
});

test('[11.2, 11.3, 11.4, 11.5] filters and paces are asked for in the query string', async () => {
  let offset = 0;
  const server = await startServer({ now: () => Date.now() + offset });
  put(server, 'free', 30, -97, { status: 'free', 'a b&c': '1' });
  put(server, 'busy', 30, -97, { status: 'busy' });
  const filtered = await open(server, `${CIRCLE}&attributes.status=free&attributes.status=off&attributes.a%20b%26c=1`);
  expect(ids((await filtered.next()).data.drivers)).toEqual(['free']);
  const aged = await open(server, `${CIRCLE}&maxAge=60`);
  expect(ids((await aged.next()).data.drivers)).toEqual(['free', 'busy']);
  const coarse = await open(server, `${CIRCLE}&minDisplacement=100&maxRate=1000`);
  await coarse.next();
  put(server, 'free', 30.0005);
  expect(ids((await aged.next()).data.move)).toEqual(['free']);
  put(server, 'free', 30.002);
  expect((await coarse.next()).data.move).toMatchObject([{ driverId: 'free', latitude: 30.002 }]);
  offset = 61_000;
  server.tracker.expire();
  await aged.until(() => aged.belief.drivers.size === 0);
  expect(filtered.belief.inside).toEqual(['free']);
});

test('[14.2, 12.2] Last-Event-ID goes on: who is new or has moved, who is unchanged, and nothing of who left', async () => {
  const server = await startServer();
  for (const id of ['stays', 'moves', 'leaves']) put(server, id, 30);
  put(server, 'comes', 31);
  const before = await open(server, CIRCLE);
  const first = await before.next();
  before.destroy();
  put(server, 'moves', 30.001);
  put(server, 'leaves', 31);
  put(server, 'comes', 30.002);
  const headers = { ...authorization, 'last-event-id': first.id as string };
  // The cursor of the URL is of the first connection.
  const after = await open(server, `${CIRCLE}&cursor=other`, headers, { belief: before.belief });
  const { data } = await after.next();
  expect(data).toMatchObject({ type: 'snapshot', resumed: true, unchanged: ['stays'] });
  expect(ids(data.drivers)?.sort()).toEqual(['comes', 'moves']);
  expect(after.belief.inside).toEqual(['comes', 'moves', 'stays']);
  expect(after.belief.contradictions).toEqual([]);
  const byQuery = await open(server, `${CIRCLE}&cursor=${encodeURIComponent(first.id as string)}`);
  expect((await byQuery.next()).data).toMatchObject({ resumed: true, unchanged: ['stays'] });
  // As a client sends it that was told of no event yet.
  const empty = { ...authorization, 'last-event-id': '' };
  const byEither = await open(server, `${CIRCLE}&cursor=${encodeURIComponent(first.id as string)}`, empty);
  expect((await byEither.next()).data).toMatchObject({ resumed: true, unchanged: ['stays'] });
});

test.each([
  ['another area', (cursor: string) => cursor.replace('~', '~x')],
  ['another process', (cursor: string) => cursor.replace('test', 'else')],
  ['the future', (cursor: string) => cursor.replace(/\.[^~]+~/, '.zzzz~')],
  ['nothing at all', () => '\u00ff{]'],
])('[12.4] a Last-Event-ID of %s gives a full snapshot', async (_, spoil) => {
  const server = await startServer();
  put(server, 'a', 30);
  const stream = await open(server, CIRCLE);
  const { id } = await stream.next();
  const again = await open(server, CIRCLE, { ...authorization, 'last-event-id': spoil(id as string) });
  expect((await again.next()).data).toMatchObject({ resumed: false, drivers: [{ driverId: 'a' }] });
});

test('[14.3] comments keep a quiet stream alive, and each connection is told another time to come back after', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
  onTestFinished(() => void vi.useRealTimers());
  const server = await startServer();
  const streams = await Promise.all(Array.from({ length: 8 }, () => open(server, CIRCLE)));
  for (const stream of streams) await stream.next('snapshot');
  for (let beat = 1; beat <= 3; beat++) {
    vi.advanceTimersByTime(26_000);
    for (const stream of streams) await stream.until(() => stream.comments === beat);
  }
  const retries = streams.map(({ retry }) => retry as number);
  expect(Math.min(...retries)).toBeGreaterThanOrEqual(500);
  expect(Math.max(...retries)).toBeLessThanOrEqual(5_000);
  expect(new Set(retries).size).toBeGreaterThan(4);
});

test('[14.4] a server that goes away says so by the event close, and when to come back, different for each', async () => {
  const server = await startServer();
  const streams = await Promise.all(Array.from({ length: 8 }, () => open(server, CIRCLE)));
  const closing = server.app.close();
  const retries = new Set<number>();
  for (const stream of streams) {
    const { data, id } = await stream.next('close');
    expect(data).toMatchObject({ code: 1001, reason: 'the server is going away' });
    expect(data.retryAfter).toBeGreaterThanOrEqual(0.5);
    expect(data.retryAfter).toBeLessThanOrEqual(5);
    retries.add(data.retryAfter);
    // It would otherwise be what a browser comes back with.
    expect(id).toBeUndefined();
    expect(await stream.ended).toBe(true);
  }
  await closing;
  expect(retries.size).toBeGreaterThan(4);
});

test('[14.4] a stream ends with its token, which is not to be come back with; and then is answered 401', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
  onTestFinished(() => void vi.useRealTimers());
  const server = await startServer();
  const headers = { authorization: `Bearer ${token({ ttlSeconds: 100 })}` };
  const stream = await open(server, CIRCLE, headers);
  await stream.next('snapshot');
  const end = Math.floor(Date.now() / 1000 + 100) * 1000;
  vi.advanceTimersByTime(60_000);
  const warning = await stream.next();
  expect(warning).toMatchObject({ event: 'expiring', id: undefined, data: { type: 'expiring', expiresAt: end } });
  expect(Math.abs(warning.data.serverTime + 50_000 - end)).toBeLessThan(2_000);
  vi.advanceTimersByTime(41_000);
  expect((await stream.next()).data).toEqual({ code: 4401, reason: 'the token has expired' });
  expect(await stream.ended).toBe(true);
  expect((await open(server, CIRCLE, headers)).status).toBe(401);
});

test.each([
  ['bbox=1,2,3', 400, 'invalid'],
  ['latitude=1', 400, 'invalid'],
  ['bbox=1,2,3,4&radius=1', 400, 'invalid'],
  ['around=d', 400, 'invalid'],
  ['maxRate=0', 400, 'invalid'],
  ['minDisplacement=-1', 400, 'invalid'],
  ['cursor=a&cursor=b', 400, 'invalid'],
  ['polygon={', 400, 'invalid'],
])('[14.5] %s is answered by a problem before any event', async (query, status, code) => {
  const server = await startServer();
  const response = await server.get(`/v1/stream?${query}`);
  expect(response.status).toBe(status);
  expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  expect(await response.json()).toMatchObject({ code });
});

test('[14.4] a stream that the server fails to begin is ended, and says so', async () => {
  const server = await startServer();
  server.tracker.subscribe = () => {
    throw new Error('it broke');
  };
  const stream = await open(server, CIRCLE);
  expect(await stream.next('close')).toMatchObject({ data: { code: 1011, retryAfter: expect.any(Number) } });
  expect(await stream.ended).toBe(true);
});

test('[1.2, 14.5] a token is needed, of a reader; with GET it may be in the query string', async () => {
  const server = await startServer();
  expect((await server.get('/v1/stream', {})).status).toBe(401);
  const writer = { authorization: `Bearer ${token({ scope: 'positions:write:any' })}` };
  expect((await server.get('/v1/stream', writer)).status).toBe(403);
  const stream = await open(server, `access_token=${token()}`, {});
  expect((await stream.next()).event).toBe('snapshot');
});

test('there is no HEAD of a stream, nor anything but GET', async () => {
  const server = await startServer();
  for (const method of ['HEAD', 'POST', 'PUT', 'DELETE']) {
    const answer = await open(server, CIRCLE, authorization, { method });
    expect([method, answer.status]).toEqual([method, 404]);
  }
});

test('a page of an origin that may call is told so, also by a stream; one of another is not', async () => {
  const server = await startServer({ env: { CORS_ORIGINS: 'https://a.example,https://b.example' } });
  const stream = await open(server, CIRCLE, { ...authorization, origin: 'https://b.example' });
  expect(stream.headers['access-control-allow-origin']).toBe('https://b.example');
  expect(stream.headers.vary).toMatch(/Origin/i);
  const other = await open(server, CIRCLE, { ...authorization, origin: 'https://c.example' });
  expect(other.headers['access-control-allow-origin']).toBeUndefined();
  const bare = await open(await startServer(), CIRCLE, { ...authorization, origin: 'https://a.example' });
  expect(bare.headers['access-control-allow-origin']).toBeUndefined();
});

test('a client that is gone leaves no subscription, no fleet and no timer behind', async () => {
  let offset = 0;
  const server = await startServer({ now: () => Date.now() + offset });
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  put(server, 'a', 30);
  const timers = vi.getTimerCount();
  const first = epoch(server);
  const streams = await Promise.all(['', '&maxRate=0.5', '&maxAge=1000'].map((more) => open(server, CIRCLE + more)));
  for (const stream of streams) await stream.next('snapshot');
  // The one with a pace is told the first change at once, and waits for its time with the second.
  for (const lat of [30.001, 30.002]) {
    put(server, 'a', lat);
    await streams[0].next('changes');
  }
  expect(vi.getTimerCount()).toBe(timers + 4);
  const driver = server.tracker.driver({ fleet: 'default' }, 'a');
  expect(driver?.watchers.length).toBe(3);
  for (const stream of streams) stream.destroy();
  await vi.waitUntil(() => driver?.watchers.length === 0);
  expect(vi.getTimerCount()).toBe(timers);
  offset = 301_000;
  server.tracker.expire();
  put(server, 'a', 30);
  expect(epoch(server)).not.toBe(first);
});

/** Sends requests over one connection without waiting for answers. */
function pipeline(server: TestServer, ...paths: string[]): Socket {
  const socket = connect(server.port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  socket.on('error', () => {});
  const head = `Host: x\r\nAuthorization: Bearer ${token()}\r\n\r\n`;
  socket.write(paths.map((path) => `GET ${path} HTTP/1.1\r\n${head}`).join(''));
  return socket;
}

test('streams that wait behind another answer of their connection harm nobody, and are gone with it', async () => {
  const server = await startServer({ env: { PING_SECONDS: '1', SLOW_SECONDS: '1' } });
  put(server, 'a', 30);
  const { cursor } = (await (await server.get(`/v1/changes?${CIRCLE}`)).json()) as { cursor: string };
  const driver = server.tracker.driver({ fleet: 'default' }, 'a');
  const peer = pipeline(
    server,
    `/v1/changes?${CIRCLE}&cursor=${encodeURIComponent(cursor)}&wait=60`,
    `/v1/stream?${CIRCLE}`,
    `/v1/stream?${CIRCLE}`,
  );
  let text = '';
  peer.on('data', (data) => {
    text += data;
  });
  await vi.waitUntil(() => driver?.watchers.length === 3);
  // Every stream is looked after once in this time.
  const witness = await open(server, CIRCLE);
  await witness.until(() => witness.comments > 0);
  put(server, 'a', 30.001);
  await vi.waitUntil(() => text.includes('"type":"changes"') && text.includes('event: changes'));
  expect(driver?.watchers.length).toBe(3);
  peer.destroy();
  await vi.waitUntil(() => driver?.watchers.length === 1);
});

describeWith('curl', findCurl(), 'curl', (curl) => {
  test('[14.1] curl -N prints events as they happen, over HTTP/1.1 and 1.0', async () => {
    const server = await startServer();
    put(server, 'a', 30);
    for (const [i, version] of ['--http1.1', '--http1.0'].entries()) {
      const url = `http://127.0.0.1:${server.port}/v1/stream?${CIRCLE}&access_token=${token()}`;
      const child = spawn(curl, ['-sSN', version, url], { stdio: ['ignore', 'pipe', 'inherit'] });
      onTestFinished(() => void child.kill());
      let text = '';
      child.stdout.on('data', (data) => {
        text += data;
      });
      await vi.waitUntil(() => text.includes('event: snapshot'), { timeout: 10_000 });
      put(server, 'a', 30.001 + 0.001 * i);
      await vi.waitUntil(() => text.includes('event: changes'), { timeout: 10_000 });
      expect(text).toMatch(
        /^retry: \d+\n\nevent: snapshot\nid: \S+\ndata: \{.*\}\n\nevent: changes\nid: \S+\ndata: \{.*\}\n\n$/,
      );
      const driver = server.tracker.driver({ fleet: 'default' }, 'a');
      expect(driver?.watchers.length).toBe(1);
      child.kill();
      await once(child, 'close');
      await vi.waitUntil(() => driver?.watchers.length === 0);
    }
  });
});

function findCurl(): string | undefined {
  return spawnSync('curl', ['--version']).status === 0 ? 'curl' : undefined;
}
