import { memberSeed, seededRandom } from '../src/sim/random.ts';
import { type Figure, LIMITS, RADII } from './core-report.ts';
import { weighFleet } from './fleet-weight.ts';
import { weigh } from './heap.ts';
import { fault, truth } from './judge.ts';
import { city, type Distribution, draw, type Places } from './places.ts';
import type { Contestant } from './rivals/contestant.ts';
import { Kdbush } from './rivals/kdbush.ts';
import { Naive } from './rivals/naive.ts';
import { Nearcast } from './rivals/nearcast.ts';
import { Rbush } from './rivals/rbush.ts';
import { measure, median, medianRatio, type Pace } from './rounds.ts';
import { count } from './table.ts';
import { STRIDES, type Stride, Walk } from './walk.ts';

/** The contestants in this process; Nearcast goes first. */
const NEARCAST = [() => new Nearcast()];
const RIVALS = [() => new Naive(), () => new Kdbush(), () => new Rbush()];

/** Centres that queries go through in turn, those of them that Nearcast's answers are checked at, and rivals'. */
const CENTRES = 20_000;
const CHECKED = 5;
const CHECKED_OF_RIVALS = 2;
const COUNTED = 200;
/** Small fleets are built this often, and the median of the times taken. */
const BUILDS = 3;
const SMALL = 100_000;
/** Bytes of which nothing is made. */
const SMALL_CHANGE = 100_000;

/** Drivers, and who holds them. */
export interface Group {
  readonly drivers: number;
  readonly distribution: Distribution;
  readonly rivals: boolean;
  /** Contestants that run already; whoever started them ends them. */
  readonly servers: readonly Contestant[];
  readonly seed: number;
}

/** Measures one fleet in the hands of all contestants. @throws {Error} when an answer is wrong */
export async function measureGroup(group: Group, pace: Pace, progress: (text: string) => void): Promise<Figure[]> {
  const { drivers, distribution, seed } = group;
  const random = seededRandom(seed);
  const start = draw(distribution, drivers, random);
  const centres = draw(distribution, CENTRES, random);
  const local = [...NEARCAST, ...(group.rivals ? RIVALS : [])];
  const contestants: Contestant[] = [...local.map((make) => make()), ...group.servers];
  // Each has places of its own, as each moves its drivers as far as it gets.
  const at = contestants.map((): Places => ({ lats: start.lats.slice(), lngs: start.lngs.slice() }));
  const figures: Figure[] = [];
  const add = (what: string, unit: Figure['unit'], values: readonly (readonly number[])[], found?: number) => {
    for (const [i, { name }] of contestants.entries()) {
      const rounds = values[i];
      if (rounds.length === 0) continue;
      const ratio = unit === '/s' ? medianRatio(values[0], rounds) : median(rounds) / median(values[0]);
      const value = median(rounds);
      figures.push({ drivers, where: distribution.name, who: name, what, unit, value, ratio, found, rounds });
    }
  };

  progress('building');
  const builds: number[][] = contestants.map(() => []);
  const bytes: number[][] = [];
  for (const [i, contestant] of contestants.entries()) {
    const { made, heap, arrays } = await weigh(() => timed(() => contestant.build(at[i])));
    builds[i].push(made);
    const own = await contestant.bytes?.();
    if (i === 0 && own !== undefined && Math.abs(own - arrays) > 0.1 * arrays + SMALL_CHANGE) {
      progress(`building: the index says it holds ${count(own)} bytes, its arrays weigh ${count(arrays)}`);
    }
    bytes.push([(own ?? heap + arrays) / drivers]);
    for (let n = 1; n < BUILDS && i < local.length && drivers <= SMALL; n++) {
      builds[i].push(await timed(() => local[i]().build(at[i])));
    }
  }

  progress('checking');
  await check(contestants, at, centres);
  for (const limit of LIMITS) {
    for (const radius of RADII) {
      const what = `nearest ${limit}, ${radius >= 1000 ? `${radius / 1000} km` : `${radius} m`}`;
      progress(what);
      const jobs = contestants.map((contestant) => contestant.queries(centres, radius, limit));
      add(what, '/s', await measure(jobs, pace), await averageFound(contestants[0], centres, radius, limit));
    }
  }
  for (const stride of Object.keys(STRIDES) as Stride[]) {
    const what = `update, ${STRIDES[stride]}`;
    progress(what);
    const jobs = contestants.map((contestant, i) =>
      contestant.updates(new Walk(at[i], stride, distribution, seededRandom(memberSeed(seed, 1)))),
    );
    add(what, '/s', await measure(jobs, pace));
  }
  progress('checking again');
  await check(contestants, at, centres);
  add('build', 'ms', builds);
  add('memory', 'B/driver', bytes);
  progress('weighing');
  add('memory, whole fleet', 'B/driver', [[await weighFleet(start)], ...contestants.slice(1).map(() => [])]);
  return figures;
}

/** Lets the compiler see everything once, so that the first group is no slower than the others. */
export async function warmUp(seed: number, pace: Pace): Promise<void> {
  const random = seededRandom(seed);
  const distribution = city();
  const at = draw(distribution, 20_000, random);
  const centres = draw(distribution, CENTRES, random);
  const contestants = [...NEARCAST, ...RIVALS].map((make) => make());
  for (const contestant of contestants) contestant.build(at);
  for (const [radius, limit] of [
    [500, 10],
    [2000, 100],
  ]) {
    await measure(
      contestants.map((contestant) => contestant.queries(centres, radius, limit)),
      { ...pace, rounds: 1 },
    );
  }
  await weighFleet(draw(distribution, 100, random));
}

/** Milliseconds. */
async function timed(act: () => void | Promise<void>): Promise<number> {
  const startedAt = performance.now();
  await act();
  return performance.now() - startedAt;
}

/** Compares a sample of everybody's answers with brute force. @throws {Error} naming the first that is wrong */
async function check(contestants: readonly Contestant[], at: readonly Places[], centres: Places): Promise<void> {
  const farthest = Math.max(...RADII);
  const most = Math.max(...LIMITS);
  for (const [i, contestant] of contestants.entries()) {
    for (let n = 0; n < (i === 0 ? CHECKED : CHECKED_OF_RIVALS); n++) {
      const lat = centres.lats[n];
      const lng = centres.lngs[n];
      const all = truth(at[i], lat, lng, farthest, most);
      for (const radius of RADII) {
        for (const limit of LIMITS) {
          const right = all.filter((distance) => distance <= radius).slice(0, limit);
          const found = await contestant.nearest(lat, lng, radius, limit);
          const wrong = fault(found, right, at[i], [lat, lng, radius, limit], contestant.tolerance);
          if (wrong === undefined) continue;
          const of = `of ${count(at[i].lats.length)} drivers the ${limit} nearest within ${radius} m of ${lat},${lng}`;
          throw new Error(`WRONG: ${contestant.name}, ${of}: ${wrong}`);
        }
      }
    }
  }
}

async function averageFound(contestant: Contestant, { lats, lngs }: Places, radius: number, limit: number) {
  let found = 0;
  for (let i = 0; i < COUNTED; i++) found += (await contestant.nearest(lats[i], lngs[i], radius, limit)).drivers.length;
  return found / COUNTED;
}
