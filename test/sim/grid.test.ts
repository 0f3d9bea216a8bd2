import { describe, expect, test } from 'vitest';
import { distance } from '../../src/geo/distance.ts';
import { City, type CitySettings, MANHATTAN } from '../../src/sim/city.ts';
import { createDriver, type GridDriver, type Reading, read, SPEED, step } from '../../src/sim/grid.ts';

const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
const replay = `replay with SEED=${seed}`;

const cities: Record<string, CitySettings> = {
  Manhattan: MANHATTAN,
  Sydney: { lat: -33.87, lng: 151.21, bearing: 7, blockLength: 120, blockWidth: 90, radius: 3000 },
  'across the antimeridian': { ...MANHATTAN, lat: -17, lng: 179.999, bearing: 61 },
  'far north': { ...MANHATTAN, lat: 78.22, lng: 15.65, radius: 9000, width: undefined },
};

/** Degrees between two directions. */
function angle(a: number, b: number): number {
  return Math.abs(((a - b + 540) % 360) - 180);
}

function bearing(from: Reading, to: Reading): number {
  const dLng = ((to.lng - from.lng + 540) % 360) - 180;
  const east = dLng * Math.cos((((from.lat + to.lat) / 2) * Math.PI) / 180);
  // Radii of curvature differ by 0.7 % at most: a meridian's degree against a parallel's, at this latitude.
  const s2 = Math.sin((from.lat * Math.PI) / 180) ** 2;
  const ratio = (1 - 0.00669438) / (1 - 0.00669438 * s2);
  return (Math.atan2(east, (to.lat - from.lat) * ratio) * 180) / Math.PI;
}

/** Where a driver is on the grid; equal for the whole of one straight drive. */
function street(driver: GridDriver): string {
  return `${driver.i} ${driver.j} ${driver.direction}`;
}

describe.each(Object.entries(cities))('grid motion in %s', (_, settings) => {
  const city = new City(settings);
  const drivers = Array.from({ length: 20 }, (_, n) => createDriver(city, seed, n, `d${n}`));

  test('moves at constant speed along streets, heads where it goes, and never leaves the city', () => {
    let stood = 0;
    let moved = 0;
    for (const driver of drivers) {
      const dt = 0.25 + driver.random();
      let before = read(city, driver);
      let waited = driver.wait;
      let on = street(driver);
      for (let k = 0; k < 600; k++) {
        step(city, driver, dt);
        const now = read(city, driver);
        const metres = distance(before.lat, before.lng, now.lat, now.lng);
        expect(metres, replay).toBeLessThanOrEqual(driver.cruise * dt * 1.00002 + 1e-6);
        expect(distance(settings.lat, settings.lng, now.lat, now.lng), replay).toBeLessThan(settings.radius * 1.00001);
        expect(driver.metres, replay).toBeLessThanOrEqual(city.block(driver.direction));
        expect(city.has(driver.i, driver.j) && city.leads(driver.i, driver.j, driver.direction), replay).toBe(true);
        expect(now.speed, replay).toBe(driver.wait > 0 ? 0 : driver.cruise);
        if (waited === 0 && driver.wait === 0 && street(driver) === on && metres > driver.cruise * dt * 0.999) {
          expect(angle(bearing(before, now), now.heading), replay).toBeLessThan(0.05);
          moved++;
        }
        if (waited >= dt) {
          expect(metres, replay).toBe(0);
          stood++;
        }
        before = now;
        waited = driver.wait;
        on = street(driver);
      }
    }
    expect(moved, replay).toBeGreaterThan(3000);
    expect(stood, replay).toBeGreaterThan(300);
  });

  test('keeps to the streets: across or along, each place lies on a line of the grid', () => {
    for (const driver of drivers) {
      for (let k = 0; k < 100; k++) {
        step(city, driver, 3);
        const { lat, lng } = read(city, driver);
        const [i, j] = city.next(driver.i, driver.j, driver.direction);
        const a = city.locate(driver.i, driver.j, driver.direction, 0);
        const b = city.locate(i, j, driver.direction, 0);
        const around = distance(a.lat, a.lng, lat, lng) + distance(lat, lng, b.lat, b.lng);
        expect(around - distance(a.lat, a.lng, b.lat, b.lng), replay).toBeLessThan(0.001);
      }
    }
  });
});

describe('a driver', () => {
  const city = new City(MANHATTAN);

  test('has a plausible speed of its own', () => {
    const speeds = Array.from({ length: 100 }, (_, n) => createDriver(city, seed, n, `d${n}`).cruise);
    expect(new Set(speeds).size, replay).toBe(100);
    for (const speed of speeds) expect(speed >= SPEED[0] && speed < SPEED[1], replay).toBe(true);
  });

  test('turns now and then, and goes straight more often', () => {
    const driver = createDriver(city, seed, 7, 'd');
    let straight = 0;
    let turned = 0;
    let { i, j, direction } = driver;
    for (let k = 0; k < 50_000; k++) {
      step(city, driver, 1);
      if (driver.i === i && driver.j === j) continue;
      if (driver.direction === direction) straight++;
      else turned++;
      ({ i, j, direction } = driver);
    }
    expect(turned, replay).toBeGreaterThan(100);
    expect(straight, replay).toBeGreaterThan(turned);
  });

  test('takes riders and sets them down, standing while it does', () => {
    const driver = createDriver(city, seed, 3, 'd');
    let changes = 0;
    for (let k = 0; k < 20_000; k++) {
      const { busy } = driver;
      step(city, driver, 1);
      if (driver.busy === busy) continue;
      changes++;
      expect(driver.wait, replay).toBeGreaterThan(0);
      expect(read(city, driver).attributes.status, replay).toBe(busy ? 'available' : 'busy');
    }
    expect(changes, replay).toBeGreaterThan(5);
  });

  test('is the same for the same seed, however the time is cut and however many others there are', () => {
    const one = createDriver(city, seed, 5, 'd');
    const other = createDriver(city, seed, 5, 'd');
    for (let k = 0; k < 600; k++) step(city, one, 1);
    for (let k = 0; k < 60; k++) step(city, other, 10);
    const [a, b] = [read(city, one), read(city, other)];
    expect(distance(a.lat, a.lng, b.lat, b.lng), replay).toBeLessThan(1e-6);
    expect(createDriver(city, seed, 6, 'd').cruise).not.toBe(one.cruise);
  });
});

test('a city that makes no sense is refused', () => {
  expect(() => new City({ ...MANHATTAN, radius: 100 })).toThrow(
    'the radius of the city must be 540 to 50000 m, not 100',
  );
  expect(() => new City({ ...MANHATTAN, lat: 91 })).toThrow('no such place');
  expect(() => new City({ ...MANHATTAN, blockLength: 0 })).toThrow('a block must be');
  expect(() => new City({ ...MANHATTAN, width: 1 })).toThrow('wide or more');
});
