import { expect, test } from 'vitest';
import { toEcef } from '../../src/geo/ecef.ts';
import { Footprint } from '../../src/geo/footprint.ts';
import { seeded } from '../support/random.ts';
import { type Ball, named, place, pointsIn } from './shapes.ts';

const ecef = new Float64Array(3);

test('a footprint holds every point of the surface in the ball', () => {
  const random = seeded('footprint');
  const footprint = new Footprint();
  for (let i = 0; i < 15_000; i++) {
    const [anyLat, lng] = place(random);
    // Where the ellipsoid is most curved, too.
    const lat = random.below(4) === 0 ? random.between(-0.1, 0.1) : anyLat;
    const bound = 10 ** random.between(0, 7.1);
    toEcef(lat, lng, ecef, 0);
    // On the ellipsoid, or as deep below it as reaches furthest, or anywhere about.
    const scale = 1 - random.pick([0, (bound / 6.37e6) ** 2 / 2, (random.between(-0.9, 0.9) * bound) / 6.37e6]);
    const ball: Ball = { lat, lng, centre: [ecef[0] * scale, ecef[1] * scale, ecef[2] * scale], bound };
    footprint.set(...ball.centre, bound);
    const { halfHeight, halfWidth, halfDiagonal, perLat, perLng } = footprint;
    for (const [pointLat, pointLng] of pointsIn(random, ball, 4)) {
      const up = pointLat - footprint.lat;
      const along = named(pointLng - footprint.lng);
      const all = `${lat} ${lng}, ball ${ball.centre} ${bound}: ${pointLat} ${pointLng}`;
      expect(Math.abs(up), all).toBeLessThanOrEqual(halfHeight);
      // At a pole any longitude is a name of the same point.
      if (Math.abs(pointLat) > 90 - 1e-9) expect(halfWidth).toBe(Number.POSITIVE_INFINITY);
      expect(Math.abs(along), all).toBeLessThanOrEqual(halfWidth);
      expect(Math.abs(up) + Math.abs(along), all).toBeLessThanOrEqual(halfDiagonal);
      expect((up * perLat) ** 2 + (along * perLng) ** 2, all).toBeLessThanOrEqual(1);
    }
  }
});

test('a footprint is hardly larger than it must be', () => {
  const random = seeded('footprint size');
  const footprint = new Footprint();
  for (let i = 0; i < 2_000; i++) {
    const [lat, lng] = [random.between(-75, 75), random.between(-180, 180)];
    const bound = 10 ** random.between(0, 5.5);
    toEcef(lat, lng, ecef, 0);
    const [x, y, z] = ecef;
    footprint.set(x, y, z, bound);
    // The sphere's answer, within what the ellipsoid differs from it.
    const angle = (bound / 6.371e6) * (180 / Math.PI);
    const width = angle / Math.cos((lat * Math.PI) / 180);
    expect(footprint.halfHeight / angle).toBeLessThan(1.02);
    expect(footprint.halfWidth / width).toBeLessThan(1.04);
    expect(1 / footprint.perLng / width).toBeLessThan(1.15);
    expect(footprint.halfDiagonal / Math.hypot(angle, width)).toBeLessThan(1.15);
  }
});
