import geographiclib from 'geographiclib-geodesic';
import { cellToLatLng, getPentagons } from 'h3-js';
import { describe, expect, test } from 'vitest';
import { Circle } from '../../src/geo/circle.ts';
import { CellTree } from '../../src/spatial/cell-tree.ts';
import { type Random, seeded } from '../support/random.ts';

const wgs84 = geographiclib.Geodesic.WGS84;
type Place = [lat: number, lng: number];

/** Fleets that have been trouble for others. */
const fleets: Record<string, (random: Random) => Place> = {
  planet: (random) => random.place(),
  city: (random) => [30.27 + 0.2 * random.normal(), -97.74 + 0.2 * random.normal()],
  'one point': () => [51.5, -0.12],
  'few points': (random) => [51.5 + 0.001 * random.below(3), -0.12],
  line: (random) => [48, random.between(2, 3)],
  pole: (random) => [90 - Math.abs(random.normal()) * 0.05, random.between(-180, 180)],
  'south pole': (random) => [-90 + Math.abs(random.normal()) * 0.05, random.between(-180, 180)],
  dateline: (random) => {
    const lng = 180 + 0.1 * random.normal();
    return [-16.5 + 0.1 * random.normal(), lng > 180 ? lng - 360 : lng];
  },
  pentagon: (random) => {
    const [lat, lng] = cellToLatLng(getPentagons(0)[3]);
    return [lat + 0.05 * random.normal(), lng + 0.05 * random.normal()];
  },
};

const naive = (places: ReadonlyMap<number, Place>, lat: number, lng: number, radius: number, limit: number) =>
  [...places]
    // Twice the span that a radius can have in latitude, to spare the judge hopeless pairs.
    .filter(([, place]) => Math.abs(place[0] - lat) * 100_000 <= radius + 1)
    .map(([slot, place]) => [wgs84.Inverse(lat, lng, place[0], place[1]).s12 as number, slot] as const)
    .filter(([distance]) => distance <= radius)
    .sort((a, b) => (Math.abs(a[0] - b[0]) < 1e-6 ? a[1] - b[1] : a[0] - b[0]))
    .slice(0, limit);

describe.each(Object.entries(fleets))('%s', (name, place) => {
  test('nearest agrees with brute force while drivers come, move and go', () => {
    const random = seeded(name);
    const tree = new CellTree((a, b) => a - b);
    const places = new Map<number, Place>();
    const add = () => {
      const at = place(random);
      places.set(tree.add(...at), at);
    };
    for (let i = 0; i < 400; i++) add();
    for (let round = 0; round < 60; round++) {
      for (let i = 0; i < 20; i++) {
        const slot = random.pick([...places.keys()]);
        const what = random.below(4);
        if (what === 0) {
          tree.remove(slot);
          places.delete(slot);
          add();
        } else {
          // Teleport, or move a little.
          const [lat, lng] = places.get(slot) as Place;
          const at: Place = what === 1 ? place(random) : [Math.max(-90, Math.min(90, lat + 1e-5)), lng];
          tree.move(slot, ...at);
          places.set(slot, at);
        }
      }
      expect(tree.size).toBe(places.size);
      const [lat, lng] = random.below(3) === 0 ? random.place() : place(random);
      const radius = random.pick([0, 10, 500, 5_000, 100_000, 3_000_000, 20_100_000]);
      const within: number[] = [];
      tree.within(new Circle(lat, lng, radius), (slot) => within.push(slot));
      const everyone = naive(places, lat, lng, radius, places.size);
      expect(within.sort((a, b) => a - b)).toEqual(everyone.map(([, slot]) => slot).sort((a, b) => a - b));
      const limit = random.pick([1, 10, 10_000]);
      const found = tree.nearest(lat, lng, radius, limit);
      const expected = naive(places, lat, lng, radius, limit);
      expect(found.slots).toEqual(expected.map(([, slot]) => slot));
      for (const [i, distance] of found.distances.entries()) {
        expect(Math.abs(distance - expected[i][0])).toBeLessThan(0.001);
      }
    }
  });
});

test('a filter is asked inside the search, so the nearest that pass are found however many nearer do not', () => {
  const random = seeded('filter');
  const tree = new CellTree((a, b) => a - b);
  const places = new Map<number, Place>();
  for (let i = 0; i < 5_000; i++) {
    const at = fleets.city(random);
    places.set(tree.add(...at), at);
  }
  const accept = (slot: number) => slot % 100 === 7;
  const chosen = new Map([...places].filter(([slot]) => accept(slot)));
  for (let i = 0; i < 50; i++) {
    const [lat, lng] = fleets.city(random);
    const found = tree.nearest(lat, lng, 100_000, 10, accept);
    expect(found.slots).toEqual(naive(chosen, lat, lng, 100_000, 10).map(([, slot]) => slot));
  }
});

test('what is there bounds the memory: slots and nodes are given back and used again', () => {
  const random = seeded('memory');
  const tree = new CellTree((a, b) => a - b);
  const fill = () => Array.from({ length: 2_000 }, () => tree.add(...fleets.city(random)));
  const slots = fill();
  const full = tree.nodes;
  expect(full).toBeGreaterThan(100);
  // All move to one place and back: the city's nodes go, and come again.
  for (const slot of slots) tree.move(slot, 1, 1);
  expect(tree.nodes).toBeLessThanOrEqual(15 * 7);
  for (const slot of slots) tree.move(slot, ...fleets.city(random));
  expect(tree.nodes).toBeLessThan(1.2 * full);
  // Thinned out, it is not kept split for the few that are left.
  for (const slot of slots.slice(100)) tree.remove(slot);
  expect(tree.nodes).toBeLessThan(100);
  for (const slot of slots.slice(0, 100)) tree.remove(slot);
  expect(tree.nodes).toBe(0);
  expect(tree.size).toBe(0);
  expect(tree.nearest(30.27, -97.74, 20_100_000, 10).slots).toEqual([]);
  expect(new Set(fill())).toEqual(new Set(slots));
});

test('equally far points are ordered, and cut off, by the order given', () => {
  const tree = new CellTree((a, b) => b - a);
  for (let i = 0; i < 100; i++) tree.add(1, 1);
  expect(tree.nearest(1, 1, 10, 3).slots).toEqual([99, 98, 97]);
});

test('a whole fleet at one point does not hold a search up, in whatever order it came', () => {
  for (const order of [(a: number, b: number) => a - b, (a: number, b: number) => b - a]) {
    const tree = new CellTree(order);
    let compared = 0;
    const counting = new CellTree((a, b) => {
      compared++;
      return order(a, b);
    });
    for (let i = 0; i < 20_000; i++) {
      tree.add(51.5, -0.12);
      counting.add(51.5, -0.12);
    }
    const all = Array.from({ length: 20_000 }, (_, slot) => slot).sort(order);
    expect(tree.nearest(51.5, -0.12, 10, 1001).slots).toEqual(all.slice(0, 1001));
    counting.nearest(51.5, -0.12, 10, 1001);
    // By halves: log₂ 1001 is 10. One by one it would be hundreds.
    expect(compared).toBeLessThan(20_000 * 15);
  }
});
