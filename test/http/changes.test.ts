import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { expect, onTestFinished, test, vi } from 'vitest';
import { areasIn } from '../support/areas.ts';
import { Poller } from '../support/poller.ts';
import { serverSockets, turns, watchersOf } from '../support/pressure.ts';
import { seeded } from '../support/random.ts';
import { startServer, type TestServer, token } from '../support/server.ts';
import { Traffic } from '../support/traffic.ts';

const CIRCLE = 'latitude=30&longitude=-97&radius=1000';
const NO_LISTS = ['cursor', 'serverTime', 'subscription', 'type'];

/** Puts a driver somewhere. */
function put(server: TestServer, driverId: string, lat: number, lng = -97, attributes?: Record<string, string>): void {
  expect(server.tracker.accept('default', { driverId, lat, lng, attributes })).toBe('accepted');
}

const ids = (list: { driverId: string }[] | undefined) => list?.map(({ driverId }) => driverId);

/** Resolves once so many polls wait for something to happen to a driver. */
function waiting(server: TestServer, driverId: string, count = 1): Promise<unknown> {
  return vi.waitUntil(
    () => watchersOf(server, driverId).length === count && watchersOf(server, driverId).every(({ due }) => !due),
  );
}

test('[15.1, 15.2] without a cursor the snapshot at once; with that of the last answer, whatever happens next, as soon as it does', async () => {
  const server = await startServer();
  put(server, 'a', 30);
  put(server, 'b', 31);
  const poller = new Poller(server, CIRCLE);
  const snapshot = await poller.poll();
  expect(snapshot).toMatchObject({ type: 'snapshot', subscription: 'default', resumed: false });
  expect(ids(snapshot.drivers)).toEqual(['a']);
  for (const [happen, expected] of [
    [() => put(server, 'a', 30.001), { move: [{ driverId: 'a', latitude: 30.001 }] }],
    [() => put(server, 'b', 30.002), { enter: [{ driverId: 'b' }] }],
    [() => put(server, 'b', 31), { exit: [{ driverId: 'b', reason: 'left' }] }],
  ] as const) {
    const answer = poller.poll();
    await waiting(server, 'a');
    happen();
    const message = await answer;
    expect(message).toMatchObject({ type: 'changes', subscription: 'default', ...expected });
    expect(Object.keys(message).sort()).toEqual([...NO_LISTS, ...Object.keys(expected)].sort());
    // Nothing of a poll is kept.
    expect(watchersOf(server, 'a')).toEqual([]);
  }
  expect(poller.belief.contradictions).toEqual([]);
});

test('[15.2] when nothing happens for as long as asked, changes without lists, whose cursor is for the next', async () => {
  const server = await startServer();
  put(server, 'a', 30);
  const poller = new Poller(server, CIRCLE);
  const cursors = new Set([(await poller.poll()).cursor]);
  for (const wait of [0, 0.2, 0.2]) {
    const start = performance.now();
    const message = await poller.poll(wait);
    expect(performance.now() - start).toBeGreaterThanOrEqual(1000 * wait - 5);
    expect(Object.keys(message).sort()).toEqual(NO_LISTS);
    cursors.add(message.cursor);
  }
  // A change elsewhere is none of this question, and moves its moment on all the same.
  put(server, 'b', 31);
  expect(Object.keys(await poller.poll(0)).sort()).toEqual(NO_LISTS);
  put(server, 'a', 30.001);
  expect(await poller.poll(0)).toMatchObject({ type: 'snapshot', resumed: true, unchanged: [] });
});

test('[15.2, 12.2] what happened between two polls is told at once, as a resumed snapshot', async () => {
  const server = await startServer();
  for (const id of ['stays', 'moves', 'leaves']) put(server, id, 30);
  const poller = new Poller(server, CIRCLE);
  await poller.poll();
  put(server, 'moves', 30.001);
  put(server, 'comes', 30.002);
  put(server, 'leaves', 31);
  const message = await poller.poll();
  expect(message).toMatchObject({ type: 'snapshot', resumed: true, unchanged: ['stays'] });
  expect(ids(message.drivers)?.sort()).toEqual(['comes', 'moves']);
  expect(poller.belief.inside).toEqual(['comes', 'moves', 'stays']);
  expect(poller.belief.contradictions).toEqual([]);
});

test.each<[string, (server: TestServer, later: (by: number) => void) => void]>([
  ['left the area', (server) => put(server, 'goes', 31)],
  ['no longer meets the filter', (server) => put(server, 'goes', 30, -97, { status: 'busy' })],
  ['has grown too old', (_server, later) => later(61_000)],
  [
    'went stale',
    (server, later) => {
      later(250_000);
      put(server, 'stays', 30.0001);
      later(51_000);
      server.tracker.expire();
    },
  ],
])('[15.2] somebody who %s between two polls is told at once', async (what, happen) => {
  let offset = 0;
  const server = await startServer({ now: () => Date.now() + offset });
  const start = Date.now();
  for (const driverId of ['goes', 'stays']) {
    const timestamp = driverId === 'stays' && what !== 'went stale' ? start + 20_000 : start;
    server.tracker.accept('default', { driverId, lat: 30, lng: -97, timestamp, attributes: { status: 'free' } });
  }
  const age = what === 'has grown too old' ? '&maxAge=60' : '';
  const poller = new Poller(server, `${CIRCLE}&attributes.status=free${age}`);
  await poller.poll();
  expect(poller.belief.inside).toEqual(['goes', 'stays']);
  happen(server, (by) => {
    offset += by;
  });
  const message = await poller.poll(25);
  expect(message).toMatchObject({ type: 'snapshot', resumed: true });
  expect(poller.belief.inside).toEqual(['stays']);
  expect(poller.belief.contradictions).toEqual([]);
});

test('[15.3] an answer that was lost is had again with the cursor before', async () => {
  const server = await startServer();
  put(server, 'a', 30);
  const poller = new Poller(server, CIRCLE);
  await poller.poll();
  put(server, 'b', 30);
  const { message: lost } = await poller.ask();
  expect(await poller.poll()).toMatchObject({ drivers: lost.drivers, unchanged: ['a'] });
});

test.each([
  ['nobody was ever in', () => {}],
  [
    'nobody is in any more',
    (server: TestServer, later: (by: number) => void) => {
      server.tracker.accept('ghost', { driverId: 'a', lat: 30, lng: -97 });
      later(301_000);
      server.tracker.expire();
    },
  ],
])('[15.2] a fleet that %s is waited for like any other, and comes to life', async (_, prepare) => {
  let offset = 0;
  const server = await startServer({ now: () => Date.now() + offset });
  const bearer = token({ fleet: 'ghost' });
  prepare(server, (by) => {
    offset += by;
  });
  const poller = new Poller(server, '', undefined, bearer);
  expect(await poller.poll()).toMatchObject({ type: 'snapshot', drivers: [] });
  for (let i = 0; i < 3; i++) {
    const start = performance.now();
    expect(await poller.poll(0.1)).toMatchObject({ type: 'changes' });
    expect(performance.now() - start).toBeGreaterThanOrEqual(95);
    // Nobody watches between two: it is forgotten.
    server.tracker.expire();
  }
  const answer = poller.poll();
  await turns(10);
  server.tracker.accept('ghost', { driverId: 'b', lat: 30, lng: -97 });
  await answer;
  expect(poller.belief.inside).toEqual(['b']);
});

test('[15.2, 12.4] a fleet that was forgotten between two polls is told as it is, once', async () => {
  let offset = 0;
  const server = await startServer({ now: () => Date.now() + offset });
  put(server, 'a', 30);
  const poller = new Poller(server, CIRCLE);
  await poller.poll();
  offset = 301_000;
  server.tracker.expire();
  expect(await poller.poll()).toMatchObject({ type: 'snapshot', resumed: false, drivers: [] });
  expect(await poller.poll(0)).toMatchObject({ type: 'changes' });
  put(server, 'b', 30);
  await poller.poll();
  expect(poller.belief.inside).toEqual(['b']);
});

test('[15.4] with maxRate an answer to a cursor is held back, and tells all that happened meanwhile', async () => {
  const server = await startServer();
  put(server, 'a', 30);
  const poller = new Poller(server, `${CIRCLE}&maxRate=4`);
  let start = performance.now();
  await poller.poll();
  expect(performance.now() - start).toBeLessThan(200);
  for (let i = 1; i <= 3; i++) {
    put(server, 'a', 30 + 0.001 * i);
    start = performance.now();
    const answer = poller.poll();
    put(server, 'b', 30 + 0.001 * i);
    await answer;
    expect(performance.now() - start).toBeGreaterThanOrEqual(245);
    expect(poller.belief.drivers.get('b').latitude).toBe(30 + 0.001 * i);
  }
  // No longer than asked to wait.
  start = performance.now();
  await poller.poll(0);
  expect(performance.now() - start).toBeLessThan(200);
});

test('[12.3] the cursor of a list starts a poll; then nothing is told twice', async () => {
  const server = await startServer();
  put(server, 'a', 30);
  for (const path of ['/v1/drivers/nearby', '/v1/drivers']) {
    const list = await (await server.get(`${path}?${CIRCLE}`)).json();
    const poller = new Poller(server, CIRCLE);
    poller.belief.hear({ type: 'snapshot', resumed: false, ...list });
    put(server, 'b', 30);
    await poller.poll();
    expect(poller.belief.inside).toEqual(['a', 'b']);
    expect(await poller.poll(0)).toMatchObject({ type: 'changes' });
    expect(poller.belief.contradictions).toEqual([]);
    put(server, 'b', 31);
  }
});

test('[11.6] what becomes of the driver that an area goes around is told, though a filter hides it', async () => {
  let offset = 0;
  const server = await startServer({ now: () => Date.now() + offset });
  const poller = new Poller(server, 'around=bus&radius=1000&attributes.status=free');
  expect(await poller.poll()).toMatchObject({ drivers: [], followed: 'unknown' });
  put(server, 'bus', 30);
  await poller.poll(0.2);
  expect(poller.belief.followed).toBe('here');
  offset = 301_000;
  const answer = poller.poll(5);
  await turns(10);
  server.tracker.expire();
  expect(await answer).toMatchObject({ type: 'changes', followed: 'stale' });
  put(server, 'bus', 30.001);
  await poller.poll(0.2);
  expect(poller.belief.followed).toBe('here');
  offset = 700_000;
  server.tracker.expire();
  await poller.poll(0.2);
  expect(poller.belief.followed).toBe('unknown');
  expect(await poller.poll(0)).toMatchObject({ type: 'changes' });
});

test('a server that goes away answers whoever waits, at once', async () => {
  const server = await startServer();
  put(server, 'a', 30);
  const { cursor } = await (await server.get(`/v1/changes?${CIRCLE}`)).json();
  const next = `${CIRCLE}&wait=60&cursor=${encodeURIComponent(cursor)}`;
  let asked = 0;
  server.app.server.on('request', () => asked++);
  const answers = ['', '', '&maxRate=0.02'].map((more) => server.get(`/v1/changes?${next}${more}`));
  await vi.waitUntil(() => asked === 3);
  await waiting(server, 'a', 2);
  const start = performance.now();
  await server.app.close();
  const [one, two, held] = await Promise.all(answers);
  expect(performance.now() - start).toBeLessThan(1_000);
  for (const answer of [one, two]) expect(Object.keys(await answer.json()).sort()).toEqual(NO_LISTS);
  // It had not begun to look, so it cannot say that nothing happened.
  expect([held.status, held.headers.get('retry-after')]).toEqual([503, '1']);
});

test('a client that is gone leaves no subscription and no timer behind', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  const server = await startServer();
  put(server, 'a', 30);
  const timers = vi.getTimerCount();
  const pollers = [new Poller(server, CIRCLE), new Poller(server, `${CIRCLE}&maxRate=0.02`)];
  for (const poller of pollers) await poller.poll();
  expect(vi.getTimerCount()).toBe(timers);
  const gone = new AbortController();
  const answers = pollers.map((poller) => poller.ask(60, gone.signal).catch(({ name }) => name));
  await vi.waitUntil(() => vi.getTimerCount() === timers + 2);
  await waiting(server, 'a');
  gone.abort();
  expect(await Promise.all(answers)).toEqual(['AbortError', 'AbortError']);
  await vi.waitUntil(() => vi.getTimerCount() === timers);
  expect(watchersOf(server, 'a')).toEqual([]);
});

/** A client that asks for the whole fleet and reads nothing of the answer, which is larger than what the system holds. */
async function unread(slowSeconds: string, drivers: number) {
  const server = await startServer({ env: { SLOW_SECONDS: slowSeconds } });
  const sockets = serverSockets(server);
  const traffic = new Traffic(server, seeded('unread'), drivers, [30, -97]);
  const asked = request(`http://127.0.0.1:${server.port}/v1/changes?access_token=${token()}`, {
    agent: new Agent({ keepAlive: true }),
  });
  asked.end();
  onTestFinished(() => void asked.destroy());
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  const [socket] = sockets;
  const left = () => (socket as unknown as { _handle: { writeQueueSize: number } | null })._handle?.writeQueueSize ?? 0;
  await vi.waitUntil(() => left() > 0);
  return { response, socket, traffic, left };
}

test('an answer that is not read is not kept for ever', async () => {
  const { response, socket } = await unread('1', 30_000);
  response.on('error', () => {});
  const start = performance.now();
  await vi.waitUntil(() => socket.destroyed, { timeout: 10_000 });
  expect(performance.now() - start).toBeLessThan(5_000);
});

test('an answer that is read slowly comes whole, and its connection is for another', async () => {
  const { response, socket, traffic, left } = await unread('2', 50_000);
  let body = '';
  response.setEncoding('utf8');
  const start = performance.now();
  while (left() > 0 || performance.now() - start < 2_500) {
    const before = left();
    // Parts of what waits get through, as when somebody reads slowly, but less than two seconds apart.
    while (left() === before && before > 0) {
      const part = response.read();
      if (part !== null) body += part;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  for await (const part of response) body += part;
  expect(JSON.parse(body).drivers.length).toBe(traffic.places.size);
  expect(socket.destroyed).toBe(false);
});

test('a poll waits no longer than its token holds', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
  onTestFinished(() => void vi.useRealTimers());
  const server = await startServer();
  const poller = new Poller(server, CIRCLE, undefined, token({ ttlSeconds: 20 }));
  await poller.poll();
  const timers = vi.getTimerCount();
  const answer = poller.poll(60);
  await vi.waitUntil(() => vi.getTimerCount() === timers + 1);
  vi.advanceTimersByTime(20_000);
  expect(Object.keys(await answer).sort()).toEqual(NO_LISTS);
  expect((await poller.ask()).status).toBe(401);
});

test.each([
  ['wait=-1', 'wait'],
  ['wait=61', 'wait'],
  ['wait=x', 'wait'],
  ['cursor=a&cursor=b', 'cursor'],
  ['maxRate=0', 'maxRate'],
  ['bbox=1,2,3', 'bbox'],
  ['around=d', 'radius'],
])('what is wrong with %s is told', async (query, field) => {
  const server = await startServer();
  const answer = await server.get(`/v1/changes?${query}`);
  expect(answer.status).toBe(400);
  expect(await answer.json()).toMatchObject({ code: 'invalid', errors: [{ field }] });
});

test('a token is needed, of a reader', async () => {
  const server = await startServer();
  expect((await server.get('/v1/changes', {})).status).toBe(401);
  const writer = { authorization: `Bearer ${token({ scope: 'positions:write:any' })}` };
  expect((await server.get('/v1/changes', writer)).status).toBe(403);
  const answer = await server.get(`/v1/changes?access_token=${token()}`, {});
  expect([answer.status, answer.headers.get('cache-control')]).toEqual([200, 'no-store']);
});

test('what polls of every kind of area are told adds up to brute force, over random moves during and between them', async () => {
  const random = seeded('polls');
  const server = await startServer();
  const traffic = new Traffic(server, random, 150, [30, -97]);
  const areas = areasIn([30, -97], 'd3');
  const stop = new AbortController();
  const loops = areas.map(async (area, i) => {
    const poller = new Poller(server, `${area.query}${i % 2 === 0 ? '' : '&maxRate=100'}`);
    while (!stop.signal.aborted) await poller.poll(0.05);
    await poller.poll(0);
    await poller.until(() => traffic.isBelieved(poller.belief, area));
    return { area, poller };
  });
  for (let turn = 0; turn < 150; turn++) {
    traffic.move(random.below(3) === 0 ? 10 : 0);
    await new Promise((resolve) => setTimeout(resolve, random.below(10)));
  }
  stop.abort();
  let resumed = 0;
  for (const { area, poller } of await Promise.all(loops)) {
    expect(traffic.isBelieved(poller.belief, area), area.kind).toBe(true);
    expect(poller.belief).toMatchObject({ contradictions: [], full: 1 });
    resumed += poller.belief.resumed;
  }
  expect(resumed).toBeGreaterThan(10);
});
