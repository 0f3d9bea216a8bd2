import geographiclib from 'geographiclib-geodesic';
import { expect, test } from 'vitest';
import { simplify } from '../../src/geo/simplify.ts';
import { destination, type Place, trueDistance } from '../support/geodesic.ts';
import { type Random, seeded } from '../support/random.ts';

const wgs84 = geographiclib.Geodesic.WGS84;

/** A way from a place: `steps` of so many metres, turning by so many degrees each. */
function way(random: Random, from: Place, steps: number, metres: number, turn: number, azimuth = 360 * random.next()) {
  const places: Place[] = [from];
  let heading = azimuth;
  for (let i = 1; i < steps; i++) {
    heading += turn * random.normal();
    places.push(destination(places[i - 1], heading, metres * random.next()));
  }
  return places;
}

/** A way that passes a place in its middle. */
function past(random: Random, middle: Place, steps: number, metres: number, turn: number): Place[] {
  const azimuth = 360 * random.next();
  const there = way(random, middle, steps, metres, turn, azimuth);
  return [...there.slice(1).reverse(), ...way(random, middle, steps, metres, turn, azimuth + 180)];
}

const kinds: Readonly<Record<string, (random: Random) => Place[]>> = {
  'through a city': (random) => way(random, random.place(), 400, 30, 20),
  'along a road of long steps': (random) => way(random, random.place(), 400, 3_000, 5),
  'of a teleporter': (random) => Array.from({ length: 100 }, () => random.place()),
  'across the antimeridian': (random) =>
    past(random, [random.place()[0], random.pick([180, -180])], 150, random.pick([20, 2_000]), 10),
  'over a pole': (random) =>
    past(
      random,
      [random.pick([90, -90, 89.9999, -89.99]), random.between(-180, 180)],
      150,
      random.pick([10, 1_000]),
      10,
    ),
  // Straight in degrees, and bent along the ground, the more the further north.
  'along a parallel': (random) => {
    const lat = random.between(-89.99, 89.99);
    const lng = random.between(-180, 180);
    const step = random.pick([1e-4, 1e-2, 0.3]);
    return Array.from({ length: 300 }, (_, i) => [lat, ((lng + i * step + 540) % 360) - 180] as Place);
  },
  'along a meridian': (random) => {
    const [lat, lng] = random.place();
    return Array.from({ length: 300 }, (_, i) => [lat * (1 - i / 300), lng] as Place);
  },
  'with stops': (random) => way(random, random.place(), 200, 50, 30).flatMap((it) => Array(random.below(5)).fill(it)),
  'to and fro': (random) => {
    const there = way(random, random.place(), 150, 100, 3);
    return [...there, ...there.toReversed(), ...there];
  },
};

/** Metres from a place to the nearest of a curve: its parts are looked at, then the nearest parts ever more closely. */
function toCurve(place: Place, curve: (share: number) => Place): number {
  const at = (share: number) => trueDistance(...place, ...curve(share));
  const shares = Array.from({ length: 33 }, (_, i) => i / 32);
  const distances = shares.map(at);
  let middle = shares[distances.indexOf(Math.min(...distances))];
  for (let width = 1 / 32; width > 1e-9; width /= 4) {
    const around = [-1, -0.75, -0.5, -0.25, 0, 0.25, 0.5, 0.75, 1].map((part) =>
      Math.max(0, Math.min(1, middle + part * width)),
    );
    const found = around.map(at);
    middle = around[found.indexOf(Math.min(...found))];
  }
  return at(middle);
}

/** The shortest way over the ground. */
function geodesic(a: Place, b: Place): (share: number) => Place {
  const line = wgs84.InverseLine(...a, ...b);
  return (share) => {
    const { lat2, lon2 } = line.Position(share * line.s13) as { lat2: number; lon2: number };
    return [lat2, lon2];
  };
}

/** The line that a map draws (RFC 7946, 3.1.1), the shorter way round. */
function straight([lat1, lng1]: Place, [lat2, lng2]: Place): (share: number) => Place {
  const width = ((lng2 - lng1 + 540) % 360) - 180;
  return (share) => [lat1 + share * (lat2 - lat1), lng1 + share * width];
}

const points = (places: readonly Place[]) => places.map(([lat, lng]) => ({ lat, lng }));

test.each(Object.keys(kinds))(
  'no point of a way %s is further from what is kept than the tolerance, on the ground or in degrees',
  (kind) => {
    const random = seeded(`simplify ${kind}`);
    let dropped = 0;
    for (let round = 0; round < 12; round++) {
      const places = kinds[kind](random);
      const tolerance = 10 ** random.between(-1, 4);
      const kept = simplify(points(places), tolerance);
      expect([kept[0], kept.at(-1)]).toEqual([0, places.length - 1]);
      expect(kept).toEqual([...new Set(kept)].sort((a, b) => a - b));
      dropped += places.length - kept.length;
      for (let look = 0; look < 20; look++) {
        const index = random.below(places.length);
        const after = kept.findIndex((it) => it >= index);
        if (kept[after] === index) continue;
        const [a, b] = [places[kept[after - 1]], places[kept[after]]];
        // GeographicLib is right to 15 nm.
        expect(toCurve(places[index], geodesic(a, b))).toBeLessThanOrEqual(tolerance + 1e-7);
        expect(toCurve(places[index], straight(a, b))).toBeLessThanOrEqual(tolerance + 1e-7);
      }
    }
    if (kind !== 'of a teleporter') expect(dropped).toBeGreaterThan(100);
  },
);

test('of a straight road its ends are kept, of a road with one bend that too', () => {
  const from: Place = [40.7, -74];
  const straightOn = Array.from({ length: 1_000 }, (_, i) => destination(from, 30, i * 5));
  expect(simplify(points(straightOn), 0.5)).toEqual([0, 999]);
  const bend = [
    ...straightOn,
    ...Array.from({ length: 1_000 }, (_, i) => destination(straightOn[999], 100, 5 + i * 5)),
  ];
  expect(simplify(points(bend), 1)).toEqual([0, 999, 1_999]);
  // A car that stands, across the antimeridian or on the pole by other names.
  expect(
    simplify(
      points([
        [1, 180],
        [1, -180],
        [1, 180],
        [1, -180],
      ]),
      0.001,
    ),
  ).toEqual([0, 3]);
  expect(
    simplify(
      points([
        [90, 0],
        [90, 77],
        [90, -120],
        [90, 3],
      ]),
      0.001,
    ),
  ).toEqual([0, 3]);
});

test('nothing, one and two points are kept as they are', () => {
  expect(simplify([], 10)).toEqual([]);
  expect(simplify(points([[1, 1]]), 10)).toEqual([0]);
  expect(
    simplify(
      points([
        [1, 1],
        [1, 1],
      ]),
      10,
    ),
  ).toEqual([0, 1]);
});

/** Ways that Douglas and Peucker's algorithm alone takes n²/2 looks for. */
const hard: Readonly<Record<string, (i: number, n: number) => Place>> = {
  'zigzag of one width': (i) => [50 + (i % 2) * 0.01, 8 + i * 1e-5],
  'ever wider zigzag': (i) => [50 + (i % 2) * i * 1e-6, 8 + i * 1e-5],
  'ever narrower zigzag': (i, n) => [50 + (i % 2) * (n - i) * 1e-6, 8 + i * 1e-5],
  spiral: (i) => [50 + i * 1e-6 * Math.cos(i / 5), 8 + i * 1e-6 * Math.sin(i / 5)],
  'jumps between two cities': (i) => [50 + (i % 2) * 5, 8 + i * 1e-7],
  'jumps around the planet': (i) => [80 * Math.sin(i), 180 * Math.cos(3 * i)],
};

test.each(Object.keys(hard))('10,000 points of a %s hold nobody up', (name) => {
  const n = 10_000;
  const places = points(Array.from({ length: n }, (_, i) => hard[name](i, n)));
  // The machine may have other things to do: the best of some.
  const times = Array.from({ length: 5 }, () => {
    const start = performance.now();
    expect(simplify(places, 0.01).length).toBeGreaterThan(n / 2);
    return performance.now() - start;
  });
  expect(Math.min(...times)).toBeLessThan(50);
});
