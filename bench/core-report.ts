import { columns, type Row, short, times } from './columns.ts';
import type { Growth } from './growth.ts';
import { count } from './table.ts';

/** What is asked for: metres, and how many at the most. */
export const RADII = [500, 2000, 50_000];
export const LIMITS = [10, 100];

/** One figure of one contestant. */
export interface Figure {
  readonly drivers: number;
  readonly where: string;
  readonly who: string;
  readonly what: string;
  readonly unit: '/s' | 'ms' | 'B/driver';
  /** The median. */
  readonly value: number;
  /** How many times better Nearcast was in the same run: more a second, or less time or room. */
  readonly ratio: number;
  readonly rounds: readonly number[];
  /** Drivers in an answer, on average. */
  readonly found?: number;
}

const RULES = [
  'Done a second; build: ms; memory: bytes a driver. ×: how many times as fast, or as small, Nearcast is in the same run.',
  'nearest 10, 2 km: the 10 nearest drivers within 2 km with their distances, sorted; (n): how many that are on average.',
  'The city is normal with a sigma of 22 km, the planet even over the sphere; centres of queries lie as the drivers do.',
  'Memory is the index’s; the whole fleet adds its map by id, and a driver’s object and position (accuracy, heading, speed),',
  'but not the text of ids, attributes, encoded answers or watchers.',
];
const RIVALS = [
  'Answers were compared with GeographicLib: Nearcast’s to a millimetre, rivals’, who take the earth for a sphere (PostGIS',
  'when it orders), to 0.6 %. geokdbush moves nobody: an update is a rebuild, for one or for all; ×: Nearcast’s meanwhile.',
];
const SERVERS = ['Redis and PostGIS are processes of their own, asked over unix sockets that are kept busy.'];

/** All that was measured, for a reader. */
export function report(
  title: string,
  conditions: string,
  figures: readonly Figure[],
  growth: Growth | undefined,
  notes: readonly string[],
): string {
  const names = [...new Set(figures.map(({ who }) => who))];
  const parts = [`${title}\n${conditions}`];
  if (figures.length > 0) parts.push(figureTable(figures, names));
  if (growth !== undefined) parts.push(growthTable(growth));
  if (figures.length > 0) {
    const rivals = names.length > 1 ? RIVALS : [];
    const servers = names.includes('Redis') || names.includes('PostGIS') ? SERVERS : [];
    parts.push([...RULES, ...rivals, ...servers, ...notes].join('\n'));
  }
  return parts.join('\n\n');
}

function figureTable(figures: readonly Figure[], names: readonly string[]): string {
  const widest = new Map(names.map((name) => [name, 1]));
  for (const { who, ratio } of figures) widest.set(who, Math.max(widest.get(who) ?? 1, times(ratio).length));
  const cell = (name: string, value: string, ratio: string) =>
    name === 'Nearcast' ? value : `${value} ${ratio.padStart(widest.get(name) ?? 0)}`;

  const rows: Row[] = [];
  let group = '';
  for (const { drivers, where, what, found } of figures.filter(({ who }) => who === 'Nearcast')) {
    const title = `${count(drivers)} drivers, ${where}`;
    if (title !== group) rows.push(...(group === '' ? [] : [[]]), [title]);
    group = title;
    const cells = names.map((name) => {
      const figure = figures.find(
        (one) => one.drivers === drivers && one.where === where && one.what === what && one.who === name,
      );
      if (figure === undefined) return '';
      const value = figure.unit === '/s' ? short(figure.value) : plain(figure.value);
      return cell(name, value, times(figure.ratio));
    });
    rows.push([` ${what}${found === undefined ? '' : ` (${plain(found)})`}`, ...cells]);
  }
  return columns([['', ...names.map((name) => cell(name, name, '×'))]], rows, 1);
}

function growthTable({ whats, rows }: Growth): string {
  return columns(
    [['Equal density: µs', ...whats.flatMap((what) => [what, '×'])]],
    rows.map(({ drivers, microseconds, ratios }) => [
      `${count(drivers)} drivers`,
      ...microseconds.flatMap((cost, i) => [cost.toFixed(2), `${ratios[i].toFixed(2)}×`]),
    ]),
    1,
  );
}

function plain(n: number): string {
  return n >= 100 ? count(n) : n >= 9.95 ? n.toFixed(0) : n.toFixed(1);
}
