import { findPostgres, startPostgres } from '../support/postgres.ts';
import type { Random } from '../support/random.ts';
import { embeddedPlace, postgresPlace } from './places.ts';
import { CrashRun, type Kind, type Round } from './run.ts';

/** What a server keeps its data in. */
export type StoreKind = 'embedded' | 'postgres';

/** Kinds of kills, as often as each is to come. */
const KINDS: Readonly<Record<StoreKind, readonly Kind[]>> = {
  embedded: [
    'server',
    'server',
    'server',
    'after an ack',
    'after an ack',
    'start',
    'start',
    'database',
    'both',
    'both',
  ],
  postgres: [
    'server',
    'server',
    'server',
    'after an ack',
    'after an ack',
    'start',
    'start',
    'database',
    'both',
    'hanging',
  ],
};
/** Kills on one database; the next begins with nothing, so that setting it up is killed too. */
const ON_ONE = 25;

/**
 * Kills servers on one kind of store, and tells of each kill.
 *
 * @param bin where PostgreSQL's programs are
 */
export async function* campaign(
  store: StoreKind,
  kills: number,
  random: Random,
  bin: string | undefined = findPostgres(),
): AsyncGenerator<Round> {
  if (store === 'postgres' && bin === undefined) throw new Error('there is no PostgreSQL with PostGIS on this machine');
  const postgres = store === 'postgres' ? await startPostgres(bin as string) : undefined;
  try {
    let deck: Kind[] = [];
    for (let n = 0; n < kills; n += ON_ONE) {
      const place = postgres === undefined ? embeddedPlace() : await postgresPlace(postgres, `crash_${n}`);
      const run = new CrashRun(place, random);
      try {
        // The first of a few kills are better spent on a server that works.
        await run.begin(kills >= KINDS[store].length ? 1 + random.below(3) : 0);
        for (let i = n; i < Math.min(n + ON_ONE, kills); i++) {
          if (deck.length === 0) deck = shuffled(KINDS[store], random);
          yield await run.kill(deck.pop() as Kind);
        }
      } finally {
        await run.end();
      }
    }
  } finally {
    await postgres?.stop();
  }
}

function shuffled<T>(list: readonly T[], random: Random): T[] {
  const rest = [...list];
  return Array.from(list, () => rest.splice(random.below(rest.length), 1)[0]);
}
