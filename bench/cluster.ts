import { loadavg } from 'node:os';
import { readArguments, UsageError } from '../src/command-line.ts';
import { findPostgres, startPostgres } from '../test/support/postgres.ts';
import { findRedis, startRedis } from '../test/support/redis.ts';
import { codecTable } from './bus-codec.ts';
import { busTable, timesTable, workTable } from './cluster-report.ts';
import { ClusterStage, type Line } from './cluster-stage.ts';
import { sum } from './fanout-crowd.ts';
import { endingAll } from './interrupt.ts';
import { profileOf, sideBySide } from './profiles.ts';
import { count, machine } from './table.ts';

export const HELP = `The same load on one instance, and on several that share it: what each carries, what they tell each other,
and how much longer a fix takes to whoever watches on another instance.

  npm run bench -- cluster [options]

  --instances N,N,…      sizes of the clusters (1,2,3)
  --drivers N            in all (4000)
  --interval S           seconds between two fixes of a driver (4)
  --watchers N           each with a circle (300)
  --radii M,M,…          of the circles in metres, in turn (250,500,1000,2000)
  --cities N             far from each other, each with as many drivers and watchers (6)
  --watchers-by-city     whoever watches the same city is on the same instance; else they are spread evenly, as
                         drivers are always
  --gateways N           connections that carry the drivers (12)
  --watcher-processes N  processes that the watchers are spread over (1)
  --rounds N             turns that they take (3)
  --seconds S            each of them in each round (5)
  --no-codec             leaves out what the messages of the bus take to be written and read
  --quick                fewer and shorter rounds of fewer drivers, clusters of one and two
  --profile              then profiles an instance of the largest cluster and the one without a bus, and prints
                         where their time goes
  --seed N               the same seed gives the same drivers and circles (1)
  --help

Instances are the server as \`npm start\` runs it. PostgreSQL with PostGIS and redis-server are found on the machine
and started privately; each cluster has a database and a prefix of its own.
Exit code: 0, or 1 when a watcher believes in the end what brute force does not.`;

/** Seconds in which everybody sends once, before the first round. */
const WARM_UP = 2;
/** Seconds of a profile, at least. */
const PROFILE = 6;
/** Differences that are shown; the others are only counted. */
const SHOWN = 5;
const PACE = { seconds: 0.5, rounds: 5 };
const QUICK_PACE = { seconds: 0.1, rounds: 3 };

/** Runs the bench. */
export async function run(argv: readonly string[]): Promise<number> {
  const options = readOptions(argv);
  try {
    return (await endingAll((atEnd) => measure(options, atEnd))) ? 0 : 1;
  } catch (error) {
    console.error((error as Error).message);
    return 1;
  }
}

/** @returns whether everybody believed what is so */
async function measure(options: Options, atEnd: (() => unknown)[]): Promise<boolean> {
  const { plan, rounds, seconds, codec, pace } = options;
  const busy = loadavg()[0].toFixed(1);
  const stage = await ClusterStage.set(options, await services(atEnd), (text) => console.error(`${text} …`), atEnd);
  const { lines } = stage;
  const perSecond = plan.drivers / plan.interval;
  console.error('warming up …');
  // Everybody must have been somewhere before it is measured who is told.
  for (const line of lines) await stage.turn(line, WARM_UP, plan.drivers / WARM_UP);
  for (let n = 1; n <= rounds; n++) {
    console.error(`round ${n} of ${rounds} …`);
    for (const line of lines) line.turns.push(await stage.turn(line, seconds, perSecond));
  }
  console.error('comparing beliefs …');
  const wrong = new Map<Line, readonly string[]>();
  for (const line of lines) wrong.set(line, await stage.verify(line));
  const inView = sum(stage.plan.inside(new Int32Array(plan.drivers)).map(({ size }) => size)) / plan.watchers;
  console.log(
    [
      `Cluster: ${machine()}`,
      `${count(plan.drivers)} drivers in ${plan.cities} cities, a fix each ${plan.interval} s over ${options.gateways} connections · ${count(plan.watchers)} watchers, ${plan.radii.join(', ')} m, of ${inView.toFixed(0)} drivers each${options.byCity ? ', by city' : ''}`,
      `seed ${plan.seed} · ${rounds} rounds of ${seconds} s, medians · load average before: ${busy}`,
      '',
      workTable(lines),
      '',
      busTable(lines),
      '',
      timesTable(lines),
      '',
      ...(codec ? [await codecTable(plan.seed, pace), ''] : []),
      'CPU: of a core; of a fix: of all instances, with all that it brings to watchers and to the bus; of one alone: how many',
      'times what one without a bus takes. Redis and PostgreSQL: of a core; fsync is off.',
      'missed, cells read anew: in a turn, by all instances; nothing is while all goes well.',
      'due: a position for each watcher whose circle it is in; what is overtaken before it is sent may be left out.',
      verdict(wrong),
    ].join('\n'),
  );
  for (const difference of [...wrong.values()].flat().slice(0, SHOWN)) console.error(difference);
  if (options.profile) console.log(`\n${await profiles(stage, Math.max(seconds, PROFILE), perSecond)}`);
  return [...wrong.values()].flat().length === 0;
}

/** @throws {Error} where one of them is not on the machine */
async function services(atEnd: (() => unknown)[]) {
  const bin = findPostgres();
  if (bin === undefined) throw new Error('there is no PostgreSQL with PostGIS on this machine, which instances share');
  const program = findRedis();
  if (program === undefined) throw new Error('there is no redis-server on this machine, over which instances talk');
  const postgres = await startPostgres(bin);
  atEnd.push(() => postgres.stop());
  const redis = await startRedis(program);
  atEnd.push(() => redis.stop());
  return { postgres, redis };
}

function verdict(wrong: ReadonlyMap<Line, readonly string[]>): string {
  const faults = [...wrong].filter(([, differences]) => differences.length > 0);
  if (faults.length === 0) return 'Every watcher believed in the end what brute force (GeographicLib at the rim) says.';
  const each = faults.map(([{ name }, differences]) => `${count(differences.length)} with ${name}`);
  return `WRONG: beliefs differ from brute force: ${each.join(', ')}. What an instance accepts must reach watchers on the others.`;
}

/** Where the time of an instance goes, for each fix that it accepts, next to one that is alone. */
async function profiles(stage: ClusterStage, seconds: number, perSecond: number): Promise<string> {
  const profile = (line: Line) =>
    profileOf(
      line.cluster.profiled(async () => {
        const { sent, size } = await stage.turn(line, seconds, perSecond);
        return sent / size;
      }),
    );
  const [floor] = stage.lines;
  const largest = stage.lines.at(-1) ?? floor;
  const title = `µs of a fix that an instance accepts, spent in each function itself, of ${largest.name} and ${floor.name}`;
  return sideBySide(title, await profile(largest), await profile(floor));
}

type Options = ReturnType<typeof readOptions>;

function readOptions(argv: readonly string[]) {
  const { values, flags, number } = readArguments(argv, {
    values: [
      'instances',
      'drivers',
      'interval',
      'watchers',
      'radii',
      'cities',
      'gateways',
      'watcher-processes',
      'rounds',
      'seconds',
      'seed',
    ],
    flags: ['watchers-by-city', 'no-codec', 'quick', 'profile'],
  });
  const quick = flags.has('quick');
  const sizes = (values.instances ?? (quick ? '1,2' : '1,2,3')).split(',').map(Number);
  if (!sizes.every((size) => Number.isInteger(size) && size >= 1 && size <= 8)) {
    throw new UsageError('--instances must be whole numbers from 1 to 8, such as 1,2,3');
  }
  const radii = (values.radii ?? '250,500,1000,2000').split(',').map(Number);
  if (!radii.every((radius) => radius > 0 && radius <= 5000)) {
    throw new UsageError('--radii must be metres up to 5000, such as 250,500,1000');
  }
  return {
    sizes,
    plan: {
      drivers: number('drivers', quick ? 1200 : 4000, { min: 1, max: 50_000, whole: true }),
      interval: number('interval', 4, { min: 0.01, max: 60 }),
      watchers: number('watchers', quick ? 96 : 300, { min: 1, max: 10_000, whole: true }),
      radii,
      cityRadius: 4000,
      cities: number('cities', 6, { min: 1, max: 20, whole: true }),
      seed: number('seed', 1, { whole: true }),
    },
    byCity: flags.has('watchers-by-city'),
    gateways: number('gateways', 12, { min: Math.max(...sizes), max: 1000, whole: true }),
    watcherProcesses: number('watcher-processes', 1, { min: 1, max: 16, whole: true }),
    rounds: number('rounds', quick ? 2 : 3, { min: 1, max: 99, whole: true }),
    seconds: number('seconds', quick ? 2 : 5, { min: 0.5, max: 60 }),
    codec: !flags.has('no-codec'),
    pace: quick ? QUICK_PACE : PACE,
    profile: flags.has('profile'),
  };
}
