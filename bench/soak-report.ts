import { columns } from './columns.ts';
import { median } from './rounds.ts';
import { count, machine } from './table.ts';
import { type Tolerance, type Trend, trendOf } from './trend.ts';

const MB = 2 ** 20;

/** Minutes below which growth is not held against a server: it is still warming up. */
const LEAST_MINUTES = 10;
/** Samples that make a point of the line: a minute of them, of which one may fall on a collection of garbage. */
const POINT = 6;

interface Series extends Tolerance {
  readonly name: string;
  /** What a minute counts as: of memory the least, as garbage comes and goes; of the rest the middle. */
  readonly of: 'least' | 'middle';
  readonly show: (value: number) => string;
}

const megabytes = (value: number) => `${(value / MB).toFixed(1)} MB`;
const milliseconds = (value: number) => `${value.toFixed(1)} ms`;
const whole = (value: number) => value.toFixed(0);

/** What is looked at, and how much it may grow over the second half. */
const SERIES = {
  rss: { name: 'memory of the server', of: 'least', share: 0.05, least: 12 * MB, show: megabytes },
  heap: { name: 'its JavaScript heap', of: 'least', share: 0.1, least: 5 * MB, show: megabytes },
  external: { name: 'its buffers', of: 'least', share: 0.1, least: 5 * MB, show: megabytes },
  database: { name: 'memory of its database', of: 'least', share: 0.05, least: 32 * MB, show: megabytes },
  files: { name: 'open files and sockets', of: 'middle', share: 0.05, least: 8, show: whole },
  threads: { name: 'threads', of: 'middle', share: 0, least: 1.5, show: whole },
  connections: { name: 'connections', of: 'middle', share: 0.05, least: 8, show: whole },
  subscriptions: { name: 'subscriptions', of: 'middle', share: 0.05, least: 8, show: whole },
  known: { name: 'drivers known', of: 'middle', share: 0.05, least: 20, show: whole },
  queue: { name: 'fixes that wait', of: 'middle', share: 0.5, least: 100, show: whole },
  lag: { name: 'event loop late by, p99', of: 'middle', share: 0.5, least: 10, show: milliseconds },
  ack: { name: 'fix → ack, p99', of: 'middle', share: 0.5, least: 20, show: milliseconds },
  watcher: { name: 'fix → watcher, p99', of: 'middle', share: 0.5, least: 20, show: milliseconds },
  cpu: { name: 'processor', of: 'middle', share: 0.25, least: 5, show: (value) => `${value.toFixed(0)} %` },
} as const satisfies Record<string, Series>;

type Name = keyof typeof SERIES;

/** What was so at one moment; what is not known is left out. */
export type Values = Partial<Record<Name, number | undefined>>;

/** @property at seconds since the start */
export interface Sample {
  readonly at: number;
  readonly values: Values;
}

const LINE: readonly Name[] = ['rss', 'heap', 'database', 'files', 'subscriptions', 'lag', 'ack', 'watcher', 'cpu'];
const WIDTH = 10;

/** Headings of {@link lineOf}. */
export const LINE_HEADS = ['minute', 'server', 'heap', 'database', 'files', 'subscr.', 'lag', 'ack', 'watcher', 'cpu']
  .map((head) => head.padStart(WIDTH))
  .join('');

/** A line of progress: a minute of samples. */
export function lineOf(samples: readonly Sample[]): string {
  const at = (samples[samples.length - 1].at / 60).toFixed(1);
  const cells = LINE.map((name) => {
    const point = pointOf(samples, name);
    return point === undefined ? '–' : SERIES[name].show(point);
  });
  return [at, ...cells].map((cell) => cell.padStart(WIDTH)).join('');
}

/**
 * Prints what became of everything over the second half.
 *
 * @returns whether all is flat, or it was too short to tell
 */
export function report(
  samples: readonly Sample[],
  { drivers, watchers }: { readonly drivers: number; readonly watchers: number },
  database: string,
  counts: Readonly<Record<string, number>>,
  errors: number,
): boolean {
  const seconds = samples.at(-1)?.at ?? 0;
  const second = samples.slice(samples.length >> 1);
  const trends = new Map<Name, Trend>();
  for (const name of Object.keys(SERIES) as Name[]) {
    const trend = trendIn(second, name);
    if (trend !== undefined) trends.set(name, trend);
  }
  console.log(`\nSoak: ${machine()}`);
  console.log(
    `${(seconds / 60).toFixed(1)} minutes, ${count(drivers)} drivers, ${count(watchers)} watchers, ${database}`,
  );
  console.log(
    Object.entries(counts)
      .map(([what, n]) => `${count(n)} ${what}`)
      .join(' · '),
  );
  console.log(`${count(errors)} errors\n`);
  if (trends.size === 0) {
    console.log('Too short: there are no samples to draw a line through.');
    return true;
  }
  const rows = [...trends].map(([name, { first, last, mean, growth, noise, allowed, grows }]) => {
    const { name: title, show } = SERIES[name];
    return [
      title,
      show(first),
      show(last),
      show(mean),
      show(growth),
      show(noise),
      show(allowed),
      grows ? 'GROWS' : 'flat',
    ];
  });
  const heads = ['over the second half', 'first', 'last', 'mean', 'growth', 'by chance', 'allowed', 'verdict'];
  console.log(columns([heads], rows, 1));
  const growing = [...trends.values()].some(({ grows }) => grows);
  const judged = seconds / 60 >= LEAST_MINUTES - 1;
  if (!judged) console.log(`\nNo verdict: it takes ${LEAST_MINUTES} minutes to tell growth from warming up.`);
  else console.log(growing ? '\nNOT FLAT' : '\nflat');
  return !growing || !judged;
}

/** The trend of a series; undefined where too little is known of it. */
function trendIn(samples: readonly Sample[], name: Name): Trend | undefined {
  // Minutes, where there are enough of them.
  const size = samples.length >= 4 * POINT ? POINT : 1;
  const points: [number, number][] = [];
  for (let from = 0; from + size <= samples.length; from += size) {
    const some = samples.slice(from, from + size);
    const point = pointOf(some, name);
    if (point !== undefined) points.push([some[size - 1].at, point]);
  }
  return points.length < 3 ? undefined : trendOf(points, SERIES[name]);
}

function pointOf(samples: readonly Sample[], name: Name): number | undefined {
  const values = samples
    .map((sample) => sample.values[name])
    .filter((value): value is number => Number.isFinite(value));
  if (values.length === 0) return undefined;
  return SERIES[name].of === 'least' ? Math.min(...values) : median(values);
}
