import pg from 'pg';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { inspectDatabase } from '../../src/store/inspect.ts';
import { DatabaseUnsuitable, migrate } from '../../src/store/migrate.ts';
import { createDatabase, findPostgres, startPostgres, type TestPostgres } from '../support/postgres.ts';
import { describeWith } from '../support/services.ts';

describeWith('PostgreSQL with PostGIS', findPostgres(), 'looking at a database', (bin) => {
  let postgres: TestPostgres;
  beforeAll(async () => {
    postgres = await startPostgres(bin);
  });
  afterAll(() => postgres?.stop());

  const query = async (url: string, text: string) => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      return (await client.query(text)).rows;
    } finally {
      await client.end();
    }
  };
  /** Everything that is in it, and not of PostgreSQL itself. */
  const contents = (url: string) =>
    query(url, "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1");
  const as = (url: string, user: string) => url.replace('postgres://postgres@', `postgres://${user}@`);

  test('that is empty finds that PostGIS and every migration are due, and leaves it empty', async () => {
    const url = await createDatabase(postgres, 'empty');
    const { postgis, due, done } = await inspectDatabase(url);
    expect([postgis, done]).toEqual([undefined, 0]);
    expect(due[0]).toBe('001-positions');
    expect(await contents(url)).toEqual([]);
    await migrate({ connectionString: url });
    const migrated = await contents(url);
    const { postgis: version, ...after } = await inspectDatabase(url);
    const [truth] = await query(url, 'SELECT PostGIS_Lib_Version() AS version, version() AS server');
    expect(version).toBe(truth.version);
    expect(truth.server).toContain(`PostgreSQL ${after.postgres}`);
    expect(after).toMatchObject({ due: [], done: due.length });
    expect(await contents(url)).toEqual(migrated);
  });

  test('that a newer version set up refuses it, as the start does', async () => {
    const url = await createDatabase(postgres, 'newer');
    await migrate({ connectionString: url });
    await query(url, "INSERT INTO kysely_migration VALUES ('999-tomorrow', '2030-01-01')");
    await expect(inspectDatabase(url)).rejects.toThrow(/newer Nearcast.+999-tomorrow.+Update Nearcast/);
    await expect(migrate({ connectionString: url })).rejects.toThrow(/newer Nearcast.+Update Nearcast/);
  });

  test('whose user may not do what is needed says what its owner has to run, and that is enough', async () => {
    const url = await createDatabase(postgres, 'strange');
    await query(url, 'CREATE ROLE guest LOGIN');
    onTestFinished(async () => void (await query(postgres.url, 'DROP DATABASE strange')));
    await query(url, 'REVOKE CREATE ON SCHEMA public FROM public');
    const remedies: string[] = [];
    for (;;) {
      const error = await inspectDatabase(as(url, 'guest')).then(
        () => undefined,
        (error: Error) => error,
      );
      if (error === undefined) break;
      expect(error).toBeInstanceOf(DatabaseUnsuitable);
      const remedy = /in that database: (.+)$/.exec(error.message)?.[1] as string;
      expect(remedies).not.toContain(remedy);
      remedies.push(remedy);
      await query(url, remedy);
    }
    expect(remedies.map((remedy) => remedy.split(' ', 1)[0])).toEqual(['GRANT', 'CREATE']);
    await migrate({ connectionString: as(url, 'guest') });
    await query(url, 'ALTER TABLE positions OWNER TO postgres');
    await expect(inspectDatabase(as(url, 'guest'))).rejects.toThrow(/ALTER TABLE positions OWNER TO "guest"/);
  });

  test('that can only be read, or is not there, says so', async () => {
    const url = await createDatabase(postgres, 'frozen');
    await query(url, 'ALTER DATABASE frozen SET default_transaction_read_only = on');
    await expect(inspectDatabase(url)).rejects.toThrow(/read-only/);
    await expect(inspectDatabase(postgres.urlOf('nowhere'))).rejects.toThrow(/"nowhere" does not exist/);
  });
});
