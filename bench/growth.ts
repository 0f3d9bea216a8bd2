import { memberSeed, seededRandom } from '../src/sim/random.ts';
import { city, draw } from './places.ts';
import { Nearcast } from './rivals/nearcast.ts';
import { type Job, measure, median, medianRatio, type Pace } from './rounds.ts';
import { STRIDES, type Stride, Walk } from './walk.ts';

/** At this number the city is as wide as it is in the other figures. */
const STANDARD = 100_000;
const RADIUS = 2000;
const LIMIT = 10;
const CENTRES = 10_000;

/** What one of each costs as the fleet grows and its density does not. */
export interface Growth {
  /** In words. */
  readonly whats: readonly string[];
  /** For each number of drivers: microseconds, and how many times that is what it is with the fewest. */
  readonly rows: readonly {
    readonly drivers: number;
    readonly microseconds: readonly number[];
    readonly ratios: readonly number[];
  }[];
}

/** Measures cities whose area grows with their drivers, all of them by turns. */
export async function measureGrowth(numbers: readonly number[], seed: number, pace: Pace): Promise<Growth> {
  const drivers = [...numbers].sort((a, b) => a - b);
  const whats = [
    `nearest ${LIMIT} within ${RADIUS / 1000} km`,
    ...Object.values(STRIDES).map((stride) => `update, ${stride}`),
  ];
  const jobs = drivers.map((count, i): Job[] => {
    const random = seededRandom(memberSeed(seed, 1000 + i));
    const distribution = city(Math.sqrt(count / STANDARD));
    const at = draw(distribution, count, random);
    const tree = new Nearcast();
    tree.build(at);
    const centres = draw(distribution, CENTRES, random);
    const strides = Object.keys(STRIDES) as Stride[];
    return [
      tree.queries(centres, RADIUS, LIMIT),
      ...strides.map((stride) => tree.updates(new Walk(at, stride, distribution, random))),
    ];
  });
  // By turns of all fleets, one kind of work after the other.
  const rates: number[][][] = [];
  for (const kind of whats.keys())
    rates.push(
      await measure(
        jobs.map((list) => list[kind]),
        doubled(pace),
      ),
    );
  return {
    whats,
    rows: drivers.map((count, i) => ({
      drivers: count,
      microseconds: rates.map((kind) => 1e6 / median(kind[i])),
      ratios: rates.map((kind) => medianRatio(kind[0], kind[i])),
    })),
  };
}

/** A ratio near 1 needs more care than one of hundreds. */
function doubled({ seconds, rounds }: Pace): Pace {
  return { seconds: 2 * seconds, rounds: 2 * rounds + 1 };
}
