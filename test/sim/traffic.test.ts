import { expect, test } from 'vitest';
import { distance } from '../../src/geo/distance.ts';
import { City, MANHATTAN } from '../../src/sim/city.ts';
import { Traffic, type TrafficSettings } from '../../src/sim/traffic.ts';

const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
const replay = `replay with SEED=${seed}`;
const streets = new City(MANHATTAN);

function start(settings: Partial<TrafficSettings>): Traffic {
  return new Traffic({ streets, drivers: 100, seed, ...settings });
}

/** Moves all drivers on, second by second. */
function run(traffic: Traffic, seconds: number, look?: (time: number) => void): void {
  const from = traffic.time;
  for (let time = from + 1; time <= from + seconds; time++) {
    traffic.advance(time);
    for (let n = 0; n < traffic.drivers.length; n++) traffic.move(n, time);
    look?.(time);
  }
}

test('rides have about half of the drivers, who are sent, take riders, set them down and are free again', () => {
  const traffic = start({ drivers: 150 });
  const { drivers } = traffic;
  const told = drivers.map(({ attributes }) => [attributes]);
  let engaged = 0;
  run(traffic, 3600, (time) => {
    const { pickup, busy, available } = traffic.count();
    expect(pickup + busy + available, replay).toBe(150);
    if (time > 600) engaged += pickup + busy;
    for (const [n, { attributes }] of drivers.entries()) {
      if (attributes !== told[n].at(-1)) told[n].push(attributes);
    }
  });
  expect(engaged / 3000 / 150, replay).toBeGreaterThan(0.4);
  expect(engaged / 3000 / 150, replay).toBeLessThan(0.6);
  const takenBy = new Map<unknown, number>();
  for (const [n, list] of told.entries()) {
    for (const [k, { status, ride, vehicle, seats, name }] of list.entries()) {
      expect({ vehicle, seats, name }, replay).toEqual({
        vehicle: drivers[n].vehicle,
        seats: drivers[n].seats,
        name: drivers[n].name,
      });
      if (ride !== undefined) expect(takenBy.get(ride) ?? n, replay).toBe(n);
      if (ride !== undefined) takenBy.set(ride, n);
      const before = list[k - 1];
      if (before === undefined) continue;
      const step = `${before.status} ${status}`;
      expect(['available pickup', 'pickup busy', 'busy available'], replay).toContain(step);
      if (step === 'pickup busy') expect(ride, replay).toBe(before.ride);
      expect(ride === undefined, replay).toBe(status === 'available');
    }
  }
  expect(takenBy.size, replay).toBeGreaterThan(300);
});

test('the nearest driver who is free and on duty is sent', () => {
  const traffic = start({ silent: 0.2, offDuty: 0.1 });
  let sent = 0;
  const places = () => traffic.drivers.map((_, n) => traffic.read(n));
  run(traffic, 900);
  let before = traffic.drivers.map(({ status }) => status);
  for (let time = traffic.time + 1; time < 1500; time++) {
    for (let n = 0; n < traffic.drivers.length; n++) traffic.move(n, time);
    const at = places();
    const free = traffic.drivers.map(({ status }, n) => status === 'available' && traffic.move(n, time) === 'on duty');
    before = traffic.drivers.map(({ status }) => status);
    traffic.advance(time);
    const gone = traffic.drivers.flatMap(({ status }, n) => (status === 'pickup' && before[n] !== 'pickup' ? [n] : []));
    // Of two who are sent in the same second, the second finds fewer.
    if (gone.length !== 1) continue;
    const [chosen] = gone;
    const { street, metres } = traffic.drivers[chosen].ride?.from ?? { street: 0, metres: 0 };
    const place = { x: 0, y: 0, bearing: 0 };
    streets.place(street, metres, place);
    const rider = streets.plane.locate(place.x, place.y, 0);
    const metresOf = (n: number) => distance(rider.lat, rider.lng, at[n].lat, at[n].lng);
    expect(free[chosen], replay).toBe(true);
    for (const [n, isFree] of free.entries()) {
      if (isFree) expect(metresOf(chosen), replay).toBeLessThanOrEqual(metresOf(n) + 0.01);
    }
    sent++;
  }
  expect(sent, replay).toBeGreaterThan(20);
});

test('as many are silent or off duty as is asked for, who drive on or stand still, and come back', () => {
  const traffic = start({ drivers: 400, silent: 0.1, offDuty: 0.05 });
  let silent = 0;
  let offDuty = 0;
  run(traffic, 1800);
  const standing = new Map<number, { lat: number; lng: number }>();
  let returned = 0;
  run(traffic, 3600, (time) => {
    const count = traffic.count();
    silent += count.silent;
    offDuty += count.offDuty;
    for (let n = 0; n < 400; n++) {
      const before = standing.get(n);
      if (traffic.move(n, time) !== 'off duty') {
        if (standing.delete(n)) returned++;
        continue;
      }
      expect(traffic.drivers[n].status, replay).toBe('available');
      const { lat, lng } = traffic.read(n);
      if (before !== undefined) expect({ lat, lng }, replay).toEqual(before);
      standing.set(n, { lat, lng });
    }
  });
  expect(Math.abs(silent / 3600 / 400 - 0.1), replay).toBeLessThan(0.03);
  expect(Math.abs(offDuty / 3600 / 400 - 0.05), replay).toBeLessThan(0.025);
  expect(returned, replay).toBeGreaterThan(20);
});

test('there is more to do at the centre', () => {
  const traffic = start({ drivers: 400 });
  const from: number[] = [];
  const rides = new Set<unknown>();
  run(traffic, 900, () => {
    for (const { ride, status } of traffic.drivers) {
      if (ride === undefined || status !== 'pickup' || rides.has(ride)) continue;
      rides.add(ride);
      const place = { x: 0, y: 0, bearing: 0 };
      streets.place(ride.from.street, ride.from.metres, place);
      from.push(Math.hypot(place.x, place.y));
    }
  });
  // Half of all crossings are nearer to the centre than the median.
  const crossings: number[] = [];
  for (let i = -5; i <= 5; i++) {
    for (let j = -50; j <= 50; j++) {
      const metres = Math.hypot(i * MANHATTAN.blockWidth, j * MANHATTAN.blockLength);
      if (metres <= MANHATTAN.radius) crossings.push(metres);
    }
  }
  const median = crossings.sort((a, b) => a - b)[crossings.length >> 1];
  expect(from.length, replay).toBeGreaterThan(150);
  expect(from.filter((metres) => metres < median).length / from.length, replay).toBeGreaterThan(0.62);
});

test('the same seed gives the same traffic, another one another', () => {
  const told = (traffic: Traffic) => {
    run(traffic, 300);
    return traffic.drivers.map(({ attributes }, n) => ({ ...attributes, ...traffic.read(n) }));
  };
  const [one, same, other] = [seed, seed, seed + 1].map((seed) => told(start({ seed, silent: 0.1 })));
  expect(same).toEqual(one);
  expect(other).not.toEqual(one);
});
