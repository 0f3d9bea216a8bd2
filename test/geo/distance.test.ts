import { expect, test } from 'vitest';
import { chordDistance, distance, MAX_CORRECTED_CHORD, safeChord } from '../../src/geo/distance.ts';
import { toEcef } from '../../src/geo/ecef.ts';
import { destination, type Place, trueDistance } from '../support/geodesic.ts';
import { type Random, seeded } from '../support/random.ts';

/** Lines measured; `LINES=1000000` measures more. */
const LINES = Number(process.env.LINES ?? 100_000);
/** Up to this length (metres) a geodesic is the shortest way, whatever its direction. */
const SURELY_SHORTEST = 19_000_000;

interface Line {
  readonly from: Place;
  readonly to: Place;
  /** Metres, where the line was laid out by its length. */
  readonly length?: number;
}

/** A length, every decade alike: a millimetre to half the planet. */
const anyLength = (random: Random) => 10 ** random.between(-3, Math.log10(20_003_000));

function laid(from: Place, azimuth: number, length: number): Line {
  return { from, to: destination(from, azimuth, length), length };
}

const nearby = (random: Random, [lat, lng]: Place, degrees: number): Place => [
  Math.max(-90, Math.min(90, lat + random.between(-degrees, degrees))),
  Math.max(-180, Math.min(180, lng + random.between(-degrees, degrees))),
];

const kinds: Readonly<Record<string, (random: Random) => Line>> = {
  anywhere: (random) => laid(random.place(), random.between(0, 360), anyLength(random)),
  'from a pole': (random) =>
    laid([random.pick([90, -90]), random.between(-180, 180)], random.between(0, 360), anyLength(random)),
  'across a pole': (random) => {
    const length = anyLength(random);
    const pole = random.pick([90, -90]);
    const from = destination([pole, random.between(-180, 180)], 180 + pole, length * random.next());
    // Straight at the pole, or past it by a little.
    return laid(from, (pole > 0 ? 0 : 180) + random.pick([0, 0.001, 1]) * random.normal(), length);
  },
  'across the antimeridian': (random) => {
    const length = anyLength(random);
    const on: Place = [random.place()[0], random.pick([180, -180])];
    const azimuth = random.between(0, 360);
    return laid(destination(on, azimuth, -length * random.pick([0, 1, random.next()])), azimuth, length);
  },
  'along a meridian': (random) => laid(random.place(), random.pick([0, 180]), anyLength(random)),
  'along the equator': (random) => laid([0, random.between(-180, 180)], random.pick([90, -90]), anyLength(random)),
  'very close': (random) => {
    const from = random.place();
    return { from, to: nearby(random, from, 10 ** random.between(-14, -8)) };
  },
  'nearly antipodal': (random) => {
    const from = random.place();
    const antipode: Place = [-from[0], from[1] > 0 ? from[1] - 180 : from[1] + 180];
    return { from, to: random.below(10) === 0 ? antipode : nearby(random, antipode, 10 ** random.between(-12, 0.3)) };
  },
  // The correction of the chord is at its worst just before GeographicLib is asked, and along a meridian at the equator.
  'about 500 km': (random) =>
    laid(random.place(), random.between(0, 360), MAX_CORRECTED_CHORD + random.between(-500, 500)),
  'about 500 km, at its worst': (random) =>
    laid(
      [random.between(-5, 0), random.between(-180, 180)],
      random.normal(),
      MAX_CORRECTED_CHORD + random.between(-500, 128),
    ),
};

/** What a distance may be off, in metres, up to a length in metres. */
const tolerances: readonly (readonly [upTo: number, tolerance: number])[] = [
  [10_000, 1e-8],
  [100_000, 3e-7],
  [500_200, 1e-3],
  [Number.POSITIVE_INFINITY, 1e-7],
];
const toleranceAt = (length: number) => (tolerances.find(([upTo]) => length <= upTo) as [number, number])[1];

test(`${LINES} lines of any length, anywhere, are as long as GeographicLib says`, { timeout: 600_000 }, () => {
  const random = seeded('lines');
  const names = Object.keys(kinds);
  const worst = new Map<number, { lines: number; error: number }>();
  for (let i = 0; i < LINES; i++) {
    const kind = names[i % names.length];
    const { from, to, length } = kinds[kind](random);
    const truth = trueDistance(...from, ...to);
    const line = `${kind}: ${from} to ${to}, ${truth} m`;
    // The judge is judged as well: GeographicLib laid the line out by an algorithm that is not the one that measures it.
    if (length !== undefined && length < SURELY_SHORTEST && !(Math.abs(truth - length) < 5e-8)) {
      throw new Error(`${line}, but laid out as ${length} m`);
    }
    const error = Math.abs(distance(...from, ...to) - truth);
    if (!(error <= toleranceAt(truth))) throw new Error(`${line}, error ${error} m`);
    const decade = Math.max(-3, Math.floor(Math.log10(truth)));
    const row = worst.get(decade) ?? { lines: 0, error: 0 };
    worst.set(decade, { lines: row.lines + 1, error: Math.max(row.error, error) });
  }
  const table = [...worst]
    .sort(([a], [b]) => a - b)
    .map(([decade, { lines, error }]) => {
      const name = decade === -3 ? 'less than 1 cm' : `from ${10 ** decade} m`;
      return `  ${name.padEnd(16)} ${String(lines).padStart(8)} lines  worst error ${error.toExponential(1)} m`;
    });
  console.log(['distance against GeographicLib', ...table].join('\n'));
  expect([...worst.keys()].sort((a, b) => a - b)).toEqual([-3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7]);
});

test('a distance is the same there and back, and never that of another name of the place', () => {
  const random = seeded('names');
  for (let i = 0; i < 10_000; i++) {
    const [lat, lng] = random.place();
    const [lat2] = random.place();
    expect(distance(lat, lng, lat2, 180)).toBe(distance(lat, lng, lat2, -180));
    const pole = random.pick([90, -90]);
    expect(distance(lat, lng, pole, random.between(-180, 180))).toBe(distance(lat, lng, pole, 0));
    const to = destination([lat, lng], random.between(0, 360), anyLength(random));
    expect(distance(...to, lat, lng)).toBeCloseTo(distance(lat, lng, ...to), 7);
  }
});

test('no distance from a point to itself, by whatever name', () => {
  const random = seeded('same point');
  for (let i = 0; i < 10_000; i++) {
    const [lat, lng] = random.place();
    expect(distance(lat, lng, lat, lng)).toBe(0);
    expect(distance(lat, 180, lat, -180)).toBe(0);
    expect(distance(90, lng, 90, -lng)).toBe(0);
    expect(distance(-90, lng, -90, -lng)).toBe(0);
  }
});

test('known distances: a degree at the equator and at the pole, across the antimeridian, antipodes', () => {
  expect(distance(0, 0, 0, 1)).toBeCloseTo(111_319.491, 3);
  expect(distance(89, 0, 90, 0)).toBeCloseTo(111_693.865, 3);
  expect(distance(0, 179.5, 0, -179.5)).toBeCloseTo(111_319.491, 3);
  expect(distance(0, 0, 0, 180)).toBeCloseTo(20_003_931.459, 3);
  expect(distance(90, 0, -90, 0)).toBeCloseTo(20_003_931.459, 3);
});

test('a chord bounds its distance from below, and a safe chord from above', () => {
  const random = seeded('chord');
  const ecef = new Float64Array(6);
  for (let i = 0; i < 20_000; i++) {
    const { from, to } = laid(random.place(), random.between(0, 360), 10 ** random.between(0, 7));
    toEcef(...from, ecef, 0);
    toEcef(...to, ecef, 3);
    const [x1, y1, z1, x2, y2, z2] = ecef;
    const chord = Math.hypot(x2 - x1, y2 - y1, z2 - z1);
    const truth = trueDistance(...from, ...to);
    expect(chord).toBeLessThanOrEqual(truth + 1e-8);
    expect(safeChord(truth)).toBeLessThanOrEqual(chord + 1e-8);
    if (chord < MAX_CORRECTED_CHORD) {
      expect(Math.abs(chordDistance(x1, y1, z1, x2, y2, z2) - truth)).toBeLessThan(1e-3);
    }
  }
});
