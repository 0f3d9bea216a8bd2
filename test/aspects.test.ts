import { cellToLatLng, latLngToCell } from 'h3-js';
import { expect, test } from 'vitest';
import { Circle } from '../src/geo/circle.ts';
import { EVERYWHERE } from '../src/geo/everywhere.ts';
import { encodePosition } from '../src/protocol/position.ts';
import type { Sight } from '../src/sight.ts';
import { Tracker } from '../src/tracker.ts';
import { trueDistance } from './support/geodesic.ts';
import { seeded } from './support/random.ts';

const writer = { full: false, write() {}, writeLate() {}, remove() {}, whenStored() {} };
const MINUTE = 60_000;

function makeTracker(): { tracker: Tracker; clock: { now: number } } {
  const clock = { now: 1_700_000_000_000 };
  const tracker = new Tracker({
    writer,
    now: () => clock.now,
    instance: 'i',
    encode: encodePosition,
    ttlSeconds: 3600,
    maxFutureSeconds: 0,
  });
  return { tracker, clock };
}

/** The fleets that the tracker keeps, whole ones and what is seen of them. */
const kept = (tracker: Tracker) => [...tracker.aspects()].length;

test('an aspect is made when it is asked for, and ends when nobody has asked for ten minutes', () => {
  const { tracker, clock } = makeTracker();
  tracker.accept('f', { driverId: 'd', lat: 1, lng: 2 });
  expect(kept(tracker)).toBe(1);
  const coarse: Sight = { fleet: 'f', precision: 5 };
  const one: Sight = { fleet: 'f', driverId: 'd' };
  const coarseOne: Sight = { fleet: 'f', driverId: 'd', precision: 5 };
  for (const sight of [coarse, one, coarseOne]) expect(tracker.driver(sight, 'd')).toBeDefined();
  expect(kept(tracker)).toBe(4);
  clock.now += 6 * MINUTE;
  tracker.driver(one, 'd');
  clock.now += 6 * MINUTE;
  tracker.expire();
  expect(kept(tracker)).toBe(2);
  // What is left goes on to be told, and what has ended begins anew.
  tracker.accept('f', { driverId: 'd', lat: 3, lng: 4 });
  expect(tracker.driver(one, 'd')?.position).toMatchObject({ lat: 3, lng: 4 });
  expect(tracker.driver(coarseOne, 'd')?.position.lat).toBeCloseTo(3, 0);
});

test('who comes, moves and goes while an aspect is made in steps is in it as it is at the end', () => {
  const { tracker } = makeTracker();
  const sight: Sight = { fleet: 'f', precision: 6 };
  const place = (i: number, lat: number) => tracker.accept('f', { driverId: `d${i}`, lat, lng: 2 });
  for (let i = 0; i < 3_000; i++) place(i, 1);
  let steps = 0;
  for (const _ of tracker.prepare(sight) ?? []) {
    if (++steps > 2) continue;
    for (const i of [0, 2_999]) place(i, 10 + steps);
    place(3_000 + steps, 20);
    for (const i of [steps, 2_990 + steps]) tracker.goOffDuty('f', `d${i}`, () => {});
  }
  expect(steps).toBeGreaterThan(2);
  expect(tracker.prepare(sight)).toBeUndefined();
  const all = (one: Sight) => {
    const drivers = new Map<string, string>();
    for (let after: string | undefined; ; ) {
      const page = tracker.within(one, EVERYWHERE, {}, 1000, after);
      for (const { id, position } of page?.drivers ?? []) {
        drivers.set(id, latLngToCell(position.lat, position.lng, 6));
      }
      after = page?.next;
      if (after === undefined) return drivers;
    }
  };
  expect(all(sight)).toEqual(all({ fleet: 'f' }));
  expect(all(sight).size).toBe(2_998);
});

test('an aspect that is watched does not end, however long nobody else asks', () => {
  const { tracker, clock } = makeTracker();
  let woken = 0;
  const recipient = { wake: () => woken++ };
  const subscription = tracker.subscribe({ fleet: 'f', precision: 5 }, 's', recipient, { area: EVERYWHERE });
  subscription.takeSnapshot();
  for (let i = 0; i < 5; i++) {
    clock.now += 11 * MINUTE;
    tracker.expire();
  }
  woken = 0;
  tracker.accept('f', { driverId: 'd', lat: 1, lng: 2 });
  expect(woken).toBe(1);
  tracker.unsubscribe(subscription);
  clock.now += 11 * MINUTE;
  tracker.expire();
  expect(kept(tracker)).toBe(1);
});

test('a driver that an aspect shows alone is the only one that it is told of', () => {
  const { tracker } = makeTracker();
  const sight: Sight = { fleet: 'f', driverId: 'one' };
  for (const driverId of ['one', 'two']) tracker.accept('f', { driverId, lat: 1, lng: 2 });
  expect(tracker.nearby(sight, new Circle(1, 2, 10), 10).drivers.map(({ id }) => id)).toEqual(['one']);
  expect(tracker.driver(sight, 'two')).toBeUndefined();
  tracker.accept('f', { driverId: 'two', lat: 1, lng: 2.000_01 });
  tracker.accept('f', { driverId: 'three', lat: 1, lng: 2 });
  expect(tracker.within(sight, EVERYWHERE, {}, 10)?.drivers.map(({ id }) => id)).toEqual(['one']);
  tracker.goOffDuty('f', 'one', () => {});
  expect(tracker.driver(sight, 'one')).toBeUndefined();
});

test('the nearest within bounds are those of brute force, wherever the question and the bounds lie', () => {
  const random = seeded('bounds');
  const { tracker } = makeTracker();
  const drivers = Array.from({ length: 400 }, (_, i) => ({
    driverId: `d${i}`,
    lat: 50 + 0.05 * random.normal(),
    lng: 8 + 0.05 * random.normal(),
  }));
  for (const driver of drivers) tracker.accept('f', driver);
  let found = 0;
  for (let i = 0; i < 300; i++) {
    const [lat, lng] = [50 + 0.1 * random.normal(), 8 + 0.1 * random.normal()];
    const radius = random.pick([500, 5_000, 30_000]);
    const limit = 1 + random.below(30);
    const area = {
      lat: 50 + 0.05 * random.normal(),
      lng: 8 + 0.05 * random.normal(),
      radius: random.pick([50, 2_000, 9_000]),
    };
    const precision = random.pick([undefined, undefined, 8]);
    const sight: Sight = { fleet: 'f', precision, bounds: new Circle(area.lat, area.lng, area.radius) };
    const truth = drivers
      .map(({ driverId, lat, lng }) => {
        const seen = precision === undefined ? [lat, lng] : cellToLatLng(latLngToCell(lat, lng, precision));
        return { driverId, lat: seen[0], lng: seen[1] };
      })
      .filter((driver) => trueDistance(area.lat, area.lng, driver.lat, driver.lng) <= area.radius)
      .map(({ driverId, ...at }) => ({ driverId, ...at, distance: trueDistance(lat, lng, at.lat, at.lng) }))
      .filter(({ distance }) => distance <= radius)
      .sort((a, b) => a.distance - b.distance || (a.driverId < b.driverId ? -1 : 1));
    const answer = tracker.nearby(sight, new Circle(lat, lng, radius), limit);
    expect(answer.truncated).toBe(truth.length > limit);
    expect(answer.drivers).toHaveLength(Math.min(limit, truth.length));
    answer.drivers.forEach(({ id, position }, place) => {
      expect(answer.distances[place]).toBeCloseTo(truth[place].distance, 5);
      const own = truth.find(({ driverId }) => driverId === id);
      expect(own).toMatchObject({ lat: position.lat, lng: position.lng });
      expect(tracker.driver(sight, id)).toBeDefined();
    });
    // Those at the same place are in the order of their ids by code unit, as all of these are ASCII.
    expect(answer.drivers.map(({ id }) => id)).toEqual(truth.slice(0, limit).map(({ driverId }) => driverId));
    const outside = drivers.find(({ driverId }) => !truth.some((one) => one.driverId === driverId));
    if (outside !== undefined && trueDistance(area.lat, area.lng, outside.lat, outside.lng) > area.radius + 2_000) {
      expect(tracker.driver(sight, outside.driverId)).toBeUndefined();
    }
    found += answer.drivers.length;
  }
  expect(found).toBeGreaterThan(300);
});

test('a turn in which many are forgotten is as long as what all who watch are told, whatever they see', () => {
  const { tracker, clock } = makeTracker();
  for (let i = 0; i < 400; i++) tracker.accept('f', { driverId: `d${i}`, lat: 1, lng: 2 });
  const subscriptions = Array.from({ length: 100 }, () => {
    const recipient = { wake() {} };
    const subscription = tracker.subscribe({ fleet: 'f', precision: 5 }, 's', recipient, { area: EVERYWHERE });
    subscription.takeSnapshot();
    return subscription;
  });
  clock.now += 61 * MINUTE;
  let turns = 1;
  for (let left = 400; tracker.expire(); turns++) {
    const { size } = subscriptions[0].inside;
    // 20,000 exits, and those of the last driver.
    expect((left - size) * 100).toBeLessThanOrEqual(20_200);
    left = size;
  }
  expect(turns).toBeGreaterThan(1);
  expect(subscriptions[0].inside.size).toBe(0);
});
