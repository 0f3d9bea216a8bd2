import { writeFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { readArguments, UsageError } from '../src/command-line.ts';
import { memberSeed } from '../src/sim/random.ts';
import { findPostgres } from '../test/support/postgres.ts';
import { measureGroup, warmUp } from './core-group.ts';
import { type Figure, report } from './core-report.ts';
import { type Growth, measureGrowth } from './growth.ts';
import { city, planet } from './places.ts';
import type { Contestant } from './rivals/contestant.ts';
import { PostgisGeography } from './rivals/postgis.ts';
import { findRedis, RedisGeo } from './rivals/redis.ts';
import { count, machine } from './table.ts';

export const HELP = `The index alone, in this process and on one thread: how many queries and updates a second,
against what one would take instead, doing the same work by turns in the same run?

  npm run bench -- core [options]

  --quick          less time a figure, and not a million drivers: about a minute
  --only NAME,…    of city, planet, growth (all)
  --drivers N,…    how many drivers (10000,100000,1000000)
  --seconds S      each figure of each contestant, over all rounds (0.5; with --quick 0.1)
  --rounds N       turns that they take (5; with --quick 3)
  --no-rivals      Nearcast alone
  --seed N         the same seed gives the same drivers, queries and moves (1)
  --json FILE      writes all figures there
  --help

Redis and PostGIS take part when they are on the machine, with 100,000 drivers in the city.
A sample of every contestant's answers is compared with GeographicLib by brute force.
Exit code: 0, or 1 when an answer is wrong.`;

const SECTIONS = ['city', 'planet', 'growth'];
/** Servers get this many drivers, and in the city alone: they take long. */
const DRIVERS_OF_SERVERS = 100_000;

/** Runs the bench. */
export async function run(argv: readonly string[]): Promise<number> {
  const options = readOptions(argv);
  const { pace, seed } = options;
  const startedAt = performance.now();
  const busy = loadavg()[0].toFixed(1);
  let stop: string | undefined;
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => (stop = signal));
  const progress = (text: string) => {
    if (stop !== undefined) throw new Error(`stopped by ${stop}`);
    console.error(`${text} …`);
  };
  const servers: Contestant[] = [];
  const figures: Figure[] = [];
  const notes: string[] = [];
  let growth: Growth | undefined;

  const measureAll = async () => {
    await warmUp(seed, pace);
    for (const [i, drivers] of options.drivers.entries()) {
      for (const [j, distribution] of options.distributions.entries()) {
        const withServers = options.rivals && drivers === DRIVERS_OF_SERVERS && distribution.name === 'city';
        if (withServers) await startServers(servers, notes);
        const group = {
          drivers,
          distribution,
          rivals: options.rivals,
          servers: withServers ? servers : [],
          seed: memberSeed(seed, 10 * i + j),
        };
        const title = `${count(drivers)} drivers, ${distribution.name}`;
        figures.push(...(await measureGroup(group, pace, (text) => progress(`${title}: ${text}`))));
        for (const server of servers) notes.push(...(server.notes?.() ?? []));
        while (servers.length > 0) await servers.pop()?.close?.();
      }
    }
    if (options.growth) {
      progress('growth at equal density');
      growth = await measureGrowth(options.drivers, seed, pace);
    }
  };
  try {
    await measureAll();
  } catch (error) {
    console.error((error as Error).message);
    return 1;
  } finally {
    for (const server of servers) await server.close?.();
  }
  const took = Math.round((performance.now() - startedAt) / 1000);
  const conditions =
    `seed ${seed} · ${pace.seconds} s a figure in ${pace.rounds} rounds, medians · ${took} s in all · ` +
    `load average before: ${busy}`;
  console.log(report(`Core: ${machine()}`, conditions, figures, growth, notes));
  if (options.json !== undefined) {
    const all = { machine: machine(), loadAverage: Number(busy), seed, pace, figures, growth, notes };
    await writeFile(options.json, `${JSON.stringify(all, null, 2)}\n`);
  }
  return 0;
}

async function startServers(servers: Contestant[], notes: string[]): Promise<void> {
  const redis = findRedis();
  if (redis !== undefined) servers.push(await RedisGeo.start(redis));
  else notes.push('Redis did not take part: neither redis-server nor valkey-server is on this machine.');
  const postgres = findPostgres();
  if (postgres !== undefined) servers.push(await PostgisGeography.start(postgres));
  else notes.push('PostGIS did not take part: no PostgreSQL with PostGIS is on this machine.');
}

function readOptions(argv: readonly string[]) {
  const { values, flags, number } = readArguments(argv, {
    values: ['only', 'drivers', 'seconds', 'rounds', 'seed', 'json'],
    flags: ['quick', 'no-rivals'],
  });
  const quick = flags.has('quick');
  const only = values.only?.split(',') ?? SECTIONS;
  const unknown = only.find((name) => !SECTIONS.includes(name));
  if (unknown !== undefined) throw new UsageError(`--only must be of ${SECTIONS.join(', ')}, not '${unknown}'`);
  const drivers = (values.drivers ?? (quick ? '10000,100000' : '10000,100000,1000000')).split(',').map(Number);
  if (!drivers.every((n) => Number.isInteger(n) && n >= 1000 && n <= 4_000_000)) {
    throw new UsageError('--drivers must be whole numbers from 1000 to 4000000, such as 10000,100000');
  }
  return {
    drivers,
    distributions: [city(), planet].filter(({ name }) => only.includes(name)),
    growth: only.includes('growth'),
    rivals: !flags.has('no-rivals'),
    pace: {
      seconds: number('seconds', quick ? 0.1 : 0.5, { min: 0.01, max: 60 }),
      rounds: number('rounds', quick ? 3 : 5, { min: 1, max: 99, whole: true }),
    },
    seed: number('seed', 1, { whole: true }),
    json: values.json,
  };
}
