import { setImmediate } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Fix } from '../src/fix.ts';
import { Circle } from '../src/geo/circle.ts';
import { EVERYWHERE } from '../src/geo/everywhere.ts';
import { encodePosition } from '../src/protocol/position.ts';
import { recover } from '../src/recovery.ts';
import { openStore } from '../src/store/open.ts';
import { type LoadProgress, type Store, type StoredFix, StoreUnavailable } from '../src/store/store.ts';
import { Tracker } from '../src/tracker.ts';
import { Truth } from './store/truth.ts';
import { trueDistance } from './support/geodesic.ts';
import { createDatabase, findPostgres, startPostgres, type TestPostgres } from './support/postgres.ts';
import { type Random, seeded } from './support/random.ts';
import { describeWith } from './support/services.ts';

const NOW = 1_763_766_000_000;
const TTL = 300_000;

function makeTracker(clock = { now: NOW }): Tracker {
  return new Tracker({
    writer: { full: false, write() {}, writeLate() {}, remove() {}, whenStored() {} },
    now: () => clock.now,
    instance: 'i',
    encode: encodePosition,
    ttlSeconds: TTL / 1000,
    maxFutureSeconds: 30,
  });
}

/** A recovery of what a source gives, on a clock that stands unless a test moves it. */
function recovery(tracker: Tracker, loadPositions: Store['loadPositions']) {
  const clock = { now: 0 };
  const messages: string[] = [];
  const stop = new AbortController();
  const done = recover({
    tracker,
    store: { loadPositions },
    since: NOW - TTL,
    signal: stop.signal,
    clock: () => clock.now,
    onProgress: (message) => messages.push(message),
  });
  return { clock, messages, stop, done };
}

/** Ids with parts whose order by UTF-16 unit is not that by code point. */
const PARTS = ['a', 'Z', 'é', '\uff00', '😀', '運'];

function rowsOf(random: Random, fleet: string, count: number): StoredFix[] {
  return Array.from({ length: count }, (_, i) => {
    const [lat, lng] = i % 3 === 0 ? random.place() : [45.4 + 0.02 * random.normal(), 9.2 + 0.02 * random.normal()];
    return {
      fleet,
      driverId: `${random.pick(PARTS)}${random.pick(PARTS)}-${i}`,
      lat,
      lng,
      timestamp: NOW - random.below(TTL),
      receivedAt: NOW - random.below(TTL),
      ...(i % 2 === 0 ? { speed: random.between(0, 30), attributes: { status: random.pick(['free', 'busy']) } } : {}),
    };
  });
}

const byBytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));

/** Asks a tracker in all ways, and compares with the rows themselves. */
function judge(tracker: Tracker, fleet: string, rows: readonly StoredFix[], random: Random): void {
  for (const { fleet: _, ...position } of rows) {
    expect(tracker.driver({ fleet }, position.driverId)?.position).toEqual(position);
  }
  for (let n = 0; n < 20; n++) {
    const { lat, lng } = random.pick(rows);
    const radius = random.pick([500, 3_000, 20_000]);
    const free = n % 4 === 0;
    const expected = rows
      .filter(({ attributes }) => !free || attributes?.status === 'free')
      .map((it) => ({ id: it.driverId, metres: trueDistance(lat, lng, it.lat, it.lng) }))
      .filter(({ metres }) => metres <= radius)
      .sort((a, b) => a.metres - b.metres || byBytes(a.id, b.id))
      .map(({ id }) => id);
    const filters = free ? { where: { status: 'free' } } : {};
    const found = tracker.nearby({ fleet }, new Circle(lat, lng, radius), 10_000, filters);
    expect(found.drivers.map(({ id }) => id)).toEqual(expected);
  }
  const everybody = tracker.within({ fleet }, EVERYWHERE, {}, 100_000)?.drivers.map(({ id }) => id);
  expect(everybody).toEqual(rows.map(({ driverId }) => driverId).sort(byBytes));
}

/** Drivers go stale in the order in which they were heard. */
function judgeExpiry(tracker: Tracker, clock: { now: number }, rows: readonly StoredFix[]): void {
  for (const age of [250_000, 100_000, 10_000]) {
    clock.now = NOW + TTL - age;
    while (tracker.expire());
    const left = rows.filter(({ receivedAt }) => receivedAt >= clock.now - TTL);
    expect(tracker.size).toBe(left.length);
    expect(left.every(({ fleet, driverId }) => tracker.driver({ fleet }, driverId) !== undefined)).toBe(true);
  }
}

test('what is restored in any order answers as the rows themselves do, and goes on as if it had been sent', async () => {
  const random = seeded('recovery');
  const rows = [...rowsOf(random, 'red', 3_000), ...rowsOf(random, 'blue', 500)];
  const shuffled = rows.map((row) => ({ row, at: random.next() })).sort((a, b) => a.at - b.at);
  const clock = { now: NOW };
  const tracker = makeTracker(clock);
  const { done, messages } = recovery(tracker, async function* () {
    for (let from = 0; from < shuffled.length; from += 700) {
      yield shuffled.slice(from, from + 700).map(({ row }) => row);
    }
  });
  expect(await done).toEqual({ drivers: 3_500, milliseconds: 0 });
  expect(messages).toEqual([]);
  const of = (fleet: string) => rows.filter((row) => row.fleet === fleet);
  judge(tracker, 'red', of('red'), random);
  judge(tracker, 'blue', of('blue'), random);

  // Some leave, some come, some move: lists and searches stay right.
  const red = new Map(of('red').map((row) => [row.driverId, row]));
  for (let n = 0; n < 1_000; n++) {
    const known = random.pick([...red.keys()]);
    if (n % 3 === 0) {
      expect(tracker.goOffDuty('red', known, () => {})).toBe('gone');
      red.delete(known);
      continue;
    }
    const [lat, lng] = random.place();
    const driverId = n % 3 === 1 ? known : `${random.pick(PARTS)}new-${n}`;
    const fix: Fix & { timestamp: number; attributes: NonNullable<Fix['attributes']> } = {
      driverId,
      lat,
      lng,
      timestamp: NOW + n,
      attributes: { status: 'free' },
    };
    expect(tracker.accept('red', fix)).toBe('accepted');
    red.set(driverId, { ...fix, fleet: 'red', receivedAt: NOW });
  }
  judge(tracker, 'red', [...red.values()], random);
  judgeExpiry(tracker, clock, [...red.values(), ...of('blue')]);
});

test('a row that comes again, as one may that was written meanwhile, leaves one driver where the last says', async () => {
  const tracker = makeTracker();
  const row = (lat: number, receivedAt: number) => ({
    fleet: 'f',
    driverId: 'd',
    lat,
    lng: 0,
    timestamp: 1,
    receivedAt,
  });
  await recovery(tracker, async function* () {
    yield [row(1, NOW - 2)];
    yield [row(2, NOW - 1)];
  }).done;
  expect(tracker.size).toBe(1);
  expect(tracker.nearby({ fleet: 'f' }, new Circle(2, 0, 1), 10).drivers.map(({ id }) => id)).toEqual(['d']);
  expect(tracker.nearby({ fleet: 'f' }, new Circle(1, 0, 1), 10).drivers).toEqual([]);
  expect(tracker.within({ fleet: 'f' }, EVERYWHERE, {}, 10)?.drivers.length).toBe(1);
});

test('a recovery that takes long says how far it is, every three seconds', async () => {
  const tracker = makeTracker();
  const clock = { now: 0 };
  const {
    messages,
    done,
    clock: own,
  } = recovery(tracker, async function* (_, onProgress?: LoadProgress) {
    for (let page = 1; page <= 8; page++) {
      yield [{ fleet: 'f', driverId: `d${page}`, lat: 0, lng: 0, timestamp: NOW, receivedAt: NOW }];
      clock.now += 1_000;
      own.now = clock.now;
      onProgress?.(page * 1_000, page < 5 ? 9_000 : undefined);
    }
  });
  expect(await done).toEqual({ drivers: 8, milliseconds: 8_000 });
  expect(messages).toEqual([
    'Restoring the drivers from the database: 3 so far (33 % of the table) …',
    'Restoring the drivers from the database: 6 so far …',
  ]);
});

test('a recovery that is told to stop does so, also while it waits, and reads no more', async () => {
  const page = (n: number) => [{ fleet: 'f', driverId: `d${n}`, lat: 0, lng: 0, timestamp: NOW, receivedAt: NOW }];
  let asked = 0;
  let ended = false;
  const endless = recovery(makeTracker(), async function* () {
    try {
      for (;;) {
        yield page(asked++);
        await setImmediate();
        if (asked === 5) endless.stop.abort();
      }
    } finally {
      ended = true;
    }
  });
  expect(await endless.done).toBeUndefined();
  expect(asked).toBeLessThanOrEqual(6);
  await expect.poll(() => ended).toBe(true);

  const hanging = recovery(makeTracker(), async function* () {
    yield page(1);
    await new Promise(() => {});
  });
  await setImmediate();
  hanging.stop.abort();
  expect(await hanging.done).toBeUndefined();
});

test('a recovery whose database goes away fails with what it said', async () => {
  const failing = recovery(makeTracker(), async function* () {
    yield [];
    throw new StoreUnavailable('gone');
  });
  await expect(failing.done).rejects.toThrow(new StoreUnavailable('gone'));
});

describeWith('PostgreSQL with PostGIS', findPostgres(), 'from a PostgreSQL server', (bin) => {
  let postgres: TestPostgres;
  beforeAll(async () => {
    postgres = await startPostgres(bin);
  }, 60_000);
  afterAll(() => postgres?.stop(), 30_000);

  test('some thousand drivers answer nearby as the table itself and brute force do', async () => {
    const random = seeded('recovery from PostgreSQL');
    const databaseUrl = await createDatabase(postgres, 'recovery');
    const { store, close } = await openStore({ databaseUrl, dataDir: '/nonexistent' });
    const truth = await Truth.connect({ connectionString: databaseUrl });
    // By SQL alone: a third of them too old, two fleets, and long attributes, so that there are many pages.
    await truth.sql(
      `INSERT INTO positions (fleet, driver_id, location, cell, recorded_at, received_at, accuracy, speed, attributes)
       SELECT CASE WHEN i % 7 = 0 THEN 'blue' ELSE 'red' END, md5((i + $1)::text), ST_MakePoint(lng, lat)::geography, 0,
         at - interval '40 ms', at, CASE WHEN i % 2 = 0 THEN i::float8 / 7 END, i % 30,
         CASE WHEN i % 5 = 0 THEN '{}' ELSE jsonb_build_object('n', i, 'note', repeat('x', i % 300)) END
       FROM (
         SELECT i, 9.2 + 0.1 * random() AS lng, 45.4 + 0.1 * random() AS lat,
           to_timestamp($2::float8) + (i % 3 - 2) * interval '299 s' - i * interval '1 ms' AS at
         FROM generate_series(1, 9000) AS i
       ) AS driver`,
      [random.below(1_000_000), NOW / 1000],
    );
    const seen: [number, number | undefined][] = [];
    let pages = 0;
    const tracker = makeTracker();
    await truth.sql('ANALYZE positions');
    const { done } = recovery(tracker, async function* (since, onProgress) {
      for await (const page of store.loadPositions(since, (...progress) => {
        seen.push(progress);
        onProgress?.(...progress);
      })) {
        pages++;
        yield page;
      }
    });
    const rows = (await truth.positions()).filter(({ receivedAt }) => receivedAt >= NOW - TTL);
    expect(rows.length).toBeGreaterThan(3_000);
    expect(rows.length).toBeLessThan(9_000);
    expect((await done)?.drivers).toBe(rows.length);
    expect(pages).toBeGreaterThan(1);
    expect(seen.at(-1)).toEqual([9_000, 9_000]);
    for (const fleet of ['red', 'blue']) {
      judge(
        tracker,
        fleet,
        rows.filter((row) => row.fleet === fleet),
        random,
      );
    }
    await truth.close();
    await close();
  }, 30_000);
});
