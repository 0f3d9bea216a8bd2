import { describe, expect, test } from 'vitest';
import { distance } from '../../src/geo/distance.ts';
import { City, type CitySettings, MANHATTAN } from '../../src/sim/city.ts';
import { ACCELERATION, createDriver, type Ride, SPEED, send, step } from '../../src/sim/driver.ts';
import { seededRandom } from '../../src/sim/random.ts';
import { locate, randomSpot } from '../../src/sim/streets.ts';
import { angle, bearingOf, fromGrid, onPlane } from './on-streets.ts';

const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
const replay = `replay with SEED=${seed}`;

const cities: Record<string, CitySettings> = {
  Manhattan: MANHATTAN,
  Sydney: { lat: -33.87, lng: 151.21, bearing: 7, blockLength: 120, blockWidth: 90, radius: 3000 },
  'a city across the antimeridian': { ...MANHATTAN, lat: -17, lng: 179.999, bearing: 61 },
  'the far north': { ...MANHATTAN, lat: 78.22, lng: 15.65, radius: 5000, width: undefined },
};

describe.each(Object.entries(cities))('drivers in %s', (_, settings) => {
  const city = new City(settings);
  const drivers = Array.from({ length: 12 }, (_, n) => createDriver(city, seed, n, `d${n}`));

  test('keep to the streets within a centimetre, head where they go, and never leave the city', () => {
    let straight = 0;
    let stood = 0;
    for (const driver of drivers) {
      const dt = 0.25 + driver.random() / 2;
      let before = { ...locate(city, driver), speed: driver.speed, street: driver.street };
      for (let k = 0; k < 600; k++) {
        step(city, driver, dt);
        const now = { ...locate(city, driver), speed: driver.speed, street: driver.street };
        const metres = distance(before.lat, before.lng, now.lat, now.lng);
        expect(fromGrid(settings, now), replay).toBeLessThan(0.01);
        expect(distance(settings.lat, settings.lng, now.lat, now.lng), replay).toBeLessThan(settings.radius * 1.00001);
        // One who turns goes a longer way than the crow flies.
        expect(metres, replay).toBeLessThanOrEqual(driver.cruise * dt * 1.00002 + 1e-6);
        expect(now.speed - before.speed, replay).toBeLessThanOrEqual(ACCELERATION * dt + 1e-9);
        if (now.street === before.street && metres > 1) {
          expect(angle(bearingOf(before, now), now.heading), replay).toBeLessThan(0.05);
          straight++;
        }
        if (metres === 0) {
          expect(now.speed, replay).toBe(0);
          stood++;
        }
        before = now;
      }
    }
    expect(straight, replay).toBeGreaterThan(1500);
    expect(stood, replay).toBeGreaterThan(100);
  });

  test('come to where they are sent, by the shortest way but for a way around a block', () => {
    const random = seededRandom(seed);
    const { blockLength, blockWidth, bearing } = settings;
    const turn = (bearing * Math.PI) / 180;
    for (const driver of drivers) {
      const ride: Ride = { id: 'r', from: randomSpot(city, random), to: randomSpot(city, random) };
      const [a, b] = [locate(city, driver), locate(city, ride.from)].map((place) => onPlane(settings, place));
      const [dx, dy] = [b[0] - a[0], b[1] - a[1]];
      const direct =
        Math.abs(dx * Math.cos(turn) - dy * Math.sin(turn)) + Math.abs(dx * Math.sin(turn) + dy * Math.cos(turn));
      send(city, driver, ride, 'pickup');
      expect(driver.attributes, replay).toMatchObject({ status: 'pickup', ride: 'r' });
      let driven = 0;
      let place = locate(city, driver);
      while (driver.status === 'pickup') {
        step(city, driver, 0.1);
        const next = locate(city, driver);
        driven += distance(place.lat, place.lng, next.lat, next.lng);
        place = next;
      }
      const { lat, lng } = locate(city, ride.from);
      expect(driver.wait, replay).toBeGreaterThan(0);
      expect(distance(lat, lng, place.lat, place.lng), replay).toBeLessThan(0.01);
      expect(driven, replay).toBeLessThan(direct + 4 * (blockLength + blockWidth));
      while (driver.status === 'busy') step(city, driver, 0.1);
      const end = locate(city, ride.to);
      place = locate(city, driver);
      expect(distance(end.lat, end.lng, place.lat, place.lng), replay).toBeLessThan(0.01);
      expect(driver.attributes, replay).not.toHaveProperty('ride');
    }
  });
});

describe('a driver', () => {
  const city = new City(MANHATTAN);

  test('has a plausible speed of its own, which it has only where nothing slows it down', () => {
    const speeds = Array.from({ length: 100 }, (_, n) => createDriver(city, seed, n, `d${n}`).cruise);
    expect(new Set(speeds).size, replay).toBe(100);
    for (const speed of speeds) expect(speed >= SPEED[0] && speed < SPEED[1], replay).toBe(true);
    const shares = { still: 0, between: 0, cruise: 0 };
    for (let n = 0; n < 20; n++) {
      const driver = createDriver(city, seed, n, 'd');
      for (let k = 0; k < 500; k++) {
        step(city, driver, 1);
        if (driver.speed === 0) shares.still++;
        else if (driver.speed < driver.cruise - 0.01) shares.between++;
        else shares.cruise++;
      }
    }
    for (const share of Object.values(shares)) expect(share, replay).toBeGreaterThan(500);
  });

  test('turns now and then, and goes straight more often', () => {
    const driver = createDriver(city, seed, 7, 'd');
    let straight = 0;
    let turned = 0;
    let { street } = driver;
    let { heading } = locate(city, driver);
    for (let k = 0; k < 20_000; k++) {
      step(city, driver, 1);
      if (driver.street === street) continue;
      const now = locate(city, driver).heading;
      if (angle(heading, now) < 1) straight++;
      else turned++;
      ({ street } = driver);
      heading = now;
    }
    expect(turned, replay).toBeGreaterThan(100);
    expect(straight, replay).toBeGreaterThan(turned);
  });

  test('is the same for the same seed, however the time is cut and however many others there are', () => {
    const [one, other] = [5, 5].map((n) => createDriver(city, seed, n, 'd'));
    for (let k = 0; k < 600; k++) step(city, one, 1);
    for (let k = 0; k < 60; k++) step(city, other, 10);
    const [a, b] = [locate(city, one), locate(city, other)];
    // Near a standstill a speed is the root of what was rounded: two of 1,000 seeds differ by millimetres, none by more.
    expect(distance(a.lat, a.lng, b.lat, b.lng), replay).toBeLessThan(0.05);
    expect(one.attributes).toEqual(other.attributes);
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
  const crowded = { blockLength: 10, blockWidth: 10, width: undefined };
  expect(() => new City({ ...MANHATTAN, ...crowded, radius: 50_000 })).toThrow('a million crossings');
  expect(() => new City({ ...MANHATTAN, ...crowded, radius: 4_000 })).not.toThrow();
});
