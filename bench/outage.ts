import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { readArguments, UsageError } from '../src/command-line.ts';
import { startServer } from '../src/sim/server-process.ts';
import { judgeTables } from '../test/crash/judge.ts';
import { Ledger } from '../test/crash/ledger.ts';
import { databaseOf, embeddedPlace, type Place, postgresPlace } from '../test/crash/places.ts';
import { readTables } from '../test/crash/tables.ts';
import { findPostgres, startPostgres, type TestPostgres } from '../test/support/postgres.ts';
import { columns } from './columns.ts';
import { endingAll } from './interrupt.ts';
import { OutageLoad, type Seen } from './outage-load.ts';
import { usageOf } from './process-usage.ts';
import { count, machine, milliseconds } from './table.ts';

export const HELP = `What those who drive, watch and ask notice when the database is away: drivers send at a steady rate, each fix
to be acknowledged, watchers watch, nearby is asked, before, while the database is away, and after.

  npm run bench -- outage [options]

  --away KINDS   of these, separated by commas (stopped,hanging,killed,stuck)
                 stopped   PostgreSQL is killed, and started again after the outage
                 hanging   PostgreSQL's processes are stopped where they stand (SIGSTOP), and go on after it
                 killed    the embedded database is killed; the server starts it again
                 stuck     the embedded database hangs; after 75 s or so the server kills it and starts it again
  --seconds S    before the outage, of it where it has an end of its own, and after it (30)
  --drivers N    with a connection each (1000)
  --interval S   seconds between two fixes of a driver (1)
  --watchers N   with a circle of 1.5 km each, in a city of 20 km (50)
  --queries N    nearby queries a second (50)
  --max-pending N  MAX_PENDING_FIXES of the server (200000)
  --seed N       the same seed gives the same drivers, circles and questions (1)
  --help

PostgreSQL with PostGIS is found on the machine and started privately. In the end the tables are compared with
everything that was sent.
Exit code: 0, or 1 when anything acknowledged is missing, anything refused is stored, /readyz is not 503 during the
outage and 200 after it, or p99 of nearby or of pushes is more than twice what it was before.`;

/** How a database may be away. */
type Away = 'stopped' | 'hanging' | 'killed' | 'stuck';
const AWAY: readonly Away[] = ['stopped', 'hanging', 'killed', 'stuck'];

/** Milliseconds: what is less than this more is noise. */
const NOISE = 2;
/** How much higher than before p99 may be. */
const BOUND = 2;
/** Milliseconds between two looks at the server. */
const LOOK = 100;
/** Seconds in which a database that comes back by itself must be back, and in which all must be stored in the end. */
const PATIENCE = 120;
/** Seconds in which what was slow only once becomes quick. */
const WARM_UP = 5;
/** Seconds of fixes that may wait while all is well. */
const WAITING = 0.5;
/** Faults that are shown; the others are only counted. */
const SHOWN = 10;

/** What was seen during a part of the run. */
interface Phase {
  readonly name: string;
  readonly seen: Seen;
  /** What /readyz said, look by look, and after how many seconds. */
  readonly ready: readonly { readonly at: number; readonly status: number }[];
  /** Bytes of the server, at the most. */
  readonly rss: number;
}

/** A run on its way. */
interface Run {
  readonly load: OutageLoad;
  readonly url: string;
  readonly pid: number;
}

/** Runs the bench. */
export async function run(argv: readonly string[]): Promise<number> {
  const options = readOptions(argv);
  let faults = 0;
  for (const away of options.away) {
    try {
      faults += await endingAll((atEnd) => measure(away, options, atEnd));
    } catch (error) {
      console.error(`${away}: ${(error as Error).message}`);
      return 1;
    }
  }
  return faults === 0 ? 0 : 1;
}

async function measure(away: Away, options: Options, atEnd: (() => unknown)[]): Promise<number> {
  const { place, postgres } = await placeOf(away, atEnd);
  const { seconds, drivers, interval, maxPending } = options;
  const secret = randomBytes(32).toString('hex');
  const { PATH, TMPDIR } = process.env;
  const settings = { PORT: '0', LOG_LEVEL: 'fatal', JWT_SECRET: secret, MAX_PENDING_FIXES: String(maxPending) };
  const server = startServer({ PATH, TMPDIR, ...settings, ...place.env }, () => undefined);
  atEnd.push(() => server.stop());
  const url = await server.ready;
  const ledger = new Ledger();
  const load = await OutageLoad.open({ ...options, port: Number(new URL(url).port), secret }, ledger);
  atEnd.push(() => load.close());
  const watch = (name: string, until: (ready: Phase['ready']) => boolean) => {
    if (name !== '') console.error(`${away}: ${name} …`);
    return phase(name, { load, url, pid: server.pid }, until);
  };
  const lasted = (ready: Phase['ready'], time = seconds) => (ready.at(-1)?.at ?? 0) >= time;
  const well = (ready: Phase['ready']) => ready.at(-1)?.status === 200;
  const settled = () => load.waiting < (WAITING * drivers) / interval;

  load.begin();
  await watch('', (ready) => lasted(ready, Math.min(WARM_UP, seconds)));
  const before = await watch('before', lasted);
  const back = goAway(away, server.pid, postgres);
  const during = await watch('away', (ready) =>
    back === undefined
      ? (ready.some(({ status }) => status === 503) && well(ready)) || lasted(ready, PATIENCE)
      : lasted(ready),
  );
  const returning = back?.();
  const recovery = await watch('back', (ready) => (well(ready) && settled()) || lasted(ready, PATIENCE));
  await returning;
  const after = await watch('after', lasted);
  load.end();
  const deadline = performance.now() + PATIENCE * 1000;
  while (load.waiting > 0 && performance.now() < deadline) await delay(LOOK);

  const phases = [before, during, recovery, after];
  const faults = [
    ...(load.waiting > 0 ? [`${load.waiting} fixes were never answered`] : []),
    ...load.faults,
    ...judgeTables(ledger, await readTables(place.connection(server.pid))),
    ...judgePhases(before, during, after, back !== undefined),
  ];
  const noticed = during.ready.find(({ status }) => status === 503)?.at ?? Number.NaN;
  console.log(
    [
      `Outage, ${away}: ${machine()}`,
      `${count(drivers)} drivers, a fix every ${interval} s each · ${options.watchers} watchers · ${options.queries} queries/s · seed ${options.seed}`,
      `/readyz 503 after ${noticed.toFixed(1)} s · all that waited acknowledged ${recovery.seen.seconds.toFixed(1)} s after the database was back`,
      '',
      report(phases),
      '',
      faults.length === 0
        ? 'Every acknowledged fix is stored with its exact values, and nothing else is; /readyz said when.'
        : [`${faults.length} FAULTS`, ...faults.slice(0, SHOWN)].join('\n'),
      '',
    ].join('\n'),
  );
  return faults.length;
}

/** Watches until the last look says so. */
async function phase(name: string, { load, url, pid }: Run, until: (ready: Phase['ready']) => boolean): Promise<Phase> {
  const ready: { at: number; status: number }[] = [];
  let rss = 0;
  const from = performance.now();
  load.look();
  do {
    await delay(LOOK);
    const { status } = await fetch(`${url}/readyz`);
    ready.push({ at: (performance.now() - from) / 1000, status });
    rss = Math.max(rss, usageOf(pid)?.rss ?? Number.NaN);
  } while (!until(ready));
  return { name, seen: load.look(), ready, rss };
}

/** Has the database go away. Returns what has it back, unless the server does that. */
function goAway(away: Away, server: number, postgres: TestPostgres | undefined): (() => unknown) | undefined {
  switch (away) {
    case 'stopped':
      void postgres?.crash();
      return () => postgres?.restart();
    case 'hanging':
      postgres?.freeze();
      return () => postgres?.thaw();
    default:
      process.kill(databaseOf(server)?.pid as number, away === 'killed' ? 'SIGKILL' : 'SIGSTOP');
      return undefined;
  }
}

async function placeOf(
  away: Away,
  atEnd: (() => unknown)[],
): Promise<{ readonly place: Place; readonly postgres: TestPostgres | undefined }> {
  if (away === 'killed' || away === 'stuck') {
    const place = embeddedPlace();
    atEnd.push(() => place.remove());
    return { place, postgres: undefined };
  }
  const bin = findPostgres();
  if (bin === undefined) throw new Error('there is no PostgreSQL with PostGIS on this machine');
  const postgres = await startPostgres(bin);
  atEnd.push(() => postgres.stop());
  return { place: await postgresPlace(postgres, 'outage'), postgres };
}

function judgePhases(before: Phase, during: Phase, after: Phase, staysAway: boolean): string[] {
  const faults: string[] = [];
  for (const { name, ready } of [before, after]) {
    if (ready.some(({ status }) => status !== 200)) faults.push(`/readyz was not always 200 ${name}`);
  }
  const away = during.ready.findIndex(({ status }) => status === 503);
  if (away < 0) faults.push('/readyz was never 503 while the database was away');
  else if (staysAway && during.ready.slice(away).some(({ status }) => status !== 503)) {
    faults.push('/readyz was 200 again while the database was away');
  }
  for (const what of ['nearby', 'pushes'] as const) {
    const [is, was] = [p99(during, what), p99(before, what)];
    if (!(is <= Math.max(BOUND * was, was + NOISE))) {
      faults.push(
        `p99 of ${what} was ${is.toFixed(1)} ms while the database was away, and ${was.toFixed(1)} ms before`,
      );
    }
  }
  return faults;
}

function p99({ seen }: Phase, what: 'nearby' | 'pushes'): number {
  return seen[what].percentiles(0.99)[0];
}

function report(phases: readonly Phase[]): string {
  const [before] = phases;
  const times = (phase: Phase, what: 'nearby' | 'pushes') => {
    const [p50] = phase.seen[what].percentiles(0.5);
    const high = p99(phase, what);
    return [milliseconds(p50), milliseconds(high), phase === before ? '' : (high / p99(before, what)).toFixed(2)];
  };
  const rows = phases.map((phase) => {
    const { seconds, sent, acknowledged, refused } = phase.seen;
    return [
      phase.name,
      seconds.toFixed(1),
      ...[sent, acknowledged, refused, phase.seen.pushes.count].map((n) => count(n / seconds)),
      ...times(phase, 'pushes'),
      ...times(phase, 'nearby'),
      count(phase.rss / 2 ** 20),
    ];
  });
  return columns(
    [
      ['', '', 'fixes', 'acks', 'refused', 'pushes', 'push', 'push', 'p99 of', 'nearby', 'nearby', 'p99 of', 'RSS'],
      ['', 's', '/s', '/s', '/s', '/s', 'p50', 'p99', 'before', 'p50', 'p99', 'before', 'MB'],
    ],
    rows,
    1,
  );
}

type Options = ReturnType<typeof readOptions>;

function readOptions(argv: readonly string[]) {
  const { values, number } = readArguments(argv, {
    values: ['away', 'seconds', 'drivers', 'interval', 'watchers', 'queries', 'max-pending', 'seed'],
  });
  const away = (values.away ?? AWAY.join()).split(',');
  const unknown = away.find((name) => !(AWAY as readonly string[]).includes(name));
  if (unknown !== undefined) throw new UsageError(`--away must be some of ${AWAY.join(', ')}, not '${unknown}'`);
  return {
    away: away as Away[],
    seconds: number('seconds', 30, { min: 1, max: 3_600 }),
    drivers: number('drivers', 1_000, { min: 1, max: 20_000, whole: true }),
    interval: number('interval', 1, { min: 0.01 }),
    watchers: number('watchers', 50, { min: 1, max: 10_000, whole: true }),
    queries: number('queries', 50, { min: 1, max: 1_000 }),
    maxPending: number('max-pending', 200_000, { min: 1_000, whole: true }),
    seed: number('seed', 1, { whole: true }),
  };
}
