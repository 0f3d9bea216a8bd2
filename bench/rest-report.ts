import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { columns } from './columns.ts';
import { type SelfTime, selfTimes } from './cpu-profile.ts';
import { type HttpRequest, load } from './http-load.ts';
import type { RestServer } from './rest-process.ts';
import { median, medianRatio } from './rounds.ts';
import type { Samples } from './samples.ts';
import { count, milliseconds } from './table.ts';

const TOP = 25;
/** Of a core: with less than this a server was not what held the requests up. */
const SATURATED = 0.9;

/** One line of the table: who is asked, what, and what came of it. */
export interface Line {
  readonly name: string;
  readonly server: RestServer;
  readonly requests: readonly HttpRequest[];
  /** The line that it is compared with. */
  readonly floor?: Line;
  /** Bytes of the bodies. */
  readonly lengths: readonly number[];
  readonly rates: number[];
  readonly latencies: Samples;
  /** Seconds of processor time of the server and of this process, and of the clock; and the answers meanwhile. */
  readonly used: { server: number; self: number; clock: number; answers: number };
}

/** The table. */
export function report(lines: readonly Line[]): string {
  const rows = lines.flatMap((line, i) => {
    const { name, floor, lengths, rates, latencies, used } = line;
    const [p50, p99] = latencies.percentiles(0.5, 0.99);
    const row = [
      name,
      count(median(rates)),
      floor === undefined ? '' : percent(medianRatio(rates, floor.rates)),
      `${cpuEach(line).toFixed(1)} µs`,
      floor === undefined ? '' : percent(cpuEach(floor) / cpuEach(line)),
      milliseconds(p50),
      milliseconds(p99),
      count(median(lengths)),
      percent(used.server / used.clock),
      percent(used.self / used.clock),
    ];
    return floor === undefined && i > 0 ? [[], row] : [row];
  });
  const heads = ['', 'requests/s', 'of bare', 'CPU', 'of bare', 'p50', 'p99', 'body', 'server', 'load'];
  return [
    columns([heads], rows, 1),
    '',
    'of bare: what is left of the bare route’s requests/s (median of the rounds’ ratios), and of a request’s CPU time.',
    'CPU: the server’s for one request, which neighbours on the machine touch less than they do requests/s.',
    'p50, p99: from sending to the last byte; each connection asks again at once. body: bytes. server, load: of a core.',
    'Every answer was 200 and of the right length; samples were compared byte by byte, and with GeographicLib by brute',
    'force. Drivers stand still, so each is encoded once.',
    ...(lines.every(({ used }) => used.server / used.clock >= SATURATED)
      ? []
      : ['NOTE: servers had time to spare, or were kept waiting for a processor: go by the CPU time, or see --pin.']),
  ].join('\n');
}

/** Microseconds of processor time for an answer. */
function cpuEach({ used }: Line): number {
  return (1e6 * used.server) / used.answers;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)} %`;
}

/** Profiles the servers of a line and of its floor under their load: where the time of a request goes, one beside the other. */
export async function profiled(line: Line, connections: number, seconds: number): Promise<string> {
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
  const all = [own, bare].map(({ times, answers }) => each(sum(times), answers));
  // The last column is flush left only when it is as wide as it can be.
  const width = Math.max(...rows.map((row) => row[3].length));
  const padded = [...rows, ['100 %', ...all, 'all, idle time left out']].map((row) => [
    ...row.slice(0, 3),
    row[3].padEnd(width),
  ]);
  const title = `${line.name}: µs of a request spent in each function itself, and of one to the bare route (${dir})`;
  return `${title}\n${columns([['share', 'µs', 'bare', 'function'.padEnd(width)]], padded, 0)}`;
}

function sum(times: readonly SelfTime[]): number {
  return times.reduce((total, { milliseconds }) => total + milliseconds, 0);
}

async function profileOf(line: Line, file: string, connections: number, seconds: number) {
  await line.server.request({ do: 'profile' });
  const { answers, faults } = await load(line.server.port, line.requests, { connections, seconds });
  await line.server.request({ do: 'write profile', file });
  if (faults.length > 0) throw new Error(`WRONG: ${line.name}: ${faults.join('; ')}`);
  return { answers, times: selfTimes(JSON.parse(readFileSync(file, 'utf8'))) };
}
