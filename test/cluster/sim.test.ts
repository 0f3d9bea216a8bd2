import { expect, test } from 'vitest';
import { type Random, seeded } from '../support/random.ts';
import { slowTest } from '../support/slow.ts';
import { run } from './sim.ts';

// Three instances in one process, of one store and one bus, by one clock: what everybody believes is the naive answer once
// things have come to rest, whatever happened.
//
//   SEED=n   the same run again; a failure names the seed of its own episode: `run({ seed, operations, isRough })`

/** Operations until everything begins anew, with other towns. */
const EPISODE = 300;
/** Milliseconds that the slow tests take together. */
const LONG = 60_000;

/** Runs episodes. @returns how often what happened */
async function campaign(random: Random, isRough: boolean, goesOn: (episodes: number) => boolean) {
  const counts = new Map<string, number>();
  for (let i = 0; goesOn(i); i++) await run({ seed: random.below(2 ** 32), operations: EPISODE, isRough, counts });
  console.log([...counts].map(([what, times]) => `${what} ${times}`).join(', '));
  return counts;
}

const KINDS = [
  ['everything takes its time', false],
  ['the bus, the store and instances fail', true],
] as const;

test.each(KINDS)('all instances tell the truth, although %s', async (kind, isRough) => {
  const counts = await campaign(seeded(kind), isRough, (episodes) => episodes < 3);
  expect(counts.get('belief checked')).toBeGreaterThan(20);
  for (const what of ['accepted', 'late', 'duplicate', 'gone', 'asked']) {
    expect(counts.get(what), what).toBeGreaterThan(0);
  }
});

slowTest.each(KINDS)(
  'all instances tell the truth for long, although %s',
  async (kind, isRough) => {
    const until = performance.now() + LONG / 2;
    await campaign(seeded(`${kind}, for long`), isRough, () => performance.now() < until);
  },
  3 * LONG,
);
