import { randomBytes } from 'node:crypto';
import { mintToken } from '../src/auth/tokens.ts';
import type { Fix } from '../src/fix.ts';
import { Circle as GeoCircle } from '../src/geo/circle.ts';
import { encodePosition } from '../src/protocol/position.ts';
import { seededRandom } from '../src/sim/random.ts';
import { Tracker } from '../src/tracker.ts';
import { Child } from './child.ts';
import { machineTime } from './clock.ts';
import { columns } from './columns.ts';
import type { Driven, DriversOptions, DriversRequest } from './fanout-drivers.ts';
import { FanoutPlan, type FanoutPlanSettings } from './fanout-plan.ts';
import { PATHS } from './fanout-targets.ts';
import { FrameClient } from './frame-client.ts';
import { METRES_A_DEGREE } from './places.ts';
import { median, medianRatio } from './rounds.ts';
import type { NearcastOptions } from './servers/nearcast.ts';
import type { Listening, ServerRequest, ServerUsage } from './servers/serve.ts';
import { count } from './table.ts';
import type { Circle } from './watcher.ts';

/** The circles of issue 491. */
const CIRCLES = 23_000;
const RADIUS = 5000;
/** Degrees: a country of about 900 km by 1,000 km around the city of the drivers. */
const HALF_HEIGHT = 4;
const HALF_WIDTH = 6;
/** Metres from the centre of the city, which is of 4 km, within which nobody listens. */
const QUIET = 25_000;
/** How many times what it costs without subscriptions an update may cost. */
const BOUND = 1.2;

const ROUNDS = 15;
const UPDATES = 20_000;
/** Fixes a second over sockets, and how long each server gets them in each round. */
const RATE = 8000;
const SOCKET_ROUNDS = 4;
const SECONDS = 1.5;
const WATCHER = 'country';
const DAY = 86_400;

/** Measures what subscriptions cost drivers near whom nobody listens, and prints it. @returns whether it is within bounds */
export async function issue491(
  { quick, plan: { seed } }: { readonly quick: boolean; readonly plan: { readonly seed: number } },
  atEnd: (() => unknown)[],
): Promise<boolean> {
  const settings: FanoutPlanSettings = { drivers: 1000, interval: 1, watchers: 1, radii: [1], cityRadius: 4000, seed };
  const circles = elsewhere(new FanoutPlan(settings).circles[0], seed);
  const alone = inProcess(settings, circles, quick ? 5 : ROUNDS);
  const overSockets = await bySockets(settings, circles, quick ? 2 : SOCKET_ROUNDS, atEnd);
  const row = (name: string, { without, among, ratio }: Cost) => [
    name,
    `${without.toFixed(2)} µs`,
    `${among.toFixed(2)} µs`,
    ratio.toFixed(2),
  ];
  const within = alone.ratio <= BOUND && overSockets.ratio <= BOUND;
  console.log(
    [
      '',
      `issue-491: ${count(CIRCLES)} circles of ${RADIUS / 1000} km over a country, none within ${QUIET / 1000} km of the ${count(settings.drivers)} drivers, who move in a city of 4 km`,
      '',
      columns(
        [['processor time of an update', 'nobody subscribed', 'circles elsewhere', 'ratio']],
        [row('in the tracker alone', alone), row('over sockets, all of the server', overSockets)],
        1,
      ),
      '',
      `Medians of rounds that take turns, and of their ratios (aim: at most ${BOUND}). Over sockets one connection holds all`,
      `${count(CIRCLES)} subscriptions (MAX_SUBSCRIPTIONS), and drivers send ${count(RATE)} fixes/s.${within ? '' : ' MISSED.'}`,
    ].join('\n'),
  );
  return within;
}

/** Microseconds of an update. */
interface Cost {
  readonly without: number;
  readonly among: number;
  readonly ratio: number;
}

function costOf(without: readonly number[], among: readonly number[]): Cost {
  return { without: median(without), among: median(among), ratio: medianRatio(among, without) };
}

/** Circles evenly over the country, but for around the city. */
function elsewhere(city: Circle, seed: number): Circle[] {
  const random = seededRandom(seed);
  const circles: Circle[] = [];
  const wide = Math.cos((city.lat * Math.PI) / 180);
  while (circles.length < CIRCLES) {
    const lat = city.lat + HALF_HEIGHT * (2 * random() - 1);
    const lng = city.lng + HALF_WIDTH * (2 * random() - 1);
    const metres = Math.hypot(lat - city.lat, (lng - city.lng) * wide) * METRES_A_DEGREE;
    if (metres > QUIET) circles.push({ lat, lng, radius: RADIUS });
  }
  return circles;
}

/** Two trackers, one with nobody listening; each gets the same updates by turns. */
function inProcess(settings: FanoutPlanSettings, circles: readonly Circle[], rounds: number): Cost {
  const plan = new FanoutPlan(settings);
  let clock = 0;
  const make = () =>
    new Tracker({
      writer: {
        full: false,
        write: () => {},
        writeLate: () => {},
        remove: () => {},
        whenStored: (onStored) => onStored(),
      },
      now: () => clock,
      instance: 'bench',
      encode: encodePosition,
      ttlSeconds: DAY,
      maxFutureSeconds: DAY,
    });
  const without = make();
  const among = make();
  for (const [n, { lat, lng, radius }] of circles.entries()) {
    among.subscribe({ fleet: 'fleet' }, String(n), { wake: () => {} }, { area: new GeoCircle(lat, lng, radius) });
  }
  const fixes = Array.from({ length: UPDATES }, (_, i): Fix => {
    const {
      latitude: lat,
      longitude: lng,
      ...rest
    } = JSON.parse(plan.fix(i % settings.drivers, Math.floor(i / settings.drivers), 0, 0));
    return { ...rest, lat, lng };
  });
  const costs: [number[], number[]] = [[], []];
  for (let round = -2; round < rounds; round++) {
    for (const [i, tracker] of [without, among].entries()) {
      const startedAt = process.cpuUsage();
      for (let j = 0; j < fixes.length; j++) {
        // Each time that it is a driver's turn again.
        if (j % settings.drivers === 0) clock++;
        tracker.accept('fleet', { ...fixes[j], timestamp: clock });
      }
      const { user, system } = process.cpuUsage(startedAt);
      if (round >= 0) costs[i].push((user + system) / fixes.length);
    }
  }
  return costOf(...costs);
}

/** Two servers, one with nobody listening; each gets the same fixes by turns. */
async function bySockets(
  plan: FanoutPlanSettings,
  circles: readonly Circle[],
  rounds: number,
  atEnd: (() => unknown)[],
): Promise<Cost> {
  const secret = randomBytes(32).toString('hex');
  const options: NearcastOptions = { secret, store: { kind: 'memory' }, env: { MAX_SUBSCRIPTIONS: '100000' } };
  const servers: Child<ServerRequest, Listening>[] = [];
  for (let i = 0; i < 2; i++) {
    const server = await Child.start<ServerRequest, Listening>('servers/nearcast.ts', options);
    atEnd.push(() => server.stop());
    servers.push(server);
  }
  atEnd.push(await subscribe(servers[1].ready.port, secret, circles));
  const targets = servers.map(({ ready: { port } }) => ({
    kind: 'nearcast' as const,
    ports: [port],
    path: PATHS.nearcast,
  }));
  const epoch = Date.now() - machineTime();
  const driversOptions: DriversOptions = { plan, targets, gateways: 4, secret, epoch };
  const drivers = await Child.start<DriversRequest>('fanout-drivers.ts', driversOptions);
  atEnd.push(() => drivers.stop());
  const costs: [number[], number[]] = [[], []];
  for (let round = -1; round < rounds; round++) {
    for (const [target, server] of servers.entries()) {
      const before = await server.ask<ServerUsage>({ do: 'usage' });
      const { sent } = await drivers.ask<Driven>({ do: 'drive', target, seconds: SECONDS, perSecond: RATE });
      const after = await server.ask<ServerUsage>({ do: 'usage' });
      if (round >= 0) costs[target].push((after.cpu - before.cpu) / sent);
    }
  }
  return costOf(...costs);
}

/** Subscribes to all circles over one connection. @returns what closes it */
async function subscribe(port: number, secret: string, circles: readonly Circle[]): Promise<() => void> {
  const token = mintToken(secret, { sub: WATCHER, scope: 'positions:read', ttlSeconds: DAY });
  let snapshots = 0;
  let done: () => void = () => undefined;
  let fail: (error: Error) => void = () => undefined;
  const all = new Promise<void>((resolve, reject) => {
    done = resolve;
    fail = reject;
  });
  const client = await FrameClient.open(
    port,
    PATHS.nearcast,
    { authorization: `Bearer ${token}` },
    {
      text(text) {
        if (!text.startsWith('{"type":"snapshot"')) fail(new Error(text));
        else if (++snapshots === circles.length) done();
      },
      closed: (why) => fail(new Error(`the watcher was closed: ${why}`)),
    },
  );
  for (const [n, { lat: latitude, lng: longitude, radius }] of circles.entries()) {
    client.queue(JSON.stringify({ type: 'subscribe', subscription: String(n), latitude, longitude, radius }));
  }
  client.flush();
  await all;
  return () => client.close();
}
