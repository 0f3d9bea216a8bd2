import { type ChildProcess, fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { mintToken } from '../src/auth/tokens.ts';
import { readArguments } from '../src/command-line.ts';
import { memberSeed, seededRandom } from '../src/sim/random.ts';
import { columns } from './columns.ts';
import { type SelfTime, selfTimes } from './cpu-profile.ts';
import { type HttpRequest, load } from './http-load.ts';
import { fault, truth } from './judge.ts';
import { city, draw } from './places.ts';
import { usageOf } from './process-usage.ts';
import { driverNumber, type RestFleet, restFleet } from './rest-fleet.ts';
import type { RestServerOptions, RestServerRequest } from './rest-server.ts';
import { median, medianRatio } from './rounds.ts';
import { Samples } from './samples.ts';
import { count, machine, milliseconds } from './table.ts';

const HELP = `GET /v1/drivers/nearby over HTTP, next to a bare Fastify route that sends bodies of the same bytes:
what is left of Fastify's speed?

  npm run bench -- rest [options]

  --quick            3 rounds of 1 s
  --rounds N         turns that they take (7)
  --seconds S        each of them in each round (3)
  --connections N    kept alive, each with one request at a time (50)
  --drivers N        in a city of about 100 km across (100000)
  --profile          then profiles the server under the same load, and prints where its time goes
  --seed N           the same seed gives the same drivers and queries (1)
  --help

Each server is a process of its own, the load is this one. The drivers stand still.
Exit code: 0, or 1 when an answer is not 200 or not the right one.`;

const RADIUS = 2000;
/** Queries that are asked in turn, and those of them that are compared with brute force. */
const QUERIES = 2000;
const CHECKED = 25;
const AT_ONCE = 50;
/** Distances come with one decimal. */
const ROUNDED = { share: 0, metres: 0.0501 };
const TOP = 25;
const SERVER = fileURLToPath(new URL('rest-server.ts', import.meta.url));

/** A kind of query, and the bare route's path with its bodies. */
interface Scenario {
  readonly name: string;
  readonly path: string;
  readonly limit: number;
  readonly status?: string;
}

const SCENARIOS: readonly Scenario[] = [
  { name: 'nearby, limit 10', path: 'ten', limit: 10 },
  { name: 'nearby, limit 10, available', path: 'available', limit: 10, status: 'available' },
  { name: 'nearby, limit 100', path: 'hundred', limit: 100 },
];

const UNUSED = { server: 0, self: 0, clock: 0, answers: 0 };

/** Runs the bench. */
export async function run(argv: readonly string[]): Promise<number> {
  if (argv.includes('--help') || argv.includes('-h')) {
    console.log(HELP);
    return 0;
  }
  const options = readOptions(argv);
  const servers: Server[] = [];
  try {
    return await measure(options, async (serverOptions) => {
      const server = await Server.start(serverOptions);
      servers.push(server);
      return server;
    });
  } catch (error) {
    console.error((error as Error).message);
    return 1;
  } finally {
    for (const server of servers) server.stop();
  }
}

/** One line of the table: who is asked, what, and what came of it. */
interface Line {
  readonly name: string;
  readonly server: Server;
  readonly requests: readonly HttpRequest[];
  /** The line that it is compared with. */
  readonly floor?: Line;
  readonly bytes: number;
  readonly rates: number[];
  readonly latencies: Samples;
  /** Seconds of processor time of the server and of this process, and of the clock; and the answers meanwhile. */
  readonly used: { server: number; self: number; clock: number; answers: number };
}

async function measure(
  { drivers, seed, rounds, seconds, connections, profile }: Options,
  start: (options: RestServerOptions) => Promise<Server>,
): Promise<number> {
  console.error(`${count(drivers)} drivers …`);
  const secret = randomBytes(32).toString('hex');
  const token = mintToken(secret, { sub: 'bench', scope: 'positions:read', ttlSeconds: 86_400 });
  const [nearcast, bare, helmet] = await Promise.all([
    start({ kind: 'nearcast', drivers, seed, secret }),
    start({ kind: 'bare' }),
    start({ kind: 'helmet' }),
  ]);
  const fleet = restFleet(drivers, seed);
  const lines: Line[] = [];
  for (const scenario of SCENARIOS) {
    console.error(`${scenario.name}: checking …`);
    const queries = await ask(scenario, nearcast, token, fleet, seed);
    const bodies = queries.map(({ body }) => body);
    const lengths = bodies.map((body) => Buffer.byteLength(body));
    const allLengths = new Set(lengths);
    const bytes = median(lengths);
    const line = (name: string, server: Server, requests: readonly HttpRequest[], floor?: Line): Line => ({
      name,
      server,
      requests,
      floor,
      bytes,
      rates: [],
      latencies: new Samples(),
      used: { ...UNUSED },
    });
    const ready = async (server: Server) => {
      await server.request({ do: 'bodies', path: scenario.path, bodies });
      return queries.map(({ search }) => ({
        bytes: request(server.port, `/v1/drivers/${scenario.path}${search}`, token),
        right: (length: number) => allLengths.has(length),
      }));
    };
    const floor = line('bare route, the same bodies', bare, await ready(bare));
    lines.push(floor);
    if (lines.length === 1) lines.push(line('bare route with helmet', helmet, await ready(helmet), floor));
    const real = queries.map(({ search, body }) => ({
      bytes: request(nearcast.port, `/v1/drivers/nearby${search}`, token),
      right: (length: number) => length === Buffer.byteLength(body),
      fault: (text: string) => (timeless(text) === timeless(body) ? undefined : `not the answer of before: ${text}`),
    }));
    lines.push(line(scenario.name, nearcast, real, floor));
  }

  console.error('warming up …');
  for (const line of lines) await round(line, connections, Math.min(1, seconds));
  for (const line of lines) Object.assign(line, { rates: [], latencies: new Samples() });
  for (const { used } of lines) Object.assign(used, UNUSED);
  for (let n = 1; n <= rounds; n++) {
    console.error(`round ${n} of ${rounds} …`);
    for (const line of lines) await round(line, connections, seconds);
  }
  const conditions =
    `${count(drivers)} drivers in the city, radius ${RADIUS / 1000} km, ${connections} connections, bearer token · ` +
    `seed ${seed} · ${rounds} rounds of ${seconds} s, medians`;
  console.log(`REST: ${machine()}\n${conditions}\n\n${report(lines)}`);
  if (profile) console.log(`\n${await profiled(lines[2], connections, Math.max(seconds, 3))}`);
  return 0;
}

/** A query, as the end of a URL, and its answer. */
interface Asked {
  readonly search: string;
  readonly body: string;
}

/** Asks every query once, and compares some answers with brute force. @throws {Error} when one is wrong */
async function ask(scenario: Scenario, server: Server, token: string, fleet: RestFleet, seed: number) {
  const { limit, status } = scenario;
  const { lats, lngs } = draw(city(), QUERIES, seededRandom(memberSeed(seed, limit)));
  const filter = status === undefined ? '' : `&attributes.status=${status}`;
  const asked: Asked[] = [];
  for (let from = 0; from < QUERIES; from += AT_ONCE) {
    const some = Array.from({ length: AT_ONCE }, async (_, i): Promise<Asked> => {
      const lat = Number(lats[from + i].toFixed(6));
      const lng = Number(lngs[from + i].toFixed(6));
      const search = `?latitude=${lat}&longitude=${lng}&radius=${RADIUS}&limit=${limit}${filter}`;
      const answer = await fetch(`http://127.0.0.1:${server.port}/v1/drivers/nearby${search}`, {
        headers: { authorization: `Bearer ${token}` },
      });
      const body = await answer.text();
      if (answer.status !== 200) throw new Error(`WRONG: ${search} gave ${answer.status}: ${body}`);
      const wrong = from + i < CHECKED ? wrongIn(body, scenario, fleet, lat, lng) : undefined;
      if (wrong !== undefined) throw new Error(`WRONG: ${search}: ${wrong}`);
      return { search, body };
    });
    asked.push(...(await Promise.all(some)));
  }
  return asked;
}

/** What is wrong with an answer by brute force, or nothing. */
function wrongIn(body: string, { limit, status }: Scenario, fleet: RestFleet, lat: number, lng: number) {
  const { drivers } = JSON.parse(body) as { drivers: { driverId: string; distance: number }[] };
  const found = {
    drivers: drivers.map(({ driverId }) => driverNumber(driverId)),
    distances: drivers.map(({ distance }) => distance),
  };
  const accept = (driver: number) => status === undefined || fleet.status(driver) === status;
  if (!found.drivers.every(accept)) return `it holds one who is not ${status}`;
  const right = truth(fleet.at, lat, lng, RADIUS, limit, accept);
  return fault(found, right, fleet.at, [lat, lng, RADIUS, limit], ROUNDED);
}

async function round(line: Line, connections: number, seconds: number): Promise<void> {
  const { server, requests, rates, latencies, used } = line;
  const before = [usageOf(server.pid), usageOf(process.pid)].map((usage) => usage?.cpuSeconds ?? Number.NaN);
  const startedAt = performance.now();
  const { perSecond, answers, faults } = await load(server.port, requests, { connections, seconds }, latencies);
  used.answers += answers;
  used.clock += (performance.now() - startedAt) / 1000;
  used.server += (usageOf(server.pid)?.cpuSeconds ?? Number.NaN) - before[0];
  used.self += (usageOf(process.pid)?.cpuSeconds ?? Number.NaN) - before[1];
  if (faults.length > 0) throw new Error(`WRONG: ${line.name}: ${faults.join('; ')}`);
  rates.push(perSecond);
}

function report(lines: readonly Line[]): string {
  const rows = lines.flatMap(({ name, floor, bytes, rates, latencies, used }, i) => {
    const [p50, p99] = latencies.percentiles(0.5, 0.99);
    const row = [
      name,
      count(median(rates)),
      floor === undefined ? '' : `${(100 * medianRatio(rates, floor.rates)).toFixed(1)} %`,
      milliseconds(p50),
      milliseconds(p99),
      count(bytes),
      `${((1e6 * used.server) / used.answers).toFixed(1)} µs`,
      `${((100 * used.server) / used.clock).toFixed(0)} %`,
      `${((100 * used.self) / used.clock).toFixed(0)} %`,
    ];
    return floor === undefined && i > 0 ? [[], row] : [row];
  });
  const heads = ['', 'requests/s', 'of bare', 'p50', 'p99', 'body', 'CPU each', 'server', 'load'];
  return [
    columns([heads], rows, 1),
    '',
    'of bare: median of the rounds’ ratios. p50, p99: from sending to the last byte, each connection asking again at once.',
    'body: bytes, the median. CPU each: processor time of the server for a request, which neighbours on the machine change',
    'less than requests/s. server, load: how much of a core server and load took. Every answer was 200 and of the right',
    'length; samples were compared byte by byte, and with GeographicLib by brute force. Drivers stand still, so each is',
    'encoded once.',
  ].join('\n');
}

/** Profiles the servers of a line and of its floor under their load: where the time of a request goes, one beside the other. */
async function profiled(line: Line, connections: number, seconds: number): Promise<string> {
  const floor = line.floor as Line;
  const dir = mkdtempSync(join(tmpdir(), 'nearcast-profile-'));
  const own = await profileOf(line, join(dir, 'nearby.cpuprofile'), connections, seconds);
  const bare = await profileOf(floor, join(dir, 'bare.cpuprofile'), connections, seconds);
  const key = ({ name, place }: SelfTime) => `${name} ${place}`;
  const ofBare = new Map(bare.times.map((time) => [key(time), time.milliseconds]));
  const each = (milliseconds: number, answers: number) => ((1000 * milliseconds) / answers).toFixed(2);
  const rows = own.times
    .slice(0, TOP)
    .map((time) => [
      `${(100 * time.share).toFixed(1)} %`,
      each(time.milliseconds, own.answers),
      each(ofBare.get(key(time)) ?? 0, bare.answers),
      `${time.name}  ${time.place}`,
    ]);
  const all = [own, bare].map(({ times, answers }) =>
    each(
      times.reduce((sum, { milliseconds }) => sum + milliseconds, 0),
      answers,
    ),
  );
  // The last column is flush left only when it is as wide as it can be.
  const width = Math.max(...rows.map((row) => row[3].length));
  const padded = [...rows, ['100 %', ...all, 'all, idle time left out']].map((row) => [
    ...row.slice(0, 3),
    row[3].padEnd(width),
  ]);
  const title = `${line.name}: µs of a request spent in each function itself, and of one to the bare route (${dir})`;
  return `${title}\n${columns([['share', 'µs', 'bare', 'function'.padEnd(width)]], padded, 0)}`;
}

async function profileOf(line: Line, file: string, connections: number, seconds: number) {
  console.error(`profiling ${line.name} …`);
  await line.server.request({ do: 'profile' });
  const { answers, faults } = await load(line.server.port, line.requests, { connections, seconds });
  await line.server.request({ do: 'write profile', file });
  if (faults.length > 0) throw new Error(`WRONG: ${line.name}: ${faults.join('; ')}`);
  return { answers, times: selfTimes(JSON.parse(readFileSync(file, 'utf8'))) };
}

/** All of an answer but the moment that it was given at. */
function timeless(body: string): string {
  return body.replace(/"serverTime":\d+/, '');
}

function request(port: number, path: string, token: string): Buffer {
  return Buffer.from(`GET ${path} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\nauthorization: Bearer ${token}\r\n\r\n`);
}

/** A server in a process of its own; it ends with this one. */
class Server {
  readonly port: number;
  readonly #child: ChildProcess;

  private constructor(port: number, child: ChildProcess) {
    this.port = port;
    this.#child = child;
  }

  static async start(options: RestServerOptions): Promise<Server> {
    const child = fork(SERVER, [JSON.stringify(options)]);
    return new Server((await Server.#message(child)).port as number, child);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  async request(request: RestServerRequest): Promise<void> {
    this.#child.send(request);
    await Server.#message(this.#child);
  }

  stop(): void {
    this.#child.kill();
  }

  static async #message(child: ChildProcess): Promise<{ readonly port?: number }> {
    const ended = once(child, 'exit').then(([code]) => {
      throw new Error(`a server ended with ${code}`);
    });
    const [message] = await Promise.race([once(child, 'message'), ended]);
    return message;
  }
}

type Options = ReturnType<typeof readOptions>;

function readOptions(argv: readonly string[]) {
  const { flags, number } = readArguments(argv, {
    values: ['rounds', 'seconds', 'connections', 'drivers', 'seed'],
    flags: ['quick', 'profile'],
  });
  const quick = flags.has('quick');
  return {
    rounds: number('rounds', quick ? 3 : 7, { min: 1, max: 99, whole: true }),
    seconds: number('seconds', quick ? 1 : 3, { min: 0.1, max: 60 }),
    connections: number('connections', 50, { min: 1, max: 1000, whole: true }),
    drivers: number('drivers', 100_000, { min: 1000, max: 2_000_000, whole: true }),
    profile: flags.has('profile'),
    seed: number('seed', 1, { whole: true }),
  };
}
