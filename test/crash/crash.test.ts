import { describe, expect, test } from 'vitest';
import { findPostgres } from '../support/postgres.ts';
import { seeded } from '../support/random.ts';
import { describeWith } from '../support/services.ts';
import { campaign, type StoreKind } from './campaign.ts';

/** Kills in all; `npm run crash` does hundreds. */
const KILLS = Number(process.env.CRASH_KILLS ?? 3);
/** Milliseconds for a kill and what follows, on a busy machine. */
const EACH = 30_000;

async function expectNothingLost(store: StoreKind, kills: number, bin?: string): Promise<void> {
  let answered = 0;
  for await (const { kind, faults, ...round } of campaign(store, kills, seeded(`crash, ${store}`), bin)) {
    expect.soft(faults, kind).toEqual([]);
    answered += round.answered;
  }
  expect(answered).toBeGreaterThan(0);
}

describe('kill -9 under load, with the embedded database', () => {
  const kills = Math.ceil(KILLS / 3);
  test(`${kills} times loses nothing acknowledged and invents nothing`, { timeout: 60_000 + kills * EACH }, () =>
    expectNothingLost('embedded', kills),
  );
});

describeWith('PostgreSQL with PostGIS', findPostgres(), 'kill -9 under load, with a PostgreSQL server', (bin) => {
  const kills = KILLS - Math.ceil(KILLS / 3);
  test(`${kills} times loses nothing acknowledged and invents nothing`, { timeout: 60_000 + kills * EACH }, () =>
    expectNothingLost('postgres', kills, bin),
  );
});
