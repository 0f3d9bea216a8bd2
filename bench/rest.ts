import { randomBytes } from 'node:crypto';
import { loadavg } from 'node:os';
import { mintToken } from '../src/auth/tokens.ts';
import { readArguments } from '../src/command-line.ts';
import { type HttpRequest, load } from './http-load.ts';
import { usageOf } from './process-usage.ts';
import { restFleet } from './rest-fleet.ts';
import { pin, RestServer } from './rest-process.ts';
import { ask, RADIUS, request, SCENARIOS, timeless } from './rest-queries.ts';
import { type Line, profiled, report } from './rest-report.ts';
import type { RestServerOptions } from './rest-server.ts';
import { Samples } from './samples.ts';
import { count, machine } from './table.ts';

export const HELP = `GET /v1/drivers/nearby over HTTP, next to a bare Fastify route that sends bodies of the same bytes:
what is left of Fastify's speed?

  npm run bench -- rest [options]

  --quick            3 rounds of 1 s: within a minute
  --rounds N         turns that they take (7)
  --seconds S        each of them in each round (3)
  --connections N    kept alive, each with one request at a time (50)
  --drivers N        in a city of about 100 km across (100000)
  --profile          then profiles Nearcast and the bare route under the same load, and prints where their time goes
  --pin              keeps the load to the first processor and the servers to the last (Linux: taskset)
  --seed N           the same seed gives the same drivers and queries (1)
  --help

Each server is a process of its own, the load is this one. The drivers stand still.
Exit code: 0, or 1 when an answer is not 200 or not the right one.`;

/** Seconds of each before the first round. */
const WARM_UP = 2;
/** Seconds of a profile, at least. */
const PROFILE = 3;

/** Runs the bench. */
export async function run(argv: readonly string[]): Promise<number> {
  const options = readOptions(argv);
  const servers: RestServer[] = [];
  const start = async (serverOptions: RestServerOptions) => {
    const server = await RestServer.start(serverOptions);
    servers.push(server);
    if (options.pin) pin(server.pid, 'last');
    return server;
  };
  try {
    if (options.pin) pin(process.pid, 'first');
    await measure(options, start);
    return 0;
  } catch (error) {
    console.error((error as Error).message);
    return 1;
  } finally {
    for (const server of servers) server.stop();
  }
}

async function measure(options: Options, start: (of: RestServerOptions) => Promise<RestServer>): Promise<void> {
  const { drivers, seed, rounds, seconds, connections } = options;
  const busy = loadavg()[0].toFixed(1);
  console.error(`${count(drivers)} drivers …`);
  const secret = randomBytes(32).toString('hex');
  const token = mintToken(secret, { sub: 'bench', scope: 'positions:read', ttlSeconds: 86_400 });
  const nearcast = await start({ kind: 'nearcast', drivers, seed, secret });
  const bare = await start({ kind: 'bare' });
  const helmet = await start({ kind: 'helmet' });
  const fleet = restFleet(drivers, seed);
  const lines: Line[] = [];
  for (const scenario of SCENARIOS) {
    console.error(`${scenario.name}: checking …`);
    const asked = await ask(scenario, nearcast.port, token, fleet, seed);
    const lengths = asked.map(({ body }) => Buffer.byteLength(body));
    const anyOf = new Set(lengths);
    /** The same queries to a route that sends what Nearcast has answered to all of them, in turn. */
    const premade = async (server: RestServer): Promise<HttpRequest[]> => {
      await server.request({ do: 'bodies', path: scenario.path, bodies: asked.map(({ body }) => body) });
      return asked.map(({ search }) => ({
        bytes: request(server.port, `/v1/drivers/${scenario.path}${search}`, token),
        right: (length) => anyOf.has(length),
      }));
    };
    const floor = lineOf('bare route, the same bodies', bare, await premade(bare), lengths);
    lines.push(floor);
    if (lines.length === 1) lines.push(lineOf('bare route, helmet', helmet, await premade(helmet), lengths, floor));
    const real = asked.map(
      ({ search, body }, i): HttpRequest => ({
        bytes: request(nearcast.port, `/v1/drivers/nearby${search}`, token),
        right: (length) => length === lengths[i],
        fault: (text) =>
          timeless(text) === timeless(body) ? undefined : `${search} has another answer now: ${text.slice(0, 200)} …`,
      }),
    );
    lines.push(lineOf(scenario.name, nearcast, real, lengths, floor));
  }

  console.error('warming up …');
  for (const line of lines) await turn({ ...line, ...nothing() }, connections, WARM_UP);
  for (let n = 1; n <= rounds; n++) {
    console.error(`round ${n} of ${rounds} …`);
    for (const line of lines) await turn(line, connections, seconds);
  }
  const conditions = [
    `${count(drivers)} drivers in the city, radius ${RADIUS / 1000} km, ${connections} connections, bearer token`,
    `seed ${seed} · ${rounds} rounds of ${seconds} s, medians · ${options.pin ? 'pinned · ' : ''}load average before: ${busy}`,
  ];
  console.log([`REST: ${machine()}`, ...conditions, '', report(lines)].join('\n'));
  if (!options.profile) return;
  const own = lines.find(({ server }) => server === nearcast) as Line;
  console.error(`profiling ${own.name} …`);
  console.log(`\n${await profiled(own, connections, Math.max(seconds, PROFILE))}`);
}

function lineOf(
  name: string,
  server: RestServer,
  requests: readonly HttpRequest[],
  lengths: readonly number[],
  floor?: Line,
): Line {
  return { name, server, requests, lengths, floor, ...nothing() };
}

function nothing(): Pick<Line, 'rates' | 'latencies' | 'used'> {
  return { rates: [], latencies: new Samples(), used: { server: 0, self: 0, clock: 0, answers: 0 } };
}

/** @throws {Error} when an answer is wrong */
async function turn(line: Line, connections: number, seconds: number): Promise<void> {
  const { server, requests, rates, latencies, used } = line;
  const cpuSeconds = (pid: number) => usageOf(pid)?.cpuSeconds ?? Number.NaN;
  const before = { server: cpuSeconds(server.pid), self: cpuSeconds(process.pid), clock: performance.now() };
  const { perSecond, answers, faults } = await load(server.port, requests, { connections, seconds }, latencies);
  used.server += cpuSeconds(server.pid) - before.server;
  used.self += cpuSeconds(process.pid) - before.self;
  used.clock += (performance.now() - before.clock) / 1000;
  used.answers += answers;
  if (faults.length > 0) throw new Error(`WRONG: ${line.name}: ${faults.join('; ')}`);
  rates.push(perSecond);
}

type Options = ReturnType<typeof readOptions>;

function readOptions(argv: readonly string[]) {
  const { flags, number } = readArguments(argv, {
    values: ['rounds', 'seconds', 'connections', 'drivers', 'seed'],
    flags: ['quick', 'profile', 'pin'],
  });
  const quick = flags.has('quick');
  return {
    rounds: number('rounds', quick ? 3 : 7, { min: 1, max: 99, whole: true }),
    seconds: number('seconds', quick ? 1 : 3, { min: 0.1, max: 60 }),
    connections: number('connections', 50, { min: 1, max: 1000, whole: true }),
    drivers: number('drivers', 100_000, { min: 1000, max: 2_000_000, whole: true }),
    profile: flags.has('profile'),
    pin: flags.has('pin'),
    seed: number('seed', 1, { whole: true }),
  };
}
