import { sql } from 'kysely';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { FixReader } from '../../src/store/fix-reader.ts';
import { ensureFleetRole } from '../../src/store/fleet-role.ts';
import { inspectDatabase } from '../../src/store/inspect.ts';
import { migrate } from '../../src/store/migrate.ts';
import { openStore } from '../../src/store/open.ts';
import { StorePool } from '../../src/store/pool.ts';
import { StoreUnavailable } from '../../src/store/store.ts';
import { createDatabase, findPostgres, startPostgres, type TestPostgres } from '../support/postgres.ts';
import { describeWith } from '../support/services.ts';
import { rowSecurityContract } from './row-security-contract.ts';
import { late, row } from './rows.ts';
import { Truth } from './truth.ts';

describeWith('PostgreSQL with PostGIS', findPostgres(), 'fleets in a database', (bin) => {
  let postgres: TestPostgres;
  beforeAll(async () => {
    postgres = await startPostgres(bin);
  }, 60_000);
  afterAll(() => postgres?.stop(), 30_000);

  rowSecurityContract('a PostgreSQL server', async () => ({
    connectionString: await createDatabase(postgres, 'row_security'),
  }));

  /** A database of a plain user's, who may make no roles unless it is said; and SQL as a superuser. */
  const humble = async (name: string, more = '', server = postgres) => {
    const url = await createDatabase(server, name);
    const truth = await Truth.connect({ connectionString: url });
    await truth.sql('CREATE EXTENSION postgis');
    await truth.sql(`CREATE ROLE "${name} owner" LOGIN ${more}`);
    await truth.sql(`GRANT ALL ON SCHEMA public TO "${name} owner"`);
    const connectionString = url.replace('postgres@', `${encodeURIComponent(`${name} owner`)}@`);
    return { truth, connectionString };
  };
  /** A server that has never heard of fleets. */
  const fresh = async () => {
    const server = await startPostgres(bin);
    onTestFinished(() => server.stop());
    return server;
  };
  const seenBy = async (connectionString: string, asFleet: boolean) => {
    const pool = new StorePool({ connectionString });
    const rows = await new FixReader(pool, asFleet).read<{ fleet: string }>('a', sql`SELECT fleet FROM fixes`);
    await pool.finish();
    return rows.map(({ fleet }) => fleet).sort();
  };

  test('a user that may make roles makes its own, also when many instances start at once', async () => {
    const { truth, connectionString } = await humble('maker', 'CREATEROLE', await fresh());
    expect((await inspectDatabase(connectionString)).mayIsolate).toBe(true);
    await migrate({ connectionString });
    const started = await Promise.all(Array.from({ length: 5 }, () => ensureFleetRole({ connectionString })));
    expect(started).toEqual([undefined, undefined, undefined, undefined, undefined]);
    await truth.close();
  });

  test('a user that may not is told what a superuser has to run; until then all works, and after it fleets are apart', async () => {
    const { truth, connectionString } = await humble('humble', '', await fresh());
    const said: string[] = [];
    const open = () =>
      openStore({
        databaseUrl: connectionString,
        dataDir: '/nonexistent',
        retentionDays: 1,
        log: (message) => said.push(message),
      });
    const mayIsolate = async () => (await inspectDatabase(connectionString)).mayIsolate;
    expect(await mayIsolate()).toBe(false);
    let opened = await open();
    expect(await mayIsolate()).toBe(false);
    expect(said).toEqual([expect.stringMatching(/^Row-level security is not in use: .*nearcast_fleet/)]);
    const now = Date.now();
    await opened.store.write(late(['a', 'b'].map((fleet) => row('d', { fleet, timestamp: now, receivedAt: now }))));
    expect(await opened.history?.tracks.knows('a', 'd')).toBe(true);
    await opened.close();
    expect(await seenBy(connectionString, false)).toEqual(['a', 'b']);
    await expect(seenBy(connectionString, true)).rejects.toThrow(/nearcast_fleet/);
    const remedies = said[0].slice(said[0].indexOf('CREATE ROLE')).match(/[^;]+;/g) ?? [];
    expect(remedies.length).toBe(5);
    for (const statement of remedies) await truth.sql(statement);
    expect(await mayIsolate()).toBe(true);
    opened = await open();
    expect(said.length).toBe(1);
    expect(await opened.history?.tracks.knows('a', 'd')).toBe(true);
    await opened.close();
    expect(await seenBy(connectionString, true)).toEqual(['a']);
    await truth.close();
  });

  test('a role that may pass by the policies is no protection, and the start says so', async () => {
    const { truth, connectionString } = await humble('lax');
    await migrate({ connectionString });
    expect(await ensureFleetRole({ connectionString: postgres.urlOf('lax') })).toBeUndefined();
    await truth.sql('GRANT nearcast_fleet TO "lax owner"');
    expect(await ensureFleetRole({ connectionString })).toBeUndefined();
    await truth.sql('ALTER ROLE nearcast_fleet BYPASSRLS');
    try {
      expect(await ensureFleetRole({ connectionString })).toMatch(/may pass by it.+NOBYPASSRLS/);
    } finally {
      await truth.sql('ALTER ROLE nearcast_fleet NOBYPASSRLS');
    }
    await truth.close();
  });

  test('whoever else has a right to the tables sees all of them, as before', async () => {
    const { truth, connectionString } = await humble('shared', 'CREATEROLE');
    await migrate({ connectionString });
    await truth.sql("INSERT INTO positions SELECT 'a', 'd', 'POINT(0 0)', 0, now(), now()");
    await truth.sql('CREATE ROLE analyst');
    await truth.sql('GRANT SELECT ON positions TO analyst');
    await truth.sql('SET ROLE analyst');
    expect(await truth.sql('SELECT fleet FROM positions')).toEqual([{ fleet: 'a' }]);
    await truth.close();
  });

  test('a server that is away is that, and no want of rights', async () => {
    const { truth, connectionString } = await humble('gone');
    await migrate({ connectionString });
    await truth.close();
    await postgres.crash();
    try {
      await expect(ensureFleetRole({ connectionString })).rejects.toThrow(StoreUnavailable);
    } finally {
      await postgres.restart();
    }
  });
});
