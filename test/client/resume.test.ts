import { expect, test } from 'vitest';
import type { Area, WatchOptions } from '../../src/client/index.ts';
import { FakeServer } from './fake-server.ts';
import { at, clientOf, collect, idsOf, ManualClock, next } from './support.ts';

const circle = { latitude: 30, longitude: -97, radius: 1000 };

/** Every field of an area, as it takes to say that there is none. */
const EVERYWHERE = { latitude: null, longitude: null, radius: null, bbox: null, polygon: null, around: null };

async function setUp(options: WatchOptions = {}, area: Area = circle) {
  const server = await FakeServer.start();
  const clock = new ManualClock();
  const nearcast = clientOf(server, { clock });
  const watch = nearcast.watch(area, options);
  const told = {
    enter: collect(watch, 'enter'),
    move: collect(watch, 'move'),
    exit: collect(watch, 'exit'),
    snapshot: collect(watch, 'snapshot'),
    error: collect(watch, 'error'),
  };
  /** Cuts a connection, and gives the next one. */
  const lose = async (connection: { cut(): void }) => {
    const lost = next(nearcast, 'state', (state) => state === 'waiting');
    connection.cut();
    await lost;
    clock.advance(clock.waits[0]);
    return server.connection();
  };
  return { server, clock, nearcast, watch, told, lose, connection: await server.connection() };
}

test('a resumed snapshot is asked for by the last cursor, and tells just what differs', async () => {
  const { watch, told, lose, connection } = await setUp();
  await connection.snapshot([at('stays', 1), at('moves', 1), at('leaves', 1)], { cursor: 'c1' });
  const told1 = next(watch, 'changes', ({ snapshot }) => !snapshot);
  connection.changes('w1', { move: [at('stays', 2)] }, { cursor: 'c2' });
  await told1;
  expect(watch.cursor).toBe('c2');
  for (const list of Object.values(told)) list.length = 0;
  const again = await lose(connection);
  expect(watch.state).toBe('interrupted');
  expect(idsOf(watch.drivers)).toEqual(['leaves', 'moves', 'stays']);
  const resumed = next(watch, 'snapshot');
  const asked = await again.snapshot([at('moves', 2), at('comes', 2)], { resumed: true, unchanged: ['stays'] });
  expect(asked).toEqual({ type: 'subscribe', subscription: 'w1', ...circle, cursor: 'c2' });
  expect(await resumed).toEqual({ resumed: true });
  expect(watch.state).toBe('live');
  expect(idsOf(watch.drivers)).toEqual(['comes', 'moves', 'stays']);
  expect(told).toMatchObject({
    enter: [{ driverId: 'comes' }],
    move: [{ driverId: 'moves', timestamp: 2 }],
    exit: [{ driverId: 'leaves', reason: 'unknown' }],
  });
});

test('of a whole snapshot after an interruption, too, just what differs is told', async () => {
  const { watch, told, lose, connection } = await setUp();
  await connection.snapshot([at('stays', 1), at('moves', 1), at('leaves', 1)]);
  await watch.ready;
  for (const list of Object.values(told)) list.length = 0;
  const again = await lose(connection);
  const resumed = next(watch, 'snapshot');
  await again.snapshot([at('stays', 1), at('moves', 2), at('comes', 2)]);
  expect(await resumed).toEqual({ resumed: false });
  expect([told.enter, told.move, told.exit].map((list) => list.map(({ driverId }) => driverId))).toEqual([
    ['comes'],
    ['moves'],
    ['leaves'],
  ]);
});

test('from the answer of nearby it goes on by its cursor, and its drivers stand for the unchanged', async () => {
  const from = { cursor: 'n1', drivers: [{ ...at('a', 1), distance: 5 }, at('b', 1)] };
  const { watch, told, connection } = await setUp({ from });
  expect(idsOf(watch.drivers)).toEqual(['a', 'b']);
  const asked = await connection.snapshot([], { resumed: true, unchanged: ['a'] });
  expect(asked.cursor).toBe('n1');
  await watch.ready;
  expect(watch.drivers.get('a')).toEqual(at('a', 1));
  expect(told).toMatchObject({ enter: [], move: [], exit: [{ driverId: 'b' }] });
});

test('a resumed snapshot that leaves someone unchanged who is not known is asked for as a whole', async () => {
  const { watch, told, connection } = await setUp({ from: { cursor: 'n1', drivers: [at('a', 1)] } });
  await connection.snapshot([], { resumed: true, unchanged: ['a', 'b'] });
  // Still of the subscription that is being replaced.
  connection.changes('w1', { enter: [at('c', 1)] });
  const again = await connection.snapshot([at('a', 1), at('b', 1)]);
  expect(again.cursor).toBeUndefined();
  await watch.ready;
  expect(idsOf(watch.drivers)).toEqual(['a', 'b']);
  expect(told).toMatchObject({ enter: [{ driverId: 'b' }], exit: [], snapshot: [{ resumed: false }] });
});

test('whoever iterates hears of an interruption just what differs', async () => {
  const { watch, lose, connection } = await setUp();
  await connection.snapshot([at('a', 1), at('b', 1)]);
  const changes = watch[Symbol.asyncIterator]();
  expect((await changes.next()).value).toMatchObject({ snapshot: true, enter: [{ driverId: 'a' }, { driverId: 'b' }] });
  const again = await lose(connection);
  await again.snapshot([at('b', 2)], { resumed: true });
  expect((await changes.next()).value).toMatchObject({
    snapshot: true,
    enter: [],
    move: [{ driverId: 'b' }],
    exit: [{ driverId: 'a', reason: 'unknown' }],
  });
});

test('updates go one at a time, and those that come meanwhile as one', async () => {
  const { watch, connection } = await setUp();
  expect(await connection.next('subscribe')).toMatchObject({ radius: 1000 });
  const early = watch.update({ radius: 10 });
  connection.send({ type: 'snapshot', subscription: 'w1', cursor: 'c', serverTime: 1, resumed: false, drivers: [] });
  expect(await connection.next()).toEqual({ type: 'update', subscription: 'w1', ...circle, radius: 10 });
  const ping = await connection.next('ping');
  expect(connection.untaken).toBe(0);
  const later = [watch.update({ radius: 20 }), watch.update({ latitude: 31, longitude: -96 })];
  let taken = 0;
  for (const one of later) void one.then(() => taken++);
  connection.send({ type: 'pong', id: ping.id, serverTime: 1 });
  connection.changes('w1', {});
  await early;
  expect(taken).toBe(0);
  expect(await connection.updated()).toEqual({
    type: 'update',
    subscription: 'w1',
    latitude: 31,
    longitude: -96,
    radius: 20,
  });
  await Promise.all(later);
  // What is so already needs no message.
  await watch.update({ radius: 20 });
  expect(connection.untaken).toBe(0);
});

test('an update is over when its difference is there, whether the server read it alone or with the ping after it', async () => {
  const { watch, connection } = await setUp();
  await connection.snapshot([at('a', 1)]);
  await watch.ready;
  const first = watch.update({ radius: 10 });
  await connection.next('update');
  let ping = await connection.next('ping');
  connection.send({ type: 'pong', id: ping.id, serverTime: 1 });
  connection.changes('w1', { exit: [{ driverId: 'a', reason: 'left' }] }, { cursor: 'c1' });
  await first;
  expect([watch.drivers.size, watch.cursor]).toEqual([0, 'c1']);
  const second = watch.update({ radius: 20 });
  await connection.next('update');
  ping = await connection.next('ping');
  // This may be the answer, or of the time before: only another pong can tell.
  connection.changes('w1', { enter: [at('a', 1)] }, { cursor: 'c2' });
  connection.send({ type: 'pong', id: ping.id, serverTime: 1 });
  ping = await connection.next('ping');
  expect([watch.drivers.size, watch.cursor]).toEqual([1, undefined]);
  connection.send({ type: 'pong', id: ping.id, serverTime: 1 });
  await second;
  const third = watch.update({ radius: 30 });
  await connection.next('update');
  ping = await connection.next('ping');
  connection.changes('w1', { move: [at('a', 2)] }, { cursor: 'c3' });
  connection.send({ type: 'pong', id: ping.id, serverTime: 1 });
  await connection.next('ping');
  connection.changes('w1', { enter: [at('b', 2)] }, { cursor: 'c4' });
  await third;
  expect([watch.drivers.size, watch.cursor]).toEqual([2, 'c4']);
});

test('an update is a merge: other areas replace the area, null removes a filter', async () => {
  const { watch, connection } = await setUp({ where: { status: 'free' }, maxAge: 60 });
  expect(await connection.snapshot([])).toMatchObject({ where: { status: 'free' }, maxAge: 60 });
  const sent = async (patch: Parameters<typeof watch.update>[0]) => {
    const taken = watch.update(patch);
    const { type: _, subscription: __, ...fields } = await connection.updated();
    await taken;
    return fields;
  };
  expect(await sent({ maxAge: null })).toEqual({ maxAge: null });
  expect(await sent({ where: null })).toEqual({ where: null });
  expect(await sent({ around: 'd' })).toEqual({ around: 'd', radius: 1000 });
  expect(await sent({ radius: 50 })).toEqual({ around: 'd', radius: 50 });
  expect(await sent({ bbox: [1, 2, 3, 4], minDisplacement: 5 })).toEqual({ bbox: [1, 2, 3, 4], minDisplacement: 5 });
  const polygon = { type: 'Polygon', coordinates: [] } as const;
  expect(await sent({ polygon })).toEqual({ polygon });
  expect(await sent({ polygon: null })).toEqual(EVERYWHERE);
  expect(await sent(circle)).toEqual(circle);
  expect(await sent({ longitude: 5 })).toEqual({ ...circle, longitude: 5 });
  expect(await sent({ around: 'd', radius: 7 })).toEqual({ around: 'd', radius: 7 });
  // A centre takes the place of a driver; one coordinate is none.
  expect(await sent({ latitude: 1, longitude: 2 })).toEqual({ latitude: 1, longitude: 2, radius: 7 });
  expect(await sent({ latitude: null, bbox: [1, 2, 3, 4] })).toEqual({ bbox: [1, 2, 3, 4] });
  // As the server has it, nothing but null is the whole fleet, whatever the area was.
  expect(await sent({ around: null })).toEqual(EVERYWHERE);
});

test('what names no whole area is for the server to refuse, and is never the whole fleet', async () => {
  const { watch, connection } = await setUp();
  await connection.snapshot([]);
  await watch.ready;
  void watch.update({ bbox: [1, 2, 3, 4] });
  await connection.updated();
  for (const patch of [{ latitude: 5 }, { radius: 5 }, { latitude: 5, longitude: null }, { around: 'd' }]) {
    const refused = watch.update(patch);
    const { type: _, subscription, ...fields } = await connection.next('update');
    expect(Object.values(fields).some((value) => value !== null)).toBe(true);
    expect(fields).not.toHaveProperty('bbox');
    connection.send({ type: 'error', code: 'invalid', message: 'latitude …', subscription });
    await expect(refused).rejects.toMatchObject({ code: 'invalid' });
  }
});

test('what an application does later to the lists that it gave is no order', async () => {
  const bbox: [number, number, number, number] = [1, 2, 3, 4];
  const statuses = ['free'];
  const { watch, connection } = await setUp({ where: { status: statuses } });
  statuses.push('busy');
  expect(await connection.snapshot([])).toMatchObject({ where: { status: ['free'] } });
  await watch.ready;
  void watch.update({ bbox });
  expect(await connection.updated()).toMatchObject({ bbox: [1, 2, 3, 4] });
  bbox[0] = 0;
  void watch.update({ bbox });
  expect(await connection.updated()).toMatchObject({ bbox: [0, 2, 3, 4] });
});

test('an update that cannot be taken now is not taken, until the whole is asked for anew', async () => {
  const { watch, clock, connection } = await setUp();
  await connection.snapshot([], { cursor: 'c1' });
  await watch.ready;
  let taken = false;
  const update = watch.update({ radius: 10 }).then(() => {
    taken = true;
  });
  const { subscription } = await connection.next('update');
  const { id } = await connection.next('ping');
  connection.send({ type: 'error', code: 'unavailable', message: 'later', subscription, retryAfter: 3 });
  connection.send({ type: 'pong', id, serverTime: 1 });
  const changed = next(watch, 'changes');
  connection.changes('w1', { enter: [at('a', 1)] }, { cursor: 'c2' });
  await changed;
  expect([taken, watch.cursor]).toEqual([false, undefined]);
  clock.advance(3000);
  const asked = await connection.snapshot([at('a', 1)]);
  expect([asked.radius, asked.cursor]).toEqual([10, undefined]);
  await update;
});

test('what was asked for after a refused update stays', async () => {
  const { watch, connection } = await setUp();
  await connection.snapshot([]);
  await watch.ready;
  const bad = watch.update({ radius: -1 });
  const { subscription } = await connection.next('update');
  const good = watch.update({ maxAge: 60 });
  connection.send({ type: 'error', code: 'invalid', message: 'radius …', subscription });
  await expect(bad).rejects.toMatchObject({ code: 'invalid' });
  expect(await connection.updated()).toEqual({ type: 'update', subscription, maxAge: 60 });
  await good;
});

test('an update that came before there was a connection is taken back when it is refused', async () => {
  const server = await FakeServer.start();
  const watch = clientOf(server).watch(circle);
  const bad = watch.update({ radius: -1 });
  const connection = await server.connection();
  const { subscription, radius } = await connection.next('subscribe');
  expect(radius).toBe(-1);
  connection.send({ type: 'error', code: 'invalid', message: 'radius …', subscription });
  await expect(bad).rejects.toMatchObject({ code: 'invalid' });
  expect(await connection.snapshot([])).toMatchObject(circle);
  await watch.ready;
});

test('a watch goes on from an earlier one', async () => {
  const { watch, nearcast, connection } = await setUp();
  await connection.snapshot([at('a', 1)], { cursor: 'c1' });
  await watch.ready;
  const other = nearcast.watch(circle, { from: watch });
  expect(idsOf(other.drivers)).toEqual(['a']);
  expect(await connection.snapshot([], { resumed: true, unchanged: ['a'] })).toMatchObject({ cursor: 'c1' });
  await other.ready;
  expect(other.drivers.get('a')).toEqual(at('a', 1));
});

test('a refused update is taken back, and told', async () => {
  const { watch, told, lose, connection } = await setUp();
  await connection.snapshot([]);
  await watch.ready;
  const refused = watch.update({ radius: -1 });
  await connection.next('update');
  const ping = await connection.next('ping');
  connection.send({ type: 'error', code: 'invalid', message: 'radius …', field: 'radius', subscription: 'w1' });
  connection.send({ type: 'pong', id: ping.id, serverTime: 1 });
  await expect(refused).rejects.toMatchObject({ code: 'invalid', errors: [{ field: 'radius' }] });
  expect(told.error).toMatchObject([{ code: 'invalid' }]);
  expect(watch.state).toBe('live');
  const again = await lose(connection);
  expect(await again.next('subscribe')).toMatchObject({ radius: 1000, cursor: 'c' });
});

test('an update of which nothing was heard before the connection was lost is part of the next subscription', async () => {
  const { watch, told, lose, connection } = await setUp();
  await connection.snapshot([at('a', 1)], { cursor: 'c1' });
  await watch.ready;
  const taken = watch.update({ radius: 10 });
  await connection.next('update');
  const again = await lose(connection);
  const asked = await again.snapshot([]);
  expect(asked).toMatchObject({ radius: 10 });
  // The cursor was given for another area.
  expect(asked.cursor).toBeUndefined();
  await taken;
  expect(told.exit).toMatchObject([{ driverId: 'a' }]);
});

test('an update that is refused when it comes with the subscription is taken back as well', async () => {
  const { watch, lose, connection } = await setUp();
  await connection.snapshot([at('a', 1)], { cursor: 'c1' });
  await watch.ready;
  const refused = watch.update({ radius: -1 });
  await connection.next('update');
  const again = await lose(connection);
  await again.next('subscribe');
  again.send({ type: 'error', code: 'invalid', message: 'radius …', subscription: 'w1' });
  await expect(refused).rejects.toMatchObject({ code: 'invalid' });
  expect(await again.next('subscribe')).toMatchObject({ radius: 1000, cursor: 'c1' });
});

test('a subscription that is refused fails its watch alone; one that cannot be taken now is asked for again', async () => {
  const { nearcast, watch, clock, connection } = await setUp();
  const other = nearcast.watch(circle);
  await connection.next('subscribe');
  connection.send({ type: 'error', code: 'limit', message: 'too many', subscription: 'w1' });
  await expect(watch.ready).rejects.toMatchObject({ code: 'limit' });
  expect(watch.state).toBe('failed');
  expect((await connection.next('subscribe')).subscription).toBe('w2');
  connection.send({ type: 'error', code: 'unavailable', message: 'later', subscription: 'w2', retryAfter: 3 });
  const pong = next(nearcast, 'error');
  connection.send({ type: 'error', code: 'internal', message: 'of nothing' });
  expect(await pong).toMatchObject({ code: 'internal' });
  clock.advance(3000);
  await connection.snapshot([]);
  await other.ready;
});

test('of a watch around a driver it is told whether that driver is known', async () => {
  const { watch, connection } = await setUp({}, { around: 'd', radius: 10 });
  const followed = collect(watch, 'followed');
  await connection.snapshot([], { followed: 'unknown' });
  await watch.ready;
  const changes = watch[Symbol.asyncIterator]();
  expect((await changes.next()).value).toMatchObject({ followed: 'unknown', enter: [] });
  connection.changes('w1', { enter: [at('d', 1)], followed: 'here' });
  expect((await changes.next()).value).toMatchObject({ followed: 'here', enter: [{ driverId: 'd' }] });
  connection.changes('w1', { followed: 'offline', exit: [{ driverId: 'd', reason: 'offline' }] });
  await next(watch, 'followed');
  expect(followed).toEqual(['unknown', 'here', 'offline']);
  expect(watch.followed).toBe('offline');
  const still = watch.update(circle);
  await connection.updated();
  await still;
  expect(watch.followed).toBeUndefined();
  const again = watch.update({ around: 'e' });
  await connection.updated({ followed: 'offline' });
  await again;
  expect(followed.at(-1)).toBe('offline');
  expect(followed.length).toBe(4);
});

test('an age is by the server’s clock, however wrong the device’s is', async () => {
  const { nearcast, watch, clock, connection } = await setUp();
  expect(nearcast.serverTime).toBe(clock.time);
  const serverTime = clock.time - 3_600_000;
  await connection.snapshot([], { serverTime });
  await watch.ready;
  expect(nearcast.serverTime).toBe(serverTime);
  clock.advance(2000);
  expect(watch.age(at('a', serverTime))).toBe(2000);
  // A message that was long on its way changes nothing; one that was quicker than the best does.
  const late = next(watch, 'changes');
  connection.changes('w1', {}, { serverTime: serverTime + 500 });
  await late;
  expect(nearcast.serverTime).toBe(serverTime + 2000);
  const quick = next(watch, 'changes');
  connection.changes('w1', {}, { serverTime: serverTime + 2300 });
  await quick;
  expect(nearcast.serverTime).toBe(serverTime + 2300);
});

test('a signal closes a watch', async () => {
  const server = await FakeServer.start();
  const nearcast = clientOf(server);
  const abort = new AbortController();
  const watch = nearcast.watch(circle, { signal: abort.signal });
  await (await server.connection()).snapshot([]);
  await watch.ready;
  abort.abort();
  expect(watch.state).toBe('closed');
  expect(nearcast.state).toBe('idle');
  expect(() => nearcast.watch(circle, { signal: abort.signal })).toThrow();
});

test('a listener may close its watch, and hears nothing more of it', async () => {
  const { watch, told, connection, nearcast } = await setUp();
  watch.on('enter', () => watch.close());
  const changes = collect(watch, 'changes');
  const closed = next(watch, 'state', (state) => state === 'closed');
  await connection.snapshot([at('a', 1), at('b', 1)]);
  await closed;
  expect(told.enter).toEqual([at('a', 1)]);
  expect([told.snapshot, changes]).toEqual([[], []]);
  expect(nearcast.state).toBe('idle');
});
