import pg from 'pg';
import { describe, expect, onTestFinished, test } from 'vitest';
import { findPostgres, startPostgres } from '../support/postgres.ts';
import { seeded } from '../support/random.ts';
import { describeWith } from '../support/services.ts';
import { slowTest } from '../support/slow.ts';
import { campaign, type StoreKind } from './campaign.ts';
import { postgresPlace } from './places.ts';
import { CrashRun } from './run.ts';

/** Kills in all; `npm run crash` does hundreds. */
const KILLS = Number(process.env.CRASH_KILLS ?? 2);
/** Milliseconds for a kill and what follows, on a busy machine. */
const EACH = 60_000;

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
  slowTest(`${kills} times loses nothing acknowledged and invents nothing`, { timeout: 60_000 + kills * EACH }, () =>
    expectNothingLost('embedded', kills),
  );
});

describeWith('PostgreSQL with PostGIS', findPostgres(), 'kill -9 under load, with a PostgreSQL server', (bin) => {
  const kills = KILLS - Math.ceil(KILLS / 3);
  test(`${kills} times loses nothing acknowledged and invents nothing`, { timeout: 60_000 + kills * EACH }, () =>
    expectNothingLost('postgres', kills, bin),
  );

  slowTest('is judged by tables in which every change made by hand is seen', async () => {
    const postgres = await startPostgres(bin);
    onTestFinished(() => postgres.stop());
    const place = await postgresPlace(postgres, 'by_hand');
    const run = new CrashRun(place, seeded('crash, by hand'));
    onTestFinished(() => run.end());
    await run.begin(0);
    // All is acknowledged in the end.
    expect((await run.kill('database')).faults).toEqual([]);
    const client = new pg.Client(place.connection(0));
    await client.connect();
    for (const [change, fault] of [
      ["DELETE FROM fixes WHERE fleet = 'north'", /of north .+ acknowledged, and is not in fixes/],
      ["UPDATE fixes SET speed = 0.5 WHERE fleet = 'south'", /of south .+ in fixes with speed 0\.5/],
      [
        `INSERT INTO fixes (fleet, driver_id, recorded_at, received_at, location, cell)
          SELECT fleet, 'driver 0', recorded_at, received_at, location, cell FROM fixes LIMIT 1`,
        /driver 0 of .+ is in fixes, and was never sent/,
      ],
      ["DELETE FROM positions WHERE fleet = 'north'", /of north is in positions at undefined/],
      ["UPDATE positions SET heading = 0.5 WHERE fleet = 'south'", /of south .+ in positions with heading 0\.5/],
      [
        "UPDATE positions SET recorded_at = recorded_at - interval '4 days' WHERE fleet = 'south'",
        /of south .+ is in positions, and was never sent/,
      ],
    ] as const) {
      await client.query(change);
      expect.soft((await run.look()).faults.join('\n'), change).toMatch(fault);
    }
    await client.end();
  });
});
