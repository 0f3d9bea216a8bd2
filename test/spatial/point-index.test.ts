import { cellToBoundary, cellToLatLng, cellToParent, getPentagons, getRes0Cells, gridDisk, latLngToCell } from 'h3-js';
import { expect, test, vi } from 'vitest';
import { toNormal } from '../../src/geo/ecef.ts';
import { ancestor, sharedResolution, splitCell } from '../../src/spatial/cell.ts';
import { indexOf } from '../../src/spatial/point-index.ts';
import { seeded } from '../support/random.ts';

const normal = new Float64Array(3);
const halves = new Uint32Array(2);
const hex = () => halves[0].toString(16) + halves[1].toString(16).padStart(8, '0');

function own(lat: number, lng: number): string {
  toNormal(lat, lng, normal, 0);
  indexOf(normal[0], normal[1], normal[2], halves, 0);
  return hex();
}

test('points at the edges of cells, asked first, teach nothing wrong', async () => {
  const random = seeded('edges first');
  // Orientations are learnt once for each module: a module of its own has learnt none.
  vi.resetModules();
  const { indexOf: fresh } = await import('../../src/spatial/point-index.ts');
  const ask = (lat: number, lng: number) => {
    toNormal(lat, lng, normal, 0);
    fresh(normal[0], normal[1], normal[2], halves, 0);
    return hex();
  };
  for (const base of getRes0Cells()) {
    // Corners of base cells, where three cells meet whose indexes are each other's turned; and, around their centres,
    // the corners of the finest cell and of its neighbours.
    const centre = latLngToCell(...cellToLatLng(base), 15);
    for (const cell of [base, centre, ...gridDisk(centre, 1)])
      for (const corner of cellToBoundary(cell)) ask(...corner);
    const corners = cellToBoundary(base);
    for (const [i, [lat, lng]] of corners.entries()) {
      const [lat2, lng2] = corners[(i + 1) % corners.length];
      if (Math.abs(lng2 - lng) < 180) ask((lat + lat2) / 2, (lng + lng2) / 2);
    }
  }
  for (let i = 0; i < 50_000; i++) {
    const [lat, lng] = random.place();
    expect(ask(lat, lng)).toBe(latLngToCell(lat, lng, 15));
  }
});

test('the index of a point is the one that H3 gives', () => {
  const random = seeded('point index');
  const pentagons = getPentagons(0).map((cell) => cellToLatLng(cell));
  const places = 200_000;
  let differing = 0;
  const look = (lat: number, lng: number) => {
    if (own(lat, lng) !== latLngToCell(lat, lng, 15)) differing++;
  };
  for (let i = 0; i < places / 2; i++) {
    look(...random.place());
    // Around the pentagons, where digits are turned and one direction is missing, at every scale.
    const [lat, lng] = random.pick(pentagons);
    const spread = 20 * 10 ** -random.between(0, 6);
    look(
      Math.max(-90, Math.min(90, lat + random.between(-spread, spread))),
      ((lng + random.between(-spread, spread) + 540) % 360) - 180,
    );
  }
  for (const lng of [-180, -90, 0, 12.3, 180]) for (const lat of [-90, 0, 90]) look(lat, lng);
  // A point within a millionth of a cell (half a micrometre) of an edge may be put on either side.
  console.log(`${differing} of ${places} points lie on an edge`);
  expect(differing).toBeLessThanOrEqual(2);
});

test('a point at the very edge of a cell is put into a cell that touches it', () => {
  const random = seeded('edges');
  for (let i = 0; i < 2_000; i++) {
    const cell = latLngToCell(...random.place(), 15);
    for (const [lat, lng] of cellToBoundary(cell)) {
      const [ownLat, ownLng] = cellToLatLng(own(lat, lng));
      const [h3Lat, h3Lng] = cellToLatLng(latLngToCell(lat, lng, 15));
      // Both centres are as far from the corner that their cells share: 0.6 m at most.
      for (const [centreLat, centreLng] of [
        [ownLat, ownLng],
        [h3Lat, h3Lng],
      ]) {
        const east = (((centreLng - lng + 540) % 360) - 180) * Math.cos((lat * Math.PI) / 180);
        expect(Math.hypot(centreLat - lat, east) * 111_195).toBeLessThan(0.7);
      }
    }
  }
});

test('ancestors, and the finest one that two indexes share, are H3’s', () => {
  const random = seeded('ancestors');
  const other = new Uint32Array(2);
  for (let i = 0; i < 5_000; i++) {
    const [lat, lng] = random.place();
    const spread = 10 ** -random.between(-1, 7);
    const lat2 = Math.max(-90, Math.min(90, lat + random.between(-spread, spread)));
    const a = latLngToCell(lat, lng, 15);
    const b = latLngToCell(lat2, lng, 15);
    splitCell(b, other);
    splitCell(a, halves);
    const [high, low] = halves;
    let shared = -1;
    for (let resolution = 0; resolution <= 15; resolution++) {
      const parent = cellToParent(a, resolution);
      ancestor(high, low, resolution, halves);
      expect(hex()).toBe(parent);
      if (parent === cellToParent(b, resolution)) shared = resolution;
    }
    expect(sharedResolution(high, low, other[0], other[1])).toBe(shared);
  }
});
