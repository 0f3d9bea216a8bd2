import { columns } from './columns.ts';
import { type HttpRequest, load } from './http-load.ts';
import { profileOf, sideBySide } from './profiles.ts';
import type { RestServer } from './rest-process.ts';
import { median, medianRatio } from './rounds.ts';
import type { Samples } from './samples.ts';
import { count, milliseconds } from './table.ts';

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
  const run = async ({ server, requests, name }: Line) => {
    const { answers, faults } = await load(server.port, requests, { connections, seconds });
    if (faults.length > 0) throw new Error(`WRONG: ${name}: ${faults.join('; ')}`);
    return answers;
  };
  const profile = (of: Line) => profileOf({ ask: (request) => of.server.request(request), run: () => run(of) });
  const title = `${line.name}: µs of a request spent in each function itself, and of one to the bare route`;
  return sideBySide(title, await profile(line), await profile(line.floor as Line));
}
