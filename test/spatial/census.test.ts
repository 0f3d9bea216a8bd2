import { cellToLatLng, cellToParent, getPentagons, latLngToCell } from 'h3-js';
import { describe, expect, test } from 'vitest';
import { Box } from '../../src/geo/box.ts';
import { Circle } from '../../src/geo/circle.ts';
import { toEcef } from '../../src/geo/ecef.ts';
import type { Region } from '../../src/geo/region.ts';
import { splitCell } from '../../src/spatial/cell.ts';
import { CellTree } from '../../src/spatial/cell-tree.ts';
import { type Random, seeded } from '../support/random.ts';

type Place = readonly [lat: number, lng: number];

const fleets: Record<string, (random: Random) => Place> = {
  planet: (random) => random.place(),
  city: (random) => [30.27 + 0.2 * random.normal(), -97.74 + 0.2 * random.normal()],
  'one point': () => [51.5, -0.12],
  pentagon: (random) => {
    const [lat, lng] = cellToLatLng(getPentagons(0)[5]);
    return [lat + 0.5 * random.normal(), lng + 0.5 * random.normal()];
  },
};

const ecef = new Float64Array(3);
const holds = (region: Region | undefined, [lat, lng]: Place) => {
  toEcef(lat, lng, ecef, 0);
  return region === undefined || region.contains(ecef[0], ecef[1], ecef[2], lat, lng);
};
const split = (cell: string): [number, number] => {
  const halves = new Uint32Array(2);
  splitCell(cell, halves);
  return [halves[0], halves[1]];
};
const name = (high: number, low: number) => high.toString(16) + low.toString(16).padStart(8, '0');

describe.each(Object.entries(fleets))('%s', (fleet, place) => {
  test('cells and counts are those of H3, in order, whatever the page', () => {
    const random = seeded(`census ${fleet}`);
    const tree = new CellTree((a, b) => a - b);
    const places = Array.from({ length: 3_000 }, () => place(random));
    for (const at of places) tree.add(...at);
    for (let round = 0; round < 60; round++) {
      const resolution = random.below(16);
      const [lat, lng] = place(random);
      const region = random.pick([
        undefined,
        new Circle(lat, lng, 10 ** random.between(1, 7)),
        new Box(Math.max(-180, lng - 0.3), Math.max(-90, lat - 0.2), Math.min(180, lng + 0.1), Math.min(90, lat + 0.3)),
      ]);
      const accept = random.pick([undefined, (slot: number) => slot % 3 === 0]);
      const expected = new Map<string, number>();
      for (const [slot, at] of places.entries()) {
        if (!holds(region, at) || accept?.(slot) === false) continue;
        const cell = cellToParent(latLngToCell(...at, 15), resolution);
        expected.set(cell, (expected.get(cell) ?? 0) + 1);
      }
      const inOrder = [...expected].sort(([a], [b]) => (a < b ? -1 : 1));

      const found: [string, number][] = [];
      const page = random.pick([1, 7, 100_000]);
      let after: [number, number] | undefined;
      for (let left = page; left === page; ) {
        left = 0;
        tree.census({
          resolution,
          region,
          accept,
          after,
          visit: (high, low, count) => {
            found.push([name(high, low), count]);
            after = [high, low];
            return ++left < page;
          },
        });
        // Cells of a page after one that holds nobody are found too.
        if (after !== undefined && found.length > 50 && page < 100_000) break;
      }
      expect(found).toEqual(inOrder.slice(0, page === 100_000 ? undefined : found.length));
      if (page === 100_000) expect(found.length).toBe(inOrder.length);

      const arbitrary = latLngToCell(...random.place(), resolution);
      const rest: string[] = [];
      tree.census({
        resolution,
        region,
        accept,
        after: split(arbitrary),
        visit: (high, low) => rest.push(name(high, low)) > 0,
      });
      expect(rest).toEqual(inOrder.map(([cell]) => cell).filter((cell) => cell > arbitrary));
    }
  });

  test('the estimate is never less than there are, and hardly more', () => {
    const random = seeded(`estimate ${fleet}`);
    const tree = new CellTree((a, b) => a - b);
    const places = Array.from({ length: 20_000 }, () => place(random));
    for (const at of places) tree.add(...at);
    for (let round = 0; round < 40; round++) {
      const circle = new Circle(...place(random), 10 ** random.between(2, 7));
      const inside = places.filter((at) => holds(circle, at)).length;
      const estimate = tree.atMost(circle, Number.POSITIVE_INFINITY);
      expect(estimate).toBeGreaterThanOrEqual(inside);
      expect(estimate).toBeLessThanOrEqual(places.length);
      const enough = random.below(20_000);
      expect(tree.atMost(circle, enough)).toBeGreaterThanOrEqual(Math.min(inside, enough));
    }
    expect(tree.atMost(new Circle(0, 0, 20_100_000), Number.POSITIVE_INFINITY)).toBe(20_000);
  });
});
