import { expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { startServer, token } from '../support/server.ts';
import { clientOf, collect, idsOf, ManualClock, next, place } from './support.ts';

const circle = { latitude: 30, longitude: -97, radius: 1000 };

test('a watch holds who is inside, and tells who enters, moves and leaves', async () => {
  const server = await startServer();
  place(server, 'in', 30.001, -97);
  place(server, 'out', 31, -97);
  const watch = clientOf(server).watch(circle);
  const told = (['enter', 'move', 'exit'] as const).map((name) => collect(watch, name));
  await watch.ready;
  expect(watch.state).toBe('live');
  expect(idsOf(watch.drivers)).toEqual(['in']);
  const moved = next(watch, 'move');
  place(server, 'in', 30.002, -97);
  expect(await moved).toMatchObject({ driverId: 'in', latitude: 30.002 });
  expect(watch.drivers.get('in')).toMatchObject({ latitude: 30.002 });
  const entered = next(watch, 'enter');
  place(server, 'out', 30, -97);
  await entered;
  const left = next(watch, 'exit');
  place(server, 'in', 31, -97);
  expect(await left).toEqual({ driverId: 'in', reason: 'left' });
  expect(idsOf(watch.drivers)).toEqual(['out']);
  expect(told.map((events) => events.map(({ driverId }) => driverId))).toEqual([['in', 'out'], ['in'], ['in']]);
});

test('iterating gives the changes from nothing to now, then each', async () => {
  const server = await startServer();
  place(server, 'a', 30, -97);
  const watch = clientOf(server).watch(circle);
  const changes = watch[Symbol.asyncIterator]();
  expect((await changes.next()).value).toMatchObject({
    snapshot: true,
    enter: [{ driverId: 'a' }],
    move: [],
    exit: [],
  });
  place(server, 'a', 30.001, -97);
  expect((await changes.next()).value).toMatchObject({ snapshot: false, enter: [], move: [{ driverId: 'a' }] });
  watch.close();
  expect(await changes.next()).toEqual({ done: true, value: undefined });
});

test('nearby answers, and a watch goes on from the answer with its drivers there at once', async () => {
  const server = await startServer();
  place(server, 'a', 30.001, -97, { attributes: { status: 'free', seats: 4 } });
  place(server, 'b', 30.002, -97, { attributes: { status: 'busy' } });
  const nearcast = clientOf(server);
  const where = { status: ['free', 'off'], seats: 4 };
  const answer = await nearcast.nearby({ ...circle, where });
  expect(answer.drivers).toMatchObject([{ driverId: 'a', distance: 110.9 }]);
  const watch = nearcast.watch(circle, { where, from: answer });
  expect(idsOf(watch.drivers)).toEqual(['a']);
  const entered = collect(watch, 'enter');
  await watch.ready;
  expect(idsOf(watch.drivers)).toEqual(['a']);
  expect(entered).toEqual([]);
});

test('a problem is thrown with its code, status and fields', async () => {
  const server = await startServer();
  const failed = await clientOf(server)
    .nearby({ latitude: 91, longitude: 0 })
    .catch((error) => error);
  expect(failed).toMatchObject({
    name: 'NearcastError',
    code: 'invalid',
    status: 400,
    errors: [{ field: 'latitude', message: 'must be between -90 and 90' }],
  });
  const refused = clientOf(server, { token: token({ scope: 'positions:write' }) }).nearby({
    latitude: 1,
    longitude: 0,
  });
  await expect(refused).rejects.toMatchObject({ code: 'forbidden', status: 403 });
});

test('a watch of which only the area or a filter changes goes on with the difference', async () => {
  const server = await startServer();
  place(server, 'near', 30.001, -97, { attributes: { status: 'busy' } });
  place(server, 'far', 30.02, -97, { attributes: { status: 'free' } });
  const watch = clientOf(server).watch(circle);
  await watch.ready;
  expect(idsOf(watch.drivers)).toEqual(['near']);
  const wider = next(watch, 'enter');
  await watch.update({ radius: 5000 });
  expect(await wider).toMatchObject({ driverId: 'far' });
  const filtered = next(watch, 'exit');
  await watch.update({ where: { status: 'free' } });
  expect(await filtered).toEqual({ driverId: 'near', reason: 'filtered' });
  const back = next(watch, 'enter');
  await watch.update({ where: null });
  expect(await back).toMatchObject({ driverId: 'near' });
  await expect(watch.update({ radius: -1 })).rejects.toMatchObject({ code: 'invalid', errors: [{ field: 'radius' }] });
  expect(watch.state).toBe('live');
});

test('two watches and a track of one client do not disturb each other', async () => {
  const server = await startServer();
  const nearcast = clientOf(server);
  const here = nearcast.watch(circle);
  const there = nearcast.watch({ ...circle, latitude: 40 });
  const track = nearcast.track({ driverId: 'd' });
  await Promise.all([here.ready, there.ready]);
  const [leaves, comes] = [next(here, 'exit'), next(there, 'enter')];
  const enters = next(here, 'enter');
  track.send({ latitude: 30, longitude: -97, timestamp: 1 });
  await enters;
  track.send({ latitude: 40, longitude: -97, timestamp: 2 });
  expect(await leaves).toEqual({ driverId: 'd', reason: 'left' });
  expect(await comes).toMatchObject({ driverId: 'd', latitude: 40 });
  here.close();
  await track.flush();
  const moves = next(there, 'move');
  track.send({ latitude: 40.001, longitude: -97, timestamp: 3 });
  await moves;
  expect(idsOf(here.drivers)).toEqual([]);
});

test('a token is renewed before it ends, and a refused one replaced', async () => {
  const server = await startServer();
  place(server, 'a', 30, -97);
  const clock = new ManualClock();
  clock.time = Date.now();
  const tokens = [`${token()}x`, token({ ttlSeconds: 600 }), token({ ttlSeconds: 1200 })];
  const given: string[] = [];
  const nearcast = clientOf(server, {
    clock,
    token: () => {
      given.push(tokens[given.length]);
      return given[given.length - 1];
    },
  });
  const errors = collect(nearcast, 'error');
  const watch = nearcast.watch(circle);
  await watch.ready;
  expect(given).toEqual(tokens.slice(0, 2));
  expect(errors).toMatchObject([{ code: 'unauthorized' }]);
  expect(clock.waits.some((wait) => wait > 560_000 && wait <= 570_000)).toBe(true);
  clock.time += 570_000;
  clock.advance(0);
  expect(given).toEqual(tokens);
  const moved = next(watch, 'move');
  place(server, 'a', 30.001, -97);
  await moved;
  // The server told it when the new one ends.
  expect(nearcast.state).toBe('open');
  const track = nearcast.track({ driverId: 'a' });
  track.send({ latitude: 30, longitude: -97 });
  await track.flush();
  expect(clock.waits.some((wait) => wait > 500_000)).toBe(true);
});

test('a token that may not watch fails the watch', async () => {
  const server = await startServer();
  const nearcast = clientOf(server, { token: token({ scope: 'positions:write:any' }) });
  const watch = nearcast.watch(circle);
  await expect(watch.ready).rejects.toMatchObject({ code: 'forbidden' });
  await expect(watch[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'forbidden' });
  const writer = clientOf(server, { token: token({ scope: 'positions:read' }) }).track({ driverId: 'd' });
  writer.send({ latitude: 1, longitude: 2 });
  await expect(writer.flush()).rejects.toMatchObject({ code: 'forbidden' });
  expect(writer.pending).toBe(1);
});

test('the package ws serves as well as the platform’s WebSocket, and a watch can be disposed of', async () => {
  const server = await startServer();
  place(server, 'a', 30, -97);
  const nearcast = clientOf(server, { WebSocket });
  {
    await using watch = nearcast.watch(circle);
    await watch.ready;
    expect(idsOf(watch.drivers)).toEqual(['a']);
  }
  expect(nearcast.state).toBe('idle');
});
