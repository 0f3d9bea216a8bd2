import { expect, test, vi } from 'vitest';
import {
  type Area,
  Nearcast,
  type NearcastOptions,
  type Position,
  type Replay,
  type ReplayQuery,
} from '../../src/client/index.ts';
import { MemoryTracks } from '../../src/store/memory-tracks.ts';
import { type Asked, type Kept, kept, madeUpDay, sourceOf, Truth } from '../history/past.ts';
import { areasIn, everywhere } from '../support/areas.ts';
import { EventStreamReader } from '../support/event-stream.ts';
import type { Place } from '../support/geodesic.ts';
import { Network } from '../support/network.ts';
import { seeded } from '../support/random.ts';
import { startServer, token } from '../support/server.ts';
import { clientOf, collect, hasty, idsOf, ManualClock, next } from './support.ts';

const HERE: Place = [30, -97];
const circle = { latitude: 30, longitude: -97, radius: 1_000 };
/** A time that is over. */
const FROM = Math.floor(Date.now() / 60_000) * 60_000 - 2 * 3_600_000;
const TO = FROM + 1_200_000;

function start(fixes: readonly Kept[], env: Record<string, string> = {}) {
  const history = { tracks: new MemoryTracks({ fixesOf: () => [] }), replays: sourceOf(fixes) };
  return startServer({ history, env });
}

/** One driver that moves every second of that time. */
const busy = Array.from({ length: 1_200 }, (_, n) => kept('a', [30 + (n % 100) / 1e5, -97], FROM + n * 1000));

const placesOf = (drivers: Iterable<Position>) =>
  [...drivers]
    .map(({ driverId, latitude, longitude, timestamp }) => [driverId, latitude, longitude, timestamp] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1));

/** Judges each message by the fixes that there were. @returns how many came */
function judged(replay: Replay, truth: Truth, asked: Asked) {
  const state = { messages: 0, latest: 0, wrong: [] as unknown[] };
  const followed = new Map<string, Position>();
  replay.on('enter', (position) => {
    if (followed.has(position.driverId)) state.wrong.push(['enter of who is inside', position]);
    followed.set(position.driverId, position);
  });
  replay.on('move', (position) => {
    if (!followed.has(position.driverId)) state.wrong.push(['move of who is outside', position]);
    followed.set(position.driverId, position);
  });
  replay.on('exit', ({ driverId }) => {
    if (!followed.delete(driverId)) state.wrong.push(['exit of who is outside', driverId]);
  });
  replay.on('changes', ({ serverTime }) => {
    state.messages++;
    if (serverTime < state.latest || serverTime !== replay.time) state.wrong.push(['time', serverTime, replay.time]);
    state.latest = serverTime;
    const inside = [...truth.inside(asked, serverTime).values()];
    const told = placesOf(
      inside.map(({ driverId, lat, lng, timestamp, receivedAt }) => ({
        driverId,
        latitude: lat,
        longitude: lng,
        timestamp,
        receivedAt,
      })),
    );
    for (const belief of [replay.drivers, followed]) {
      const believed = placesOf(belief.values());
      if (JSON.stringify(believed) !== JSON.stringify(told)) state.wrong.push([serverTime, believed, told]);
    }
  });
  return state;
}

test('[17.1, 17.2] of every kind of area each message leaves those who were inside then, and so does iterating', async () => {
  const fixes = madeUpDay(seeded('a replay by the client'), HERE, { drivers: 50, from: FROM, to: TO, reach: 8_000 });
  const truth = new Truth(fixes);
  const nearcast = clientOf(await start(fixes));
  const asked: Asked[] = areasIn(HERE, 'd7').map((area) => ({ area }));
  asked.push({ area: everywhere, status: 'free', maxAge: 60 });
  const played = asked.map(async (one) => {
    const where = one.status === undefined ? undefined : { status: [one.status, 'of nobody'] };
    const query = { from: new Date(FROM).toISOString(), to: TO, speed: 1_200, where, maxAge: one.maxAge };
    const replay = nearcast.replay(one.area.fields as Area, query);
    expect([replay.state, replay.time]).toEqual(['pending', FROM]);
    const state = judged(replay, truth, one);
    await replay.ready;
    expect(replay.state).toBe('playing');
    const iterated = new Map<string, Position>();
    for await (const { enter, move, exit } of replay) {
      for (const position of [...enter, ...move]) iterated.set(position.driverId, position);
      for (const { driverId } of exit) iterated.delete(driverId);
    }
    await replay.ended;
    expect(state.wrong, one.area.kind).toEqual([]);
    expect(state.messages).toBeGreaterThan(5);
    expect([replay.state, replay.time, replay.error]).toEqual(['ended', TO, undefined]);
    expect(idsOf(replay.drivers), one.area.kind).toEqual([...truth.inside(one, TO).keys()].sort());
    expect(idsOf(iterated)).toEqual(idsOf(replay.drivers));
    if (one.area.kind === 'around') expect(['here', 'stale', 'unknown']).toContain(replay.followed);
    else expect(replay.followed).toBeUndefined();
    const [position] = replay.drivers.values();
    if (position !== undefined) expect(replay.age(position)).toBe(TO - position.timestamp);
  });
  await Promise.all(played);
});

test('[17.3] a connection that breaks costs nothing: it goes on from the time that it had come to', async () => {
  const fixes = madeUpDay(seeded('a replay that is cut'), HERE, { drivers: 30, from: FROM, to: TO, reach: 5_000 });
  const network = await Network.to((await start(fixes)).port);
  const { clock, waits } = hasty();
  const replay = clientOf(network, { clock }).replay({}, { from: FROM, to: TO, speed: 800 });
  const state = judged(replay, new Truth(fixes), { area: everywhere });
  const states = collect(replay, 'state');
  const errors = collect(replay, 'error');
  const snapshots: number[] = [];
  replay.on('snapshot', () => snapshots.push(replay.time));
  for (const part of [0.2, 0.4, 0.7]) {
    await next(replay, 'changes', ({ serverTime }) => serverTime >= FROM + part * (TO - FROM));
    network.cut();
    await next(replay, 'state', (now) => now === 'interrupted');
    expect(replay.drivers.size).toBeGreaterThan(0);
  }
  await replay.ended;
  expect(state.wrong).toEqual([]);
  expect(states).toEqual(['playing', ...Array(3).fill(['interrupted', 'playing']).flat(), 'ended']);
  expect(errors.map(({ code }) => code)).toEqual(['network', 'network', 'network']);
  expect(snapshots.length).toBe(4);
  expect(snapshots.slice(1).every((time) => time > FROM + 0.19 * (TO - FROM))).toBe(true);
  expect(network.joined).toBe(4);
  // The stream says how long to wait at least.
  for (const wait of waits) expect(wait).toBeGreaterThanOrEqual(500);
});

test('what falls silent is given up, and asked for anew', async () => {
  const network = await Network.to((await start(busy)).port);
  const clock = new ManualClock();
  const replay = clientOf(network, { clock }).replay(circle, { from: FROM, to: TO });
  await replay.ready;
  network.freeze();
  const interrupted = next(replay, 'error');
  clock.advance(89_000);
  expect(replay.state).toBe('playing');
  clock.advance(1_000);
  expect(await interrupted).toMatchObject({ code: 'network', message: expect.stringContaining('silent') });
  expect(replay.state).toBe('interrupted');
  network.thaw();
  const playing = next(replay, 'state');
  clock.advance(30_000);
  expect(await playing).toBe('playing');
  // A quieter server is waited for longer.
  expect(clock.waits).toEqual([180_000]);
  replay.close();
  expect(clock.pending).toBe(0);
});

/** Why a replay is over that never began. */
async function refusalOf(nearcast: Nearcast, query: Partial<ReplayQuery> = {}, area: Area = circle) {
  const replay = nearcast.replay(area, { from: FROM, to: TO, ...query });
  const errors = collect(replay, 'error');
  const error = await replay.ended.catch((error) => error);
  expect([replay.state, replay.error, errors]).toEqual(['failed', error, [error]]);
  await expect(replay.ready).rejects.toBe(error);
  await expect(replay[Symbol.asyncIterator]().next()).rejects.toBe(error);
  return error;
}

test('[17.5] what no waiting mends ends it: 400, 401, 403, 404, and what is no replay', async () => {
  const server = await start([]);
  const nearcast = clientOf(server);
  expect(await refusalOf(nearcast, { speed: 0 })).toMatchObject({ code: 'invalid', errors: [{ field: 'speed' }] });
  expect(await refusalOf(nearcast, { from: 'yesterday' })).toMatchObject({ errors: [{ field: 'from' }] });
  const half = { latitude: 30 } as Area;
  expect(await refusalOf(nearcast, {}, half)).toMatchObject({ code: 'invalid', errors: [{}, {}] });
  const writer = clientOf(server, { token: token({ scope: 'positions:write' }) });
  expect(await refusalOf(writer)).toMatchObject({ code: 'forbidden', status: 403 });
  const stranger = clientOf(server, { token: () => 'x' });
  expect(await refusalOf(stranger)).toMatchObject({ code: 'unauthorized', status: 401 });
  expect(await refusalOf(clientOf(await startServer()))).toMatchObject({
    code: 'not_found',
    status: 404,
    message: 'This server keeps no history.',
  });
  const answering = (response: () => Response) => scripted([response]).nearcast;
  expect(await refusalOf(answering(() => Response.json({})))).toMatchObject({ code: 'protocol' });
  const text = () => new Response('too many', { status: 429 });
  expect(await refusalOf(answering(text))).toMatchObject({ code: 'limit', status: 429 });
  const nonsense = () => new Response('event: snapshot\ndata: {}\n\n', { headers: EVENTS });
  expect(await refusalOf(answering(nonsense))).toMatchObject({ code: 'protocol' });
});

test('[17.5] one replay more than may be played waits until there is room', async () => {
  const server = await start(busy, { MAX_REPLAYS: '1' });
  const clock = new ManualClock();
  const url = `http://127.0.0.1:${server.port}/v1/replay?from=${FROM}&to=${TO}&access_token=${token()}`;
  const first = await EventStreamReader.open(url, {});
  const second = clientOf(server, { clock }).replay(circle, { from: FROM, to: TO });
  const error = await next(second, 'error');
  expect(error).toMatchObject({ code: 'unavailable', closeCode: 1013, message: expect.stringContaining('1 replays') });
  expect(second.state).toBe('pending');
  expect(clock.waits).toEqual([1000 * (error.retryAfter as number)]);
  first.destroy();
  const ready = { is: false };
  void second.ready.then(() => {
    ready.is = true;
  });
  await vi.waitUntil(() => {
    // Once its seat is free, whenever that is.
    if (clock.waits.some((wait) => wait < 60_000)) clock.advance(30_000);
    return ready.is;
  });
});

test('[6.12] a subject with too many connections waits as long as it is told to', async () => {
  const server = await start(busy, { MAX_CONNECTIONS_PER_SUBJECT: '1' });
  const clock = new ManualClock();
  const nearcast = clientOf(server, { clock });
  const first = nearcast.replay(circle, { from: FROM, to: TO });
  await first.ready;
  const second = nearcast.replay(circle, { from: FROM, to: TO });
  const error = await next(second, 'error');
  expect(error).toMatchObject({ code: 'limit', status: 429, retryAfter: expect.any(Number) });
  expect(second.state).toBe('pending');
  expect(clock.waits).toContain(1000 * (error.retryAfter as number));
});

test('[17.5] a token that ends is replaced, and the replay goes on', async () => {
  const server = await start(busy);
  const tokens = [token({ ttlSeconds: 2 }), token()];
  const asked = vi.fn(() => tokens[Math.min(asked.mock.calls.length, 2) - 1]);
  const { clock } = hasty();
  const replay = clientOf(server, { clock, token: asked }).replay(circle, { from: FROM, to: TO, speed: 500 });
  const errors = collect(replay, 'error');
  const state = judged(replay, new Truth(busy), { area: areasIn(HERE, '')[0] });
  await replay.ended;
  expect(state.wrong).toEqual([]);
  expect(asked).toHaveBeenCalledTimes(2);
  expect(errors).toMatchObject([{ code: 'unauthorized', closeCode: 4401 }]);
});

const EVENTS = { 'content-type': 'text/event-stream; charset=utf-8' };
const event = (type: string, data: object, id?: string) =>
  `event: ${type}\n${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`;
const snapshotAt = (serverTime: number) =>
  event('snapshot', { type: 'snapshot', serverTime, resumed: false, drivers: [] }, String(serverTime));

/** A client whose server answers so, one after another; and then never. */
function scripted(answers: (() => Response)[], options: Partial<NearcastOptions> = {}) {
  const asked: URL[] = [];
  const nearcast = new Nearcast({
    url: 'http://x/path',
    token: () => 'x',
    random: () => 0,
    fetch: (url) => {
      asked.push(new URL(String(url)));
      return Promise.resolve(answers.shift()?.() ?? new Promise<Response>(() => {}));
    },
    ...options,
  });
  return { nearcast, asked };
}

test.each([1001, 1011, 1013, 4401, 4503, 4508, 4513])(
  '[14.4, 17.5] after a close of %i it comes back when it is told to, from its mark',
  async (code) => {
    const clock = new ManualClock();
    const close = event('close', { code, reason: 'for a test', retryAfter: 7 });
    const answers = [() => new Response(snapshotAt(FROM + 5) + close, { headers: EVENTS })];
    const { nearcast, asked } = scripted(answers, { clock });
    const replay = nearcast.replay(circle, { from: FROM });
    const error = await next(replay, 'error');
    expect(error).toMatchObject({ message: 'for a test', closeCode: code, retryAfter: 7 });
    expect([replay.state, clock.waits]).toEqual(['interrupted', [7_000]]);
    clock.advance(7_000);
    await vi.waitUntil(() => asked.length === 2);
    expect(asked.map(({ pathname }) => pathname)).toEqual(['/path/v1/replay', '/path/v1/replay']);
    expect(asked.map(({ searchParams }) => searchParams.get('cursor'))).toEqual([null, String(FROM + 5)]);
    await nearcast.close();
    expect(clock.pending).toBe(0);
  },
);

test('a time to wait that is no number is none: the back-off goes on', async () => {
  const clock = new ManualClock();
  const close = event('close', { code: 1001, reason: 'for a test', retryAfter: 'soon' });
  const answers = [() => new Response(snapshotAt(FROM) + close, { headers: EVENTS })];
  const { nearcast } = scripted(answers, { clock, random: () => 1 });
  const error = await next(nearcast.replay(circle, { from: FROM }), 'error');
  expect([error.retryAfter, ...clock.waits]).toEqual([undefined, 500]);
  await nearcast.close();
});

test.each([
  [4429, 'limit'],
  [4403, 'forbidden'],
  [4400, 'invalid'],
  [1009, 'too_large'],
])('[17.5] a close of %i ends it with %s', async (code, expected) => {
  const clock = new ManualClock();
  const close = event('close', { code, reason: 'for a test' });
  const { nearcast } = scripted([() => new Response(snapshotAt(FROM) + close, { headers: EVENTS })], { clock });
  const replay = nearcast.replay(circle, { from: FROM });
  await expect(replay.ended).rejects.toMatchObject({ code: expected, closeCode: code, message: 'for a test' });
  expect([replay.state, clock.pending]).toEqual(['failed', 0]);
});

test('[17.3, 17.4] heartbeats move the mark, and who comes back after the end is told nothing more', async () => {
  const clock = new ManualClock();
  const { nearcast, asked } = scripted(
    [
      () => new Response(`retry: 3000\n\n${snapshotAt(FROM)}:\nid: later & more\n\n`, { headers: EVENTS }),
      () => new Response(null, { status: 204 }),
    ],
    { clock },
  );
  const replay = nearcast.replay({}, { from: FROM });
  await next(replay, 'error');
  expect(clock.waits).toEqual([3_000]);
  clock.advance(3_000);
  await replay.ended;
  expect(replay.state).toBe('ended');
  expect(asked[1].searchParams.get('cursor')).toBe('later & more');
});

test('whoever goes on failing is asked less and less often, until the network comes back', async () => {
  const clock = new ManualClock();
  const listeners = new Map<string, () => void>();
  const page = {
    addEventListener: (type: string, listener: () => void) => void listeners.set(type, listener),
    removeEventListener: (type: string, listener: () => void) => {
      if (listeners.get(type) === listener) listeners.delete(type);
    },
  };
  const broken = () => {
    throw new TypeError('no network');
  };
  const { nearcast, asked } = scripted(Array(6).fill(broken), { clock, random: () => 1, page });
  const replay = nearcast.replay({}, { from: FROM });
  const waits: number[] = [];
  for (let n = 0; n < 5; n++) {
    await next(replay, 'error');
    waits.push(clock.waits[0]);
    clock.advance(n < 4 ? clock.waits[0] : 0);
  }
  expect(waits).toEqual([500, 1_000, 2_000, 4_000, 8_000]);
  listeners.get('online')?.();
  await vi.waitUntil(() => asked.length === 6);
  replay.close();
  expect(clock.pending).toBe(0);
  await nearcast.close();
  expect(listeners.size).toBe(0);
});

test('a connection that stood for a while has the next wait be a short one', async () => {
  const clock = new ManualClock();
  const held = new TransformStream<Uint8Array, Uint8Array>();
  const writer = held.writable.getWriter();
  const broken = () => {
    throw new TypeError('no network');
  };
  const answers = [broken, broken, () => new Response(held.readable, { headers: EVENTS })];
  const { nearcast } = scripted(answers, { clock, random: () => 1 });
  const replay = nearcast.replay({}, { from: FROM });
  for (const wait of [500, 1_000]) {
    await next(replay, 'error');
    expect(clock.waits).toEqual([wait]);
    clock.advance(wait);
  }
  void writer.write(new TextEncoder().encode(snapshotAt(FROM)));
  await replay.ready;
  clock.advance(10_000);
  void writer.close();
  await next(replay, 'error');
  expect(clock.waits).toEqual([500]);
  await nearcast.close();
});

test('whoever closes it is told nothing more of what has come already', async () => {
  const end = event('changes', { type: 'changes', serverTime: FROM + 5, enter: [{ driverId: 'a' }] });
  const { nearcast } = scripted([() => new Response(snapshotAt(FROM) + end, { headers: EVENTS })]);
  const replay = nearcast.replay({}, { from: FROM });
  const states = collect(replay, 'state');
  replay.on('snapshot', () => replay.close());
  await replay.ended.catch(() => {});
  await new Promise(setImmediate);
  expect([states, replay.drivers.size, replay.time]).toEqual([['playing', 'closed'], 0, FROM]);
});

test('closed by itself, a signal, its client or a listener, it leaves no timer, no connection, and tells nothing', async () => {
  const network = await Network.to((await start(busy)).port);
  const clock = new ManualClock();
  const controller = new AbortController();
  const { signal } = controller;
  const ways: ((replay: Replay, nearcast: Nearcast) => unknown)[] = [
    (replay) => replay.close(),
    () => controller.abort(),
    (_, nearcast) => nearcast.close(),
    async (replay) => {
      replay.on('move', () => replay.close());
      await replay.ended.catch(() => {});
    },
    async (replay) => {
      await using _ = replay;
    },
  ];
  for (const end of ways) {
    const nearcast = clientOf(network, { clock });
    const replay = nearcast.replay(circle, { from: FROM, to: TO }, signal.aborted ? {} : { signal });
    const heard = collect(replay, 'changes');
    const iteration = replay[Symbol.asyncIterator]();
    await replay.ready;
    await end(replay, nearcast);
    const { length } = heard;
    expect([replay.state, clock.pending]).toEqual(['closed', 0]);
    await expect(replay.ended).rejects.toMatchObject({ code: 'closed' });
    while (!(await iteration.next()).done);
    await vi.waitUntil(() => network.size === 0);
    expect(heard.length).toBe(length);
  }
  expect(() => clientOf(network).replay(circle, { from: FROM }, { signal })).toThrow();
});
