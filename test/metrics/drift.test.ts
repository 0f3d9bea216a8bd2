import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { HintHub } from '../support/hints.ts';
import { type Scrape, scrape } from '../support/metrics.ts';
import { startServer } from '../support/server.ts';
import { clusterState } from './cluster-state.ts';

const read = (path: string) => readFileSync(path, 'utf8');
const docs = read('docs/operations.md');

interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}
const { groups } = parse(read('deploy/prometheus/alerts.yml')) as { groups: { rules: Alert[] }[] };
const alerts = groups.flatMap(({ rules }) => rules);

interface Source {
  readonly uid: string;
}
interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly datasource?: Source;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string; readonly datasource: Source }[];
}
const dashboard = JSON.parse(read('deploy/grafana/nearcast.json')) as {
  readonly schemaVersion: number;
  readonly templating: { readonly list: readonly { readonly name: string; readonly type: string }[] };
  readonly panels: readonly Panel[];
};
const queries = dashboard.panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => [title, expr]));

/** What a server tells that has had some traffic. */
class Told {
  readonly #help: ReadonlyMap<string, string>;
  /** Of each metric, the labels that it has. */
  readonly labelsOf = new Map<string, Set<string>>();

  static async now(): Promise<Told> {
    const server = await startServer({
      accessHints: new HintHub().channel(),
      clusterState: clusterState(),
      stream: { entries: 1, waiting: 2, dropped: 3, failures: 4 },
    });
    const watcher = await server.connect('/ws?latitude=1&longitude=2&radius=3');
    await watcher.next('snapshot');
    await server.post('/v1/positions', { driverId: 'd', latitude: 1, longitude: 2 });
    await watcher.next('changes');
    return new Told(await scrape(server));
  }

  private constructor({ help, values }: Scrape) {
    this.#help = help;
    for (const name of help.keys()) this.labelsOf.set(name, new Set());
    for (const key of values.keys()) {
      const [, name, labels = ''] = /^([^{]+)(?:\{(.*)\})?$/.exec(key) as unknown as [string, string, string?];
      const known = this.labelsOf.get(this.#metricOf(name));
      if (known === undefined) throw new Error(`${name} has no help`);
      for (const [, label] of labels.matchAll(/(?:^|,)([a-z]+)=/g)) known.add(label);
    }
    // Prom-client has values of it once there was garbage.
    this.labelsOf.get('nodejs_gc_duration_seconds')?.add('kind');
  }

  /** Nearcast's own metrics, and what is said of each. */
  get own(): [name: string, help: string][] {
    return [...this.#help].filter(([name]) => name.startsWith('nearcast_'));
  }

  /** What is wrong with a query: metrics and labels that no server tells. */
  unknown(query: string): string[] {
    const wrong: string[] = [];
    const all = new Set(['job', 'instance', 'le', ...[...this.labelsOf.values()].flatMap((labels) => [...labels])]);
    const asked = query.matchAll(/\b((?:nearcast|nodejs|process)_[a-z0-9_]+)(?:\{([^}]*)\})?/g);
    for (const [, name, selector = ''] of asked) {
      const labels = this.labelsOf.get(this.#metricOf(name));
      if (labels === undefined) wrong.push(name);
      for (const [, label] of selector.matchAll(/(?:^|,)\s*([a-z]+)\s*[=!]/g)) {
        if (!labels?.has(label) && label !== 'job' && label !== 'instance') wrong.push(`${name}{${label}}`);
      }
    }
    for (const [, list] of query.matchAll(/\bby \(([^)]*)\)/g)) {
      for (const label of list.split(',')) if (!all.has(label.trim())) wrong.push(`by ${label.trim()}`);
    }
    return wrong;
  }

  /** The metric that a value is of: histograms have three kinds. */
  #metricOf(name: string): string {
    return this.#help.has(name) ? name : name.replace(/_(bucket|sum|count)$/, '');
  }
}

test('the judge finds a metric, a label and a grouping that there is not', async () => {
  const told = await Told.now();
  expect(told.unknown('sum by (le, colour) (rate(nearcast_fixed_total[5m]))')).toEqual([
    'nearcast_fixed_total',
    'by colour',
  ]);
  expect(told.unknown('nearcast_fixes_total{verdict="late",color=~"x"} + process_cpu_seconds_total')).toEqual([
    'nearcast_fixes_total{color}',
  ]);
});

describe('the dashboard', () => {
  test('asks for what there is, of the instances that are chosen, and shows every metric of Nearcast', async () => {
    const told = await Told.now();
    for (const [title, expr] of queries) {
      expect([title, told.unknown(expr)]).toEqual([title, []]);
      expect(expr).toContain('job=~"$job",instance=~"$instance"');
    }
    const shown = queries.map(([, expr]) => expr).join();
    for (const [name] of told.own) expect(shown).toContain(name);
  });

  test('takes everything from the data source that is chosen, and no panel lies upon another', () => {
    const names = dashboard.templating.list.map(({ name }) => name);
    expect(names).toEqual(['datasource', 'job', 'instance']);
    const places = new Set<string>();
    for (const { type, datasource, targets = [], gridPos } of dashboard.panels) {
      if (type !== 'row') {
        for (const { uid } of [datasource as Source, ...targets.map((target) => target.datasource)]) {
          expect(uid).toMatch(/^\$\{datasource\}$/);
        }
      }
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect(places.has(`${x},${y}`)).toBe(false);
          places.add(`${x},${y}`);
          expect(x).toBeLessThan(24);
        }
      }
    }
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
  });
});

describe('the alerts', () => {
  test('ask for what there is, and say how bad it is and what to do', async () => {
    const told = await Told.now();
    expect(alerts.length).toBeGreaterThan(10);
    for (const { alert, expr, labels, annotations, for: time } of alerts) {
      expect([alert, told.unknown(expr)]).toEqual([alert, []]);
      expect(time).toMatch(/^\d+m$/);
      expect(labels?.severity).toMatch(/^(critical|warning)$/);
      expect(annotations?.summary).toBeTruthy();
      expect(annotations?.description).toBeTruthy();
      expect(annotations?.runbook_url).toBe(`docs/operations.md#${alert.toLowerCase()}`);
    }
  });

  test('each has a section that says what it means and what to do, and each section an alert', () => {
    const sections = docs.split(/^### /m).filter((section) => section.startsWith('Nearcast'));
    expect(sections.map((section) => section.split('\n', 1)[0]).sort()).toEqual(
      alerts.map(({ alert }) => alert).sort(),
    );
    for (const section of sections) expect(section).toMatch(/\*\*Means\*\*:[\s\S]+\*\*Do\*\*:/);
  });

  test('the sections point to sections', () => {
    const anchors = new Set(
      [...docs.matchAll(/^#+ (.+)$/gm)].map(([, title]) => title.toLowerCase().replaceAll(' ', '-')),
    );
    for (const [, anchor] of docs.matchAll(/\]\(#([^)]+)\)/g)) expect(anchors).toContain(anchor);
  });
});

test('the example for Prometheus has the job that alerts go by, a token in a file, and the alerts', () => {
  const { scrape_configs, rule_files } = parse(read('deploy/prometheus/prometheus.yml'));
  expect(scrape_configs).toMatchObject([
    { job_name: 'nearcast', authorization: { credentials_file: 'nearcast.token' } },
  ]);
  expect(rule_files).toEqual(['alerts.yml']);
  expect(alerts.map(({ expr }) => expr).join()).toContain('up{job="nearcast"}');
});

test('docs/operations.md lists every metric of Nearcast with its labels, and no other', async () => {
  const rows = [...docs.matchAll(/^\| ((?:`nearcast_[a-z_]+`(?:, )?)+) \| (.*?) ?\|/gm)];
  const quoted = (text: string) => [...text.matchAll(/`([^`]+)`/g)].map(([, word]) => word);
  const listed = rows.flatMap(([, names, labels]) => quoted(names).map((name) => [name, quoted(labels).sort()]));
  const told = await Told.now();
  const actual = told.own.map(([name]) => {
    const labels = [...(told.labelsOf.get(name) as Set<string>)];
    return [name, labels.filter((label) => label !== 'le').sort()];
  });
  const inOrder = (entries: unknown[][]) => entries.sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
  expect(inOrder(listed)).toEqual(inOrder(actual));
  for (const [, help] of told.own) expect(help).toMatch(/\w/);
});
