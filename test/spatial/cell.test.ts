import {
  cellToBoundary,
  cellToChildren,
  cellToLatLng,
  cellToParent,
  getPentagons,
  getRes0Cells,
  latLngToCell,
} from 'h3-js';
import { describe, expect, test } from 'vitest';
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
import type { Place } from '../support/geodesic.ts';
import { seeded } from '../support/random.ts';
import { extremeOf, faceCentres } from './extremes.ts';
import { step } from './fleets.ts';

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

/**
 * How far a point is from the centre of each of its cells at worst, as a share of the bound. Its cells are found by
 * digits, and have to be H3's own parents.
 */
function worst([lat, lng]: Place): number {
  toEcef(lat, lng, point, 0);
  const cell = latLngToCell(lat, lng, 15);
  splitCell(cell, halves);
  const [high, low] = halves;
  halves.set(baseCells.subarray(2 * baseCell(high), 2 * baseCell(high) + 2));
  let share = 0;
  for (let resolution = 0; resolution <= 15; resolution++) {
    if (resolution > 0) {
      childCell(halves[0], halves[1], resolution, digitAt(high, low, resolution), halves);
    }
    if (hex() !== cellToParent(cell, resolution)) throw new Error(`${hex()} is not the parent of ${cell}`);
    cellCentre(halves[0], halves[1], centre, 0);
    const chord = Math.hypot(centre[0] - point[0], centre[1] - point[1], centre[2] - point[2]);
    share = Math.max(share, chord / cellBounds[resolution]);
  }
  return share;
}

describe('no point is further from the centre of any of its cells than the bound says', () => {
  const look = (what: string, places: Iterable<Place>) => {
    let share = 0;
    let count = 0;
    for (const place of places) {
      share = Math.max(share, worst(place));
      count++;
    }
    console.log(`${what}: ${count} points, worst share of the bound ${share.toFixed(5)}`);
    expect(share).toBeLessThan(1);
    return share;
  };

  test('anywhere, and around the pentagons at every scale', () => {
    const random = seeded('bounds');
    const pentagons = getPentagons(0).map((cell) => cellToLatLng(cell));
    look(
      'anywhere',
      Array.from({ length: 5_000 }, () => random.place()),
    );
    const near = () => step(random, random.pick(pentagons), 10 ** random.between(-1, 6.5));
    look('near pentagons', Array.from({ length: 5_000 }, near));
  });

  test('at the corners of cells of every size', () => {
    const random = seeded('corners');
    const cells = Array.from({ length: 2_000 }, () => latLngToCell(...random.place(), random.below(16)));
    look(
      'corners',
      [...getRes0Cells(), ...cells].flatMap((cell) => cellToBoundary(cell)),
    );
  });

  test('at the extremes of all base cells, in the direction of each of their children', () => {
    const children = getRes0Cells().flatMap((base) => cellToChildren(base, 1).map((child) => [base, child]));
    expect(new Set(children.map(([base]) => base)).size).toBe(122);
    look(
      'extremes of base cells',
      children.map(([base, child]) => extremeOf(base, child)),
    );
  });

  test('at the extremes of the twelve pentagons at every resolution', () => {
    const resolutions = Array.from({ length: 15 }, (_, resolution) => resolution);
    const extremes = resolutions.flatMap((resolution) =>
      getPentagons(resolution).flatMap((cell) =>
        cellToChildren(cell, resolution + 1).map((child) => extremeOf(cell, child)),
      ),
    );
    look('extremes of pentagons', extremes);
    look(
      'extremes of the finest pentagons',
      getPentagons(15).map((cell) => extremeOf(cell)),
    );
  });

  test('at the extremes of cells anywhere and of the largest ones, at every resolution', () => {
    const random = seeded('extremes');
    for (let resolution = 0; resolution <= 15; resolution++) {
      const places = [...Array.from({ length: 20 }, () => random.place()), ...faceCentres()];
      const cells = places.map(([lat, lng]) => latLngToCell(lat, lng, resolution));
      const extremes = cells.map((cell) => extremeOf(cell));
      // The bound is not idly wide either.
      expect(look(`extremes at resolution ${resolution}`, extremes)).toBeGreaterThan(0.9);
    }
  });
});
