import geographiclib from 'geographiclib-geodesic';
import { expect, test } from 'vitest';
import { chordDistance, distance, MAX_CORRECTED_CHORD, safeChord } from '../../src/geo/distance.ts';
import { toEcef } from '../../src/geo/ecef.ts';
import { type Random, seeded } from '../support/random.ts';

const wgs84 = geographiclib.Geodesic.WGS84;
const judge = (lat1: number, lng1: number, lat2: number, lng2: number) =>
  wgs84.Inverse(lat1, lng1, lat2, lng2).s12 as number;

/** A line of about the given length from a random place, poles and antimeridian included. */
function line(random: Random, length: number): [number, number, number, number] {
  const [lat, lng] = random.place();
  const end = wgs84.Direct(lat, lng, random.between(0, 360), length) as { lat2: number; lon2: number };
  return [lat, lng, end.lat2, end.lon2];
}

test.each([
  [1, 2e-8],
  [1_000, 2e-8],
  [10_000, 2e-8],
  [100_000, 1e-6],
  [499_000, 1e-3],
])('a distance of %d m is within %d m of GeographicLib', (length, tolerance) => {
  const random = seeded('distance');
  for (let i = 0; i < 4_000; i++) {
    const ends = line(random, random.between(0.5, 1) * length);
    expect(Math.abs(distance(...ends) - judge(...ends))).toBeLessThan(tolerance);
  }
});

test('a distance beyond 500 km is GeographicLib’s own, up to antipodes', () => {
  const random = seeded('far');
  for (let i = 0; i < 2_000; i++) {
    const ends: [number, number, number, number] = [...random.place(), ...random.place()];
    expect(distance(...ends)).toBeCloseTo(judge(...ends), 2);
  }
  expect(distance(0, 0, 0, 180)).toBeCloseTo(20_003_931.459, 2);
});

test('known distances: a degree at the equator and at the pole, the antimeridian, the same point', () => {
  expect(distance(0, 0, 0, 1)).toBeCloseTo(111_319.491, 3);
  expect(distance(89, 0, 90, 0)).toBeCloseTo(111_693.865, 3);
  expect(distance(0, 179.5, 0, -179.5)).toBeCloseTo(111_319.491, 3);
  expect(distance(90, 17, 90, -120)).toBeCloseTo(0, 6);
  expect(distance(12.3, 45.6, 12.3, 45.6)).toBe(0);
});

test('a chord bounds its distance from below, and a safe chord from above', () => {
  const random = seeded('chord');
  const ecef = new Float64Array(6);
  for (let i = 0; i < 20_000; i++) {
    const ends = line(random, 10 ** random.between(0, 7));
    toEcef(ends[0], ends[1], ecef, 0);
    toEcef(ends[2], ends[3], ecef, 3);
    const chord = Math.hypot(ecef[3] - ecef[0], ecef[4] - ecef[1], ecef[5] - ecef[2]);
    const truth = judge(...ends);
    expect(chord).toBeLessThanOrEqual(truth + 1e-8);
    expect(safeChord(truth)).toBeLessThanOrEqual(chord + 1e-8);
    if (chord < MAX_CORRECTED_CHORD) {
      const [x1, y1, z1, x2, y2, z2] = ecef;
      expect(Math.abs(chordDistance(x1, y1, z1, x2, y2, z2) - truth)).toBeLessThan(1e-3);
    }
  }
});
