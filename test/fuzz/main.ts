import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readArguments, runCommand, UsageError } from '../../src/command-line.ts';
import { createDatabase, findPostgres, startPostgres } from '../support/postgres.ts';
import { campaign, type Plan, type Report } from './campaign.ts';
import { caseOf } from './case.ts';

const HELP = `Sends a server what it should not be sent, made of openapi.yaml and asyncapi.yaml: messages, requests, handshakes and
tokens in which something is wrong, and bytes that are not even HTTP or frames.

  npm run fuzz -- [options]

  --count N      cases (200000)
  --limited N    of them, those on a server whose limits are so low that they are met (5 %)
  --seed N       the same seed makes the same cases (random)
  --from N       the first case (0)
  --show         print the cases, and send none
  --store KIND   embedded or postgres (postgres where it is installed)
  --delay N      milliseconds that a well-behaved driver and watcher beside it may wait (5000)
  --help

Exit code: 0, or 1 when the server crashed, failed, answered what its contract does not have, left somebody waiting,
kept what it should have let go, or when the well-behaved ones missed anything. Each finding comes with the least
that does it again.`;

/** Characters of a case that are shown; `--show` shows all. */
const SHOWN = 2_000;

await runCommand(HELP, process.argv.slice(2), async (argv) => {
  const { values, flags, number } = readArguments(argv, {
    values: ['count', 'limited', 'seed', 'from', 'store', 'delay'],
    flags: ['show'],
  });
  const count = number('count', 200_000, { min: 1, max: 100_000_000, whole: true });
  const limited = number('limited', Math.floor(count / 20), { max: count, whole: true });
  const seed = number('seed', Math.floor(Math.random() * 2 ** 32), { whole: true });
  const from = number('from', 0, { whole: true });
  const maxDelay = number('delay', 5_000, { min: 1 });
  if (flags.has('show')) {
    for (let i = from; i < from + count; i++) console.log(`${i} ${JSON.stringify(caseOf(seed, i))}`);
    return 0;
  }
  console.log(`--seed ${seed}`);
  const stores = await placeOf(values.store);
  let findings = 0;
  try {
    for (const [limits, first, cases] of [
      [false, from, count - limited],
      [true, from + count - limited, limited],
    ] as const) {
      if (cases === 0) continue;
      console.log(`${cases} cases${limits ? ', with low limits' : ''}`);
      const database = await stores.make(limits ? 'limited' : 'fuzzed');
      const plan: Plan = { seed, from: first, count: cases, database, limits, maxDelay, onProgress: progress(cases) };
      const report = await campaign(plan);
      tell(report, seed);
      findings += report.findings.length;
    }
  } finally {
    await stores.end();
  }
  console.log(findings === 0 ? 'Nothing was found.' : `${findings} findings.`);
  return findings === 0 ? 0 : 1;
});

interface Stores {
  make(name: string): Promise<Readonly<Record<string, string>>>;
  end(): Promise<void>;
}

async function placeOf(name: string | undefined): Promise<Stores> {
  if (name !== undefined && name !== 'embedded' && name !== 'postgres') {
    throw new UsageError(`--store must be embedded or postgres, not '${name}'`);
  }
  const bin = findPostgres();
  if (name === 'postgres' && bin === undefined) throw new UsageError('There is no PostgreSQL with PostGIS here');
  if (bin === undefined || name === 'embedded') {
    const dir = mkdtempSync(join(tmpdir(), 'fuzz-'));
    return {
      make: async (own) => ({ DATA_DIR: join(dir, own) }),
      end: async () => rmSync(dir, { recursive: true, force: true, maxRetries: 20 }),
    };
  }
  const postgres = await startPostgres(bin);
  return {
    make: async (own) => ({ DATABASE_URL: await createDatabase(postgres, own) }),
    end: () => postgres.stop(),
  };
}

function progress(count: number): (done: number) => void {
  const step = Math.ceil(count / 10);
  return (done) => {
    if (done % step === 0 && done < count) console.log(`  ${done}`);
  };
}

function tell({ results, seconds, peers, memory, findings }: Report, seed: number): void {
  let all = 0;
  for (const [kind, own] of results) {
    const sum = [...own.values()].reduce((a, b) => a + b, 0);
    all += sum;
    const most = [...own].sort(([, a], [, b]) => b - a).map(([result, times]) => `${result} ${times}`);
    console.log(`${kind}: ${sum} (${most.join(', ')})`);
  }
  console.log(`${all} cases in ${seconds.toFixed(0)} s, ${Math.round(all / seconds)} a second`);
  const first = memory[0];
  const half = memory[memory.length >> 1];
  const last = memory.at(-1);
  const most = Math.max(...memory.map(({ rss }) => rss));
  console.log(`RSS ${first?.rss} MB at first, ${half?.rss} half-way, ${last?.rss} at last, ${most} at most`);
  console.log(`heap ${first?.heap} MB at first, ${half?.heap} half-way, ${last?.heap} at last`);
  const { sent, told, worstAck, worstTold } = peers;
  const worst = `${Math.round(worstAck)} ms to an acknowledgement, ${Math.round(worstTold)} ms to the watcher`;
  console.log(`beside it: ${sent} fixes sent, ${told} told; at worst ${worst}`);
  for (const { fault, number, cases } of findings) {
    console.log(`FOUND: ${fault}`);
    if (number !== undefined) console.log(`  case ${number}: --seed ${seed} --from ${number} --count 1 --limited 0`);
    if (cases !== undefined) for (const one of cases) console.log(`  ${JSON.stringify(one).slice(0, SHOWN)}`);
    else if (number !== undefined) console.log('  alone, or after the 40 cases before it, it did not happen again');
  }
}
