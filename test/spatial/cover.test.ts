import geographiclib from 'geographiclib-geodesic';
import { cellArea, cellToLatLng, getPentagons, latLngToCell } from 'h3-js';
import { expect, test } from 'vitest';
import { Circle } from '../../src/geo/circle.ts';
import { baseCell, digitAt, splitCell } from '../../src/spatial/cell.ts';
import { type Cover, cover } from '../../src/spatial/cover.ts';
import { type Random, seeded } from '../support/random.ts';

const wgs84 = geographiclib.Geodesic.WGS84;
const halves = new Uint32Array(2);

/** The places of a cover whose cells a position's index descends from. */
function holding(cells: Cover, lat: number, lng: number): number[] {
  splitCell(latLngToCell(lat, lng, 15), halves);
  const [high, low] = halves;
  return cells.high.flatMap((cellHigh, i) => {
    if (baseCell(cellHigh) !== baseCell(high)) return [];
    for (let r = 1; r <= cells.resolution[i]; r++) {
      if (digitAt(cellHigh, cells.low[i], r) !== digitAt(high, low, r)) return [];
    }
    return [i];
  });
}

function centre(random: Random): [number, number] {
  const [lat, lng] =
    random.below(3) === 0 ? (cellToLatLng(random.pick(getPentagons(0))) as [number, number]) : random.place();
  return random.below(5) === 0 ? [random.pick([90, -90, lat]), 180] : [lat, lng];
}

test('every position in a circle descends from exactly one cell of its cover; one outside from no inner cell', () => {
  const random = seeded('cover');
  for (let i = 0; i < 400; i++) {
    const [lat, lng] = centre(random);
    const radius = 10 ** random.between(0, 7);
    const cells = cover(new Circle(lat, lng, radius), random.pick([1, 8, 48, 200]), random.pick([6, 10, 15]));
    for (let j = 0; j < 20; j++) {
      const to = Math.min(radius * random.between(0, 1.3), 19_900_000);
      const { lat2, lon2 } = wgs84.Direct(lat, lng, random.between(0, 360), to) as { lat2: number; lon2: number };
      const cellsHolding = holding(cells, lat2, lon2);
      if (to <= radius) expect(cellsHolding.length, `${lat} ${lng} ${radius}`).toBe(1);
      else expect(cellsHolding.every((k) => !cells.inside[k])).toBe(true);
    }
  }
});

test('a cover has at most as many cells as allowed, and is not idly large', () => {
  const random = seeded('cover size');
  const ratios: number[] = [];
  for (let i = 0; i < 200; i++) {
    const [lat, lng] = random.place();
    const radius = 10 ** random.between(2.5, 5.5);
    const cells = cover(new Circle(lat, lng, radius), 48, 15);
    expect(cells.high.length).toBeLessThanOrEqual(48);
    const area = cells.high.reduce((sum, high, k) => sum + cellArea([cells.low[k], high], 'm2'), 0);
    ratios.push(area / (Math.PI * radius * radius));
  }
  ratios.sort((a, b) => a - b);
  console.log(`area of cover to circle: median ${ratios[100].toFixed(2)}, worst ${ratios[199].toFixed(2)}`);
  expect(ratios[0]).toBeGreaterThan(0.9);
  expect(ratios[100]).toBeLessThan(3);
});
