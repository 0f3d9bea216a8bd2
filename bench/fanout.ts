import { loadavg } from 'node:os';
import { readArguments, UsageError } from '../src/command-line.ts';
import { sum } from './fanout-crowd.ts';
import type { FanoutPlanSettings } from './fanout-plan.ts';
import { fanoutTable, type Line, SLOW, saturationTable } from './fanout-report.ts';
import { type FanoutTurn, Stage } from './fanout-stage.ts';
import type { TargetKind } from './fanout-targets.ts';
import { endingAll, stopped } from './interrupt.ts';
import { issue491 } from './issue-491.ts';
import { profileOf, sideBySide } from './profiles.ts';
import { count, machine, milliseconds } from './table.ts';

export const HELP = `Positions from drivers to whoever watches their place, next to a bare ws server that is told whom to send
the same bytes, and to Socket.IO with a room for each H3 cell.

  npm run bench -- fanout [CASE …] [options]

Cases, by default all:
  city       1,000 drivers on a street grid at a fix a second, 200 watchers of 250 m to 2 km; then how
             much each server delivers before its p99 passes ${SLOW} ms
  stadium    10,000 drivers in a small place, 1,000 watchers who see about 100 of them each
  issue-491  what 23,000 circles of 5 km all over a country cost drivers near whom nobody listens
             (issue 491 of Tile38)

Options, for city and stadium:
  --drivers N --interval S --watchers N --radii M,M,… --city-radius M    instead of the case's
  --room-resolution N    of the H3 cells that are Socket.IO's rooms (city 9, stadium 11)
  --gateways N           connections that carry the drivers (4)
  --watcher-processes N  processes that the watchers are spread over (1)
  --rounds N             turns that the servers take (city 4, stadium 3)
  --seconds S            each of them in each round (2.5)
  --no-saturation        leaves out the search for what is too much
  --quick                fewer and shorter rounds, without saturation
  --profile              then profiles Nearcast and the bare server, and prints where their time goes
  --pin                  keeps drivers and watchers to the first processor, servers to the last (Linux: taskset)
  --seed N               the same seed gives the same drivers and circles (1)
  --help

Servers, drivers and watchers are processes of their own; Nearcast has the memory store.
Exit code: 0, or 1 when a watcher believes in the end what brute force does not, or of issue-491 a bound is passed.`;

/** Seconds of each server before the first round. */
const WARM_UP = 1.5;
/** The search for what is too much: seconds of a try, tries, and how much more each first is. */
const PROBE = { seconds: 1.5, growth: 2, refinements: 2, tries: 10 };
/** Seconds of a profile, at least. */
const PROFILE = 4;
/** Differences that are shown; the others are only counted. */
const SHOWN = 5;

const CASES: Readonly<Record<'city' | 'stadium', Omit<FanoutPlanSettings, 'seed'>>> = {
  city: { drivers: 1000, interval: 1, watchers: 200, radii: [250, 500, 1000, 2000], cityRadius: 4000 },
  stadium: { drivers: 10_000, interval: 1, watchers: 1000, radii: [105], cityRadius: 1000, block: 50 },
};
/** H3 resolutions of the rooms: finer, a watcher would have hundreds of them; coarser, it would hear several times too much. */
const ROOMS = { city: 9, stadium: 11 };
const KINDS: readonly TargetKind[] = ['broadcast', 'nearcast', 'rooms'];

/** Runs the bench. */
export async function run(argv: readonly string[]): Promise<number> {
  const options = readOptions(argv);
  const busy = loadavg()[0].toFixed(1);
  console.log(`Fan-out: ${machine()}, load average before: ${busy}`);
  let wrong = 0;
  for (const name of options.cases) {
    try {
      console.error(`${name} …`);
      wrong += await endingAll(async (atEnd) =>
        name === 'issue-491' ? Number(!(await issue491(options, atEnd))) : measure(name, options, atEnd),
      );
    } catch (error) {
      console.error((error as Error).message);
      wrong++;
      if (stopped()) break;
    }
  }
  return wrong === 0 ? 0 : 1;
}

/** @returns how many beliefs were wrong */
async function measure(name: 'city' | 'stadium', options: Options, atEnd: (() => unknown)[]): Promise<number> {
  const plan = { ...CASES[name], ...options.plan };
  const rounds = options.rounds ?? (name === 'city' ? 4 : 3);
  const { seconds, gateways, watcherProcesses } = options;
  const resolution = options.roomResolution ?? ROOMS[name];
  const stage = await Stage.set(
    { plan, kinds: KINDS, resolution, gateways, watcherProcesses, pin: options.pin },
    atEnd,
  );
  const perSecond = plan.drivers / plan.interval;
  const lines = stage.contestants.map((contestant): Line => ({ contestant, turns: [] }));
  console.error('warming up …');
  // Everybody must have been somewhere before it is measured who is told.
  for (const target of lines.keys()) await stage.turn(target, Math.max(WARM_UP, plan.interval), perSecond);
  for (let n = 1; n <= rounds; n++) {
    console.error(`round ${n} of ${rounds} …`);
    for (const [target, { turns }] of lines.entries()) turns.push(await stage.turn(target, seconds, perSecond));
  }
  if (options.saturate && name === 'city') {
    for (const [target, line] of lines.entries()) {
      console.error(`too much for ${line.contestant.name} …`);
      line.saturation = await saturate((rate) => stage.turn(target, PROBE.seconds, rate), perSecond);
    }
  }
  console.error('comparing beliefs …');
  const wrong: string[] = [];
  for (const target of lines.keys()) wrong.push(...(await stage.verify(target)));

  const inView = sum(stage.plan.inside(new Int32Array(plan.drivers)).map(({ size }) => size)) / plan.watchers;
  console.log(
    [
      '',
      `${name}: ${count(plan.drivers)} drivers, a fix each ${plan.interval} s over ${gateways} connections · ${count(plan.watchers)} watchers, ${plan.radii.join(', ')} m, of ${inView.toFixed(0)} drivers each`,
      `seed ${plan.seed} · ${rounds} rounds of ${seconds} s, medians`,
      '',
      fanoutTable(lines),
      '',
      ...(lines.some(({ saturation }) => saturation !== undefined) ? [saturationTable(lines), ''] : []),
      'due: a position for each watcher whose circle it is in. Nearcast may leave out what is overtaken before it is sent, and',
      `puts what belongs to one watcher in one message; Socket.IO delivers all of each cell of resolution ${resolution} that a circle touches,`,
      'tells nobody who has left, and leaves the exact test to the client. CPU of a delivery: the server’s, for each that is due.',
      wrong.length === 0
        ? 'Every watcher believed in the end what brute force (GeographicLib at the rim) says; Socket.IO’s that at least.'
        : `WRONG: ${wrong.length} beliefs differ from brute force.`,
    ].join('\n'),
  );
  if (options.profile) {
    const profile = (target: number) =>
      profileOf({
        ask: (request) => stage.contestants[target].server.ask(request),
        run: async () => (await stage.turn(target, Math.max(seconds, PROFILE), perSecond)).due,
      });
    const title = `${name}: µs of a delivery spent in each function itself, and of one by the bare server`;
    const kind = (of: TargetKind) => KINDS.indexOf(of);
    console.log(`\n${sideBySide(title, await profile(kind('nearcast')), await profile(kind('broadcast')))}`);
  }
  for (const difference of wrong.slice(0, SHOWN)) console.error(difference);
  return wrong.length;
}

/** Doubles the rate until it is too much, then comes nearer to where it was. */
async function saturate(probe: (perSecond: number) => Promise<FanoutTurn>, from: number): Promise<Line['saturation']> {
  let best: FanoutTurn | undefined;
  let good = 0;
  let bad = Number.POSITIVE_INFINITY;
  let rate = from * PROBE.growth;
  let refinements = 0;
  for (let i = 0; i < PROBE.tries && refinements <= PROBE.refinements; i++) {
    const turn = await probe(rate);
    const [p99] = turn.latencies.percentiles(0.99);
    const inTime = p99 <= SLOW && turn.skipped === 0 && turn.seconds < PROBE.seconds * 1.1;
    console.error(`  ${count(turn.due / turn.seconds)} /s: p99 ${milliseconds(p99)}`);
    if (inTime) {
      good = rate;
      best = turn;
    } else bad = rate;
    if (Number.isFinite(bad)) refinements++;
    if (bad < from) break;
    rate = Number.isFinite(bad) ? Math.sqrt(Math.max(good, from / 4) * bad) : rate * PROBE.growth;
  }
  return best === undefined ? undefined : { turn: best, endless: !Number.isFinite(bad) };
}

type Options = ReturnType<typeof readOptions>;

function readOptions(argv: readonly string[]) {
  const { values, flags, number, positionals } = readArguments(argv, {
    values: [
      'drivers',
      'interval',
      'watchers',
      'radii',
      'city-radius',
      'room-resolution',
      'gateways',
      'watcher-processes',
      'rounds',
      'seconds',
      'seed',
    ],
    flags: ['no-saturation', 'quick', 'profile', 'pin'],
    positionals: 3,
  });
  const all = ['city', 'stadium', 'issue-491'] as const;
  for (const name of positionals) {
    if (!(all as readonly string[]).includes(name)) throw new UsageError(`There is no case '${name}'`);
  }
  const radii = values.radii?.split(',').map(Number);
  if (radii?.every((radius) => radius > 0 && radius <= 5000) === false) {
    throw new UsageError('--radii must be metres up to 5000, such as 250,500,1000');
  }
  const given = (name: string, rule: Parameters<typeof number>[2]) =>
    values[name] === undefined ? undefined : number(name, 0, rule);
  const plan = {
    drivers: given('drivers', { min: 1, max: 50_000, whole: true }),
    interval: given('interval', { min: 0.01, max: 60 }),
    watchers: given('watchers', { min: 1, max: 10_000, whole: true }),
    radii,
    cityRadius: given('city-radius', { min: 540, max: 50_000 }),
  };
  const quick = flags.has('quick');
  return {
    cases: positionals.length === 0 ? all : all.filter((name) => positionals.includes(name)),
    plan: {
      ...(Object.fromEntries(Object.entries(plan).filter(([, value]) => value !== undefined)) as Partial<typeof plan>),
      seed: number('seed', 1, { whole: true }),
    } as Partial<FanoutPlanSettings> & { seed: number },
    roomResolution: given('room-resolution', { max: 15, whole: true }),
    gateways: number('gateways', 4, { min: 1, max: 1000, whole: true }),
    watcherProcesses: number('watcher-processes', 1, { min: 1, max: 16, whole: true }),
    rounds: quick ? 2 : given('rounds', { min: 1, max: 99, whole: true }),
    seconds: number('seconds', quick ? 1.5 : 2.5, { min: 0.5, max: 60 }),
    saturate: !quick && !flags.has('no-saturation'),
    quick,
    profile: flags.has('profile'),
    pin: flags.has('pin'),
  };
}
