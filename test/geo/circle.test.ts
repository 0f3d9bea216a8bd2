import { expect, test } from 'vitest';
import { Circle } from '../../src/geo/circle.ts';
import { toEcef } from '../../src/geo/ecef.ts';
import { INSIDE, OUTSIDE } from '../../src/geo/region.ts';
import { destination, trueDistance } from '../support/geodesic.ts';
import { seeded } from '../support/random.ts';

const ecef = new Float64Array(3);

function contains(circle: Circle, lat: number, lng: number): boolean {
  toEcef(lat, lng, ecef, 0);
  return circle.contains(ecef[0], ecef[1], ecef[2], lat, lng);
}

test('a point a millimetre within the rim is inside, a millimetre without is not, at any size', () => {
  const random = seeded('rim');
  for (let i = 0; i < 5_000; i++) {
    const [lat, lng] = random.place();
    const radius = 10 ** random.between(0, 6.9);
    const circle = new Circle(lat, lng, radius);
    for (const step of [-0.001, 0.001]) {
      const point = destination([lat, lng], random.between(0, 360), radius + step);
      expect(contains(circle, ...point), `${lat} ${lng} ${radius} ${step}`).toBe(step < 0);
    }
  }
});

test('a radius of 0 holds the centre alone', () => {
  const circle = new Circle(30.1, -97.7, 0);
  expect(contains(circle, 30.1, -97.7)).toBe(true);
  expect(contains(circle, 30.1, -97.70000001)).toBe(false);
});

test('a radius of 0 holds its centre by whatever name: a pole at any longitude, 180° east or west', () => {
  for (const pole of [90, -90]) {
    for (const lng of [-180, -97.7, 0, 33, 180]) expect(contains(new Circle(pole, 12.3, 0), pole, lng)).toBe(true);
  }
  expect(contains(new Circle(30.1, 180, 0), 30.1, -180)).toBe(true);
  expect(contains(new Circle(30.1, -180, 0), 30.1, 180)).toBe(true);
});

test('a radius of half the planet holds everything', () => {
  const random = seeded('planet');
  const circle = new Circle(30.1, -97.7, 20_100_000);
  for (let i = 0; i < 500; i++) expect(contains(circle, ...random.place())).toBe(true);
  expect(contains(circle, -30.1, 82.3)).toBe(true);
});

test('a corner of the circle’s box is outside', () => {
  const circle = new Circle(0, 0, 111_000);
  expect(contains(circle, 0.9, 0)).toBe(true);
  expect(contains(circle, 0, 0.9)).toBe(true);
  expect(contains(circle, 0.9, 0.9)).toBe(false);
});

test('the corners of the box are outside of a circle of any size anywhere, and its four ends inside', () => {
  const random = seeded('box');
  let corners = 0;
  for (let i = 0; i < 5_000; i++) {
    const centre = random.place();
    const radius = 10 ** random.between(0, 6.9);
    const circle = new Circle(...centre, radius);
    const [north, east, south, west] = [0, 90, 180, 270].map((azimuth) => destination(centre, azimuth, 0.999 * radius));
    for (const end of [north, east, south, west]) expect(contains(circle, ...end), `${centre} ${radius}`).toBe(true);
    for (const [lat] of [north, south]) {
      for (const [, lng] of [east, west]) {
        // Near a pole the lines that make a box run together, and its corners may be inside.
        const outside = trueDistance(...centre, lat, lng) > radius;
        expect(contains(circle, lat, lng), `${centre} ${radius}`).toBe(!outside);
        if (outside) corners++;
      }
    }
  }
  expect(corners).toBeGreaterThan(15_000);
});

test('a radius that is a point’s distance to the bit holds it, and one a bit shorter does not', () => {
  const random = seeded('closed');
  for (let i = 0; i < 10_000; i++) {
    const centre = random.place();
    const point = destination(centre, random.between(0, 360), 10 ** random.between(-3, 7.2));
    toEcef(...point, ecef, 0);
    const distance = new Circle(...centre, 1).distanceTo(ecef[0], ecef[1], ecef[2], ...point);
    expect(contains(new Circle(...centre, distance), ...point), `${centre} ${point}`).toBe(true);
    const shorter = distance * (1 - Number.EPSILON);
    expect(contains(new Circle(...centre, shorter), ...point), `${centre} ${point}`).toBe(false);
  }
});

test('the side of a ball is never wrong where it says inside or outside', () => {
  const random = seeded('side');
  let decided = 0;
  for (let i = 0; i < 20_000; i++) {
    const [lat, lng] = random.place();
    const circle = new Circle(lat, lng, 10 ** random.between(1, 6));
    const bound = circle.radius * random.between(0, 1);
    const near = destination([lat, lng], random.between(0, 360), circle.radius * random.between(0, 3));
    toEcef(...near, ecef, 0);
    const [x, y, z] = ecef;
    const side = circle.side(x, y, z, bound);
    // A point of the surface within the ball: its chord is no longer than the way to it.
    const point = destination(near, random.between(0, 360), bound * random.next());
    if (side !== INSIDE && side !== OUTSIDE) continue;
    decided++;
    expect(contains(circle, ...point)).toBe(side === INSIDE);
  }
  expect(decided).toBeGreaterThan(5_000);
});
