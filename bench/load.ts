import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { mintToken } from '../src/auth/tokens.ts';
import { readArguments, UsageError } from '../src/command-line.ts';
import { distance } from '../src/geo/distance.ts';
import { City, MANHATTAN } from '../src/sim/city.ts';
import { Fleet, type SentFix } from '../src/sim/fleet.ts';
import { memberSeed, seededRandom } from '../src/sim/random.ts';
import { startServer } from '../src/sim/server-process.ts';
import { locate, randomSpot } from '../src/sim/streets.ts';
import { Traffic } from '../src/sim/traffic.ts';
import { unlessStopped } from './interrupt.ts';
import { descendants, type Usage, usageOf } from './process-usage.ts';
import { Samples } from './samples.ts';
import { count, machine, milliseconds, table } from './table.ts';
import { verify } from './verify.ts';
import { type Circle, Watcher } from './watcher.ts';

export const HELP = `Drivers move on a street grid and watchers watch circles, all over sockets to a real server
in a process of its own: how long does a fix take to a watcher?

  npm run bench -- load [options]

  --drivers N         drivers, each with a connection of its own (1000)
  --gateways N        carry all drivers over N connections instead
  --interval S        seconds between two fixes of a driver (1)
  --watchers N        watchers, each with a connection and a circle (200)
  --radii M,M,…       radii of the circles in metres, in turn (250,500,1000,2000)
  --city-radius M     metres from the centre to the edge of the city (4000)
  --duration S        seconds measured (60)
  --warm-up S         seconds before that (5)
  --ack-every N       one fix in so many asks for an acknowledgement (17)
  --seed N            the same seed gives the same drivers and circles (1)
  --database-url URL  PostGIS to use instead of the embedded one
  --help

At the end each watcher's belief is compared with brute force over the last positions.
Exit code: 0, or 1 on any error, refused fix, lost connection or wrong belief.`;

const TTL = 86_400;
/** Seconds until the last fixes must be acknowledged. */
const SETTLING = 30;
/** Milliseconds between two looks at how late the event loop is. */
const LAG_RESOLUTION = 5;
/** Errors that are shown; the others are only counted. */
const SHOWN = 10;

/** Runs the bench. */
export async function run(argv: readonly string[]): Promise<number> {
  const options = readOptions(argv);
  const secret = randomBytes(32).toString('hex');
  const dataDir = await mkdtemp(join(tmpdir(), 'nearcast-load-'));
  const server = startServer(
    {
      ...process.env,
      HOST: '127.0.0.1',
      PORT: '0',
      DATA_DIR: dataDir,
      DATABASE_URL: options.databaseUrl,
      REDIS_URL: undefined,
      JWT_SECRET: secret,
      JWT_ISSUER: undefined,
      JWT_AUDIENCE: undefined,
      LOG_LEVEL: 'warn',
    },
    () => undefined,
  );
  const ended = server.ended.then((code) => {
    throw new Error(`the server ended by itself, with exit code ${code}`);
  });
  ended.catch(() => undefined);
  const clients: Clients = { watchers: [], fleet: undefined };
  try {
    const url = await unlessStopped(server.ready);
    return await unlessStopped(Promise.race([measure(options, url, secret, server.pid, clients), ended]));
  } catch (error) {
    console.error((error as Error).message);
    return 1;
  } finally {
    for (const watcher of clients.watchers) watcher.close();
    await clients.fleet?.stop();
    await server.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
}

/** What is to be closed, however the measurement ends. */
interface Clients {
  watchers: readonly Watcher[];
  fleet: Fleet | undefined;
}

async function measure(options: Options, url: string, secret: string, pid: number, clients: Clients): Promise<number> {
  const { city, circles, duration, warmUp, fleet: fleetOptions } = options;
  const { drivers, seed, ...pace } = fleetOptions;
  const socketUrl = `${url.replace(/^http/, 'ws')}/ws`;
  const token = (sub: string, scope: string) => mintToken(secret, { sub, scope, ttlSeconds: TTL });
  const latency = new Samples();
  const ackLatency = new Samples();
  const errors: string[] = [];
  const sent: SentFix[] = [];
  const latest = new Map<string, SentFix>();
  const leftAt = new Map<string, number>();
  // Epoch milliseconds; what was sent outside is not counted.
  let from = Number.POSITIVE_INFINITY;
  let to = Number.POSITIVE_INFINITY;

  const onMove = ({ driverId, timestamp }: { driverId: string; timestamp: number }) => {
    if (timestamp < from || timestamp >= to) return;
    // The same moment on a finer, steadier clock, unless the driver has sent again meanwhile.
    const left = latest.get(driverId)?.timestamp === timestamp ? leftAt.get(driverId) : undefined;
    latency.add(left === undefined ? Date.now() - timestamp : performance.now() - left);
  };
  console.error(`${circles.length} watchers …`);
  const watchers = await Promise.all(
    circles.map((circle, n) =>
      Watcher.open(socketUrl, token(`watcher-${n}`, 'positions:read'), circle, onMove, (error) => errors.push(error)),
    ),
  );
  clients.watchers = watchers;
  const fleet = new Fleet({
    ...pace,
    traffic: new Traffic({ streets: city, drivers, seed }),
    url: socketUrl,
    token,
    onAck: (waited) => {
      if (Date.now() >= from && Date.now() < to) ackLatency.add(waited);
    },
    onSent: (fix) => {
      leftAt.set(fix.driverId, performance.now());
      latest.set(fix.driverId, fix);
      if (fix.timestamp >= from && fix.timestamp < to) sent.push(fix);
    },
  });
  clients.fleet = fleet;
  console.error(`${drivers} drivers …`);
  await fleet.start();
  console.error(`${warmUp} s of warm-up, ${duration} s measured …`);
  await pause(warmUp);

  const children = descendants(pid);
  const lag = monitorEventLoopDelay({ resolution: LAG_RESOLUTION });
  lag.enable();
  const before = snapshot(pid, children);
  const startedAt = performance.now();
  from = Date.now();
  await pause(duration);
  to = Date.now();
  const seconds = (performance.now() - startedAt) / 1000;
  const after = snapshot(pid, children);
  lag.disable();

  await Promise.race([
    fleet.settle(),
    pause(SETTLING).then(() => errors.push('not all last fixes were acknowledged in time')),
  ]);
  errors.push(...(await verify(watchers, latest)));
  const believed = watchers.reduce((sum, { inside }) => sum + inside.size, 0);
  const { counts, losses, lastError } = fleet;
  if (counts.errors > 0) errors.push(`${counts.errors} errors of drivers, the last: ${lastError}`);
  if (counts.skipped > 0) errors.push(`${counts.skipped} fixes were not sent, for want of a connection`);
  if (losses > 0) errors.push(`${losses} connections of drivers were lost`);

  const expected = deliveries(sent, circles);
  const [p50, p90, p99, max] = latency.percentiles(0.5, 0.9, 0.99, 1).map(milliseconds);
  const [ack50, ack99] = ackLatency.percentiles(0.5, 0.99).map(milliseconds);
  console.log(
    table(`Load: ${machine()}`, [
      ['drivers', `${count(drivers)} over ${count(fleet.connections)} connections`],
      ['watchers', `${count(circles.length)}, radius ${options.radii.join(', ')} m`],
      ['measured', `${seconds.toFixed(1)} s, seed ${seed}`],
      ['database', options.databaseUrl === undefined ? 'embedded PostGIS' : 'PostGIS'],
      ['fixes', `${count(sent.length / seconds)} /s`],
      [
        'deliveries',
        `${count(latency.count / seconds)} /s (${((latency.count / expected) * 100).toFixed(2)} % of those due)`,
      ],
      ['fix → watcher', `p50 ${p50} · p90 ${p90} · p99 ${p99} · max ${max}`],
      ['fix → ack (stored)', `p50 ${ack50} · p99 ${ack99} (${count(ackLatency.count)} sampled)`],
      ['server', usage(before.server, after.server, seconds)],
      ...(children.length > 0 ? [['its database', usage(before.database, after.database, seconds)] as const] : []),
      [
        'this load process',
        `${usage(before.self, after.self, seconds)} · event loop late by p99 ${milliseconds(lag.percentile(99) / 1e6 - LAG_RESOLUTION)}`,
      ],
      ['beliefs', `${count(believed)} drivers in ${count(circles.length)} circles compared with brute force`],
      ['errors', count(errors.length)],
    ]),
  );
  for (const error of errors.slice(0, SHOWN)) console.error(error);
  if (errors.length > SHOWN) console.error(`… and ${errors.length - SHOWN} more`);
  return errors.length > 0 || latency.count === 0 ? 1 : 0;
}

/** Seconds that keep no process alive: the sockets do, until they are closed. */
function pause(seconds: number): Promise<void> {
  return delay(seconds * 1000, undefined, { ref: false });
}

type Options = ReturnType<typeof readOptions>;

function readOptions(argv: readonly string[]) {
  const { values, number } = readArguments(argv, {
    values: [
      'drivers',
      'gateways',
      'interval',
      'watchers',
      'radii',
      'city-radius',
      'duration',
      'warm-up',
      'ack-every',
      'seed',
      'database-url',
    ],
  });
  const radii = (values.radii ?? '250,500,1000,2000').split(',').map(Number);
  if (!radii.every((radius) => radius > 0)) throw new UsageError('--radii must be metres, such as 250,500,1000');
  const seed = number('seed', 1, { whole: true });
  const radius = number('city-radius', MANHATTAN.radius, { min: 540, max: 50_000 });
  const city = new City({ ...MANHATTAN, radius, width: 2 * radius });
  const watchers = number('watchers', 200, { min: 1, max: 20_000, whole: true });
  return {
    city,
    radii,
    circles: Array.from({ length: watchers }, (_, n) => circle(city, radii[n % radii.length], memberSeed(~seed, n))),
    duration: number('duration', 60, { min: 1 }),
    warmUp: number('warm-up', 5),
    databaseUrl: values['database-url'],
    fleet: {
      drivers: number('drivers', 1000, { min: 1, max: 50_000, whole: true }),
      gateways: number('gateways', 0, { max: 1000, whole: true }),
      interval: number('interval', 1, { min: 0.01 }),
      ackEvery: number('ack-every', 17, { min: 1, whole: true }),
      seed,
    },
  };
}

/** A circle around somewhere on a street. */
function circle(city: City, radius: number, seed: number): Circle {
  const { lat, lng } = locate(city, randomSpot(city, seededRandom(seed)));
  return { lat, lng, radius };
}

/** How many positions are due to watchers: each fix once for each circle that it lies in. */
function deliveries(fixes: readonly SentFix[], circles: readonly Circle[]): number {
  let due = 0;
  for (const fix of fixes) {
    for (const { lat, lng, radius } of circles) if (distance(lat, lng, fix.lat, fix.lng) <= radius) due++;
  }
  return due;
}

function snapshot(pid: number, children: readonly number[]) {
  const sum = (pids: readonly number[]): Usage | undefined => {
    const all = pids.map(usageOf).filter((usage) => usage !== undefined);
    if (all.length === 0) return undefined;
    return {
      cpuSeconds: all.reduce((total, { cpuSeconds }) => total + cpuSeconds, 0),
      rss: all.reduce((total, { rss }) => total + rss, 0),
    };
  };
  return { server: sum([pid]), database: sum(children), self: sum([process.pid]) };
}

function usage(before: Usage | undefined, after: Usage | undefined, seconds: number): string {
  if (before === undefined || after === undefined) return 'unknown (no /proc)';
  const share = ((after.cpuSeconds - before.cpuSeconds) / seconds) * 100;
  return `${share.toFixed(0)} % of a core · ${Math.round(after.rss / 2 ** 20)} MB`;
}
