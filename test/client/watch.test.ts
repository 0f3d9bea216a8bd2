import { expect, test } from 'vitest';
import { startServer, token } from '../support/server.ts';
import { clientOf, collect, idsOf, next, place } from './support.ts';

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
