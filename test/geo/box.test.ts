import { describe, expect, test } from 'vitest';
import { Box } from '../../src/geo/box.ts';
import { toEcef } from '../../src/geo/ecef.ts';
import { EDGE, INSIDE, OUTSIDE } from '../../src/geo/region.ts';
import { type Random, seeded } from '../support/random.ts';
import { ball, contains, contradiction, degreesOf, goFrom, named, place } from './shapes.ts';

type Corners = [west: number, south: number, east: number, north: number];

/** A box of any size, a metre to the planet, often at a pole or across the antimeridian. */
function corners(random: Random): Corners {
  const [lat, lng] = place(random);
  const [height, width] = degreesOf(10 ** random.between(0, 7.2), lat);
  const up = height * random.next();
  const along = Math.min(359.9, 2 * width * 10 ** random.between(-1, 0.4)) * random.next();
  return [
    named(lng - along * random.next()),
    random.below(8) === 0 ? -90 : Math.max(-90, lat - up),
    named(lng + along * random.next()),
    random.below(8) === 0 ? 90 : Math.min(90, lat + up),
  ];
}

describe('a box', () => {
  test('holds its borders and corners, and nothing beyond them', () => {
    const box = new Box(10, -20, 30, 40);
    for (const lat of [-20, 0, 40]) for (const lng of [10, 20, 30]) expect(contains(box, lat, lng)).toBe(true);
    for (const lng of [10, 20, 30]) {
      expect(contains(box, -20.000000000000004, lng)).toBe(false);
      expect(contains(box, 40.00000000000001, lng)).toBe(false);
    }
    for (const lat of [-20, 0, 40]) {
      expect(contains(box, lat, 9.999999999999998)).toBe(false);
      expect(contains(box, lat, 30.000000000000004)).toBe(false);
      expect(contains(box, lat, -160)).toBe(false);
    }
  });

  test('goes on over the antimeridian when west is more than east', () => {
    const box = new Box(170, -10, -170, 10);
    for (const lng of [170, 175, 180, -180, -175, -170]) expect(contains(box, 0, lng)).toBe(true);
    for (const lng of [169.9, -169.9, 0, 90, -90]) expect(contains(box, 0, lng)).toBe(false);
    const most = new Box(10, -10, 9.5, 10);
    for (const lng of [10, 180, -180, 0, 9.5]) expect(contains(most, 0, lng)).toBe(true);
    expect(contains(most, 0, 9.75)).toBe(false);
  });

  test('that ends at ±180° holds that meridian by both names', () => {
    for (const box of [new Box(170, -10, 180, 10), new Box(-180, -10, -170, 10)]) {
      expect(contains(box, 0, 180)).toBe(true);
      expect(contains(box, 0, -180)).toBe(true);
    }
    expect(contains(new Box(170, -10, 179, 10), 0, -180)).toBe(false);
    expect(contains(new Box(-179, -10, -170, 10), 0, 180)).toBe(false);
  });

  test('from −180 to 180 holds every longitude; the other way round, or from one to itself, that meridian alone', () => {
    for (const lng of [-180, -90, 0, 90, 180]) expect(contains(new Box(-180, -10, 180, 10), 0, lng)).toBe(true);
    for (const [west, east] of [
      [180, -180],
      [180, 180],
      [-180, -180],
    ]) {
      const box = new Box(west, -10, east, 10);
      for (const lng of [-180, 180]) expect(contains(box, 0, lng)).toBe(true);
      for (const lng of [-179.999, 179.999, 0]) expect(contains(box, 0, lng)).toBe(false);
    }
  });

  test('may be a meridian, a parallel or a point', () => {
    expect(contains(new Box(7, -10, 7, 10), 10, 7)).toBe(true);
    expect(contains(new Box(7, -10, 7, 10), 0, 7.000000000000001)).toBe(false);
    expect(contains(new Box(-7, 3, 7, 3), 3, -7)).toBe(true);
    expect(contains(new Box(-7, 3, 7, 3), 3.0000000000000004, 0)).toBe(false);
    expect(contains(new Box(7, 3, 7, 3), 3, 7)).toBe(true);
  });

  test('that reaches a pole holds it, by whatever longitude; one that does not, does not', () => {
    for (const lng of [-180, -97, 0, 15, 180]) {
      expect(contains(new Box(10, 80, 20, 90), 90, lng)).toBe(true);
      expect(contains(new Box(10, -90, 20, -80), -90, lng)).toBe(true);
      expect(contains(new Box(10, -90, 20, 80), 90, lng)).toBe(false);
      expect(contains(new Box(-180, -80, 180, 90), -90, lng)).toBe(false);
    }
    expect(contains(new Box(10, 80, 20, 90), 89.999, 21)).toBe(false);
  });

  test('holds what is neither north, south, nor further east of its west than its east is', () => {
    const random = seeded('box');
    for (let i = 0; i < 20_000; i++) {
      // Whole numbers, so that turns are exact.
      const [west, east, lng] = [0, 0, 0].map(() => random.below(361) - 180);
      const [lat, ...parallels] = [0, 0, 0].map(() => random.below(181) - 90);
      const [south, north] = parallels.sort((a, b) => a - b);
      const turn = (from: number, to: number) => (((to - from) % 360) + 360) % 360;
      const everywhere = west === -180 && east === 180;
      const truth =
        lat >= south && lat <= north && (everywhere || Math.abs(lat) === 90 || turn(west, lng) <= turn(west, east));
      expect(
        contains(new Box(west, south, east, north), lat, lng),
        `${[west, south, east, north]}: ${lat} ${lng}`,
      ).toBe(truth);
    }
  });
});

describe('the side of a ball to a box', () => {
  test('is never wrong where it is inside or outside', () => {
    const random = seeded('side of a box');
    const decided = [0, 0, 0];
    for (let i = 0; i < 12_000; i++) {
      const [west, south, east, north] = corners(random);
      const box = new Box(west, south, east, north);
      // Near a point of a border as often as not.
      const border: [number, number] = [
        random.pick([south, north, random.between(south, north)]),
        random.pick([west, east, named(west + random.next() * ((east - west + 360) % 360))]),
      ];
      const bound = 10 ** random.between(-1, 7.1);
      const at = random.below(4) === 0 ? place(random) : border;
      const [lat, lng] = goFrom(...at, random.between(0, 360), Math.min(2e7, bound * random.between(0, 2)));
      const where = ball(random, lat, lng, bound);
      decided[box.side(...where.centre, bound)]++;
      const wrong = contradiction(random, box, where, 6);
      expect(wrong, `${[west, south, east, north]}, ball ${where.centre} ${bound}`).toBeUndefined();
    }
    expect(decided[INSIDE]).toBeGreaterThan(500);
    expect(decided[OUTSIDE]).toBeGreaterThan(2_000);
  });

  test('is inside or outside wherever the ball is clear of the borders by a hundredth of its radius', () => {
    const random = seeded('certain side of a box');
    const centre = new Float64Array(3);
    for (let i = 0; i < 5_000; i++) {
      const lat = random.between(-80, 80);
      const lng = random.between(-180, 180);
      const bound = 10 ** random.between(-1, 5);
      // A box that lies a little beyond the ball in one direction, or goes round it.
      const [north] = goFrom(lat, lng, 0, bound * 1.01);
      const [south] = goFrom(lat, lng, 180, bound * 1.01);
      // The meridian that is so far off at its nearest: sin Δ = sin(c/p), p the distance to the axis.
      toEcef(lat, lng, centre, 0);
      const [x, y, z] = centre;
      const turn = (Math.asin((bound * 1.01) / Math.hypot(x, y)) * 180) / Math.PI;
      const [east, west] = [named(lng + turn), named(lng - turn)];
      expect(new Box(west, south, east, north).side(x, y, z, bound)).toBe(INSIDE);
      for (const [w, s, e, n] of [
        [west, north, east, 90],
        [west, -90, east, south],
        [east, -90, named(lng + random.between(turn, 360 - turn)), 90],
        [named(lng - random.between(turn, 360 - turn)), -90, west, 90],
        [east, -90, east, 90],
        [named(lng + 180), -90, named(lng + 180), 90],
      ]) {
        expect(new Box(w, s, e, n).side(x, y, z, bound), `${[w, s, e, n]} ${lat} ${lng} ${bound}`).toBe(OUTSIDE);
      }
      // All but a meridian's width on the other side of the planet.
      expect(new Box(named(lng + 180.000001), -90, named(lng + 180), 90).side(x, y, z, bound)).toBe(INSIDE);
    }
  });

  test('holds poles and the whole planet', () => {
    const planet = new Box(-180, -90, 180, 90);
    expect(planet.side(0, 0, 6_356_752.3, 1e8)).toBe(INSIDE);
    expect(planet.side(6_378_137, 0, 0, 1e6)).toBe(INSIDE);
    const cap = new Box(-180, 60, 180, 90);
    expect(cap.side(0, 0, 6_356_752.3, 1e6)).toBe(INSIDE);
    expect(cap.side(0, 0, -6_356_752.3, 1e6)).toBe(OUTSIDE);
    expect(cap.side(0, 0, 6_356_752.3, 4e6)).toBe(EDGE);
    expect(new Box(0, 60, 90, 90).side(0, 0, 6_356_752.3, 1)).toBe(EDGE);
  });
});
