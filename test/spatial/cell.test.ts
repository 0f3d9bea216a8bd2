import {
  cellToBoundary,
  cellToChildren,
  cellToLatLng,
  cellToParent,
  getPentagons,
  getRes0Cells,
  latLngToCell,
} from 'h3-js';
import { expect, test } from 'vitest';
import { toEcef } from '../../src/geo/ecef.ts';
import {
  baseCell,
  baseCells,
  cellBounds,
  cellCentre,
  childCell,
  digitAt,
  isPentagon,
  splitCell,
} from '../../src/spatial/cell.ts';
import { seeded } from '../support/random.ts';

const halves = new Uint32Array(2);
const centre = new Float64Array(3);
const point = new Float64Array(3);
const hex = () => halves[0].toString(16) + halves[1].toString(16).padStart(8, '0');

test('descending by digits from the base cell gives H3’s own parents', () => {
  const random = seeded('digits');
  for (let i = 0; i < 3_000; i++) {
    const cell = latLngToCell(...random.place(), 15);
    splitCell(cell, halves);
    const [high, low] = halves;
    expect(hex()).toBe(cell);
    halves.set(baseCells.subarray(2 * baseCell(high), 2 * baseCell(high) + 2));
    expect(hex()).toBe(cellToParent(cell, 0));
    for (let resolution = 1; resolution <= 15; resolution++) {
      childCell(halves[0], halves[1], resolution, digitAt(high, low, resolution), halves);
      expect(hex()).toBe(cellToParent(cell, resolution));
    }
  }
});

test('the pentagons are H3’s', () => {
  for (const resolution of [0, 1, 5, 9]) {
    const pentagons = new Set(getPentagons(resolution));
    expect(pentagons.size).toBe(12);
    for (const cell of [
      ...pentagons,
      ...[...pentagons].flatMap((cell) => cellToChildren(cell, resolution + 1).slice(1)),
    ]) {
      splitCell(cell, halves);
      const own = pentagons.has(cell) ? resolution : resolution + 1;
      expect(isPentagon(halves[0], halves[1], own)).toBe(pentagons.has(cell));
    }
  }
});

/** How far a point is from the centre of each of its cells, at worst, as a share of the bound. */
function worst(lat: number, lng: number): number {
  toEcef(lat, lng, point, 0);
  const cell = latLngToCell(lat, lng, 15);
  let share = 0;
  for (let resolution = 0; resolution <= 15; resolution++) {
    splitCell(cellToParent(cell, resolution), halves);
    cellCentre(halves[0], halves[1], centre, 0);
    const chord = Math.hypot(centre[0] - point[0], centre[1] - point[1], centre[2] - point[2]);
    share = Math.max(share, chord / cellBounds[resolution]);
  }
  return share;
}

test('no point is further from the centre of any of its cells than the bound says', () => {
  const random = seeded('bounds');
  const pentagons = getPentagons(0).map((cell) => cellToLatLng(cell));
  let max = 0;
  const look = (lat: number, lng: number) => {
    max = Math.max(max, worst(Math.max(-90, Math.min(90, lat)), lng));
  };
  for (let i = 0; i < 4_000; i++) {
    look(...random.place());
    // Around the pentagons, at every scale.
    const [lat, lng] = random.pick(pentagons);
    const spread = 20 * 10 ** -random.between(0, 6);
    look(lat + random.between(-spread, spread), lng + random.between(-spread, spread));
  }
  // At the corners of cells, where points are furthest from the centre: all base cells, then random ones.
  const corners = (cell: string) => {
    for (const [lat, lng] of cellToBoundary(cell)) look(lat, lng);
  };
  for (const cell of getRes0Cells()) corners(cell);
  for (let i = 0; i < 2_000; i++) corners(latLngToCell(...random.place(), random.below(16)));
  expect(max).toBeLessThan(1);
  // The bound is not idly wide either.
  expect(max).toBeGreaterThan(0.9);
});
