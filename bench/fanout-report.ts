import { columns, short, times } from './columns.ts';
import type { Contestant, FanoutTurn } from './fanout-stage.ts';
import { median, medianRatio } from './rounds.ts';
import { count, milliseconds } from './table.ts';

/** What a server delivered before it became slow. */
export interface Saturation {
  readonly turn: FanoutTurn;
  /** Nothing slower was tried: the search ended for want of time. */
  readonly endless: boolean;
}

/** A server and its turns. */
export interface Line {
  readonly contestant: Contestant;
  readonly turns: FanoutTurn[];
  saturation?: Saturation;
}

/** Milliseconds: a p99 beyond is too slow. */
export const SLOW = 100;
/** Of a core: a load that is busier may be what held things up. */
const BUSY = 0.85;

/** The table of a case. */
export function fanoutTable(lines: readonly Line[]): string {
  const floor = lines.find(({ contestant }) => contestant.kind === 'broadcast') ?? lines[0];
  const each = ({ turns }: Line) => turns.map(({ server, due }) => (1e6 * server) / due);
  const p99 = ({ turns }: Line) => turns.map(({ latencies }) => latencies.percentiles(0.99)[0]);
  const rows = lines.map((line) => {
    const { contestant, turns } = line;
    const of = (value: (turn: FanoutTurn) => number) => median(turns.map(value));
    const percentile = (share: number) => milliseconds(of(({ latencies }) => latencies.percentiles(share)[0]));
    const ratio = (what: (line: Line) => number[]) =>
      line === floor ? '' : times(medianRatio(what(line), what(floor)));
    return [
      contestant.name,
      count(of(({ positions, seconds }) => positions / seconds)),
      `${(100 * of(({ positions, due }) => positions / due)).toFixed(0)} %`,
      short(of(({ messages, seconds }) => messages / seconds)),
      (of(({ bytes, seconds }) => bytes / seconds) / 1e6).toFixed(2),
      percentile(0.5),
      percentile(0.99),
      ratio(p99),
      percentile(0.999),
      percent(of(({ server, clock }) => server / clock)),
      `${of(({ server, due }) => (1e6 * server) / due).toFixed(1)} µs`,
      ratio(each),
      `${Math.round(of(({ rss }) => rss) / 2 ** 20)} MB`,
      percent(of(({ drivers, clock }) => drivers / clock)),
      percent(of(({ watchers, clock }) => watchers / clock)),
    ];
  });
  const heads = [
    ['', 'deliveries', 'of', '', '', 'fix → watcher', '', 'of', '', 'server', 'CPU of a', 'of', '', 'load:', ''],
    [
      '',
      '/s',
      'due',
      'messages/s',
      'MB/s',
      'p50',
      'p99',
      'bare',
      'p99.9',
      'CPU',
      'delivery',
      'bare',
      'RSS',
      'drivers',
      'watchers',
    ],
  ];
  return columns(heads, rows, 1);
}

/** What each server delivers at the most. */
export function saturationTable(lines: readonly Line[]): string {
  const useful = ({ saturation }: Line) =>
    saturation === undefined ? Number.NaN : saturation.turn.due / saturation.turn.seconds;
  const floor = lines.find(({ contestant }) => contestant.kind === 'broadcast') ?? lines[0];
  const rows = lines.map((line) => {
    if (line.saturation === undefined) return [line.contestant.name, 'none'];
    const { turn, endless } = line.saturation;
    const share = (cpu: number) => percent(cpu / turn.clock);
    return [
      line.contestant.name,
      `${endless ? '≥ ' : ''}${count(useful(line))}`,
      line === floor ? '' : times(useful(line) / useful(floor)),
      count(turn.sent / turn.seconds),
      milliseconds(turn.latencies.percentiles(0.99)[0]),
      share(turn.server),
      share(turn.drivers),
      share(turn.watchers),
      Math.max(turn.drivers, turn.watchers) / turn.clock > BUSY ? 'by the load' : '',
    ];
  });
  const heads = [
    `before p99 > ${SLOW} ms`,
    'due/s',
    'of bare',
    'fixes/s',
    'p99',
    'server',
    'drivers',
    'watchers',
    'held up',
  ];
  return columns([heads], rows, 1);
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)} %`;
}
