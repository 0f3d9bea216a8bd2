import { cellToLatLng, cellToParent, getPentagons, latLngToCell } from 'h3-js';
import { expect, test } from 'vitest';
import {
  isLease,
  LEASE_RESOLUTION,
  leaseAt,
  leaseOf,
  leasesOf,
  MAX_LEASES,
  nameOf,
} from '../../src/cluster/lease-cells.ts';
import { NearbyCells } from '../../src/cluster/nearby-cells.ts';
import { Box } from '../../src/geo/box.ts';
import { Circle } from '../../src/geo/circle.ts';
import { EVERYWHERE } from '../../src/geo/everywhere.ts';
import { Polygon } from '../../src/geo/polygon.ts';
import type { Region } from '../../src/geo/region.ts';
import { coarsened, coarseReach } from '../../src/spatial/coarse.ts';
import { contains, degreesOf, goFrom, named, place, star } from '../geo/shapes.ts';
import { type Random, seeded } from '../support/random.ts';

const PLACES = 2_000;
const REGIONS = 150;
/** Points tried in each region. */
const TRIES = 60;

/** Places at which cells are not as elsewhere. */
const ODD: readonly (readonly [lat: number, lng: number])[] = [
  ...getPentagons(LEASE_RESOLUTION).map((cell) => cellToLatLng(cell)),
  [90, 0],
  [-90, 12],
  [0, 180],
  [12, -180],
];

function somewhere(random: Random): readonly [lat: number, lng: number] {
  const [lat, lng] = random.below(3) === 0 ? random.pick(ODD) : place(random);
  if (Math.abs(lat) === 90) return [lat, lng];
  return random.below(2) === 0 ? [lat, lng] : goFrom(lat, lng, random.between(0, 360), 10 ** random.between(1, 5));
}

/** A region about a place, and points of it and about it. */
function regionAt(random: Random, [lat, lng]: readonly [number, number]): Region & { readonly reach: number } {
  const reach = 10 ** random.between(1, 5.6);
  const [height, width] = degreesOf(reach, Math.min(89, Math.abs(lat)));
  const what = random.below(3);
  let region: Region;
  if (what === 0 || Math.abs(lat) + height > 85 || width > 80) region = new Circle(lat, lng, reach);
  else if (what === 1) region = new Box(named(lng - width), lat - height, named(lng + width), lat + height);
  else region = new Polygon([[star(random, 4 + random.below(9), lat, lng, [height, width])]]);
  return Object.assign(region, { reach });
}

test('the lease of a place is the ancestor of its finest cell, by h3-js', () => {
  const random = seeded('leases of places');
  for (let i = 0; i < PLACES; i++) {
    const [lat, lng] = somewhere(random);
    const finest = latLngToCell(lat, lng, 15);
    const lease = leaseAt(lat, lng);
    expect(nameOf(lease), `${lat}, ${lng}`).toBe(cellToParent(finest, LEASE_RESOLUTION));
    expect(leaseOf(Number.parseInt(finest.slice(0, -8), 16))).toBe(lease);
    expect(isLease(lease)).toBe(true);
  }
  for (const none of [-1, 0.5, Number.NaN, 122 << 12, 2 ** 31]) expect(isLease(none)).toBe(false);
});

test('every place in a region has its lease among those of the region', () => {
  const random = seeded('leases of regions');
  let inside = 0;
  for (let i = 0; i < REGIONS; i++) {
    const [lat, lng] = somewhere(random);
    const region = regionAt(random, [lat, lng]);
    const leases = leasesOf(region);
    // Too many are said to be so only where they are many.
    if (leases === undefined) {
      expect(region.reach).toBeGreaterThan(100_000);
      continue;
    }
    expect(leases.length).toBeLessThanOrEqual(MAX_LEASES);
    const held = new Set(leases);
    expect(held.size).toBe(leases.length);
    for (let n = 0; n < TRIES; n++) {
      const [a, b] = goFrom(lat, lng, random.between(0, 360), region.reach * Math.sqrt(random.between(0, 2)));
      if (!contains(region, a, b)) continue;
      inside++;
      if (!held.has(leaseAt(a, b))) expect.fail(`${a}, ${b} of a region of ${region.reach} m at ${lat}, ${lng}`);
    }
  }
  expect(inside).toBeGreaterThan(REGIONS * 10);
});

test('what is too large for leases says so, and what is small takes few', () => {
  expect(leasesOf(EVERYWHERE)).toBeUndefined();
  expect(leasesOf(new Circle(48, 11, 3_000_000))).toBeUndefined();
  for (const [lat, lng] of ODD) {
    const count = leasesOf(new Circle(lat, lng, 2_000))?.length ?? 0;
    expect(count).toBeGreaterThan(0);
    expect(count).toBeLessThan(12);
  }
});

test('the remembered leases of a circle are all of its own, and hardly more', () => {
  const random = seeded('leases of circles');
  const nearby = new NearbyCells();
  let [own, remembered] = [0, 0];
  for (let i = 0; i < REGIONS; i++) {
    const [lat, lng] = somewhere(random);
    const circle = new Circle(lat, lng, 10 ** random.between(1, 5));
    const cells = nearby.cellsOf(circle);
    expect(nearby.cellsOf(circle)).toBe(cells);
    if (cells === undefined) continue;
    const held = new Set(cells);
    for (let n = 0; n < TRIES; n++) {
      const [a, b] = goFrom(lat, lng, random.between(0, 360), circle.radius * Math.sqrt(random.next()));
      if (contains(circle, a, b) && !held.has(leaseAt(a, b))) expect.fail(`${a}, ${b} of ${JSON.stringify(circle)}`);
    }
    for (const lease of leasesOf(circle) ?? []) expect(held).toContain(lease);
    own += leasesOf(circle)?.length ?? 0;
    remembered += cells.length;
  }
  expect(remembered).toBeLessThan(4 * own);
});

test('whoever is shown in a region by a coarse cell is in a lease of the region as it is grown for that', () => {
  const random = seeded('leases of coarse regions');
  let shown = 0;
  for (let i = 0; i < REGIONS; i++) {
    const precision = 3 + random.below(6);
    const [lat, lng] = somewhere(random);
    const circle = new Circle(lat, lng, 10 ** random.between(2, 5));
    const reach = coarseReach(precision);
    const leases = leasesOf({ side: (x, y, z, bound) => circle.side(x, y, z, bound + reach) });
    if (leases === undefined) continue;
    const held = new Set(leases);
    for (let n = 0; n < TRIES; n++) {
      const [a, b] = goFrom(lat, lng, random.between(0, 360), circle.radius + reach * random.between(-1, 1));
      const [coarseLat, coarseLng] = coarsened(a, b, precision);
      if (!contains(circle, coarseLat, coarseLng)) continue;
      shown++;
      if (!held.has(leaseAt(a, b))) expect.fail(`${a}, ${b} by cells of ${precision} in ${JSON.stringify(circle)}`);
    }
  }
  expect(shown).toBeGreaterThan(REGIONS);
});
