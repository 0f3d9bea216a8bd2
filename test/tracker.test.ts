import { expect, test } from 'vitest';
import type { Fix } from '../src/fix.ts';
import { Circle } from '../src/geo/circle.ts';
import { EVERYWHERE } from '../src/geo/everywhere.ts';
import { Polygon } from '../src/geo/polygon.ts';
import type { CellPage } from '../src/pages.ts';
import { encodePosition } from '../src/protocol/position.ts';
import { GroupCommit, type OnStored } from '../src/store/group-commit.ts';
import { MemoryStore } from '../src/store/memory.ts';
import { type DriverKey, type Entry, type StoredFix, StoreRejected } from '../src/store/store.ts';
import { Tracker, type Within } from '../src/tracker.ts';
import { seeded } from './support/random.ts';

function setUp({ full = false } = {}) {
  const clock = { now: 1_000_000 };
  const written: StoredFix[] = [];
  const late: StoredFix[] = [];
  const removed: (DriverKey & { at: number })[] = [];
  const waiting: OnStored[] = [];
  const writer = {
    full,
    write: (fix: StoredFix) => written.push(fix),
    writeLate: (fix: StoredFix) => late.push(fix),
    remove(driver: DriverKey, at: number, onStored?: OnStored) {
      removed.push({ ...driver, at });
      if (onStored !== undefined) waiting.push(onStored);
    },
    whenStored: (onStored: OnStored) => void waiting.push(onStored),
  };
  const tracker = new Tracker({
    writer,
    now: () => clock.now,
    instance: 'i',
    encode: encodePosition,
    ttlSeconds: 300,
    maxFutureSeconds: 30,
  });
  return { clock, written, late, removed, waiting, writer, tracker };
}

const fix = (driverId: string, timestamp: number, lat = 0, lng = 0, more: Partial<Fix> = {}): Fix => ({
  driverId,
  lat,
  lng,
  timestamp,
  ...more,
});

test('the newest timestamp wins, whatever the order of arrival; a late fix is for history alone, a duplicate for nothing', () => {
  const { tracker, written, late } = setUp();
  expect(tracker.accept('f', fix('a', 900_000, 1, 1))).toBe('accepted');
  expect(tracker.accept('f', fix('a', 900_000, 2, 2))).toBe('duplicate');
  expect(tracker.accept('f', fix('a', 899_999, 3, 3))).toBe('late');
  expect(tracker.accept('f', fix('a', 900_001, 4, 4))).toBe('accepted');
  expect(tracker.driver({ fleet: 'f' }, 'a')?.position.lat).toBe(4);
  expect(written.map(({ timestamp }) => timestamp)).toEqual([900_000, 900_001]);
  expect(late).toMatchObject([{ fleet: 'f', driverId: 'a', timestamp: 899_999, lat: 3, receivedAt: 1_000_000 }]);
});

test('a late fix without attributes has those of the position, as an accepted one has', () => {
  const { tracker, late } = setUp();
  tracker.accept('f', fix('a', 900_000, 1, 1, { attributes: { status: 'busy' } }));
  tracker.accept('f', fix('a', 800_000));
  tracker.accept('f', fix('a', 700_000, 1, 1, { attributes: {} }));
  expect(late.map(({ attributes }) => attributes)).toEqual([{ status: 'busy' }, {}]);
});

test('a fix that the store rejected is no duplicate when it is sent again, unless a newer one came', () => {
  const { tracker, written } = setUp();
  tracker.accept('f', fix('a', 900_000));
  tracker.reject(written[0], new StoreRejected('no'));
  expect(tracker.accept('f', fix('a', 900_000))).toBe('accepted');
  expect(tracker.accept('f', fix('a', 900_000))).toBe('duplicate');
  tracker.accept('f', fix('a', 900_001));
  tracker.reject(written[1], new StoreRejected('no'));
  expect(tracker.accept('f', fix('a', 900_001))).toBe('duplicate');
  expect(tracker.accept('f', fix('a', 900_000))).toBe('late');
  tracker.reject({ ...written[0], driverId: 'nobody' }, new StoreRejected('no'));
});

test('a duplicate of a fix that still waits is stored with it, or is not if the store rejects it', async () => {
  const poison = 666;
  const store = {
    async write(entries: readonly Entry[]) {
      if (entries.some((it) => it.kind !== 'removal' && it.fix.lat === poison)) throw new StoreRejected('no');
    },
  };
  const writer: GroupCommit = new GroupCommit({
    store,
    onRejected: (entry, error) => {
      if (entry.kind === 'position') tracker.reject(entry.fix, error);
    },
  });
  const tracker = new Tracker({
    writer,
    now: () => 1_000_000,
    instance: 'i',
    encode: encodePosition,
    ttlSeconds: 300,
    maxFutureSeconds: 30,
  });
  const heard: string[] = [];
  const hear = (name: string) => (error?: Error) => void heard.push(`${name} ${error?.name ?? 'stored'}`);
  const drained = () => writer.drain(1_000);
  tracker.accept('f', fix('a', 1, poison), hear('first'));
  expect(tracker.accept('f', fix('a', 1, poison), hear('again'))).toBe('duplicate');
  tracker.accept('f', fix('b', 1), hear('good'));
  expect(tracker.accept('f', fix('b', 1), hear('good again'))).toBe('duplicate');
  // Newer than the one at fault, so that the driver is elsewhere when that is known.
  tracker.accept('f', fix('a', 2), hear('next'));
  await drained();
  expect(heard.splice(0)).toEqual([
    'first StoreRejected',
    'again StoreRejected',
    'good stored',
    'good again stored',
    'next stored',
  ]);

  // Nothing of it sticks.
  tracker.goOffDuty('f', 'a', () => {});
  tracker.accept('f', fix('a', 1), hear('mended'));
  expect(tracker.accept('f', fix('a', 1), hear('mended again'))).toBe('duplicate');
  await drained();
  expect(heard).toEqual(['mended stored', 'mended again stored']);
});

test('a fix further ahead than allowed is refused and changes nothing; one just as far is accepted', () => {
  const { tracker, written } = setUp();
  expect(tracker.accept('f', fix('a', 1_030_001))).toBe('future');
  expect(tracker.driver({ fleet: 'f' }, 'a')).toBeUndefined();
  expect(written).toEqual([]);
  expect(tracker.accept('f', fix('a', 1_030_000))).toBe('accepted');
});

test('nothing is accepted while the store is too far behind', () => {
  const { tracker } = setUp({ full: true });
  expect(tracker.accept('f', fix('a', 1))).toBe('unavailable');
  expect(tracker.size).toBe(0);
});

test('attributes stay when a fix names none, and are replaced when it does', () => {
  const { tracker } = setUp();
  const attributes = () => tracker.driver({ fleet: 'f' }, 'a')?.position.attributes;
  tracker.accept('f', fix('a', 1, 0, 0, { attributes: { status: 'busy', seats: 4 } }));
  tracker.accept('f', fix('a', 2));
  expect(attributes()).toEqual({ status: 'busy', seats: 4 });
  tracker.accept('f', fix('a', 3, 0, 0, { attributes: { status: 'free' } }));
  expect(attributes()).toEqual({ status: 'free' });
});

test('a driver of whom nothing was received for the TTL is gone; a late fix counts as heard', () => {
  const { tracker, clock } = setUp();
  tracker.accept('f', fix('a', 900_000));
  tracker.accept('f', fix('b', 900_000));
  clock.now += 200_000;
  expect(tracker.accept('f', fix('b', 800_000))).toBe('late');
  clock.now += 100_000;
  tracker.expire();
  expect(tracker.size).toBe(2);
  clock.now += 1;
  tracker.expire();
  expect(tracker.driver({ fleet: 'f' }, 'a')).toBeUndefined();
  expect(tracker.driver({ fleet: 'f' }, 'b')).toBeDefined();
  expect(tracker.nearby({ fleet: 'f' }, new Circle(0, 0, 10), 10).drivers.map(({ id }) => id)).toEqual(['b']);
});

test('a driver that goes off duty is gone at once, and its watchers hear why; it is forgotten with its timestamp', () => {
  const { tracker, clock, removed } = setUp();
  tracker.accept('f', fix('a', 900_000));
  tracker.accept('f', fix('b', 900_000));
  tracker.accept('g', fix('a', 900_000));
  const here = new Circle(0, 0, 10);
  const subscription = tracker.subscribe({ fleet: 'f' }, 's', { wake() {} }, { area: here });
  const changes: [string, string][] = [];
  const hear = () => {
    const { enter, move, exit } = subscription.takeChanges();
    for (const { id } of enter) changes.push([id, 'enter']);
    for (const { id } of move) changes.push([id, 'move']);
    for (const { driverId, reason } of exit) changes.push([driverId, reason]);
  };
  subscription.takeSnapshot();
  const before = tracker.nearby({ fleet: 'f' }, here, 10).cursor;

  expect(tracker.goOffDuty('f', 'a', () => {})).toBe('gone');
  expect(tracker.driver({ fleet: 'f' }, 'a')).toBeUndefined();
  const nearby = tracker.nearby({ fleet: 'f' }, here, 10);
  expect(nearby.drivers.map(({ id }) => id)).toEqual(['b']);
  expect(nearby.cursor).not.toBe(before);
  expect(tracker.within({ fleet: 'f' }, EVERYWHERE, {}, 10)?.drivers.map(({ id }) => id)).toEqual(['b']);
  expect(tracker.cells({ fleet: 'f' }, EVERYWHERE, 0, {}, 10)?.cells.map(({ count }) => count)).toEqual([1]);
  hear();
  expect(changes).toEqual([['a', 'offline']]);
  expect(removed).toEqual([{ fleet: 'f', driverId: 'a', at: clock.now }]);
  expect(tracker.driver({ fleet: 'g' }, 'a')).toBeDefined();

  expect(tracker.accept('f', fix('a', 100_000))).toBe('accepted');
  hear();
  expect(changes[1]).toEqual(['a', 'enter']);
  // However the clock is set, what was received of it before is forgotten.
  const receivedAt = clock.now;
  clock.now -= 500;
  expect(tracker.goOffDuty('f', 'a', () => {})).toBe('gone');
  expect(removed[1].at).toBe(receivedAt);
});

test('going off duty waits for the store, also of a driver that is not known (any more)', () => {
  const { tracker, removed, waiting } = setUp();
  const told: string[] = [];
  tracker.accept('f', fix('a', 900_000));
  expect(tracker.goOffDuty('f', 'a', () => told.push('first'))).toBe('gone');
  expect(tracker.goOffDuty('f', 'a', () => told.push('again'))).toBe('unknown');
  expect(tracker.goOffDuty('no such fleet', 'a', () => told.push('nobody'))).toBe('unknown');
  expect(removed.length).toBe(1);
  expect(told).toEqual([]);
  for (const onStored of waiting) onStored();
  expect(told).toEqual(['first', 'again', 'nobody']);
});

test('nobody goes off duty while the store is too far behind', () => {
  const { tracker, writer, removed, waiting } = setUp();
  tracker.accept('f', fix('a', 900_000));
  writer.full = true;
  expect(tracker.goOffDuty('f', 'a', () => {})).toBe('unavailable');
  expect(tracker.goOffDuty('f', 'b', () => {})).toBe('unavailable');
  expect(tracker.driver({ fleet: 'f' }, 'a')).toBeDefined();
  expect([...removed, ...waiting]).toEqual([]);
});

test('a restart brings back whom memory knew, and nobody who went off duty, whatever the order of dates', async () => {
  const random = seeded('off duty');
  const store = new MemoryStore();
  const writer = new GroupCommit({ store, onRejected: () => {}, maxBatch: 7 });
  const clock = { now: 1_000_000 };
  const make = () =>
    new Tracker({
      writer,
      now: () => clock.now,
      instance: 'i',
      encode: encodePosition,
      ttlSeconds: 300,
      maxFutureSeconds: 30,
    });
  const tracker = make();
  const ids = Array.from({ length: 60 }, (_, i) => `d${i}`);
  const departures = { gone: 0, unknown: 0, unavailable: 0 };
  for (let round = 0; round < 200; round++) {
    for (let i = random.below(40); i > 0; i--) {
      clock.now++;
      const id = random.pick(ids);
      if (random.below(4) === 0) departures[tracker.goOffDuty('f', id, () => {})]++;
      else tracker.accept('f', fix(id, clock.now - random.below(1_000), random.next(), random.next()));
    }
    if (round % 3 > 0) await new Promise((resolve) => setImmediate(resolve));
  }
  expect(await writer.drain(5_000)).toBe(true);
  expect(Math.min(departures.gone, departures.unknown)).toBeGreaterThan(100);
  const again = make();
  await again.restore(store.loadPositions(0));
  const known = (from: Tracker) => ids.map((id) => from.driver({ fleet: 'f' }, id)?.position);
  expect(known(again)).toEqual(known(tracker));
  expect(again.size).toBeGreaterThan(0);
});

test('what is restored goes stale in the order in which it was heard, whatever the order of the rows', async () => {
  const { tracker, clock, written } = setUp();
  const row = (driverId: string, receivedAt: number) => ({
    ...fix(driverId, 1),
    timestamp: 1,
    receivedAt,
    fleet: 'f',
  });
  async function* rows() {
    yield [row('middle', 900_000), row('newest', 990_000)];
    yield [row('oldest', 800_000)];
  }
  await tracker.restore(rows());
  expect(written).toEqual([]);
  const known = () => ['oldest', 'middle', 'newest'].filter((id) => tracker.driver({ fleet: 'f' }, id));
  clock.now = 1_100_001;
  tracker.expire();
  expect(known()).toEqual(['middle', 'newest']);
  clock.now = 1_200_001;
  tracker.expire();
  expect(known()).toEqual(['newest']);
});

test('the same driverId in two fleets is two drivers, and neither fleet sees the other', () => {
  const { tracker } = setUp();
  tracker.accept('f', fix('a', 1, 1, 1));
  tracker.accept('g', fix('a', 1, 2, 2));
  expect(tracker.driver({ fleet: 'f' }, 'a')?.position.lat).toBe(1);
  expect(tracker.nearby({ fleet: 'f' }, new Circle(2, 2, 1_000), 10).drivers).toEqual([]);
  expect(tracker.nearby({ fleet: 'g' }, new Circle(2, 2, 1_000), 10).drivers.length).toBe(1);
  expect(tracker.nearby({ fleet: 'h' }, new Circle(2, 2, 1_000), 10).drivers).toEqual([]);
});

test('a fleet that nobody is in or watches is forgotten, and its cursors mean nothing to the next of its name', () => {
  const { tracker, clock } = setUp();
  const cursor = () => tracker.nearby({ fleet: 'f' }, new Circle(0, 0, 1), 1).cursor;
  tracker.accept('f', fix('a', 1));
  const before = cursor();
  const subscription = tracker.subscribe({ fleet: 'f' }, 's', { wake() {} }, { area: new Circle(0, 0, 1) });
  clock.now += 300_001;
  tracker.expire();
  expect(cursor().split('.')[0]).toBe(before.split('.')[0]);
  tracker.unsubscribe(subscription);
  tracker.expire();
  tracker.accept('f', fix('a', 1));
  expect(cursor().split('.')[0]).not.toBe(before.split('.')[0]);
});

test('a query says that it was truncated when, and only when, there were more', () => {
  const { tracker } = setUp();
  for (let i = 0; i < 3; i++) tracker.accept('f', fix(`d${i}`, 1));
  const ask = (limit: number) => tracker.nearby({ fleet: 'f' }, new Circle(0, 0, 1), limit);
  expect(ask(2)).toMatchObject({ truncated: true, drivers: [{ id: 'd0' }, { id: 'd1' }] });
  expect(ask(3).truncated).toBe(false);
});

test('a polygon that is dear to ask about is paged in small steps, and together they are all', () => {
  const { tracker } = setUp();
  const random = seeded('dear polygon');
  const places = Array.from(
    { length: 2_000 },
    () => [40.7 + 0.2 * random.normal(), -74 + 0.2 * random.normal()] as const,
  );
  for (const [i, [lat, lng]] of places.entries()) tracker.accept('f', fix(`d${i}`, 900_000, lat, lng));
  // To and fro through the city, each edge a hair turned against the last: nearly every question meets nearly every edge.
  const ring: number[] = [];
  for (let i = 0; i < 9_999; i++) {
    const angle = Math.PI / 8 + (i - 5_000) * 1e-5;
    const reach = i % 2 === 0 ? -1 : 1;
    ring.push(40.7 + reach * Math.sin(angle), -74 + reach * Math.cos(angle));
  }
  ring.push(ring[0], ring[1]);
  const polygon = new Polygon([[ring]]);
  const expected = places.flatMap(([lat, lng], i) => (polygon.contains(0, 0, 0, lat, lng) ? [`d${i}`] : []));
  expect(expected.length).toBeGreaterThan(0);
  const found: string[] = [];
  let pages = 0;
  let after: string | undefined;
  do {
    const before = polygon.work;
    const page = tracker.within({ fleet: 'f' }, polygon, {}, 1_000, after) as Within;
    // Estimate, walk, gather and walk: each is given up after half a million edges and one question more.
    expect(polygon.work - before).toBeLessThan(4 * 510_000);
    found.push(...page.drivers.map(({ id }) => id));
    after = page.next;
    pages++;
  } while (after !== undefined);
  expect(pages).toBeGreaterThan(5);
  expect(found.sort()).toEqual(expected.sort());
});

test('a count with a condition that few meet ends its pages early, and together they are all', () => {
  const { tracker } = setUp();
  const random = seeded('dear count');
  for (let i = 0; i < 30_000; i++) {
    const attributes = { status: i % 5_000 === 0 ? 'free' : 'busy' };
    tracker.accept('f', fix(`d${i}`, 900_000, ...random.place(), { attributes }));
  }
  for (const [status, total] of [
    ['free', 6],
    ['busy', 29_994],
    ['gone', 0],
  ] as const) {
    let sum = 0;
    let pages = 0;
    let after: string | undefined;
    do {
      const page = tracker.cells({ fleet: 'f' }, EVERYWHERE, 2, { where: { status } }, 10_000, after) as CellPage;
      for (const { count } of page.cells) sum += count;
      after = page.next;
      pages++;
    } while (after !== undefined);
    expect(sum).toBe(total);
    expect(pages).toBe(2);
  }
});
