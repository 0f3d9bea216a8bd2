import { expect, test } from 'vitest';
import { bboxOf, isInView } from '../../src/web/map/bbox.ts';
import { seeded } from '../support/random.ts';

/** A map that shows this, with longitudes as MapLibre counts them: on beyond ±180°. */
function mapOf(west: number, south: number, east: number, north: number) {
  return {
    getBounds: () => ({ getWest: () => west, getSouth: () => south, getEast: () => east, getNorth: () => north }),
  };
}

/** Whether a box of the API holds a longitude: west > east crosses the antimeridian. */
function holds([west, , east]: readonly number[], lng: number): boolean {
  return west <= east ? lng >= west && lng <= east : lng >= west || lng <= east;
}

test('a box holds just the longitudes that the map shows', () => {
  const random = seeded('bbox');
  for (let n = 0; n < 1_000; n++) {
    // Eighths, of which sums are exact.
    const west = random.below(8 * 1_080) / 8 - 540;
    const width = random.below(8 * 360) / 8;
    const box = bboxOf(mapOf(west, 10, west + width, 20));
    expect(box[0]).toBeGreaterThanOrEqual(-180);
    expect(box[0]).toBeLessThan(180);
    expect(box[2]).toBeGreaterThanOrEqual(-180);
    expect(box[2]).toBeLessThanOrEqual(180);
    for (let k = 0; k < 20; k++) {
      // -180° itself, which is 180° too, is left out.
      const lng = 180 - random.below(8 * 360) / 8;
      const isSeen = [-720, -360, 0, 360, 720].some((turn) => lng + turn >= west && lng + turn <= west + width);
      expect(holds(box, lng), `${lng} in ${box} of ${west} + ${width}`).toBe(isSeen);
    }
  }
});

test('a view of the whole world, or of more, is the whole world', () => {
  for (const [west, east] of [
    [-180, 180],
    [-100, 260],
    [-400, 400],
    [10, 370 - 1e-9],
  ])
    expect(bboxOf(mapOf(west, -10, east, 10))).toEqual([-180, -10, 180, 10]);
  expect(bboxOf(mapOf(Number.NaN, -10, Number.NaN, 10)).slice(0, 1)).toEqual([-180]);
});

test('a view that touches the end of Web Mercator goes on to the pole', () => {
  expect(bboxOf(mapOf(0, -85.0511287798066, 10, 85.05112877980659))).toEqual([0, -90, 10, 90]);
  expect(bboxOf(mapOf(0, -85, 10, 85))).toEqual([0, -85, 10, 85]);
});

test('ends on the antimeridian are on the side that they are seen from', () => {
  expect(bboxOf(mapOf(170, 0, 180, 1))).toEqual([170, 0, 180, 1]);
  expect(bboxOf(mapOf(180, 0, 190, 1))).toEqual([-180, 0, -170, 1]);
  expect(bboxOf(mapOf(170, 0, 190, 1))).toEqual([170, 0, -170, 1]);
  expect(bboxOf(mapOf(-190, 0, -170, 1))).toEqual([170, 0, -170, 1]);
});

test('what the map shows is in view, whichever turn of the world it counts in', () => {
  const random = seeded('in view');
  for (let n = 0; n < 1_000; n++) {
    const west = random.between(-540, 540);
    const map = mapOf(west, -20, west + random.between(0.1, 300), 30);
    const [lat, lng] = [random.between(-40, 50), random.between(-180, 180)];
    const isIn = holds(bboxOf(map), lng) && lat >= -20 && lat <= 30;
    expect(isInView(map, lat, lng), `${lat}, ${lng} in ${bboxOf(map)}`).toBe(isIn);
  }
  expect(isInView(mapOf(-200, -20, 200, 30), 0, 179)).toBe(true);
});
