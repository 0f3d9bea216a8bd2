import { readArguments, runCommand, UsageError } from '../../src/command-line.ts';
import { Random } from '../support/random.ts';
import { campaign, type StoreKind } from './campaign.ts';

const HELP = `Kills servers at random moments, at work and while they start, and compares what is left with all that
was ever acknowledged.

  npm run crash -- [options]

  --kills N      kills, of each store (200)
  --store KIND   embedded, postgres or both (both)
  --seed N       the same seed makes the same choices (random)
  --help

PostgreSQL with PostGIS is found on the machine and started privately.
After each kill a line says what was killed, how much was acknowledged and how much not, how many fixes the
table then holds, how long the start took, and what is wrong.
Exit code: 0, or 1 when anything acknowledged is missing or changed, or anything is there that was never sent.`;

/** Faults of a kill that are shown; the others are only counted. */
const SHOWN = 5;

await runCommand(HELP, process.argv.slice(2), async (argv) => {
  const { values, number } = readArguments(argv, { values: ['kills', 'store', 'seed'] });
  const kills = number('kills', 200, { min: 1, max: 100_000, whole: true });
  const seed = number('seed', Math.floor(Math.random() * 2 ** 32), { whole: true });
  let faults = 0;
  for (const store of storesOf(values.store ?? 'both')) faults += await kill(store, kills, seed);
  console.log(faults === 0 ? 'Nothing acknowledged was lost.' : `${faults} faults.`);
  return faults === 0 ? 0 : 1;
});

async function kill(store: StoreKind, kills: number, seed: number): Promise<number> {
  console.log(`${store}: ${kills} kills, --seed ${seed}`);
  const startedAt = performance.now();
  let n = 0;
  let answered = 0;
  let open = 0;
  let wrong = 0;
  for await (const { kind, start, rows, faults, ...round } of campaign(store, kills, new Random(seed))) {
    n++;
    answered += round.answered;
    open += round.open;
    wrong += faults.length;
    const sent = `${round.answered} acknowledged, ${round.open} not`;
    const verdict = faults.length === 0 ? 'all there' : `${faults.length} FAULTS`;
    console.log(`${n}/${kills} ${kind}: ${sent}; ${rows} fixes; start ${Math.round(start)} ms; ${verdict}`);
    for (const fault of faults.slice(0, SHOWN)) console.log(`  ${fault}`);
  }
  const minutes = ((performance.now() - startedAt) / 60_000).toFixed(1);
  console.log(`${store}: ${n} kills, ${answered} acknowledged, ${open} not, ${wrong} faults, ${minutes} minutes`);
  return wrong;
}

function storesOf(name: string): readonly StoreKind[] {
  if (name === 'both') return ['embedded', 'postgres'];
  if (name === 'embedded' || name === 'postgres') return [name];
  throw new UsageError(`--store must be embedded, postgres or both, not '${name}'`);
}
