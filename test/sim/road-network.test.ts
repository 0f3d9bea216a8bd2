import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { distance } from '../../src/geo/distance.ts';
import { seededRandom } from '../../src/sim/random.ts';
import { type RoadLine, readRoadFile, roadLines } from '../../src/sim/road-file.ts';
import { RoadNetwork } from '../../src/sim/road-network.ts';
import { locate, randomSpot } from '../../src/sim/streets.ts';
import { Traffic } from '../../src/sim/traffic.ts';
import { fromLine } from './on-streets.ts';

const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
const replay = `replay with SEED=${seed}`;

/** Degrees that are about so many metres at the equator, where a degree is the same both ways but for 0.7 %. */
const m = (metres: number) => metres / 111_320;

/**
 * A square of 1 km with a diagonal that bends, a dead end, a ring at its tip, a road that nearly meets a corner, and an
 * island that hangs together with nothing:
 *
 *     D───────C
 *     │    ╱  │
 *     │  x    │      x: a bend    F: the end of B's dead end, where a ring begins
 *     │ ╱     │
 *     A───────B───F◯
 */
const A = [m(0), m(0)] as const;
const B = [m(1000), m(0)] as const;
const C = [m(1000), m(1000)] as const;
const D = [m(0), m(1000)] as const;
const X = [m(400), m(600)] as const;
const F = [m(1500), m(0)] as const;
const LINES: RoadLine[] = [
  [A, B, C],
  // Half a metre from C, and from A: the same crossings.
  [[m(1000.5), m(1000)], D, [m(0), m(0.5)]],
  [A, X, C],
  [B, F],
  [F, [m(1600), m(100)], [m(1700), m(0)], [m(1600), m(-100)], F],
  [
    [m(5000), m(0)],
    [m(5500), m(0)],
  ],
];

describe('a road network', () => {
  const network = new RoadNetwork(LINES);

  test('has a crossing where lines meet or end, and a street from one to the next, both ways', () => {
    // A, B, C, F; D, X and the corners of the ring are bends.
    expect(network.crossings).toBe(4);
    // AB, BC, CDA, AXC, BF, and the ring.
    expect(network.streets).toBe(12);
    const lengths = Array.from({ length: 6 }, (_, n) => network.length(2 * n)).sort((a, b) => a - b);
    const bent = Math.hypot(400, 600) + Math.hypot(600, 400);
    const expected = [500, 4 * Math.hypot(100, 100), 1000, 1000, bent, 2000];
    for (const [n, length] of lengths.entries()) expect(Math.abs(length / expected[n] - 1)).toBeLessThan(0.008);
    for (let street = 0; street < 12; street++) {
      const back = network.back(street);
      expect([network.from(back), network.to(back), network.length(back)]).toEqual([
        network.to(street),
        network.from(street),
        network.length(street),
      ]);
      for (const share of [0, 0.3, 1]) {
        const length = network.length(street);
        const here = locate(network, { street, metres: share * length });
        const there = locate(network, { street: back, metres: (1 - share) * length });
        expect(distance(here.lat, here.lng, there.lat, there.lng)).toBeLessThan(1e-6);
      }
    }
  });

  test('tells how much of the roads hangs together', () => {
    const driven = Array.from({ length: 6 }, (_, n) => network.length(2 * n)).reduce((sum, length) => sum + length);
    // The island has 500 m.
    expect(Math.abs(network.used - driven / (driven + 500))).toBeLessThan(0.001);
    expect(new RoadNetwork(LINES.slice(0, 5)).used).toBeCloseTo(1, 9);
  });

  test('is driven on within a centimetre of its lines, all of it but what does not hang together', () => {
    const traffic = new Traffic({ streets: network, drivers: 30, seed });
    const used = LINES.slice(0, 5).flatMap((line) =>
      line.slice(1).map((place, n) => ({ from: line[n], to: place, times: 0 })),
    );
    for (let time = 1; time <= 1200; time++) {
      traffic.advance(time);
      for (let n = 0; n < 30; n++) {
        traffic.move(n, time);
        const place = traffic.read(n);
        const offs = used.map(({ from, to }) =>
          fromLine(place, { lng: from[0], lat: from[1] }, { lng: to[0], lat: to[1] }),
        );
        const least = Math.min(...offs);
        // But for the half metre by which the corners were moved.
        expect(least, replay).toBeLessThan(place.lng < m(1) || place.lat > m(999) ? 0.51 : 0.01);
        used[offs.indexOf(least)].times++;
      }
    }
    for (const { times } of used) expect(times, replay).toBeGreaterThan(0);
  });

  test('has the shortest ways, as trying all of them finds, and turns back at once only where it must', () => {
    const random = seededRandom(seed);
    const lines = randomNetwork(random);
    const streets = new RoadNetwork(lines);
    for (let n = 0; n < 200; n++) {
      const street = randomSpot(streets, random).street;
      const target = randomSpot(streets, random).street;
      const route = streets.route(street, target).reverse();
      expect(route.at(-1), replay).toBe(target);
      for (const [k, next] of route.entries()) {
        expect(streets.from(next), replay).toBe(streets.to(k === 0 ? street : route[k - 1]));
      }
      const metres = route.slice(0, -1).reduce((sum, next) => sum + streets.length(next), 0);
      expect(Math.abs(metres - shortest(streets, street, target)), replay).toBeLessThan(1e-6);
    }
  });

  test('may lie across the antimeridian, or be a ring alone', () => {
    const across = new RoadNetwork([
      [
        [179.999, 0],
        [-179.999, 0],
        [-179.999, 0.001],
      ],
    ]);
    expect(Math.abs(across.length(0) - 3 * 111.2)).toBeLessThan(3);
    const ring = new RoadNetwork([[A, B, C, A]]);
    expect([ring.crossings, ring.streets, ring.ways(0)]).toEqual([1, 2, 2]);
    const traffic = new Traffic({ streets: ring, drivers: 3, seed });
    for (let time = 1; time <= 600; time++) {
      traffic.advance(time);
      for (let n = 0; n < 3; n++) traffic.move(n, time);
    }
    expect(traffic.rides.given, replay).toBeGreaterThan(0);
  });
});

/** Bellman and Ford: metres after a street until the beginning of another, not back at once. */
function shortest(streets: RoadNetwork, street: number, target: number): number {
  const start = streets.to(street);
  const goal = streets.from(target);
  const back = streets.ways(start) > 1 ? streets.back(street) : -1;
  if (start === goal && target !== back) return 0;
  const metres = new Array(streets.crossings).fill(Number.POSITIVE_INFINITY);
  for (let k = 0; k < streets.ways(start); k++) {
    const way = streets.way(start, k);
    if (way !== back) metres[streets.to(way)] = Math.min(metres[streets.to(way)], streets.length(way));
  }
  for (let round = 0; round < streets.crossings; round++) {
    for (let way = 0; way < streets.streets; way++) {
      const reached = metres[streets.from(way)] + streets.length(way);
      // Through where it starts it would be a way around that ends in turning back.
      if (streets.from(way) !== start && reached < metres[streets.to(way)]) metres[streets.to(way)] = reached;
    }
  }
  return metres[goal] < Number.POSITIVE_INFINITY
    ? metres[goal]
    : streets.length(back) + (back === target ? 0 : shortest(streets, back, target));
}

/** Crossings anywhere in 2 km, each joined to the one before and to some others. */
function randomNetwork(random: () => number): RoadLine[] {
  const places = Array.from({ length: 60 }, () => [m(2000 * random()), m(2000 * random())] as const);
  const any = () => places[Math.floor(random() * places.length)];
  return [places, ...Array.from({ length: 60 }, () => [any(), any()])];
}

describe('a file of roads', () => {
  test('may be a FeatureCollection, a Feature or a geometry, with other things in it', async () => {
    const line = { type: 'LineString', coordinates: [A, B] };
    const feature = { type: 'Feature', properties: null, geometry: line };
    const several = {
      type: 'MultiLineString',
      coordinates: [
        [A, B],
        [[...B, 12], C],
      ],
    };
    const point = { type: 'Feature', geometry: { type: 'Point', coordinates: A } };
    const collection = {
      type: 'FeatureCollection',
      features: [feature, point, { geometry: several }, { geometry: null }],
    };
    expect(roadLines(JSON.stringify(line))).toEqual([[A, B]]);
    expect(roadLines(JSON.stringify(feature))).toEqual([[A, B]]);
    expect(roadLines(JSON.stringify(collection))).toEqual([
      [A, B],
      [A, B],
      [B, C],
    ]);
    const directory = await mkdtemp(join(tmpdir(), 'nearcast-roads-'));
    try {
      const path = join(directory, 'roads.geojson');
      await writeFile(path, JSON.stringify(collection));
      expect((await readRoadFile(path)).streets).toBe(2);
      await writeFile(path, '{"type":"Point"}');
      await expect(readRoadFile(path)).rejects.toThrow(`--roads ${path}: it is not GeoJSON`);
      await expect(readRoadFile(directory)).rejects.toThrow('--roads');
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  const feature = (coordinates: unknown) => ({
    type: 'FeatureCollection',
    features: [{ geometry: { type: 'LineString', coordinates } }],
  });
  test.each([
    ['not JSON', 'it is not JSON'],
    ['null', 'it is not GeoJSON'],
    ['[]', 'it is not GeoJSON'],
    [{ type: 'FeatureCollection' }, 'features must be a list'],
    [{ type: 'FeatureCollection', features: [] }, 'it has no LineString'],
    [{ type: 'FeatureCollection', features: [null, 7] }, 'it has no LineString'],
    [feature(undefined), 'features[0].geometry.coordinates must be a list'],
    [feature([A]), 'features[0].geometry.coordinates must have two places or more'],
    [
      feature([A, [1]]),
      'place 1 of features[0].geometry.coordinates must be [longitude, latitude] in degrees, not [1]',
    ],
    [feature([A, [0, 91]]), 'not [0,91]'],
    [feature([A, ['0', 1]]), 'not ["0",1]'],
    [feature([A, null]), 'not null'],
    [{ type: 'MultiLineString', coordinates: [[A, B], 'x'] }, 'the geometry.coordinates[1] must be a list'],
    [feature(Array.from({ length: 500_001 }, () => A)), 'more than 500000 places'],
    // Named by what is said: the last file has megabytes.
  ])('is refused where it is wrong: $1', (json, message) => {
    expect(() => roadLines(typeof json === 'string' ? json : JSON.stringify(json))).toThrow(message);
  });

  test('that makes no network is refused', () => {
    expect(() => new RoadNetwork([[A, A]])).toThrow('shorter than a metre');
    expect(() => new RoadNetwork([[A, [m(110_000), 0]]])).toThrow('within 50 km');
    expect(() => new RoadNetwork([[A, [100, 50]]])).toThrow('within 50 km');
  });
});
