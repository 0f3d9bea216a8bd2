import { expect, test } from 'vitest';
import type { Position } from '../../src/client/index.ts';
import { latOf, lngOf, WORLD } from '../../src/web/map/markers-mercator.ts';
import { GHOST, HEADED, MarkerPool, WORDS } from '../../src/web/map/markers-pool.ts';
import { type Random, seeded } from '../support/random.ts';

const START = 1_763_766_000_000;
const DAY = 86_400_000;

/** A driver as it should be drawn: worlds east and south in floating point, as nobody has to save room here. */
interface Drawn {
  from: [number, number];
  to: [number, number];
  startedAt: number;
  duration: number;
  receivedAt: number;
  headings: [from: number, to: number] | undefined;
  colour: number;
  isGhost: boolean;
  /** It turned about by so nearly 180° that both ways are the shorter one. */
  isUnsure: boolean;
}

function world(lat: number, lng: number): [number, number] {
  return [lng / 360, -Math.asinh(Math.tan((lat * Math.PI) / 180)) / (2 * Math.PI)];
}

/** East by the shorter way, in worlds. */
function near(x: number): number {
  return x - Math.round(x);
}

function progress(age: number, duration: number): number {
  return duration === 0 || age < -duration ? 1 : Math.min(1, Math.max(0, age / duration));
}

function placeAt(driver: Drawn, now: number): [number, number] {
  const done = progress(now - driver.startedAt, driver.duration);
  const [x, y] = driver.from;
  return [x + near(driver.to[0] - x) * done, y + (driver.to[1] - y) * done];
}

function headingAt({ headings, startedAt, duration }: Drawn, now: number): number | undefined {
  if (headings === undefined) return undefined;
  const done = progress(now - startedAt, Math.min(400, duration));
  const [from, to] = headings;
  return from + near((to - from) / 360) * 360 * done;
}

/** The answer to `put`, spelt out. */
function putNaively(drivers: Map<string, Drawn>, position: Position, colour: number, now: number): void {
  const to = world(position.latitude, position.longitude);
  const known = drivers.get(position.driverId);
  const driver: Drawn = {
    from: to,
    to,
    startedAt: now,
    duration: 0,
    receivedAt: position.receivedAt,
    headings: position.heading === undefined ? undefined : [position.heading, position.heading],
    colour,
    isGhost: false,
    isUnsure: false,
  };
  drivers.set(position.driverId, driver);
  if (known === undefined) return;
  const isSame =
    position.receivedAt === known.receivedAt && Math.hypot(near(to[0] - known.to[0]), to[1] - known.to[1]) < 1e-9;
  const gap = position.receivedAt - known.receivedAt;
  const from = placeAt(known, now);
  // East or south.
  const isFar = Math.max(Math.abs(near(to[0] - from[0])), Math.abs(to[1] - from[1])) > 1 / 4096;
  if (gap < 0 || isFar) return;
  driver.duration = Math.round(Math.min(3000, Math.max(100, gap * 1.1)));
  if (isSame) driver.duration = Math.round(known.duration * (1 - progress(now - known.startedAt, known.duration)));
  driver.from = from;
  const was = headingAt(known, now);
  if (position.heading === undefined || was === undefined) return;
  driver.headings = [was, position.heading];
  driver.isUnsure = known.isUnsure || Math.abs(Math.abs(near((position.heading - was) / 360)) - 0.5) < 0.001;
}

/** What a graphics card knows that is brought nothing but what has changed, and what its shader makes of it. */
class Card {
  #words = new Int32Array(0);

  take(pool: MarkerPool): void {
    if (pool.words.length > this.#words.length) this.#words = pool.words.slice();
    const [from, to] = pool.changed;
    this.#words.set(pool.words.subarray(from * WORDS, to * WORDS), from * WORDS);
    pool.settle();
  }

  read(slot: number, now: number, epoch: number) {
    const [fromEast, fromSouth, toEast, toSouth, startedAt, receivedAt, look, heading] = this.#words.subarray(
      slot * WORDS,
    );
    const unsigned = (word: number) => Number(BigInt.asUintN(32, BigInt(word))) / WORLD;
    const done = progress(Math.round(now - epoch) - startedAt, look & 0xffff);
    return {
      place: [
        unsigned(fromEast) - 0.5 + near(unsigned(toEast) - unsigned(fromEast)) * done,
        unsigned(fromSouth) - 0.5 + (unsigned(toSouth) - unsigned(fromSouth)) * done,
      ],
      silent: now - epoch - receivedAt,
      colour: (look >> 16) & 0xff,
      flags: look >>> 24,
      turned: ((heading & 0xffff) + (heading >> 16)) / 64,
    };
  }
}

function expectSame(pool: MarkerPool, card: Card, drivers: Map<string, Drawn>, now: number): void {
  expect(pool.size).toBe(drivers.size);
  for (const [id, driver] of drivers) {
    const slot = pool.slotOf(id) as number;
    expect(pool.idOf(slot)).toBe(id);
    const [x, y] = placeAt(driver, now);
    const heading = headingAt(driver, now);
    const drawn = pool.drawn(slot, now);
    expect(Math.abs(near(drawn.east / WORLD - 0.5 - x))).toBeLessThan(1e-9);
    expect(Math.abs(drawn.south / WORLD - 0.5 - y)).toBeLessThan(1e-9);
    if (heading === undefined) expect(drawn.heading).toBeNaN();
    else if (!driver.isUnsure) expect(Math.abs(near((drawn.heading - heading) / 360))).toBeLessThan(0.2 / 360);

    const read = card.read(slot, now, pool.epoch);
    expect(Math.abs(near(read.place[0] - x))).toBeLessThan(1e-9);
    expect(Math.abs(read.place[1] - y)).toBeLessThan(1e-9);
    expect(read.silent).toBe(now - driver.receivedAt);
    expect(read.colour).toBe(driver.colour);
    expect(read.flags).toBe((driver.isGhost ? GHOST : 0) | (heading === undefined ? 0 : HEADED));
    if (driver.headings !== undefined) {
      expect(Math.abs(near((read.turned - driver.headings[1]) / 360))).toBeLessThan(0.1 / 360);
    }
  }
}

function positionOf(random: Random, i: number, now: number): Position {
  // Some straddle the antimeridian, some are far enough away to leap.
  const lng = 180 + random.between(-0.05, 0.05) + (random.below(40) === 0 ? 90 : 0);
  return {
    driverId: `driver-${i}`,
    latitude: random.between(-17.05, -17),
    longitude: lng > 180 ? lng - 360 : lng,
    heading: random.below(4) === 0 ? undefined : random.between(0, 360),
    timestamp: now,
    receivedAt: now - random.below(500),
  };
}

test('whatever happens, all are where they glide to, in what the card has been brought too', () => {
  const random = seeded('pool');
  const pool = new MarkerPool(2);
  const card = new Card();
  const drivers = new Map<string, Drawn>();
  const told = new Map<string, Position>();
  let now = START;
  for (let step = 0; step < 4000; step++) {
    const i = random.below(30);
    const id = `driver-${i}`;
    const what = random.below(100);
    if (what < 70) {
      const last = told.get(id);
      const position = last !== undefined && random.below(10) === 0 ? last : positionOf(random, i, now);
      told.set(id, position);
      const colour = random.below(8);
      pool.put(position, colour, now, true);
      putNaively(drivers, position, colour, now);
    } else if (what < 80) {
      expect(pool.remove(id)).toBe(drivers.delete(id));
    } else if (what < 90) {
      const driver = drivers.get(id);
      expect(pool.ghost(id)).toBe(driver !== undefined);
      if (driver !== undefined) driver.isGhost = true;
    } else if (what === 90) {
      pool.recolour((of) => of.length % 8);
      for (const [of, driver] of drivers) driver.colour = of.length % 8;
    } else if (what === 91 && random.below(5) === 0) {
      pool.clear();
      drivers.clear();
    } else if (what === 92) now -= random.below(20_000);
    // To another week, whose times have no room beside this one's, and back.
    else if (what === 93 && random.below(10) === 0) now += now > START + 4 * DAY ? -8 * DAY : 8 * DAY;
    else now += random.below(800);
    pool.follow(now);
    if (random.below(10) > 0) continue;
    card.take(pool);
    expectSame(pool, card, drivers, now);
  }
  card.take(pool);
  expectSame(pool, card, drivers, now);
});

const at = (receivedAt: number, latitude: number, longitude: number): Position => ({
  driverId: 'a',
  latitude,
  longitude,
  timestamp: receivedAt,
  receivedAt,
});

function place(pool: MarkerPool, now: number): [lat: number, lng: number] {
  const { east, south } = pool.drawn(0, now);
  return [latOf(south), lngOf(east)];
}

test('a driver who is told of twice glides on as it did', () => {
  const pool = new MarkerPool();
  pool.put(at(START, 0, 0), 0, START, true);
  pool.put(at(START + 1000, 0, 0.01), 0, START + 1000, true);
  pool.put(at(START + 1000, 0, 0.01), 3, START + 1550, true);
  expect(place(pool, START + 1550)[1]).toBeCloseTo(0.005, 4);
  expect(place(pool, START + 1825)[1]).toBeCloseTo(0.0075, 4);
  expect(place(pool, START + 2100)[1]).toBeCloseTo(0.01, 6);
});

test('who wants no motion sees none', () => {
  const pool = new MarkerPool();
  pool.put(at(START, 0, 0), 0, START, false);
  expect(pool.put(at(START + 1000, 0, 0.01), 0, START + 1000, false)).toBe(0);
  expect(place(pool, START + 1000)[1]).toBeCloseTo(0.01, 6);
});

test.each([1, -1])('a driver of another month (%i) is at rest, then glides as any does', (direction) => {
  const pool = new MarkerPool();
  const card = new Card();
  const then = START + direction * 40 * DAY;
  pool.put(at(START, 0, 0), 0, START, true);
  pool.put(at(START + 1000, 0, 0.01), 0, START + 1000, true);
  for (const now of [START + 1000 + direction * 20 * DAY, then]) {
    pool.follow(now);
    card.take(pool);
    expect(place(pool, now)[1]).toBeCloseTo(0.01, 6);
    const { place: drawn, silent } = card.read(0, now, pool.epoch);
    expect(drawn[0] * 360).toBeCloseTo(0.01, 6);
    expect(silent * direction).toBeGreaterThan(12 * DAY);
  }
  pool.put(at(then, 0, 0.01), 0, then, true);
  pool.put(at(then + 1000, 0, 0.02), 0, then + 1000, true);
  card.take(pool);
  expect(card.read(0, then + 1550, pool.epoch).place[0] * 360).toBeCloseTo(0.015, 4);
});

test('a position of no place changes nothing', () => {
  const pool = new MarkerPool();
  pool.put(at(START, 1, 2), 0, START, true);
  pool.put(at(START + 1000, Number.NaN, 2), 0, START + 1000, true);
  expect(place(pool, START + 9000)).toEqual([expect.closeTo(1, 6), expect.closeTo(2, 6)]);
  expect(pool.size).toBe(1);
});

test('fading is noticed while it goes on, whichever way the clock goes', () => {
  const pool = new MarkerPool();
  pool.put(at(START, 0, 0), 0, START, true);
  const faded = (before: number, now: number) => pool.hasFaded(START + before, START + now, 60_000, 70_000);
  expect(faded(0, 59_000)).toBe(false);
  expect(faded(59_000, 60_500)).toBe(true);
  expect(faded(65_000, 65_500)).toBe(true);
  expect(faded(0, 500_000)).toBe(true);
  expect(faded(500_000, 0)).toBe(true);
  expect(faded(70_000, 500_000)).toBe(false);
});
