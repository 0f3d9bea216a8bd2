import {
  cellToBoundary,
  cellToCenterChild,
  cellToLatLng,
  getPentagons,
  getRes0Cells,
  gridDisk,
  latLngToCell,
} from 'h3-js';
import { describe, expect, test, vi } from 'vitest';
import { CellTree } from '../../src/spatial/cell-tree.ts';
import { destination, type Place, trueDistance } from '../support/geodesic.ts';
import { type Random, seeded } from '../support/random.ts';
import { extremeOf, faceCentres } from './extremes.ts';
import { fleets, step } from './fleets.ts';
import { Shadow } from './shadow.ts';
import { bruteForce, judgeNearest, judgeWithin, visited } from './verdict.ts';

const PLANET = 20_100_000;
/** More than are ever left together in one cell, but at the finest resolution. */
const CROWD = 200;
const RADII = [0, 1, 10, 500, 5_000, 100_000, 3_000_000, PLANET];

const sorted = (slots: readonly number[]) => [...slots].sort((a, b) => a - b);

const first = (limit: number, { slots, distances }: ReturnType<CellTree['nearest']>) => ({
  slots: slots.slice(0, limit),
  distances: distances.slice(0, limit),
});

/** Where one asks from: among the drivers, exactly at one, near one, or anywhere. */
function centreOf(shadow: Shadow, place: (random: Random) => Place, random: Random): Place {
  const what = random.below(5);
  if (what === 0) return random.place();
  if (what === 1) return shadow.place(shadow.anyone());
  if (what === 2) return step(random, shadow.place(shadow.anyone()), 10 ** random.between(-2, 6));
  return place(random);
}

describe.each(Object.entries(fleets))('%s', (name, place) => {
  test('agrees with brute force while drivers come, move and go', () => {
    const random = seeded(name);
    const shadow = new Shadow(random);
    const { tree } = shadow;
    for (let i = 0; i < 400; i++) shadow.add(place(random));
    for (let round = 0; round < 60; round++) {
      for (let i = 0; i < 20; i++) shadow.stir(place);
      expect(tree.size).toBe(400);
      const [lat, lng] = centreOf(shadow, place, random);
      // One in three times the rim is a millimetre from a driver.
      const rim = trueDistance(lat, lng, ...shadow.place(shadow.anyone())) + random.pick([-0.001, 0.001]);
      const radius = random.below(3) === 0 ? Math.max(0, rim) : random.pick(RADII);
      const truth = bruteForce(shadow, [lat, lng], radius);
      judgeWithin(visited(tree, [lat, lng], radius), truth, shadow);
      const all = tree.nearest(lat, lng, radius, 10_000);
      judgeNearest(all, 10_000, truth, shadow);
      for (const limit of [1, 2, 1 + random.below(50), 399, 400]) {
        const found = tree.nearest(lat, lng, radius, limit);
        judgeNearest(found, limit, truth, shadow);
        expect(found).toEqual(first(limit, all));
      }
      // Of one in two, one in a hundred, one alone, nobody.
      const one = shadow.anyone();
      for (const accept of [
        (slot: number) => slot % 2 === 0,
        (slot: number) => slot % 100 === 7,
        (slot: number) => slot === one,
        () => false,
      ]) {
        const chosen = { ...truth, candidates: new Set(shadow.slots.filter(accept)) };
        for (const limit of [1, 3, 10_000]) {
          const found = tree.nearest(lat, lng, radius, limit, accept);
          judgeNearest(found, limit, chosen, shadow);
          expect(found.slots).toEqual(all.slots.filter(accept).slice(0, limit));
        }
      }
    }
  });
});

test('a filter is asked inside the search, so the nearest that pass are found however many nearer do not', () => {
  const random = seeded('filter');
  const shadow = new Shadow(random);
  for (let i = 0; i < 5_000; i++) shadow.add(fleets['one city'](random));
  const accept = (slot: number) => slot % 500 === 7;
  for (let i = 0; i < 50; i++) {
    const [lat, lng] = fleets['one city'](random);
    const truth = { ...bruteForce(shadow, [lat, lng], PLANET), candidates: new Set(shadow.slots.filter(accept)) };
    expect(judgeNearest(shadow.tree.nearest(lat, lng, PLANET, 10, accept), 10, truth, shadow)).toBe(10);
  }
});

test('a radius that is a driver’s distance to the bit holds it, and one a bit shorter does not', () => {
  const random = seeded('closed');
  const shadow = new Shadow(random);
  for (let i = 0; i < 1_000; i++) shadow.add(fleets['a stadium in the world'](random));
  const { tree } = shadow;
  for (let i = 0; i < 2_000; i++) {
    const [lat, lng] = step(random, shadow.place(shadow.anyone()), 10 ** random.between(-2, 3));
    const { slots, distances } = tree.nearest(lat, lng, PLANET, 1 + random.below(30));
    const radius = distances[distances.length - 1];
    const last = slots[slots.length - 1];
    expect(tree.nearest(lat, lng, radius, 1_000).slots, `${lat} ${lng} ${radius}`).toContain(last);
    const shorter = radius * (1 - Number.EPSILON);
    if (shorter < radius) expect(tree.nearest(lat, lng, shorter, 1_000).slots).not.toContain(last);
  }
});

test('drivers all round at all but the same distance come in the order of their distances, whatever their chords are', () => {
  const random = seeded('ring');
  for (let i = 0; i < 150; i++) {
    const centre: Place = random.below(2) === 0 ? random.place() : [random.between(-5, 5), random.between(-180, 180)];
    const radius = [
      () => 10 ** random.between(2, 6),
      () => 500_000 + random.between(-500, 500),
      () => 10 ** random.between(6, 7.3),
      // About the antipode, where the way is nearly at its longest whatever the chord.
      () => random.between(19_800_000, 20_000_000),
    ][random.below(4)]();
    // By so much chords of one length differ in the length of the way, for the ellipsoid is curved differently.
    const spread = (radius ** 3 / 24) * 3.4e-16;
    const shadow = new Shadow(random);
    for (let j = 0; j < 200; j++) {
      const distance = radius + random.between(-1, 1) * random.pick([0.1, 1, 3]) * spread;
      shadow.add(destination(centre, random.between(0, 360), distance));
    }
    const accept = random.below(2) === 0 ? (slot: number) => slot % 3 > 0 : () => true;
    for (const reach of [PLANET, radius, radius + spread]) {
      const truth = { ...bruteForce(shadow, centre, reach), candidates: new Set(shadow.slots.filter(accept)) };
      const all = shadow.tree.nearest(...centre, reach, 200, accept);
      judgeNearest(all, 200, truth, shadow);
      for (const limit of [1, 1 + random.below(100), 100, 132]) {
        const found = shadow.tree.nearest(...centre, reach, limit, accept);
        judgeNearest(found, limit, truth, shadow);
        expect(found, `${limit} around ${centre}, ${reach} m`).toEqual(first(limit, all));
      }
    }
  }
});

test('nearest and within take the same for inside to the bit, so that a subscription starts from what nearby found', () => {
  const random = seeded('same inside');
  const shadow = new Shadow(random);
  const place = fleets['a stadium in the world'];
  for (let i = 0; i < 1_000; i++) shadow.add(place(random));
  const { tree } = shadow;
  for (let i = 0; i < 60; i++) {
    const centre = centreOf(shadow, place, random);
    const { distances } = tree.nearest(...centre, PLANET, 1_000);
    for (const radius of [random.pick(distances), random.pick(distances) * (1 - Number.EPSILON), random.pick(RADII)]) {
      const nearest = tree.nearest(...centre, radius, 1_000).slots;
      expect(sorted(visited(tree, centre, radius)), `${centre} ${radius}`).toEqual(sorted(nearest));
    }
  }
});

test('drivers at the extremes of their cells are found from just beyond, and are outside of a circle just too small', () => {
  const random = seeded('extremes');
  const ancestors = [...getRes0Cells(), ...getPentagons(0)];
  for (let resolution = 1; resolution <= 15; resolution++) {
    const places = [...faceCentres(), ...Array.from({ length: 8 }, () => random.place())];
    ancestors.push(...places.map(([lat, lng]) => latLngToCell(lat, lng, resolution)), ...getPentagons(resolution));
  }
  for (const ancestor of ancestors) {
    const centre: Place = cellToLatLng(ancestor);
    const extreme = extremeOf(ancestor);
    const shadow = new Shadow(random);
    // So many at one place that the tree has a cell of every resolution over them.
    for (let i = 0; i < CROWD; i++) shadow.add(extreme);
    const gap = 10 ** random.between(-3, 1);
    const beyond = destination(extreme, azimuth(extreme, centre) + 180, gap);
    const found = shadow.tree.nearest(...beyond, 1.001 * gap, 2 * CROWD).slots;
    expect(found.length, `${ancestor}: ${gap} m beyond ${extreme}`).toBe(CROWD);
    expect(visited(shadow.tree, beyond, 1.001 * gap).length).toBe(CROWD);
    const distance = trueDistance(...centre, ...extreme);
    expect(visited(shadow.tree, centre, distance - 0.001).length, `${ancestor}: ${extreme}`).toBe(0);
    expect(visited(shadow.tree, centre, distance + 0.001).length).toBe(CROWD);
  }
});

test('a driver in the corner of a circle’s box is not in the circle, however large it is', () => {
  const random = seeded('corner');
  let outside = 0;
  for (let i = 0; i < 500; i++) {
    const centre = random.place();
    const radius = 10 ** random.between(0, 6.9);
    const [north, east, south, west] = [0, 90, 180, 270].map((azimuth) => destination(centre, azimuth, 0.999 * radius));
    const shadow = new Shadow(random);
    const inside = [north, east, south, west].map((place) => shadow.add(place));
    for (const [lat] of [north, south]) {
      for (const [, lng] of [east, west]) {
        // Near a pole the lines that make a box run together, and its corners may be inside.
        if (trueDistance(...centre, lat, lng) < 1.001 * radius) continue;
        shadow.add([lat, lng]);
        outside++;
      }
    }
    expect(sorted(shadow.tree.nearest(...centre, radius, 100).slots), `${centre} ${radius}`).toEqual(inside);
    expect(sorted(visited(shadow.tree, centre, radius)), `${centre} ${radius}`).toEqual(inside);
  }
  expect(outside).toBeGreaterThan(1_000);
});

test('what is there bounds the memory: slots and nodes are given back and used again', () => {
  const random = seeded('memory');
  const tree = new CellTree((a, b) => a - b);
  const fill = () => Array.from({ length: 2_000 }, () => tree.add(...fleets['one city'](random)));
  const slots = fill();
  const full = tree.nodes;
  expect(full).toBeGreaterThan(100);
  // All move to one place and back: the city's nodes go, and come again.
  for (const slot of slots) tree.move(slot, 1, 1);
  expect(tree.nodes).toBeLessThanOrEqual(15 * 7);
  for (const slot of slots) tree.move(slot, ...fleets['one city'](random));
  expect(tree.nodes).toBeLessThan(1.5 * full);
  // Thinned out, it is not kept split for the few that are left.
  for (const slot of slots.slice(100)) tree.remove(slot);
  expect(tree.nodes).toBeLessThan(100);
  for (const slot of slots.slice(0, 100)) tree.remove(slot);
  expect(tree.nodes).toBe(0);
  expect(tree.size).toBe(0);
  expect(tree.nearest(30.27, -97.74, PLANET, 10).slots).toEqual([]);
  expect(new Set(fill())).toEqual(new Set(slots));
});

test('equally far drivers are ordered, and cut off, by the order given', () => {
  const tree = new CellTree((a, b) => b - a);
  for (let i = 0; i < 100; i++) tree.add(1, 1);
  for (const limit of [1, 3, 33, 99, 100]) {
    const expected = Array.from({ length: limit }, (_, i) => 99 - i);
    expect(tree.nearest(1, 1, 10, limit).slots).toEqual(expected);
    // From elsewhere too, at any distance.
    expect(tree.nearest(1.01, 1.02, PLANET, limit).slots).toEqual(expected);
    expect(tree.nearest(-60, 100, PLANET, limit).slots).toEqual(expected);
  }
  expect(tree.nearest(1, 1, 10, 3, (slot) => slot % 7 === 0).slots).toEqual([98, 91, 84]);
});

test.each([
  ['the north pole', () => [90, 20], (i: number) => [90, 9 * i - 180]],
  ['the south pole', () => [-90, 20], (i: number) => [-90, 9 * i - 180]],
  ['180°', () => [-16.5, 179.9], (i: number) => [-16.5, i % 2 === 0 ? 180 : -180]],
] as [string, () => Place, (i: number) => Place][])('%s is one place by whatever name', (_, near, named) => {
  const random = seeded('names');
  const order = Array.from({ length: 41 }, () => random.next());
  const tree = new CellTree((a, b) => order[a] - order[b]);
  const places = order.map((_, i) => named(i));
  for (const place of places) tree.add(...place);
  const byOrder = order.map((_, i) => i).sort((a, b) => order[a] - order[b]);
  for (const centre of [
    near(),
    places[0],
    places[39],
    random.place(),
    destination(places[3], 77, 1_000_000),
  ] as Place[]) {
    for (const limit of [1, 7, 40, 41]) {
      expect(tree.nearest(...centre, PLANET, limit).slots, `${centre}`).toEqual(byOrder.slice(0, limit));
    }
  }
  for (const place of places) expect(tree.nearest(...place, 0, 100).slots).toEqual(byOrder);
});

test('drivers at the very edges of cells, where none were before, do no harm to those who come later', async () => {
  // Whatever is learnt of H3 from the first points is learnt anew.
  vi.resetModules();
  const fresh = await import('../../src/spatial/cell-tree.ts');
  const random = seeded('edges');
  const tree = new fresh.CellTree((a, b) => a - b);
  // In the middle of each base cell, between two of the six cells around the innermost.
  for (const base of getRes0Cells()) {
    const middle = cellToCenterChild(base, 15);
    const around = gridDisk(middle, 1).filter((cell) => cell !== middle);
    const corners = around.map((cell) => cellToBoundary(cell));
    for (const [i, own] of corners.entries()) {
      for (const other of corners.slice(0, i)) {
        const shared = own.filter((a) => other.some((b) => Math.hypot(a[0] - b[0], a[1] - b[1]) < 1e-9));
        if (shared.length !== 2) continue;
        const part = random.between(0.3, 0.7);
        const [lat, lng] = [0, 1].map((axis) => part * shared[0][axis] + (1 - part) * shared[1][axis]);
        tree.add(lat, lng);
      }
    }
  }
  expect(tree.size).toBeGreaterThan(600);
  const places = Array.from({ length: 20_000 }, () => random.place());
  const slots = places.map((place) => tree.add(...place));
  const lost = slots.filter((slot, i) => !tree.nearest(...places[i], 1, 10).slots.includes(slot));
  expect(lost.length, `of ${slots.length}`).toBe(0);
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

/** Degrees from north of the way from one place to another, on a sphere: good enough to point outwards. */
function azimuth([lat1, lng1]: Place, [lat2, lng2]: Place): number {
  const radians = Math.PI / 180;
  const turn = (lng2 - lng1) * radians;
  const y = Math.sin(turn) * Math.cos(lat2 * radians);
  const x =
    Math.cos(lat1 * radians) * Math.sin(lat2 * radians) -
    Math.sin(lat1 * radians) * Math.cos(lat2 * radians) * Math.cos(turn);
  return Math.atan2(y, x) / radians;
}
