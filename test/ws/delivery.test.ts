import { expect, onTestFinished, test, vi } from 'vitest';
import { circle } from '../support/areas.ts';
import { type Place, trueDistance } from '../support/geodesic.ts';
import { turns } from '../support/pressure.ts';
import { seeded } from '../support/random.ts';
import { startServer } from '../support/server.ts';
import { Traffic } from '../support/traffic.ts';

const area = circle(30, -97, 1000).fields;
const subscribe = (fields: object, subscription = 's') => ({ type: 'subscribe', subscription, ...area, ...fields });
const update = (fields: object) => ({ type: 'update', subscription: 's', ...fields });
const ids = (list: { driverId: string }[] | undefined) => list?.map(({ driverId }) => driverId).sort();

async function setUp() {
  const server = await startServer();
  const put = (driverId: string, lat: number, attributes?: Record<string, string>) =>
    expect(server.tracker.accept('default', { driverId, lat, lng: -97, attributes })).toBe('accepted');
  return { server, put, watcher: await server.connect() };
}

test('[11.4] with maxRate what happens between two messages is merged into the next, and the latest position wins', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
  onTestFinished(() => void vi.useRealTimers());
  const { put, watcher } = await setUp();
  put('moves', 30);
  put('leaves', 30);
  await watcher.ask(subscribe({ maxRate: 0.1 }));
  for (let i = 1; i <= 5; i++) {
    put('moves', 30 + 0.001 * i);
    put('comes', 30 + 0.001 * i);
    put('passes', i % 2 === 0 ? 31 : 30);
    await watcher.settled();
  }
  put('passes', 31);
  put('leaves', 31);
  await watcher.settled();
  expect(watcher.heard).toEqual([]);
  vi.advanceTimersByTime(9_900);
  await watcher.settled();
  expect(watcher.heard).toEqual([]);
  vi.advanceTimersByTime(200);
  const changes = await watcher.next();
  expect(changes).toMatchObject({
    enter: [{ driverId: 'comes', latitude: 30.005 }],
    move: [{ driverId: 'moves', latitude: 30.005 }],
    exit: [{ driverId: 'leaves', reason: 'left' }],
  });
  expect(ids([...changes.enter, ...changes.move])).toEqual(['comes', 'moves']);
  // Nothing has happened since, so when the time has come nothing is told; and then the next at once.
  vi.advanceTimersByTime(60_000);
  await watcher.settled();
  expect(watcher.heard).toEqual([]);
  put('moves', 30.001);
  expect(await watcher.next()).toMatchObject({ move: [{ driverId: 'moves' }] });
});

test('[11.4] neither the answer to an update waits for the pace, nor another subscription of the connection', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
  onTestFinished(() => void vi.useRealTimers());
  const { put, watcher } = await setUp();
  put('a', 30);
  await watcher.ask(subscribe({ maxRate: 0.001 }));
  await watcher.ask(subscribe({}, 'quick'));
  put('a', 30.001);
  expect(await watcher.next()).toMatchObject({ subscription: 'quick', move: [{ driverId: 'a' }] });
  await watcher.settled();
  expect(watcher.heard).toEqual([]);
  // It tells what waited, too.
  expect(await watcher.ask(update({ radius: 2000 }))).toMatchObject({ subscription: 's', move: [{ driverId: 'a' }] });
  put('a', 30.002);
  expect(await watcher.next()).toMatchObject({ subscription: 'quick' });
  expect(await watcher.ask(update({ maxRate: null }))).toMatchObject({ subscription: 's', move: [{ driverId: 'a' }] });
  put('a', 30.003);
  await watcher.settled();
  expect(watcher.contradictions).toEqual([]);
  expect(watcher.belief('s').drivers.get('a').latitude).toBe(30.003);
});

test('[11.4, 11.1] at most so many messages a second, and they add up to brute force', async () => {
  const random = seeded('paced');
  const server = await startServer();
  const traffic = new Traffic(server, random, 100, [30, -97]);
  const watched = circle(30, -97, 3_000);
  const watcher = await server.connect();
  await watcher.ask({ type: 'subscribe', subscription: 's', ...watched.fields, maxRate: 20 });
  const start = performance.now();
  while (performance.now() - start < 500) {
    traffic.move(5);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  await vi.waitUntil(() => traffic.isBelieved(watcher.belief('s'), watched));
  const seconds = (performance.now() - start) / 1000;
  const messages = watcher.heard.filter(({ type }) => type === 'changes');
  expect(messages.length).toBeLessThanOrEqual(20 * seconds + 1);
  expect(messages.length).toBeGreaterThan(3);
  expect(watcher.contradictions).toEqual([]);
});

test('[11.5] a driver is told of again only that far from where it was told to be, or with other attributes', async () => {
  const { put, watcher } = await setUp();
  put('a', 30, { status: 'free' });
  await watcher.ask(subscribe({ minDisplacement: 50 }));
  // 11 m each: none is far from the last, the fifth is from what was told.
  for (let i = 1; i <= 4; i++) put('a', 30 + i * 1e-4);
  await watcher.settled();
  expect(watcher.heard).toEqual([]);
  put('a', 30 + 5e-4);
  expect(await watcher.next()).toMatchObject({ move: [{ driverId: 'a', latitude: 30 + 5e-4 }] });
  put('a', 30 + 6e-4, { status: 'busy' });
  expect(await watcher.next()).toMatchObject({ move: [{ driverId: 'a', attributes: { status: 'busy' } }] });
  put('a', 30 + 7e-4, { status: 'busy' });
  put('b', 30);
  expect((await watcher.next()).move).toBeUndefined();
  // Another name for the same: less to be withheld makes news of what was.
  expect(await watcher.ask(update({ minDisplacement: 10 }))).toMatchObject({ move: [{ latitude: 30 + 7e-4 }] });
  put('a', 30 + 7.5e-4);
  put('a', 31);
  expect(await watcher.next()).toMatchObject({ exit: [{ driverId: 'a', reason: 'left' }] });
  put('b', 30 + 0.5e-4);
  expect(await watcher.ask(update({ minDisplacement: null }))).toMatchObject({ move: [{ driverId: 'b' }] });
  put('b', 30 + 0.6e-4);
  expect(await watcher.next()).toMatchObject({ move: [{ driverId: 'b' }] });
});

test('[11.5] what a client believes of a place is never further off than minDisplacement, through updates of it', async () => {
  const random = seeded('displacement');
  const server = await startServer();
  const traffic = new Traffic(server, random, 60, [30, -97]);
  const watched = circle(30, -97, 3_000);
  const watcher = await server.connect();
  let least = 200;
  await watcher.ask({ type: 'subscribe', subscription: 's', ...watched.fields, minDisplacement: least });
  let off = 0;
  for (let round = 0; round < 60; round++) {
    for (let i = 0; i < 5; i++) {
      traffic.move(10);
      await turns();
    }
    if (random.below(6) === 0) {
      least = random.pick([0, 20, 200, 500]);
      watcher.send(update({ minDisplacement: least === 0 ? null : least }));
    }
    await watcher.settled();
    expect(watcher.inside('s')).toEqual(traffic.inside(watched));
    for (const [id, { latitude, longitude }] of watcher.belief('s').drivers) {
      const far = trueDistance(latitude, longitude, ...(traffic.places.get(id) as Place));
      expect(far).toBeLessThan(Math.max(least, 1e-6));
      if (far > 0) off++;
    }
  }
  expect(watcher.contradictions).toEqual([]);
  expect(off).toBeGreaterThan(10);
});

test('[5.2, 4.2] subscribing again under a name in use: nothing of the old question comes after the new snapshot', async () => {
  const random = seeded('again');
  const server = await startServer();
  const traffic = new Traffic(server, random, 100, [30, -97]);
  const watcher = await server.connect();
  const areas = [circle(30, -97, 2_000), circle(30.02, -97, 2_000), circle(29.98, -97.02, 4_000)];
  for (let round = 0; round < 100; round++) {
    const { fields } = areas[round % 3];
    watcher.send({ type: 'subscribe', subscription: 's', ...fields, ...(round % 2 === 0 && { maxRate: 1 }) });
    traffic.move(20);
    if (round % 5 === 0) await turns();
  }
  watcher.send({ type: 'subscribe', subscription: 's', ...areas[0].fields });
  traffic.move(20);
  await watcher.settled();
  await watcher.settled();
  expect(watcher.contradictions).toEqual([]);
  expect(traffic.isBelieved(watcher.belief('s'), areas[0])).toBe(true);
});
