import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { EmbeddedDatabase } from '../../src/store/embedded.ts';
import { migrate } from '../../src/store/migrate.ts';
import { Partitions } from '../../src/store/partitions.ts';
import { type Connection, StorePool } from '../../src/store/pool.ts';
import { PostgisStore } from '../../src/store/postgis.ts';
import { findPostgres, startPostgres } from '../support/postgres.ts';
import { startServer } from '../support/server.ts';
import { describeWith } from '../support/services.ts';
import { slowTest } from '../support/slow.ts';
import { Truth } from './truth.ts';

/** What the constraint that is added by hand does not let in. */
const POISON = 13;
const BATCH = 300;
/** Batches under way at the same time. */
const BATCHES = 2;

const REFUSED = { verdict: 'refused', code: 'unavailable', message: 'It could not be stored.' };

/** Fixes of a batch, several of each driver: one of them is poison. */
function batchOf(table: string, n: number) {
  const timestamp = Date.now();
  return Array.from({ length: BATCH }, (_, i) => {
    // The first of one, the last of the other.
    const isPoison = i === [0, BATCH - 1][n];
    return {
      driverId: `${table} ${n} ${isPoison ? 'poison' : i % 300}`,
      latitude: i / 100,
      longitude: n,
      timestamp: timestamp + i,
      speed: isPoison ? POISON : 1,
    };
  });
}

async function refusesPoisonAlone(connection: Connection): Promise<void> {
  await migrate(connection);
  const pool = new StorePool(connection);
  const store = new PostgisStore(pool, { partitions: new Partitions(pool, 7) });
  onTestFinished(() => store.close());
  const truth = await Truth.connect(connection);
  const server = await startServer({ store });

  for (const table of ['fixes', 'positions']) {
    await truth.sql('TRUNCATE fixes, positions');
    await truth.sql(`ALTER TABLE ${table} ADD CONSTRAINT no_poison CHECK (speed <> ${POISON})`);
    const batches = Array.from({ length: BATCHES }, (_, n) => batchOf(table, n));
    const poison = batches.flatMap((batch) => batch.filter(({ speed }) => speed === POISON));
    const [other, ...clients] = await Promise.all([0, ...batches].map(() => server.connect()));
    const answers = batches.map((positions, n) =>
      n % 2 === 0
        ? clients[n].ask({ type: 'positions', id: n, positions }, 'ack')
        : server.post('/v1/positions', { positions }).then((answer) => answer.json()),
    );
    const after = other.ask({ ...batchOf(table, 9)[2], id: 'after' }, 'ack');
    for (const [n, answer] of (await Promise.all(answers)).entries()) {
      const expected = batches[n].map(({ speed }) => (speed === POISON ? REFUSED : { verdict: 'accepted' }));
      expect(answer.results).toEqual(expected);
    }
    expect((await after).verdict).toBe('accepted');

    const fixes = new Set((await truth.fixes()).map((fix) => `${fix.driverId} ${fix.timestamp}`));
    for (const { driverId, timestamp, speed } of batches.flat()) {
      expect(fixes.has(`${driverId} ${timestamp}`)).toBe(speed !== POISON);
    }
    expect(fixes.size).toBe(BATCHES * (BATCH - 1) + 1);

    // The fault mended, the same fix sent again is taken.
    await truth.sql(`ALTER TABLE ${table} DROP CONSTRAINT no_poison`);
    const again = (await (await server.post('/v1/positions', { positions: poison })).json()).results;
    expect(again.map(({ verdict }: { verdict: string }) => verdict)).not.toContain('refused');
    const now = new Set((await truth.fixes()).map((fix) => `${fix.driverId} ${fix.timestamp}`));
    for (const { driverId, timestamp } of poison) expect(now).toContain(`${driverId} ${timestamp}`);
  }
  await truth.close();
}

describe('a fix that the database refuses', () => {
  slowTest('is refused alone, in batches of hundreds, by the embedded database', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'nearcast-test-'));
    onTestFinished(() => rmSync(dataDir, { recursive: true, force: true }));
    const database = await EmbeddedDatabase.start({ dataDir });
    onTestFinished(() => database.stop());
    await refusesPoisonAlone(database.connection);
  });
});

describeWith('PostgreSQL with PostGIS', findPostgres(), 'a fix that the database refuses', (bin) => {
  test('is refused alone, in batches of hundreds, by a PostgreSQL server', async () => {
    const postgres = await startPostgres(bin);
    onTestFinished(() => postgres.stop());
    await refusesPoisonAlone({ connectionString: postgres.url });
  });
});
