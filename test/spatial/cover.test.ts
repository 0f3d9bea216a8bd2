import geographiclib from 'geographiclib-geodesic';
import { cellArea, cellToLatLng, getPentagons, latLngToCell } from 'h3-js';
import { expect, test } from 'vitest';
import { Box } from '../../src/geo/box.ts';
import { Circle } from '../../src/geo/circle.ts';
import { areaOf, Polygon } from '../../src/geo/polygon.ts';
import type { Region } from '../../src/geo/region.ts';
import { baseCell, digitAt, splitCell } from '../../src/spatial/cell.ts';
import { type Cover, cover } from '../../src/spatial/cover.ts';
import { boxRing, contains, degreesOf, named, type Polygons, place, star } from '../geo/shapes.ts';
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

/** A box of a metre to the planet, often at a pole or across the antimeridian; `east` goes on beyond 180 there. */
function boxAnywhere(random: Random): { west: number; south: number; east: number; north: number } {
  const [lat, lng] = place(random);
  const [height, width] = degreesOf(10 ** random.between(0, 7.2), lat);
  const along = random.below(12) === 0 ? 360 : Math.min(350, 4 * width * random.next());
  const west = along === 360 ? -180 : named(lng - along * random.next());
  const north = random.below(8) === 0 ? 90 : Math.min(90, lat + height * random.next());
  const south = random.below(8) === 0 ? -90 : Math.max(-90, lat - height * random.next());
  return { west, south, east: west + along, north };
}

/** A star, or several, or one with a hole; a metre to 3,000 km. */
function polygonsAnywhere(random: Random): Polygons {
  const [lat, lng] = place(random);
  const [height, width] = degreesOf(10 ** random.between(0, 6.5), lat);
  return Array.from({ length: random.pick([1, 1, 3]) }, (_, i) => {
    const rings = [1, 0.35].map((size) =>
      star(random, random.pick([3, 5, 30]), lat + i * height, lng + i * width, [height * size, width * size]).map(
        (value, j) => (j % 2 === 0 ? Math.max(-90, Math.min(90, value)) : Math.max(-360, Math.min(360, value))),
      ),
    );
    return rings.slice(0, random.pick([1, 2]));
  });
}

/** Fails unless the cover of a region holds just the positions that it must. */
function judge(random: Random, region: Region, positions: Iterable<[number, number]>, name: string): number {
  const cells = cover(region, random.pick([1, 8, 48, 200]), random.pick([6, 10, 15]));
  let inside = 0;
  for (const [lat, lng] of positions) {
    const cellsHolding = holding(cells, lat, lng);
    if (contains(region, lat, lng)) {
      inside++;
      expect(cellsHolding.length, `${name}: ${lat} ${lng}`).toBe(1);
    } else
      expect(
        cellsHolding.every((k) => !cells.inside[k]),
        `${name}: ${lat} ${lng}`,
      ).toBe(true);
  }
  return inside;
}

test('every position in a box descends from exactly one cell of its cover; one outside from no inner cell', () => {
  const random = seeded('cover of a box');
  let inside = 0;
  for (let i = 0; i < 300; i++) {
    const { west, south, east, north } = boxAnywhere(random);
    const [margin, wide] = [0.2 * (north - south), 0.2 * (east - west)];
    const positions = Array.from({ length: 20 }, (): [number, number] => [
      Math.max(-90, Math.min(90, random.pick([south, north, random.between(south - margin, north + margin)]))),
      named(random.pick([west, east, random.between(west - wide, east + wide)])),
    ]);
    const box = new Box(west, south, named(east), north);
    inside += judge(random, box, positions, `${[west, south, east, north]}`);
  }
  expect(inside).toBeGreaterThan(2_000);
});

test('every position in a polygon descends from exactly one cell of its cover; one outside from no inner cell', () => {
  const random = seeded('cover of a polygon');
  let inside = 0;
  for (let i = 0; i < 300; i++) {
    const polygons = polygonsAnywhere(random);
    const vertices = polygons.flat(2);
    const positions = Array.from({ length: 20 }, (): [number, number] => {
      // A vertex, or somewhere between two.
      const [one, other] = [random.below(vertices.length / 2), random.below(vertices.length / 2)];
      const along = random.pick([0, random.next()]);
      const [lat, lng] = [0, 1].map(
        (k) => vertices[2 * one + k] + along * (vertices[2 * other + k] - vertices[2 * one + k]),
      );
      return [lat, named(lng)];
    });
    inside += judge(random, new Polygon(polygons), positions, JSON.stringify(polygons));
  }
  expect(inside).toBeGreaterThan(2_000);
});

test('a cover of a box or polygon is not idly large either', () => {
  const random = seeded('cover size of areas');
  const ratios: Record<'box' | 'polygon' | 'cut box', number[]> = { box: [], polygon: [], 'cut box': [] };
  for (let i = 0; i < 100; i++) {
    const lat = random.between(-75, 75);
    const [height, width] = degreesOf(10 ** random.between(2.5, 5.5), lat);
    const lng = random.between(-180 + width, 180 - width);
    const corners = [lng - width, lat - height, lng + width, lat + height] as const;
    const [, south, , north] = corners;
    const polygons: Polygons = [[star(random, random.pick([5, 20, 100]), lat, lng, [height, width])]];
    const cut = [[boxRing(180 - width, south, 180, north)], [boxRing(-180, south, width - 180, north)]];
    for (const [name, region, area] of [
      ['box', new Box(...corners), areaOf([[boxRing(...corners)]])],
      ['polygon', new Polygon(polygons), areaOf(polygons)],
      ['cut box', new Polygon(cut), areaOf(cut)],
    ] as const) {
      const cells = cover(region, 48, 15);
      expect(cells.high.length).toBeLessThanOrEqual(48);
      ratios[name].push(cells.high.reduce((sum, high, k) => sum + cellArea([cells.low[k], high], 'km2'), 0) / area);
    }
  }
  for (const [name, of] of Object.entries(ratios)) {
    of.sort((a, b) => a - b);
    console.log(`area of cover to ${name}: median ${of[50].toFixed(2)}, worst ${of[99].toFixed(2)}`);
    expect(of[0]).toBeGreaterThan(0.9);
    expect(of[50]).toBeLessThan(4);
  }
});
