import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { request } from 'node:http';
import { cellToLatLng, latLngToCell } from 'h3-js';
import { expect, onTestFinished, test, vi } from 'vitest';
import { DomainError } from '../../src/errors.ts';
import type { ReplaySource } from '../../src/history/replay-source.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { MemoryReplays } from '../../src/store/memory-replays.ts';
import { MemoryTracks } from '../../src/store/memory-tracks.ts';
import { HIGH_WATER } from '../../src/subscriptions/outbox.ts';
import { type Kept, kept, madeUpDay, sourceOf, Truth } from '../history/past.ts';
import { areasIn, circle } from '../support/areas.ts';
import { EventStreamReader } from '../support/event-stream.ts';
import { destination, type Place } from '../support/geodesic.ts';
import { serverSockets } from '../support/pressure.ts';
import { seeded } from '../support/random.ts';
import { startServer, type TestServer, token } from '../support/server.ts';

const HERE: Place = [30, -97];
const CIRCLE = 'latitude=30&longitude=-97&radius=1000';
const authorization = { authorization: `Bearer ${token()}` };
/** A time that is over. */
const FROM = Math.floor(Date.now() / 60_000) * 60_000 - 2 * 3_600_000;
const TO = FROM + 1_200_000;
const TIME = `from=${FROM}&to=${TO}`;

function start(replays: ReplaySource, options: Parameters<typeof startServer>[0] = {}): Promise<TestServer> {
  return startServer({ history: { tracks: new MemoryTracks({ fixesOf: () => [] }), replays }, ...options });
}

function open(
  server: TestServer,
  query: string,
  headers: Record<string, string> = authorization,
): Promise<EventStreamReader> {
  return EventStreamReader.open(`http://127.0.0.1:${server.port}/v1/replay?${query}`, headers);
}

const ids = (list: { driverId: string }[] | undefined) => list?.map(({ driverId }) => driverId);

/** A source whose reading is counted, and stopped on demand. */
function watched(source: ReplaySource) {
  const state = { calls: 0, isAway: false, held: undefined as Promise<void> | undefined };
  const watching = async <T>(read: () => Promise<T>): Promise<T> => {
    state.calls++;
    await state.held;
    if (state.isAway) throw new DomainError('unavailable', 'The history cannot be read now; try again later.');
    return read();
  };
  const replays: ReplaySource = {
    latest: (...asked) => watching(() => source.latest(...asked)),
    fixes: (...asked) => watching(() => source.fixes(...asked)),
  };
  return { state, replays };
}

/** One driver that moves every second of that time. */
const busy = (): Kept[] =>
  Array.from({ length: 1_200 }, (_, n) => kept('a', [30 + (n % 100) / 1e5, -97], FROM + n * 1000));

test('[17.1, 17.3, 17.4] the events of the past: a snapshot, changes at their times, the end; then 204', async () => {
  const server = await start(
    sourceOf([
      kept('a', HERE, FROM - 1_000, { attributes: { status: 'free' } }),
      kept('b', HERE, FROM + 600_000),
      kept('a', [31, -97], FROM + 700_000),
      kept('c', HERE, TO + 1),
    ]),
  );
  const stream = await open(server, `${CIRCLE}&from=${new Date(FROM).toISOString()}&to=${TO}&speed=3600`);
  expect([stream.status, stream.headers['content-type']]).toEqual([200, 'text/event-stream; charset=utf-8']);
  expect(stream.headers['cache-control']).toBe('no-store');
  const snapshot = await stream.next();
  expect(snapshot).toMatchObject({
    event: 'snapshot',
    id: `${FROM}-${TO}`,
    data: { type: 'snapshot', subscription: 'default', serverTime: FROM, resumed: false },
  });
  expect(snapshot.data.cursor).toBe(snapshot.id);
  expect(snapshot.data.drivers).toEqual([
    {
      driverId: 'a',
      latitude: 30,
      longitude: -97,
      timestamp: FROM - 1_000,
      receivedAt: FROM - 800,
      attributes: { status: 'free' },
    },
  ]);
  const end = await stream.next('close');
  expect(end).toMatchObject({ id: undefined, data: { code: 1000 } });
  expect(end.data).not.toHaveProperty('retryAfter');
  expect(await stream.ended).toBe(true);
  expect(stream.belief.contradictions).toEqual([]);
  expect(stream.belief.inside).toEqual([]);
  expect(stream.belief.cursor).toBe(`${TO}-${TO}`);
  const headers = { ...authorization, 'last-event-id': stream.belief.cursor as string };
  expect((await open(server, `${CIRCLE}&${TIME}`, headers)).status).toBe(204);
  // Of a replay until now the mark knows when that was.
  expect((await open(server, `${CIRCLE}&from=${FROM}`, headers)).status).toBe(204);
});

test('[17.2] every kind of area over HTTP, at full speed', async () => {
  const random = seeded('replay over HTTP');
  const fixes = madeUpDay(random, HERE, { drivers: 60, from: FROM, to: TO, reach: 8_000 });
  const truth = new Truth(fixes);
  const server = await start(sourceOf(fixes));
  const areas = areasIn(HERE, 'd7');
  const streams = await Promise.all(areas.map(({ query }) => open(server, `${query}&${TIME}&speed=1200`)));
  for (const [i, stream] of streams.entries()) {
    expect(await stream.ended).toBe(true);
    expect(stream.belief.contradictions, areas[i].kind).toEqual([]);
    expect(stream.belief.inside, areas[i].kind).toEqual([...truth.inside({ area: areas[i] }, TO).keys()].sort());
    expect(stream.heard.length).toBeGreaterThan(5);
  }
});

test('[17.3] who comes back with Last-Event-ID goes on from there, by a full snapshot', async () => {
  const fixes = busy();
  const server = await start(sourceOf(fixes));
  const first = await open(server, `${CIRCLE}&${TIME}&speed=600`);
  await first.until(() => first.heard.length > 5);
  const { id, data } = first.heard[3];
  first.destroy();
  expect(data.serverTime).toBeGreaterThan(FROM);
  const headers = { ...authorization, 'last-event-id': id as string };
  const again = await open(server, `${CIRCLE}&${TIME}&speed=3600&cursor=other`, headers);
  const { data: snapshot } = await again.next();
  expect(snapshot).toMatchObject({ type: 'snapshot', resumed: false, serverTime: data.serverTime });
  const truth = new Truth(fixes).inside({ area: circle(30, -97, 1_000) }, data.serverTime);
  expect(snapshot.drivers[0].timestamp).toBe(truth.get('a')?.timestamp);
  const byQuery = await open(server, `${CIRCLE}&${TIME}&cursor=${id}`);
  expect((await byQuery.next()).data.serverTime).toBe(data.serverTime);
});

test.each([
  ['nothing at all', '\u00ff{]', FROM],
  ['a live subscription', 'test-1.4~abc', FROM],
  ['before its beginning', `${FROM - 5_000}-${TO}`, FROM],
  ['another end', `${FROM + 5_000}-${FROM + 6_000}`, FROM + 5_000],
])('[17.3] a mark of %s does no harm', async (_, mark, from) => {
  const server = await start(sourceOf([]));
  const stream = await open(server, TIME, { ...authorization, 'last-event-id': mark });
  expect((await stream.next()).data).toMatchObject({ serverTime: from, drivers: [] });
});

test.each([
  ['', 'from'],
  [`from=${TO}&to=${FROM}`, 'from'],
  [`from=${FROM}&to=${FROM}`, 'from'],
  [`from=${Date.now() + 3_600_000}`, 'from'],
  [`from=${FROM}&to=${Date.now() + 3_600_000}`, 'to'],
  ['from=yesterday', 'from'],
  ['from=2026-01-31T12:00:00', 'from'],
  ['from=-1', 'from'],
  [`${TIME}&from=1`, 'from'],
  [`${TIME}&speed=0`, 'speed'],
  [`${TIME}&speed=3601`, 'speed'],
  [`${TIME}&speed=fast`, 'speed'],
  [`${TIME}&latitude=1`, 'longitude'],
  [`${TIME}&maxRate=0`, 'maxRate'],
])('[17.5] %s is answered by a problem before any event', async (query, field) => {
  const server = await start(sourceOf([]));
  const response = await server.get(`/v1/replay?${query}`);
  expect([response.status, response.headers.get('content-type')]).toEqual([
    400,
    'application/problem+json; charset=utf-8',
  ]);
  const { code, errors } = await response.json();
  expect([code, errors[0].field]).toEqual(['invalid', field]);
});

test('[1.2, 17.5] a token is needed, of a reader; and a server that keeps no history has nothing to play', async () => {
  const server = await start(sourceOf([]));
  expect((await server.get(`/v1/replay?${TIME}`, {})).status).toBe(401);
  const writer = { authorization: `Bearer ${token({ scope: 'positions:write:any' })}` };
  expect((await server.get(`/v1/replay?${TIME}`, writer)).status).toBe(403);
  const stream = await open(server, `${TIME}&access_token=${token()}`, {});
  expect((await stream.next()).event).toBe('snapshot');
  const without = await startServer();
  const response = await without.get(`/v1/replay?${TIME}`);
  expect([response.status, (await response.json()).detail]).toEqual([404, 'This server keeps no history.']);
  // Nobody is to come back for what there will never be.
  const { status } = await (await start(sourceOf([]), { env: { MAX_REPLAYS: '0' } })).get(`/v1/replay?${TIME}`);
  expect(status).toBe(404);
});

test('[17.5] one replay more than may be played is told to come back, until one has ended', async () => {
  const server = await start(sourceOf(busy()), { env: { MAX_REPLAYS: '3' } });
  const streams = await Promise.all([1, 2, 3].map(() => open(server, `${CIRCLE}&${TIME}`)));
  for (const stream of streams) await stream.next('snapshot');
  const response = await server.get(`/v1/replay?${TIME}`);
  expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1']);
  expect(await response.json()).toMatchObject({ code: 'unavailable' });
  // An EventSource would never come back after 503.
  const source = await open(server, `${CIRCLE}&${TIME}`, { ...authorization, accept: 'text/event-stream' });
  expect([source.status, (await source.next()).data]).toMatchObject([200, { code: 1013 }]);
  expect(await source.ended).toBe(true);
  expect(source.retry).toBeGreaterThanOrEqual(500);
  streams[1].destroy();
  await vi.waitUntil(async () => {
    const next = await open(server, `${CIRCLE}&${TIME}`);
    next.destroy();
    return next.status === 200;
  });
});

test('a client that is gone leaves nothing that reads, and no timer', async () => {
  const { state, replays } = watched(sourceOf(busy()));
  const server = await start(replays);
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'], shouldAdvanceTime: true });
  onTestFinished(() => void vi.useRealTimers());
  const timers = vi.getTimerCount();
  // One after the other, so that the second has to wait for the rest that the first one's reading is followed by.
  const streams: EventStreamReader[] = [];
  for (const more of ['&speed=60', '&speed=60&maxRate=0.5']) {
    const stream = await open(server, `${CIRCLE}&${TIME}${more}`);
    await stream.next('snapshot');
    streams.push(stream);
  }
  expect(vi.getTimerCount()).toBeGreaterThan(timers);
  for (const stream of streams) stream.destroy();
  await vi.waitUntil(() => vi.getTimerCount() === timers);
  const { calls } = state;
  vi.advanceTimersByTime(600_000);
  await new Promise(setImmediate);
  expect(state.calls).toBe(calls);
});

test('a client that goes while its beginning is read frees its place', async () => {
  const { state, replays } = watched(sourceOf([]));
  const server = await start(replays, { env: { MAX_REPLAYS: '1' } });
  let release = () => {};
  state.held = new Promise((resolve) => {
    release = resolve;
  });
  const url = `http://127.0.0.1:${server.port}/v1/replay?${TIME}`;
  const asked = request(url, { headers: authorization, agent: false }).on('error', () => {});
  asked.end();
  await vi.waitUntil(() => state.calls === 1);
  expect((await server.get(`/v1/replay?${TIME}`)).status).toBe(503);
  asked.destroy();
  state.held = undefined;
  await vi.waitUntil(async () => {
    const next = await open(server, TIME);
    next.destroy();
    return next.status === 200;
  });
  release();
});

test('a client that goes while its beginning is read leaves nobody who reads the rest of it', async () => {
  const drivers = Array.from({ length: 12_000 }, (_, n) => kept(`d${n}`, HERE, FROM - 1_000));
  const { state, replays } = watched(sourceOf(drivers));
  const server = await start(replays);
  const sockets = serverSockets(server);
  let release = () => {};
  state.held = new Promise((resolve) => {
    release = resolve;
  });
  const url = `http://127.0.0.1:${server.port}/v1/replay?${TIME}`;
  const asked = request(url, { headers: authorization, agent: false }).on('error', () => {});
  asked.end();
  await vi.waitUntil(() => state.calls === 1);
  asked.destroy();
  await vi.waitUntil(() => sockets[0].destroyed);
  await new Promise(setImmediate);
  state.held = undefined;
  release();
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
  expect(state.calls).toBe(1);
});

test('[17.5] a store that is away at the beginning is a problem; in the middle, an event close', async () => {
  const { state, replays } = watched(sourceOf(busy()));
  const server = await start(replays);
  // More than is read ahead.
  const long = `from=${FROM - 7_200_000}&to=${TO}`;
  const stream = await open(server, `${CIRCLE}&${long}&speed=3600`);
  await stream.next('snapshot');
  state.isAway = true;
  const { data, id } = await stream.next('close');
  expect(data).toMatchObject({ code: 1013, reason: 'The history cannot be read now; try again later.' });
  expect(data.retryAfter).toBeGreaterThanOrEqual(0.5);
  expect(id).toBeUndefined();
  expect(await stream.ended).toBe(true);
  const response = await server.get(`/v1/replay?${TIME}`);
  expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1']);
  state.isAway = false;
  const headers = { ...authorization, 'last-event-id': stream.belief.cursor as string };
  const again = await open(server, `${CIRCLE}&${long}`, headers);
  expect((await again.next()).id).toBe(stream.belief.cursor);
});

test('[17.5] a server that goes away says so, also to those whose beginning is yet to be read', async () => {
  const { state, replays } = watched(sourceOf(busy()));
  const server = await start(replays);
  const stream = await open(server, `${CIRCLE}&${TIME}`);
  await stream.next('snapshot');
  let release = () => {};
  state.held = new Promise((resolve) => {
    release = resolve;
  });
  const { calls } = state;
  const waiting = server.get(`/v1/replay?${TIME}`);
  await vi.waitUntil(() => state.calls > calls);
  const closing = server.app.close();
  expect((await stream.next('close')).data).toMatchObject({ code: 1001 });
  release();
  expect((await waiting).status).toBe(503);
  await closing;
});

test('[17.5] a replay ends with its token', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
  onTestFinished(() => void vi.useRealTimers());
  const server = await start(sourceOf([]));
  const stream = await open(server, TIME, { authorization: `Bearer ${token({ ttlSeconds: 100 })}` });
  await stream.next('snapshot');
  vi.advanceTimersByTime(101_000);
  expect(await stream.next()).toMatchObject({ event: 'expiring', data: { type: 'expiring' } });
  expect((await stream.next()).data).toEqual({ code: 4401, reason: 'the token has expired' });
  expect(await stream.ended).toBe(true);
});

test('[17.3] what keeps a quiet replay alive tells how far it has come', async () => {
  const server = await start(sourceOf([]), { env: { PING_SECONDS: '1' } });
  const stream = await open(server, `${TIME}&speed=100`);
  await stream.next('snapshot');
  await stream.until(() => stream.comments > 0);
  const [at, to] = (stream.lastId as string).split('-').map(Number);
  expect(to).toBe(TO);
  expect(at).toBeGreaterThan(FROM + 50_000);
  expect(stream.heard).toEqual([]);
});

test('[17.6] a peer that reads nothing is told less, and what is so in the end', async () => {
  const count = 1_500;
  const fixes = Array.from({ length: 20 * count }, (_, n) =>
    kept(`d${n % count}`, [30 + n / 1e6, -97], FROM + Math.floor((n * 60_000) / count), {
      attributes: { text: 'x'.repeat(250) },
    }),
  );
  const server = await start(sourceOf(fixes));
  const sockets = serverSockets(server);
  const stream = await open(server, `${TIME}&speed=300`);
  await stream.next('snapshot');
  stream.pause();
  await vi.waitUntil(() => sockets[0].writableLength > HIGH_WATER, { timeout: 15_000 });
  const held = sockets[0].writableLength;
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(sockets[0].writableLength).toBe(held);
  stream.resume();
  expect(await stream.ended).toBe(true);
  expect(stream.belief.contradictions).toEqual([]);
  expect(stream.belief.inside).toEqual([...new Truth(fixes).at(TO).keys()].sort());
  expect(stream.belief.cursor).toBe(`${TO}-${TO}`);
}, 20_000);

test('[17.4] an EventSource stops at the end by itself, having heard everything once', async () => {
  const { state, replays } = watched(sourceOf(busy().slice(0, 60)));
  const server = await start(replays);
  // It is to come back at once.
  vi.spyOn(Math, 'random').mockReturnValue(0);
  onTestFinished(() => void vi.restoreAllMocks());
  const url = `http://127.0.0.1:${server.port}/v1/replay?${CIRCLE}&from=${FROM}&to=${FROM + 60_000}&speed=60&access_token=${token()}`;
  const script = `
    const source = new EventSource(${JSON.stringify(url)});
    const heard = [];
    for (const type of ['snapshot', 'changes', 'close']) {
      source.addEventListener(type, ({ data, lastEventId }) => heard.push([type, JSON.parse(data).serverTime, lastEventId]));
    }
    // Its own timer would not keep the process.
    const stay = setInterval(() => {}, 1000);
    source.addEventListener('error', () => {
      if (source.readyState !== EventSource.CLOSED) return;
      console.log(JSON.stringify(heard));
      clearInterval(stay);
    });`;
  const child = spawn(process.execPath, ['--experimental-eventsource', '-e', script], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  onTestFinished(() => void child.kill());
  let text = '';
  child.stdout.on('data', (data) => {
    text += data;
  });
  await once(child, 'close');
  const heard = JSON.parse(text) as [string, number, string][];
  expect(heard.filter(([type]) => type === 'snapshot').length).toBe(1);
  expect(heard.at(-2)).toEqual(['changes', FROM + 60_000, `${FROM + 60_000}-${FROM + 60_000}`]);
  expect(heard.at(-1)?.[0]).toBe('close');
  expect(state.calls).toBeGreaterThan(0);
}, 20_000);

test('[17.1] what a server took in it plays', async () => {
  // Its store keeps history, in memory.
  const store = new MemoryStore(undefined, 0);
  const server = await start(new MemoryReplays(store), { store });
  const sent = [0, 2, 1].map((n) => ({
    driverId: 'a',
    latitude: 30,
    longitude: -97,
    timestamp: FROM + n * 1000,
    speed: n,
  }));
  const { results } = await (await server.post('/v1/positions', { positions: sent })).json();
  expect(results.map(({ verdict }: { verdict: string }) => verdict)).toEqual(['accepted', 'accepted', 'late']);
  const stream = await open(server, `${CIRCLE}&from=${FROM - 1}&to=${FROM + 5_000}&speed=10`);
  expect(await stream.ended).toBe(true);
  const told = stream.heard.flatMap(({ data: { enter = [], move = [] } }) => [...enter, ...move]);
  expect(told.map(({ speed }) => speed)).toEqual([0, 1, 2]);
  expect(ids(told)).toEqual(['a', 'a', 'a']);
});

test('[17.8] who may see an area and cells alone is told of nothing else, and of who is outside as of who never was', async () => {
  const far = destination(HERE, 90, 3_000);
  const server = await start(
    sourceOf([
      kept('in', destination(HERE, 10, 300), FROM, { speed: 9, heading: 10, accuracy: 3, altitude: 7 }),
      kept('far', far, FROM),
      kept('far', destination(far, 90, 50), FROM + 300_000),
      kept('theirs', HERE, FROM, { fleet: 'another' }),
    ]),
  );
  const area = { latitude: 30, longitude: -97, radius: 1_000 };
  const narrow = { authorization: `Bearer ${token({ area, precision: 9 })}` };
  const play = async (query: string) => {
    const stream = await open(server, `${query}&from=${FROM}&to=${FROM + 400_000}&speed=3600`, narrow);
    expect([stream.status, await stream.ended]).toEqual([200, true]);
    return stream;
  };
  const [latitude, longitude] = cellToLatLng(latLngToCell(...destination(HERE, 10, 300), 9));
  const seen = { driverId: 'in', latitude, longitude, timestamp: FROM, receivedAt: FROM + 200 };
  for (const query of [
    '',
    CIRCLE,
    'latitude=30&longitude=-97&radius=90000',
    'bbox=-98,29,-96,31',
    'around=in&radius=9000',
  ]) {
    const { heard } = await play(query);
    expect(heard[0].data.drivers, query).toEqual([seen]);
    expect(JSON.stringify(heard)).not.toMatch(/far|theirs|speed|heading|accuracy|altitude/);
  }
  const toldOf = async (driverId: string) => {
    const { heard } = await play(`around=${driverId}&radius=5000`);
    return JSON.stringify(heard).replaceAll(driverId, 'ID');
  };
  const nobody = await toldOf('nobody');
  for (const driverId of ['far', 'theirs']) expect(await toldOf(driverId)).toBe(nobody);
});
