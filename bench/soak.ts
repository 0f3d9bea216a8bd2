import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { mintToken } from '../src/auth/tokens.ts';
import { readArguments } from '../src/command-line.ts';
import { City, MANHATTAN } from '../src/sim/city.ts';
import { Fleet } from '../src/sim/fleet.ts';
import { memberSeed, seededRandom } from '../src/sim/random.ts';
import { startServer } from '../src/sim/server-process.ts';
import { locate, randomSpot } from '../src/sim/streets.ts';
import { Traffic } from '../src/sim/traffic.ts';
import { Histogram } from './histogram.ts';
import { unlessStopped } from './interrupt.ts';
import { SoakClients } from './soak-clients.ts';
import { LINE_HEADS, lineOf, report, type Sample } from './soak-report.ts';
import { SoakSampler } from './soak-sampler.ts';
import { Watcher } from './watcher.ts';

export const HELP = `Everything that clients do, at a steady rate and for long, to a real server in a process of its own: does
anything grow that should not?

  npm run bench -- soak [options]

  --minutes N         how long (30)
  --drivers N         drivers with a connection each, a fix a second, each acknowledged (300)
  --watchers N        watchers that stay, each with a circle (50)
  --every S           seconds between two samples (10)
  --seed N            the same seed gives the same drivers (1)
  --database-url URL  PostGIS to use instead of the embedded one
  --help

Beside them watchers, drivers, streams and polls that come and go, resume and change their areas, and queries. A line is
printed each minute, and a table at the end, also after Ctrl-C.
Exit code: 0 when all is flat over the second half; 1 when something grows, or on any error. A run of less than 10 minutes
is too short to tell a server that warms up from one that leaks: then only errors count.`;

const DAY = 86_400;
/** Seconds until the first sample: what connects at the start is no part of the load. */
const WARM_UP = 5;
/** Errors that are shown; the others are only counted. */
const SHOWN = 10;
const CIRCLE_RADII = [250, 500, 1000, 2000];

/** Runs the bench. */
export async function run(argv: readonly string[]): Promise<number> {
  const { values, number } = readArguments(argv, {
    values: ['minutes', 'drivers', 'watchers', 'every', 'seed', 'database-url'],
  });
  const options: Options = {
    minutes: number('minutes', 30, { min: 0.5, max: 10_000 }),
    drivers: number('drivers', 300, { min: 1, max: 20_000, whole: true }),
    watchers: number('watchers', 50, { min: 1, max: 20_000, whole: true }),
    every: number('every', 10, { min: 1, max: 600 }),
    seed: number('seed', 1, { whole: true }),
  };
  const secret = randomBytes(32).toString('hex');
  const dataDir = await mkdtemp(join(tmpdir(), 'nearcast-soak-'));
  const databaseUrl = values['database-url'];
  const server = startServer(
    {
      PATH: process.env.PATH,
      HOST: '127.0.0.1',
      PORT: '0',
      DATA_DIR: dataDir,
      DATABASE_URL: databaseUrl,
      JWT_SECRET: secret,
      LOG_LEVEL: 'warn',
      DRIVER_TTL_SECONDS: '60',
    },
    () => undefined,
  );
  const ended = server.ended.then((code) => {
    throw new Error(`the server ended by itself, with exit code ${code}`);
  });
  const samples: Sample[] = [];
  const errors: string[] = [];
  const soak: Soak = { over: false, counts: () => ({}), close: async () => undefined };
  try {
    const url = await unlessStopped(server.ready);
    await unlessStopped(Promise.race([load(options, url, secret, server.pid, samples, errors, soak), ended]));
  } catch (error) {
    errors.push((error as Error).message);
  } finally {
    soak.over = true;
    await soak.close();
    ended.catch(() => undefined);
    await server.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
  const flat = report(
    samples,
    options,
    databaseUrl === undefined ? 'embedded PostGIS' : 'PostGIS',
    soak.counts(),
    errors.length,
  );
  for (const error of errors.slice(0, SHOWN)) console.error(error);
  if (errors.length > SHOWN) console.error(`… and ${errors.length - SHOWN} more`);
  return flat && errors.length === 0 ? 0 : 1;
}

interface Options {
  readonly minutes: number;
  readonly drivers: number;
  readonly watchers: number;
  readonly every: number;
  readonly seed: number;
}

/** What there is to know of a run, and to end, however it ends. */
interface Soak {
  over: boolean;
  counts: () => Readonly<Record<string, number>>;
  close: () => Promise<unknown>;
}

/** Has everybody do what they do, and takes samples until the time is over. */
async function load(
  { minutes, drivers, watchers: watcherCount, every, seed }: Options,
  url: string,
  secret: string,
  pid: number,
  samples: Sample[],
  errors: string[],
  soak: Soak,
): Promise<void> {
  const socketUrl = `${url.replace(/^http/, 'ws')}/ws`;
  const token = (sub: string, scope: string) => mintToken(secret, { sub, scope, ttlSeconds: DAY });
  const city = new City(MANHATTAN);
  const onError = (error: string) => void errors.push(error);
  // Those of one sample: swapped for new ones with each.
  const times = { toWatcher: new Histogram(), toAck: new Histogram() };
  const sentAt = new Map<string, { timestamp: number; at: number }>();
  const onMove = ({ driverId, timestamp }: { driverId: string; timestamp: number }) => {
    const sent = sentAt.get(driverId);
    if (sent?.timestamp === timestamp) times.toWatcher.add(performance.now() - sent.at);
  };
  const fleet = new Fleet({
    traffic: new Traffic({ streets: city, drivers, seed }),
    interval: 1,
    ackEvery: 1,
    url: socketUrl,
    token,
    onAck: (waited) => times.toAck.add(waited),
    onSent: ({ driverId, timestamp }) => sentAt.set(driverId, { timestamp, at: performance.now() }),
  });
  const watchers: Watcher[] = [];
  const clients = new SoakClients({
    url,
    city,
    token,
    drivers: fleet.drivers.map(({ driverId }) => driverId),
    random: seededRandom(memberSeed(seed, 1)),
    onError,
  });
  soak.counts = () => ({ fixes: fleet.counts.sent, ...clients.counts });
  soak.close = async () => {
    await clients.stop();
    for (const watcher of watchers) watcher.close();
    await fleet.stop();
  };
  const random = seededRandom(memberSeed(seed, 2));
  for (let n = 0; n < watcherCount; n++) {
    const { lat, lng } = locate(city, randomSpot(city, random));
    const circle = { lat, lng, radius: CIRCLE_RADII[n % CIRCLE_RADII.length] };
    watchers.push(await Watcher.open(socketUrl, token(`watcher-${n}`, 'positions:read'), circle, onMove, onError));
  }
  await fleet.start();
  clients.start();
  await pause(WARM_UP);
  const sampler = new SoakSampler(pid, url, token('soak-meter', 'metrics:read'));
  await sampler.take();
  console.log(LINE_HEADS);
  const from = performance.now();
  const perLine = Math.max(1, Math.round(60 / every));
  for (let n = 1; n * every <= minutes * 60; n++) {
    await pause(n * every - (performance.now() - from) / 1000);
    if (soak.over) return;
    const { toWatcher, toAck } = times;
    times.toWatcher = new Histogram();
    times.toAck = new Histogram();
    const [watcher] = toWatcher.percentiles(0.99);
    const [ack] = toAck.percentiles(0.99);
    samples.push({ at: (performance.now() - from) / 1000, values: { ...(await sampler.take()), watcher, ack } });
    if (n % perLine === 0) console.log(lineOf(samples.slice(-perLine)));
  }
  const { counts, losses, lastError } = fleet;
  if (counts.errors > 0) onError(`${counts.errors} errors of drivers, the last: ${lastError}`);
  if (losses > 0) onError(`${losses} connections of drivers were lost`);
}

/** Seconds that keep no process alive: the sockets do, until they are closed. */
async function pause(seconds: number): Promise<void> {
  await delay(Math.max(0, seconds) * 1000, undefined, { ref: false });
}
