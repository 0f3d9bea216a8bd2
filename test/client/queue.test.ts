import { expect, test } from 'vitest';
import type { Nearcast, TrackOptions } from '../../src/client/index.ts';
import { FixQueue } from '../../src/client/queue.ts';
import type { Message } from '../support/client.ts';
import { type FakeConnection, FakeServer } from './fake-server.ts';
import { clientOf, collect, jwt, ManualClock, next } from './support.ts';

const here = { latitude: 1, longitude: 2 };

async function setUp(options: TrackOptions = {}, token = jwt({ sub: 'driver/7' })) {
  const server = await FakeServer.start();
  const clock = new ManualClock();
  const page = new EventTarget();
  const nearcast = clientOf(server, { clock, page, token, random: () => 1 });
  const track = nearcast.track(options);
  const waiting = () => next(nearcast, 'state', (state) => state === 'waiting');
  return { server, clock, page, nearcast, track, waiting, verdicts: collect(track, 'verdict') };
}

/** Answers a message as a server would that accepts everything. */
function accept(connection: FakeConnection, { id, positions }: Message): void {
  if (positions === undefined) connection.send({ type: 'ack', id, verdict: 'accepted' });
  else connection.send({ type: 'ack', id, results: positions.map(() => ({ verdict: 'accepted' })) });
}

/** Resolves when the client has heard all that was sent. */
async function heard(nearcast: Nearcast, connection: FakeConnection): Promise<void> {
  const error = next(nearcast, 'error');
  connection.send({ type: 'error', code: 'internal', message: 'of nothing' });
  await error;
}

test('a fix goes at once, with an id; fixes that are sent together go together', async () => {
  const { server, track, clock } = await setUp({ driverId: 'd' });
  track.send({ ...here, speed: 3, heading: null, attributes: { status: 'free' } });
  const connection = await server.connection();
  const first = await connection.next();
  expect(first).toEqual({
    type: 'position',
    id: 1,
    driverId: 'd',
    ...here,
    timestamp: clock.time,
    speed: 3,
    attributes: { status: 'free' },
  });
  accept(connection, first);
  await track.flush();
  track.send({ ...here, timestamp: 1 });
  track.send({ ...here, timestamp: 2, driverId: 'e' });
  expect(await connection.next()).toEqual({
    type: 'positions',
    id: 2,
    positions: [
      { driverId: 'd', ...here, timestamp: 1 },
      { driverId: 'e', ...here, timestamp: 2 },
    ],
  });
});

test('what a browser’s Geolocation gives can be sent as it is', async () => {
  const { server, track } = await setUp();
  // Its fields are getters of a prototype, and its heading is NaN while it stands.
  class Coordinates {
    get latitude() {
      return 1;
    }
    get longitude() {
      return 2;
    }
    get accuracy() {
      return 5;
    }
    get altitude() {
      return null;
    }
    get heading() {
      return Number.NaN;
    }
    get speed() {
      return 0;
    }
  }
  track.send({ coords: new Coordinates(), timestamp: 1_700_000_000_000 });
  expect(await (await server.connection()).next()).toEqual({
    type: 'position',
    id: 1,
    ...here,
    timestamp: 1_700_000_000_000,
    accuracy: 5,
    speed: 0,
  });
});

test('in an outage fixes wait with the times at which they were sent, and go together on return', async () => {
  const { server, track, clock, waiting, verdicts } = await setUp();
  const lost = waiting();
  track.send(here);
  const connection = await server.connection();
  await connection.next('position');
  // It may have been taken, or not: the answer never came.
  connection.cut();
  await lost;
  clock.advance(100);
  track.send(here);
  clock.advance(100);
  track.send(here);
  expect(track.pending).toBe(3);
  const flushed = track.flush();
  clock.advance(clock.waits[0]);
  const again = await server.connection();
  const batch = await again.next();
  const start = clock.time - 500;
  expect(batch).toMatchObject({
    type: 'positions',
    positions: [{ timestamp: start }, { timestamp: start + 100 }, { timestamp: start + 200 }],
  });
  const results = [{ verdict: 'duplicate' }, { verdict: 'accepted' }, { verdict: 'late' }];
  again.send({ type: 'ack', id: batch.id, results });
  await flushed;
  expect(verdicts).toMatchObject(results);
  expect(track.pending).toBe(0);
});

test('at most four messages and a thousand fixes are on their way, in order', async () => {
  const { server, track } = await setUp({ capacity: 5000 });
  for (let i = 0; i < 2500; i++) track.send({ ...here, timestamp: i });
  const connection = await server.connection();
  const times: number[] = [];
  for (const count of [1000, 1000, 500]) {
    const batch = await connection.next();
    expect(batch.positions.length).toBe(count);
    expect(connection.untaken).toBe(0);
    times.push(...batch.positions.map(({ timestamp }: Message) => timestamp));
    accept(connection, batch);
  }
  await track.flush();
  expect(times).toEqual(Array.from({ length: 2500 }, (_, i) => i));
  const singles: Message[] = [];
  for (let i = 0; i < 4; i++) {
    track.send({ ...here, timestamp: i });
    singles.push(await connection.next());
  }
  expect(singles.map(({ type }) => type)).toEqual(Array(4).fill('position'));
  track.send({ ...here, timestamp: 5 });
  track.send({ ...here, timestamp: 6 });
  // Acknowledgements may come in any order.
  accept(connection, singles[2]);
  const rest = await connection.next();
  expect(rest.positions).toMatchObject([{ timestamp: 5 }, { timestamp: 6 }]);
});

test('a message of fixes stays below what the server takes', async () => {
  const { server, track } = await setUp();
  const attributes = Object.fromEntries(Array.from({ length: 16 }, (_, i) => [`key${i}`, 'é'.repeat(250)]));
  for (let i = 0; i < 200; i++) track.send({ ...here, timestamp: i, attributes });
  const connection = await server.connection();
  let count = 0;
  while (count < 200) {
    const batch = await connection.next();
    expect(Buffer.byteLength(JSON.stringify(batch))).toBeLessThan(1024 * 1024);
    count += batch.positions?.length ?? 1;
    accept(connection, batch);
  }
  await track.flush();
  const note = 'x'.repeat(100_000);
  expect(() => track.send({ ...here, attributes: { note } })).toThrow(expect.objectContaining({ code: 'too_large' }));
  expect(track.pending).toBe(0);
});

test('what the server cannot take now is sent again later, before what came after it', async () => {
  const { server, nearcast, track, clock, verdicts } = await setUp();
  track.send({ ...here, timestamp: 1 });
  const connection = await server.connection();
  const single = await connection.next();
  connection.send({ type: 'error', code: 'unavailable', message: 'later', id: single.id, retryAfter: 2 });
  await heard(nearcast, connection);
  track.send({ ...here, timestamp: 2 });
  clock.advance(1999);
  expect(connection.untaken).toBe(0);
  clock.advance(1);
  const batch = await connection.next();
  expect(batch.positions).toMatchObject([{ timestamp: 1 }, { timestamp: 2 }]);
  const unavailable = { verdict: 'refused', code: 'unavailable', message: 'behind' };
  const judged = next(track, 'verdict');
  connection.send({ type: 'ack', id: batch.id, results: [unavailable, { verdict: 'accepted' }] });
  expect(await judged).toMatchObject({ fix: { timestamp: 2 } });
  expect(track.pending).toBe(1);
  clock.advance(1000);
  accept(connection, await connection.next('position'));
  await track.flush();
  expect(verdicts.map(({ fix, verdict }) => [fix.timestamp, verdict])).toEqual([
    [2, 'accepted'],
    [1, 'accepted'],
  ]);
});

test('what came to nothing waits again in its place, whatever the order in which that is known', () => {
  const queue = new FixQueue(100);
  for (let i = 1; i <= 5; i++) queue.push({ ...here, timestamp: i });
  const take = (count: number) => queue.take(count, 10_000).entries;
  const [first, second] = [take(2), take(2)];
  expect([queue.flying, queue.waiting, queue.size, queue.firstPlace]).toEqual([4, 1, 5, 1]);
  queue.giveBack(first);
  queue.giveBack(second);
  expect(queue.fixes().map(({ timestamp }) => timestamp)).toEqual([1, 2, 3, 4, 5]);
  const [oldest] = take(1);
  queue.settle(oldest);
  queue.giveBack([oldest]);
  expect(take(10).map(({ place }) => place)).toEqual([2, 3, 4, 5]);
});

test('a refused fix is dropped and told; the others go on', async () => {
  const { server, track } = await setUp();
  const refused = collect(track, 'refused');
  track.send({ ...here, timestamp: 1 });
  track.send({ ...here, timestamp: 2 });
  const connection = await server.connection();
  const { id } = await connection.next();
  const future = { verdict: 'refused', code: 'future', message: 'timestamp …' };
  connection.send({ type: 'ack', id, results: [future, { verdict: 'accepted' }] });
  await track.flush();
  expect(refused).toEqual([{ ...future, fix: { ...here, timestamp: 1 } }]);
});

test('a token that may send nothing keeps the fixes waiting, and says so', async () => {
  const { server, track, clock, waiting } = await setUp();
  const errors = collect(track, 'error');
  track.send(here);
  const flushed = track.flush();
  const connection = await server.connection();
  const { id } = await connection.next();
  connection.send({ type: 'error', code: 'forbidden', message: 'The token lacks the scope positions:write.', id });
  await expect(flushed).rejects.toMatchObject({ code: 'forbidden' });
  expect(errors.length).toBe(1);
  track.send(here);
  await expect(track.flush()).rejects.toMatchObject({ code: 'forbidden' });
  expect(track.pending).toBe(2);
  // With the next connection, and its token, it is tried again.
  const lost = waiting();
  connection.cut();
  await lost;
  clock.advance(500);
  const again = await server.connection();
  accept(again, await again.next('positions'));
  await track.flush();
});

test('when more wait than may, the oldest give way, and are told', async () => {
  const { server, track, waiting, clock } = await setUp({ capacity: 3 });
  const dropped = collect(track, 'dropped');
  const lost = waiting();
  track.send({ ...here, timestamp: 0 });
  (await server.connection()).cut();
  await lost;
  for (let i = 1; i < 5; i++) track.send({ ...here, timestamp: i });
  expect(dropped.map(({ timestamp }) => timestamp)).toEqual([0, 1]);
  expect(track.pending).toBe(3);
  clock.advance(500);
  const connection = await server.connection();
  const batch = await connection.next();
  expect(batch.positions).toMatchObject([{ timestamp: 2 }, { timestamp: 3 }, { timestamp: 4 }]);
  // Those on their way have not come to nothing yet.
  track.send({ ...here, timestamp: 5 });
  expect(dropped.length).toBe(3);
  expect(dropped[2]).toMatchObject({ timestamp: 5 });
  accept(connection, batch);
  await track.flush();
});

test('a flush can be taken back, and the fixes still wait', async () => {
  const { server, track } = await setUp();
  track.send(here);
  const abort = new AbortController();
  const flushed = track.flush({ signal: abort.signal });
  await (await server.connection()).next();
  abort.abort(new Error('enough'));
  await expect(flushed).rejects.toThrow('enough');
  expect(track.pending).toBe(1);
});

test('off duty is told after the fixes that wait', async () => {
  const { server, track } = await setUp();
  track.send(here);
  const off = track.offDuty();
  const connection = await server.connection();
  const fix = await connection.next();
  expect(server.requests).toEqual([]);
  accept(connection, fix);
  await off;
  expect(server.requests).toEqual([`DELETE /v1/drivers/driver%2F7 Bearer ${jwt({ sub: 'driver/7' })}`]);
  const body = { code: 'not_found', detail: 'There is no such driver.', requestId: 'r1' };
  server.answers.push({ status: 404, body });
  await expect(track.offDuty()).rejects.toMatchObject({ code: 'not_found', status: 404, requestId: 'r1' });
  track.send(here);
  const abort = new AbortController();
  const waits = track.offDuty({ signal: abort.signal });
  abort.abort(new Error('enough'));
  await expect(waits).rejects.toThrow('enough');
});

test('over HTTP a refused token is asked for once more, and whoever answers is understood', async () => {
  const server = await FakeServer.start();
  let asked = 0;
  const clock = new ManualClock();
  const nearcast = clientOf(server, { clock, token: () => jwt({ n: ++asked, exp: clock.time / 1000 + 600 }) });
  const answer = { serverTime: clock.time + 5000, cursor: 'c', drivers: [] };
  server.answers.push({ status: 401, body: { code: 'unauthorized', detail: 'no' } }, { status: 200, body: answer });
  expect(await nearcast.nearby(here)).toEqual(answer);
  expect(asked).toBe(2);
  expect(nearcast.serverTime).toBe(clock.time + 5000);
  server.answers.push({ status: 200, body: answer });
  await nearcast.nearby(here);
  // The token is kept until shortly before its end.
  expect(asked).toBe(2);
  clock.advance(590_000);
  server.answers.push({ status: 200, body: answer });
  await nearcast.nearby(here);
  expect(asked).toBe(3);
  server.answers.push({ status: 401 }, { status: 401 });
  await expect(nearcast.nearby(here)).rejects.toMatchObject({ code: 'unauthorized', status: 401 });
  expect(server.requests.length).toBe(6);
  // The same token again would be refused again.
  const stubborn = clientOf(server, { token: () => 'same' });
  server.answers.push({ status: 401 });
  await expect(stubborn.nearby(here)).rejects.toMatchObject({ code: 'unauthorized' });
  expect(server.requests.length).toBe(7);
  server.answers.push({ status: 503, headers: { 'retry-after': '7' } });
  await expect(nearcast.nearby(here)).rejects.toMatchObject({ code: 'unavailable', retryAfter: 7 });
  server.answers.push({ status: 200 });
  await expect(nearcast.nearby(here)).rejects.toMatchObject({ code: 'protocol' });
  await expect(nearcast.nearby(here, { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough');
  const nobody = clientOf(server, { fetch: () => Promise.reject(new TypeError('fetch failed')) });
  await expect(nobody.nearby(here)).rejects.toMatchObject({ code: 'network' });
});
