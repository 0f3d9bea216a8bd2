import { expect, test } from 'vitest';
import type { Area, Patch, Position } from '../../src/client/index.ts';
import { type AskedArea, areasIn, box, circle, everywhere, frame, around as goingAround } from '../support/areas.ts';
import { Network } from '../support/network.ts';
import { seeded } from '../support/random.ts';
import { startServer } from '../support/server.ts';
import { Traffic } from '../support/traffic.ts';
import { clientOf, collect, idsOf, next, place, untilTrue } from './support.ts';

const CENTRE: [number, number] = [30, -97];
const HERE = { latitude: 30, longitude: -97, radius: 1000 };

const ids = (list: readonly { readonly driverId: string }[]) => list.map(({ driverId }) => driverId).sort();

test('areas of every kind are watched, and resumed after a cut with nothing missed and nothing told twice', async () => {
  const random = seeded('areas through a cut');
  const server = await startServer();
  const traffic = new Traffic(server, random, 300, CENTRE);
  const network = await Network.to(server.port);
  const nearcast = clientOf(network);
  const all = areasIn(CENTRE, 'd0').map((area) => {
    const watch = nearcast.watch(area.fields as Area);
    const told = (['enter', 'move', 'exit'] as const).map((name) => collect(watch, name));
    return { area, watch, told, snapshots: collect(watch, 'snapshot') };
  });
  await Promise.all(all.map(({ watch }) => watch.ready));
  for (let round = 0; round < 5; round++) {
    traffic.move(100);
    for (const { watch, area } of all) await untilTrue(watch, traffic, area);
    const before = all.map(({ watch }) => new Map(watch.drivers));
    for (const { told, snapshots } of all) for (const list of [...told, snapshots]) list.length = 0;
    const lost = next(nearcast, 'state', (state) => state === 'waiting');
    network.cut();
    await lost;
    const resumed = all.map(({ watch }) => next(watch, 'snapshot'));
    traffic.move(100);
    expect(await Promise.all(resumed)).toEqual(all.map(() => ({ resumed: true })));
    for (const [index, { area, watch, told }] of all.entries()) {
      await untilTrue(watch, traffic, area);
      const [was, is] = [before[index], watch.drivers];
      const [entered, moved, left] = told;
      expect(ids(entered)).toEqual(ids([...is.values()].filter(({ driverId }) => !was.has(driverId))));
      expect(ids(left)).toEqual(ids([...was.values()].filter(({ driverId }) => !is.has(driverId))));
      const isNew = (one: Position) => was.has(one.driverId) && was.get(one.driverId)?.timestamp !== one.timestamp;
      expect(ids(moved)).toEqual(ids([...is.values()].filter(isNew)));
      expect(left.every((exit) => 'reason' in exit && exit.reason === 'unknown')).toBe(true);
    }
  }
});

test('from an answer of nearby only what differs is told; an answer that was cut is no moment to go on from', async () => {
  const server = await startServer();
  for (const [index, id] of ['stays', 'moves', 'leaves', 'comes'].entries()) {
    place(server, id, id === 'comes' ? 31 : 30 + index / 10_000, -97, { timestamp: 1 });
  }
  const nearcast = clientOf(server);
  const [whole, cut] = await Promise.all([nearcast.nearby(HERE), nearcast.nearby({ ...HERE, limit: 2 })]);
  expect([ids(whole.drivers), cut.truncated]).toEqual([['leaves', 'moves', 'stays'], true]);
  place(server, 'moves', 30.001, -97);
  place(server, 'leaves', 31, -97);
  place(server, 'comes', 30, -97);
  for (const [from, resumed] of [
    [whole, true],
    [cut, false],
  ] as const) {
    const watch = nearcast.watch(HERE, { from });
    expect(idsOf(watch.drivers)).toEqual(ids(from.drivers));
    const [entered, moved, left] = (['enter', 'move', 'exit'] as const).map((name) => collect(watch, name));
    const snapshot = next(watch, 'snapshot');
    await watch.ready;
    expect(await snapshot).toEqual({ resumed });
    expect(idsOf(watch.drivers)).toEqual(['comes', 'moves', 'stays']);
    expect([entered, moved, left].map(ids)).toEqual([['comes'], ['moves'], resumed ? ['leaves'] : []]);
  }
});

test('a watch around a driver is told when that driver grows stale, comes back, goes off duty, and was never heard of', async () => {
  let now = Date.now();
  const server = await startServer({ now: () => now, env: { DRIVER_TTL_SECONDS: '60' } });
  place(server, 'near', 30, -97);
  const nearcast = clientOf(server);
  const watch = nearcast.watch({ around: 'taxi', radius: 500 });
  const told = collect(watch, 'followed');
  await watch.ready;
  expect([watch.followed, idsOf(watch.drivers)]).toEqual(['unknown', []]);
  const step = async (action: () => void, inside: string[]) => {
    const followed = next(watch, 'followed');
    action();
    await followed;
    if (String(idsOf(watch.drivers)) !== String(inside)) await next(watch, 'changes');
    expect(idsOf(watch.drivers)).toEqual(inside);
  };
  await step(() => place(server, 'taxi', 30.001, -97), ['near', 'taxi']);
  now += 50_000;
  place(server, 'near', 30, -97);
  now += 20_000;
  await step(() => server.tracker.expire(), []);
  await step(() => place(server, 'taxi', 30.001, -97), ['near', 'taxi']);
  const track = nearcast.track({ driverId: 'taxi' });
  const exits = collect(watch, 'exit');
  const gone = step(() => {}, []);
  await track.offDuty();
  await gone;
  expect(exits).toContainEqual({ driverId: 'taxi', reason: 'offline' });
  track.send({ latitude: 30.001, longitude: -97 });
  await step(() => {}, ['near', 'taxi']);
  expect(told).toEqual(['unknown', 'here', 'stale', 'here', 'offline', 'here']);
  await expect(nearcast.track({ driverId: 'nobody' }).offDuty()).rejects.toMatchObject({ code: 'not_found' });
});

test('updates change the area to any kind and back, and by null to the whole fleet', async () => {
  const random = seeded('updates of every kind');
  const server = await startServer();
  const traffic = new Traffic(server, random, 200, CENTRE);
  const watch = clientOf(server).watch({ latitude: 30, longitude: -97, radius: 3000 });
  await watch.ready;
  const bbox = [-97.02, 29.98, -96.97, 30.01] as const;
  const polygon = frame(...CENTRE, 0.03).fields.polygon as Patch['polygon'];
  const steps: [Patch, AskedArea][] = [
    [{ radius: 2000 }, circle(30, -97, 2000)],
    [{ latitude: 30.01 }, circle(30.01, -97, 2000)],
    [{ around: 'd7' }, goingAround('d7', 2000)],
    [{ radius: 4000 }, goingAround('d7', 4000)],
    [{ around: 'd8' }, goingAround('d8', 4000)],
    [{ latitude: 30, longitude: -97.01 }, circle(30, -97.01, 4000)],
    [{ bbox }, box(...bbox)],
    [{ polygon }, frame(...CENTRE, 0.03)],
    [{ polygon: null }, everywhere],
    [{ around: 'd9', radius: 1000 }, goingAround('d9', 1000)],
    [{ around: null, radius: null }, everywhere],
    [{ bbox }, box(...bbox)],
    [{ bbox: null, latitude: 30, longitude: -97, radius: 500 }, circle(30, -97, 500)],
  ];
  for (const [patch, area] of steps) {
    await watch.update(patch);
    // Its difference is there by now: nothing moves.
    expect(idsOf(watch.drivers)).toEqual(traffic.inside(area));
    const isFollowed = 'around' in area.fields;
    expect(watch.followed).toBe(isFollowed ? 'here' : undefined);
    traffic.move(50);
    await untilTrue(watch, traffic, area);
  }
  for (const patch of [{ bbox: [0, 1, 2, 0] as const }, { radius: -1 }, { latitude: 91 }, { around: '' }]) {
    await expect(watch.update(patch)).rejects.toMatchObject({ code: 'invalid' });
  }
  await untilTrue(watch, traffic, circle(30, -97, 500));
});

test('filters hold, change by update, and go with null', async () => {
  let now = Date.now();
  const server = await startServer({ now: () => now });
  const nearcast = clientOf(server);
  place(server, 'free', 30, -97, { attributes: { status: 'free', seats: 4 }, timestamp: now });
  place(server, 'busy', 30, -97, { attributes: { status: 'busy', seats: 4 }, timestamp: now });
  place(server, 'old', 30, -97, { attributes: { status: 'free', seats: 4 }, timestamp: now - 100_000 });
  const watch = nearcast.watch(HERE, { where: { status: ['free', 'off'], seats: '4' }, maxAge: 60 });
  const exits = collect(watch, 'exit');
  await watch.ready;
  expect(idsOf(watch.drivers)).toEqual(['free']);
  await watch.update({ maxAge: null });
  expect(idsOf(watch.drivers)).toEqual(['free', 'old']);
  await watch.update({ where: null });
  expect(idsOf(watch.drivers)).toEqual(['busy', 'free', 'old']);
  await watch.update({ where: { status: 'busy' }, maxAge: 60 });
  expect(idsOf(watch.drivers)).toEqual(['busy']);
  expect(exits).toContainEqual({ driverId: 'free', reason: 'filtered' });
  const stale = next(watch, 'exit');
  now += 61_000;
  server.tracker.expire();
  expect(await stale).toEqual({ driverId: 'busy', reason: 'stale' });
});

test('moves shorter than minDisplacement, and what comes quicker than maxRate, wait', async () => {
  const server = await startServer();
  place(server, 'a', 30, -97);
  const nearcast = clientOf(server);
  const coarse = nearcast.watch(HERE, { minDisplacement: 200 });
  const slow = nearcast.watch(HERE, { maxRate: 0.001 });
  const [moves, messages] = [collect(coarse, 'move'), collect(slow, 'changes')];
  await Promise.all([coarse.ready, slow.ready]);
  const moved = next(coarse, 'move');
  place(server, 'a', 30.001, -97);
  await new Promise(setImmediate);
  place(server, 'a', 30.003, -97);
  expect(await moved).toMatchObject({ latitude: 30.003 });
  place(server, 'a', 30.004, -97);
  await coarse.update({ minDisplacement: null });
  expect(moves.map(({ latitude }) => latitude)).toEqual([30.003, 30.004]);
  expect(messages.length).toBe(1);
  await slow.update({ maxRate: null });
  expect(slow.drivers.get('a')?.latitude).toBe(30.004);
  expect(messages.length).toBe(2);
});

test('many watches that are refused do not disturb one that is not', async () => {
  const server = await startServer();
  const nearcast = clientOf(server);
  const good = nearcast.watch(HERE);
  const bad = Array.from({ length: 30 }, () => nearcast.watch({ ...HERE, radius: -1 }));
  await good.ready;
  for (const { ready } of bad) await expect(ready).rejects.toMatchObject({ code: 'invalid' });
  const entered = next(good, 'enter');
  place(server, 'a', 30, -97);
  await entered;
  expect([good.state, nearcast.state]).toEqual(['live', 'open']);
});
