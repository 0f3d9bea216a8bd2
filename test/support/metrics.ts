import { type TestServer, token } from './server.ts';

/** What a server said of itself: values by name and labels as they are written, and of each metric its help and type. */
export interface Scrape {
  readonly values: ReadonlyMap<string, number>;
  readonly help: ReadonlyMap<string, string>;
  readonly types: ReadonlyMap<string, string>;
}

const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"/g;

/** Reads the text format of Prometheus (0.0.4), and throws at what it does not allow. */
export function readMetrics(text: string): Scrape {
  const values = new Map<string, number>();
  const help = new Map<string, string>();
  const types = new Map<string, string>();
  if (!text.endsWith('\n')) throw new Error('the last line has no end');
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const [, kind, metric, rest] = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line) ?? [];
    if (kind !== undefined) {
      const told = kind === 'HELP' ? help : types;
      if (told.has(metric)) throw new Error(`${kind} of ${metric} twice`);
      told.set(metric, rest);
      continue;
    }
    const [, name, labels = '', value] = SAMPLE.exec(line) ?? [];
    if (name === undefined) throw new Error(`this is no line of metrics: ${line}`);
    const key = series(name, Object.fromEntries([...labels.matchAll(LABEL)].map(([, label, text]) => [label, text])));
    if (values.has(key)) throw new Error(`${key} twice`);
    values.set(key, Number(value.replace('Inf', 'Infinity')));
  }
  return { values, help, types };
}

/** Names a value, its labels in order. */
export function series(name: string, labels: Readonly<Record<string, string>> = {}): string {
  const inOrder = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
  return inOrder.length === 0 ? name : `${name}{${inOrder.map(([label, value]) => `${label}=${value}`).join()}}`;
}

/** Asks a server for its metrics. */
export async function scrape({ get }: Pick<TestServer, 'get'>) {
  const answer = await get('/metrics', { authorization: `Bearer ${token({ scope: 'metrics:read' })}` });
  const read = readMetrics(await answer.text());
  return {
    ...read,
    /** A value that must be there. */
    value(name: string, labels?: Readonly<Record<string, string>>): number {
      const value = read.values.get(series(name, labels));
      if (value === undefined) throw new Error(`there is no ${series(name, labels)}`);
      return value;
    },
    /** The values of a metric by one of its labels, where the others are as given. */
    by(name: string, label: string, labels: Readonly<Record<string, string>> = {}): Record<string, number> {
      const found: Record<string, number> = {};
      for (const [key, value] of read.values) {
        if (!key.startsWith(`${name}{`)) continue;
        const own = Object.fromEntries(
          key
            .slice(name.length + 1, -1)
            .split(',')
            .map((pair) => pair.split('=') as [string, string]),
        );
        if (Object.entries(labels).every(([one, wanted]) => own[one] === wanted)) found[own[label]] = value;
      }
      return found;
    },
  };
}
