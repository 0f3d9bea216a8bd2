import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { readArguments } from '../src/command-line.ts';
import { createDatabase, findPostgres, startPostgres } from '../test/support/postgres.ts';
import { findRedis, startRedis } from '../test/support/redis.ts';
import { Child } from './child.ts';
import { columns } from './columns.ts';
import { Histogram } from './histogram.ts';
import { IngestLoad } from './ingest-load.ts';
import { endingAll } from './interrupt.ts';
import { usageOf } from './process-usage.ts';
import { profileOf, sideBySide } from './profiles.ts';
import { pin } from './rest-process.ts';
import { median, medianRatio } from './rounds.ts';
import type { NearcastOptions } from './servers/nearcast.ts';
import type { Listening, ServerRequest, ServerUsage } from './servers/serve.ts';
import { count, machine, milliseconds } from './table.ts';

export const HELP = `Fixes over sockets, each acknowledged once it is stored, next to a bare ws server that parses each as
JSON and answers with the same bytes: what is left of its speed?

  npm run bench -- ingest [options]

  --quick        3 rounds of 1 s, without databases
  --rounds N     turns that they take (5)
  --seconds S    each of them in each round (2.5)
  --sockets N    connections, of a driver each (1000)
  --window N     fixes of a connection that may wait for their acknowledgement (8)
  --no-database  the memory store alone
  --stream       with a Redis Stream too, that what is stored is told on to
  --profile      then profiles Nearcast and the bare server under the same load, and prints where their time goes
  --pin          keeps the load to the first processor and the servers to the last (Linux: taskset)
  --seed N       the same seed gives the same drivers (1)
  --help

Each server is a process of its own, the load is this one. PostgreSQL with PostGIS is found on the machine and started
privately; where there is none, its line is left out.
Exit code: 0, or 1 when a fix is not acknowledged as it must be, or a driver is not known where its last fix was.`;

/** Seconds of each before the first round. */
const WARM_UP = 1.5;
/** Seconds of a profile, at least. */
const PROFILE = 4;
/** The ratio of fixes/s that is aimed at. */
const AIM = 0.6;

interface Line {
  readonly name: string;
  readonly server: Child<ServerRequest, Listening>;
  readonly load: IngestLoad;
  readonly rates: number[];
  readonly latencies: Histogram;
  /** Microseconds of the server and of the load, seconds, and acknowledgements meanwhile. */
  readonly used: { server: number; self: number; clock: number; acks: number };
}

/** Runs the bench. */
export async function run(argv: readonly string[]): Promise<number> {
  const options = readOptions(argv);
  try {
    if (options.pin) pin(process.pid, 'first');
    await endingAll((atEnd) => measure(options, atEnd));
    return 0;
  } catch (error) {
    console.error((error as Error).message);
    return 1;
  }
}

async function measure(options: Options, atEnd: (() => unknown)[]): Promise<void> {
  const { rounds, seconds, sockets, window, seed } = options;
  const busy = loadavg()[0].toFixed(1);
  const secret = randomBytes(32).toString('hex');
  const lines: Line[] = [];
  const add = async (name: string, module: string, serverOptions: unknown) => {
    console.error(`${name} …`);
    const server = await Child.start<ServerRequest, Listening>(module, serverOptions);
    atEnd.push(() => server.stop());
    if (options.pin) pin(server.pid, 'last');
    const load = await IngestLoad.open({ port: server.ready.port, secret, sockets, window, seed });
    atEnd.push(() => load.close());
    const used = { server: 0, self: 0, clock: 0, acks: 0 };
    lines.push({ name, server, load, rates: [], latencies: new Histogram(), used });
  };
  const redis = options.stream ? await startedRedis(atEnd) : undefined;
  const nearcast = (name: string, store: NearcastOptions['store'], stream?: string) =>
    add(name, 'servers/nearcast.ts', { secret, store, stream } satisfies NearcastOptions);

  await add('bare ws, JSON.parse', 'servers/ack.ts', {});
  await nearcast('Nearcast, memory', { kind: 'memory' });
  if (redis !== undefined) await nearcast('Nearcast, memory, stream', { kind: 'memory' }, redis);
  if (options.database) {
    const bin = findPostgres();
    if (bin === undefined) console.error('no PostgreSQL with PostGIS on this machine: its line is left out');
    else {
      const postgres = await startPostgres(bin);
      atEnd.push(() => postgres.stop());
      await nearcast('Nearcast, PostGIS', { kind: 'postgis', url: await createDatabase(postgres, 'ingest') });
      if (redis !== undefined) {
        const url = await createDatabase(postgres, 'ingest_stream');
        await nearcast('Nearcast, PostGIS, stream', { kind: 'postgis', url }, redis);
      }
    }
    const dir = await mkdtemp(join(tmpdir(), 'nearcast-ingest-'));
    atEnd.push(() => rm(dir, { recursive: true, force: true }));
    await nearcast('Nearcast, embedded PostGIS', { kind: 'embedded', dir });
  }

  console.error('warming up …');
  for (const line of lines) await line.load.run(WARM_UP);
  for (let n = 1; n <= rounds; n++) {
    console.error(`round ${n} of ${rounds} …`);
    for (const line of lines) await turn(line, seconds);
  }
  for (const { load } of lines.slice(1)) await load.verify();
  const conditions = [
    `${count(sockets)} sockets, each with up to ${window} fixes unacknowledged, bearer tokens of a driver each`,
    `seed ${seed} · ${rounds} rounds of ${seconds} s, medians · ${options.pin ? 'pinned · ' : ''}load average before: ${busy}`,
  ];
  console.log([`Ingest: ${machine()}`, ...conditions, '', report(lines)].join('\n'));
  if (!options.profile) return;
  const profile = ({ server, load }: Line) =>
    profileOf({
      ask: (request) => server.ask(request),
      run: async () => (await load.run(Math.max(seconds, PROFILE))).acks,
    });
  const title = 'Nearcast, memory: µs of a fix spent in each function itself, and of one to the bare server';
  console.log(`\n${sideBySide(title, await profile(lines[1]), await profile(lines[0]))}`);
}

/** The URL of a Redis server of this bench's own. */
async function startedRedis(atEnd: (() => unknown)[]): Promise<string> {
  const bin = findRedis();
  if (bin === undefined) throw new Error('--stream needs a redis-server on this machine');
  const redis = await startRedis(bin);
  atEnd.push(() => redis.stop());
  return redis.url;
}

async function turn({ server, load, rates, latencies, used }: Line, seconds: number): Promise<void> {
  const serverUsage = () => server.ask<ServerUsage>({ do: 'usage' });
  const self = () => (usageOf(process.pid)?.cpuSeconds ?? Number.NaN) * 1e6;
  const before = { server: await serverUsage(), self: self(), clock: performance.now() };
  const result = await load.run(seconds);
  used.clock += (performance.now() - before.clock) / 1000;
  used.self += self() - before.self;
  used.server += (await serverUsage()).cpu - before.server.cpu;
  used.acks += result.acks;
  rates.push(result.perSecond);
  latencies.merge(result.latencies);
}

function report(lines: readonly Line[]): string {
  const [bare] = lines;
  const each = ({ used }: Line) => used.server / used.acks;
  const rows = lines.map((line) => {
    const { name, rates, latencies, used } = line;
    const [p50, p99] = latencies.percentiles(0.5, 0.99);
    const own = line === bare;
    return [
      name,
      count(median(rates)),
      own ? '' : medianRatio(rates, bare.rates).toFixed(2),
      `${each(line).toFixed(1)} µs`,
      own ? '' : (each(bare) / each(line)).toFixed(2),
      milliseconds(p50),
      milliseconds(p99),
      percent(used.server / used.clock / 1e6),
      percent(used.self / used.clock / 1e6),
    ];
  });
  const heads = ['', 'fixes/s', 'of bare', 'CPU', 'of bare', 'ack p50', 'p99', 'server', 'load'];
  return [
    columns([heads], rows, 1),
    '',
    `of bare: what is left of the bare server’s fixes/s (median of the rounds’ ratios; aim: ${AIM} in memory), and of a fix’s`,
    'CPU time, which neighbours on the machine touch less. CPU: the server’s alone for one fix, its database’s left out.',
    'ack p50, p99: from sending to the acknowledgement, with all windows full. server, load: of a core.',
    'Every acknowledgement was the right one, in order, and at the end every driver was known where its last fix was.',
  ].join('\n');
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)} %`;
}

type Options = ReturnType<typeof readOptions>;

function readOptions(argv: readonly string[]) {
  const { flags, number } = readArguments(argv, {
    values: ['rounds', 'seconds', 'sockets', 'window', 'seed'],
    flags: ['quick', 'no-database', 'stream', 'profile', 'pin'],
  });
  const quick = flags.has('quick');
  return {
    rounds: number('rounds', quick ? 3 : 5, { min: 1, max: 99, whole: true }),
    seconds: number('seconds', quick ? 1 : 2.5, { min: 0.1, max: 60 }),
    sockets: number('sockets', 1000, { min: 1, max: 8000, whole: true }),
    window: number('window', 8, { min: 1, max: 1000, whole: true }),
    database: !quick && !flags.has('no-database'),
    stream: flags.has('stream'),
    profile: flags.has('profile'),
    pin: flags.has('pin'),
    seed: number('seed', 1, { whole: true }),
  };
}
