import type { ClusterTurn, Line } from './cluster-stage.ts';
import { columns, short, times } from './columns.ts';
import type { Histogram } from './histogram.ts';
import { median, medianRatio } from './rounds.ts';
import { count, milliseconds } from './table.ts';

/** What the load took of the machine; the first line is the floor. */
export function workTable(lines: readonly Line[]): string {
  const [floor] = lines;
  const each = ({ turns }: Line) => turns.map(({ instances, sent }) => (1e6 * instances) / sent);
  const rows = lines.map((line) => {
    const of = (value: (turn: ClusterTurn) => number) => median(line.turns.map(value));
    const share = (value: (turn: ClusterTurn) => number) => `${(100 * of((t) => value(t) / t.clock)).toFixed(0)} %`;
    return [
      line.name,
      count(of(({ sent, seconds }) => sent / seconds)),
      count(of(({ positions, seconds }) => positions / seconds)),
      `${(100 * of(({ positions, due }) => positions / due)).toFixed(0)} %`,
      share(({ instances, size }) => instances / size),
      share(({ instances }) => instances),
      `${of(({ instances, sent }) => (1e6 * instances) / sent).toFixed(0)} µs`,
      line === floor ? '' : times(medianRatio(each(line), each(floor))),
      share(({ redis }) => redis),
      share(({ postgres }) => postgres),
      `${Math.round(of(({ rss, size }) => rss / size) / 2 ** 20)} MB`,
      share(({ drivers, watchers }) => drivers + watchers),
    ];
  });
  const heads = [
    ['', '', '', 'of', 'CPU of an', 'of', 'of', 'of one', '', '', 'RSS of an', 'load’s'],
    [
      'instances',
      'fixes/s',
      'pushes/s',
      'due',
      'instance',
      'all',
      'a fix',
      'alone',
      'Redis',
      'PostgreSQL',
      'instance',
      'CPU',
    ],
  ];
  return columns(heads, rows, 1);
}

/** What instances told each other. */
export function busTable(lines: readonly Line[]): string {
  const rows = lines.slice(1).map(({ name, turns }) => {
    const of = (value: (turn: ClusterTurn) => number) => median(turns.map(value));
    const rate = (value: (turn: ClusterTurn) => number) => of((turn) => value(turn) / turn.size / turn.clock);
    return [
      name,
      short(rate(({ messagesOut }) => messagesOut)),
      short(rate(({ messagesIn }) => messagesIn)),
      `${(rate(({ bytesOut }) => bytesOut) / 1000).toFixed(1)} kB`,
      `${(rate(({ bytesIn }) => bytesIn) / 1000).toFixed(1)} kB`,
      of(({ messagesOut, sent }) => messagesOut / sent).toFixed(2),
      `${of(({ bytesOut, sent }) => bytesOut / sent).toFixed(0)} B`,
      count(of(({ missed }) => missed)),
      count(of(({ reads }) => reads)),
    ];
  });
  const heads = [
    ['of an instance', 'messages', 'messages', 'bytes', 'bytes', 'messages', 'bytes', 'missed', 'cells'],
    ['', 'out /s', 'in /s', 'out /s', 'in /s', 'of a fix', 'of a fix', 'by all', 'read anew'],
  ];
  return columns(heads, rows, 1);
}

/** How long a fix took to watchers on the driver's own instance, and on others. */
export function timesTable(lines: readonly Line[]): string {
  const rows = lines.map(({ name, turns }) => {
    const shares = (share: number, what: (turn: ClusterTurn) => Histogram) =>
      turns.map((turn) => what(turn).percentiles(share)[0]);
    const here = ({ here }: ClusterTurn) => here;
    const elsewhere = ({ elsewhere }: ClusterTurn) => elsewhere;
    const apart = turns[0].size > 1;
    const cell = (share: number, what: (turn: ClusterTurn) => Histogram) =>
      orNothing(median(shares(share, what)), milliseconds);
    const ratio = (share: number) => orNothing(medianRatio(shares(share, elsewhere), shares(share, here)), times);
    return [
      name,
      cell(0.5, here),
      cell(0.99, here),
      ...(apart ? [cell(0.5, elsewhere), cell(0.99, elsewhere), ratio(0.5), ratio(0.99)] : ['', '', '', '']),
    ];
  });
  const heads = [
    ['fix → watcher,', 'on the same', '', 'on another', '', 'of the same', ''],
    ['instances', 'p50', 'p99', 'p50', 'p99', 'p50', 'p99'],
  ];
  return columns(heads, rows, 1);
}

function orNothing(value: number, text: (value: number) => string): string {
  return Number.isNaN(value) ? '–' : text(value);
}
