import { expect, test } from 'vitest';
import { gridLabel, gridLines, multiples, SPACING, stepOf, wrapped } from '../../src/web/map/grid.ts';
import { seeded } from '../support/random.ts';

test('steps are 1, 2 or 5 of a power of ten up to 10°, and keep lines apart, but not too far', () => {
  const random = seeded('grid');
  for (let n = 0; n < 2_000; n++) {
    // From 0.7 px a degree (the world in a small window) to zoom 20.
    const degreesPerPixel = 10 ** random.between(-6.3, 0);
    const step = stepOf(degreesPerPixel);
    const pixels = step / degreesPerPixel;
    expect(pixels).toBeGreaterThanOrEqual(Math.min(SPACING, 60 / degreesPerPixel));
    // 1e-5 is the finest there is.
    if (step > 1e-5) expect(pixels).toBeLessThanOrEqual(SPACING * 3);
    expect(String(step)).toMatch(/^(0\.0*[125]|[125]e-5|[125]|10|20|30|60)$/);
    expect((180 / step) % 1).toBeCloseTo(Math.round((180 / step) % 1), 5);
  }
});

test('multiples are just those between the ends, and exactly what their digits say', () => {
  expect(multiples(0.1, -0.25, 0.31)).toEqual([-0.2, -0.1, 0, 0.1, 0.2, 0.3]);
  expect(multiples(0.02, 40.739, 40.781)).toEqual([40.74, 40.76, 40.78]);
  expect(multiples(30, 170, 310)).toEqual([180, 210, 240, 270, 300]);
  expect(multiples(5, 10, 20)).toEqual([10, 15, 20]);
  expect(multiples(5, 11, 14)).toEqual([]);
  for (const value of multiples(1e-5, -73.9841, -73.984)) expect(String(value).length).toBeLessThanOrEqual(9);
});

test('labels have the digits of the step, and the half of the globe', () => {
  expect(gridLabel(40.76, 0.02, ['S', 'N'])).toBe('40.76° N');
  expect(gridLabel(-74, 0.02, ['W', 'E'])).toBe('74.00° W');
  expect(gridLabel(-74, 2, ['W', 'E'])).toBe('74° W');
  expect(gridLabel(-33.5, 0.5, ['S', 'N'])).toBe('33.5° S');
  expect(gridLabel(0.00001, 1e-5, ['S', 'N'])).toBe('0.00001° N');
  expect(gridLabel(0, 10, ['W', 'E'])).toBe('0°');
  expect(gridLabel(180, 10, ['W', 'E'])).toBe('180°');
});

test('longitudes beyond the antimeridian are those of the other side', () => {
  expect([-190, -180, -179.9, 0, 180, 180.1, 540].map(wrapped)).toEqual([170, 180, -179.9, 0, 180, -179.9, 180]);
});

test('lines go from end to end of the world, each once', () => {
  const lines = gridLines([170, 180, 190, 530], [-90, 0, 60]).features[0].geometry;
  expect(lines).toEqual({
    type: 'MultiLineString',
    coordinates: [
      ...[170, 180, -170].map((lng) => [
        [lng, -85.0511],
        [lng, 85.0511],
      ]),
      ...[0, 60].map((lat) => [
        [-180, lat],
        [180, lat],
      ]),
    ],
  });
});
