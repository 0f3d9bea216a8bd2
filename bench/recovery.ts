import { mkdtemp, rm } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { readArguments } from '../src/command-line.ts';
import { EmbeddedDatabase } from '../src/store/embedded.ts';
import { createDatabase, findPostgres, startPostgres } from '../test/support/postgres.ts';
import { Child } from './child.ts';
import { columns } from './columns.ts';
import { endingAll } from './interrupt.ts';
import { descendants, usageOf } from './process-usage.ts';
import { fill } from './recovery-fill.ts';
import type { Placing, Reading, RecoveryPart, RecoveryPartsOptions } from './recovery-parts.ts';
import { type Start, timeStart } from './recovery-start.ts';
import { median } from './rounds.ts';
import { count, machine } from './table.ts';

export const HELP = `Starting with many drivers in the database: how long until the server is ready, and what takes the time?

  npm run bench -- recovery [options]

  --quick        100,000 drivers, 10,000 embedded, once
  --drivers N    in PostgreSQL with PostGIS (1000000)
  --embedded N   in the embedded database (200000); 0 leaves it out
  --runs N       starts of each; medians are printed (3)
  --seed N       the same seed gives the same drivers (1)
  --help

PostgreSQL with PostGIS is found on the machine and started privately, with 32 MB of shared buffers; where there is none,
it is left out.
Exit code: 0, or 1 when not every driver was restored.`;

/** A database with drivers in it, and a server process to start on it. */
interface Subject {
  readonly name: string;
  readonly drivers: number;
  readonly env: Readonly<Record<string, string>>;
  readonly options: RecoveryPartsOptions;
  /** Seconds of processor time that the database took for the process of a pid so far. */
  readonly databaseCpu: (pid: number) => Promise<number>;
}

/** One run: the start of the server, and the parts alone. */
interface Run extends Start, Reading, Placing {
  readonly database: number;
  readonly load: number;
}

/** Runs the bench. */
export async function run(argv: readonly string[]): Promise<number> {
  const options = readOptions(argv);
  try {
    await endingAll((atEnd) => measure(options, atEnd));
    return 0;
  } catch (error) {
    console.error((error as Error).message);
    return 1;
  }
}

async function measure({ drivers, embedded, runs, seed }: Options, atEnd: (() => unknown)[]): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'nearcast-recovery-'));
  atEnd.push(() => rm(dir, { recursive: true, force: true, maxRetries: 20 }));
  const subjects: Subject[] = [];
  const bin = findPostgres();
  if (bin === undefined) console.error('no PostgreSQL with PostGIS on this machine: it is left out');
  else {
    console.error(`PostgreSQL: ${count(drivers)} drivers …`);
    const postgres = await startPostgres(bin);
    atEnd.push(() => postgres.stop());
    const url = await createDatabase(postgres, 'recovery');
    await fill({ connectionString: url }, drivers, seed);
    subjects.push({
      name: 'PostgreSQL',
      drivers,
      env: { DATABASE_URL: url },
      options: { databaseUrl: url, dataDir: dir },
      databaseCpu: () => backendsCpu(url),
    });
  }
  if (embedded > 0) {
    console.error(`embedded: ${count(embedded)} drivers …`);
    const database = await EmbeddedDatabase.start({ dataDir: dir });
    try {
      await fill(database.connection, embedded, seed);
    } finally {
      await database.stop();
    }
    subjects.push({
      name: 'embedded',
      drivers: embedded,
      env: { DATA_DIR: dir },
      options: { dataDir: dir },
      databaseCpu: async (pid) => cpuOf(descendants(pid)),
    });
  }

  const results: Run[][] = subjects.map(() => []);
  for (let n = 1; n <= runs; n++) {
    for (const [i, subject] of subjects.entries()) {
      console.error(`run ${n} of ${runs}, ${subject.name} …`);
      const result = await runOnce(subject);
      results[i].push(result);
      console.error(`  ready after ${seconds(result.ready)}, load average ${result.load.toFixed(1)}`);
    }
  }
  console.log(
    [`Recovery: ${machine()}`, `seed ${seed} · medians of ${runs}`, '', report(subjects, results)].join('\n'),
  );
}

async function runOnce({ drivers, env, options, databaseCpu }: Subject): Promise<Run> {
  const start = await timeStart(env);
  const child = await Child.start<RecoveryPart>('recovery-parts.ts', options);
  try {
    const before = await databaseCpu(child.pid);
    const reading = await child.ask<Reading>('read');
    // At once: a pool lets go of a connection that has nothing to do.
    const database = 1000 * ((await databaseCpu(child.pid)) - before);
    const placing = await child.ask<Placing>('place');
    for (const restored of [start.drivers, placing.drivers]) {
      if (restored !== drivers) throw new Error(`${restored} of ${drivers} drivers were restored`);
    }
    return { ...reading, ...placing, ...start, database, load: loadavg()[0] };
  } finally {
    await child.stop();
  }
}

function report(subjects: readonly Subject[], results: readonly (readonly Run[])[]): string {
  const row = (name: string, value: (run: Run) => string | number, unit = (n: number) => seconds(n)) => [
    name,
    ...results.map((runs) => unit(median(runs.map((one) => Number(value(one)))))),
  ];
  const rows = [
    row('the server: start of the process to ready', (one) => one.ready),
    row('  of it restoring', (one) => one.restore),
    row(
      '  its memory then',
      (one) => one.rss,
      (n) => `${count(n / 2 ** 20)} MB`,
    ),
    row('reading alone', (one) => one.read),
    row('  CPU of the database', (one) => one.database),
    row('  CPU of the process, transfer and parsing', (one) => one.readCpu),
    row('index alone', (one) => one.index),
    row('settling alone', (one) => one.settle),
    row(
      'load average of the machine',
      (one) => one.load,
      (n) => n.toFixed(1),
    ),
  ];
  const one = ({ ready, load }: Run) => `${seconds(ready)} (${load.toFixed(1)})`;
  const every = subjects.map(({ name }, i) => `${name}: ${results[i].map(one).join(', ')}`);
  const heads = [
    ['', ...subjects.map(({ name }) => name)],
    ['', ...subjects.map(({ drivers }) => count(drivers))],
  ];
  return [
    columns(heads, rows, 1),
    '',
    `Until ready, in each run, and the load average then: ${every.join(' · ')}`,
  ].join('\n');
}

/** Processor time of the backends that serve Nearcast's pools. */
async function backendsCpu(url: string): Promise<number> {
  const client = new pg.Client({ connectionString: url, application_name: 'bench' });
  await client.connect();
  const { rows } = await client.query("SELECT pid FROM pg_stat_activity WHERE application_name = 'nearcast'");
  await client.end();
  return cpuOf(rows.map(({ pid }) => pid as number));
}

function cpuOf(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + (usageOf(pid)?.cpuSeconds ?? 0), 0);
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}

type Options = ReturnType<typeof readOptions>;

function readOptions(argv: readonly string[]) {
  const { flags, number } = readArguments(argv, { values: ['drivers', 'embedded', 'runs', 'seed'], flags: ['quick'] });
  const quick = flags.has('quick');
  return {
    drivers: number('drivers', quick ? 100_000 : 1_000_000, { min: 1, max: 20_000_000, whole: true }),
    embedded: number('embedded', quick ? 10_000 : 200_000, { min: 0, max: 1_000_000, whole: true }),
    runs: number('runs', quick ? 1 : 3, { min: 1, max: 99, whole: true }),
    seed: number('seed', 1, { min: 0, whole: true }),
  };
}
