import { cellToParent, getPentagons, latLngToCell } from 'h3-js';
import { expect, test } from 'vitest';
import { splitCell } from '../../src/spatial/cell.ts';
import { CellTree } from '../../src/spatial/cell-tree.ts';
import { goFrom, place } from '../geo/shapes.ts';
import { type Random, seeded } from '../support/random.ts';

const POINTS = 800;
const CENTRES = 6;

const halves = new Uint32Array(2);

/** Somewhere about one of a few places, so that cells of all sizes hold several. */
function near(random: Random, centres: readonly (readonly [number, number])[]): [lat: number, lng: number] {
  const [lat, lng] = random.pick(centres);
  return goFrom(lat, lng, random.between(0, 360), 10 ** random.between(0, 6));
}

test('the points whose index descends from a cell are those of whom h3-js says so, as they come, move and go', () => {
  const random = seeded('descendants');
  const tree = new CellTree((a, b) => a - b);
  // Around base cells that are pentagons too.
  const pentagons = getPentagons(0);
  const centres = Array.from({ length: CENTRES }, () => place(random));
  const cells = new Map<number, string>();
  const asked = (resolution: number) =>
    random.below(10) === 0
      ? random.pick(pentagons)
      : random.below(4) === 0
        ? latLngToCell(...near(random, centres), resolution)
        : cellToParent(random.pick([...cells.values()]), resolution);
  let found = 0;
  for (let i = 0; i < POINTS; i++) {
    const [lat, lng] = near(random, centres);
    const finest = latLngToCell(lat, lng, 15);
    const what = random.below(4);
    if (what < 2 || cells.size < 5) cells.set(tree.add(lat, lng), finest);
    else {
      const slot = random.pick([...cells.keys()]);
      if (what === 2) {
        tree.move(slot, lat, lng);
        cells.set(slot, finest);
      } else {
        tree.remove(slot);
        cells.delete(slot);
      }
    }
    const cell = asked(random.below(16));
    const resolution = Number.parseInt(cell[1], 16);
    splitCell(cell, halves);
    const slots: number[] = [];
    tree.descendants(halves[0], halves[1], resolution, (slot) => slots.push(slot));
    const must = [...cells].filter(([, one]) => cellToParent(one, resolution) === cell).map(([slot]) => slot);
    expect(slots.sort((a, b) => a - b)).toEqual(must.sort((a, b) => a - b));
    found += must.length;
  }
  expect(found).toBeGreaterThan(POINTS / 2);
});
