import { afterAll, beforeAll, expect, test } from 'vitest';
import { migrate } from '../../src/store/migrate.ts';
import { openStore } from '../../src/store/open.ts';
import { StorePool } from '../../src/store/pool.ts';
import { PostgisAccess } from '../../src/store/postgis-access.ts';
import { createDatabase, findPostgres, startPostgres, type TestPostgres } from '../support/postgres.ts';
import { startServer, token } from '../support/server.ts';
import { describeWith } from '../support/services.ts';
import { accessContract, share } from './access-contract.ts';
import { Truth } from './truth.ts';

describeWith('PostgreSQL with PostGIS', findPostgres(), 'access on a PostgreSQL server', (bin) => {
  let postgres: TestPostgres;
  beforeAll(async () => {
    postgres = await startPostgres(bin);
  }, 60_000);
  afterAll(() => postgres?.stop(), 30_000);

  accessContract('PostGIS', async () => {
    const connectionString = await createDatabase(postgres, 'access');
    await migrate({ connectionString });
    const pool = new StorePool({ connectionString });
    return {
      access: new PostgisAccess(pool),
      clear: async () => void (await pool.query('TRUNCATE shares, revocations')),
      close: () => pool.finish(),
    };
  });

  test('shares and revocations are there after a restart, and of a token only its SHA-256 is in the database', async () => {
    const databaseUrl = await createDatabase(postgres, 'restart');
    const open = () => openStore({ databaseUrl, dataDir: '/nonexistent' });
    const manager = { authorization: `Bearer ${token({ scope: 'positions:read access:manage', jti: 'm' })}` };
    let opened = await open();
    const before = await startServer({ access: opened.access });
    const made = await (await before.post('/v1/shares', { driverId: 'd', label: 'kept' }, manager)).json();
    const ended = await (await before.post('/v1/shares', { driverId: 'd' }, manager)).json();
    await before.app.inject({ method: 'DELETE', url: `/v1/shares/${ended.id}`, headers: manager });
    const leaked = token({ jti: 'leaked' });
    await before.post('/v1/revocations', { jti: 'leaked', expiresAt: Date.now() + 3_600_000 }, manager);
    await opened.close();

    opened = await open();
    const after = await startServer({ access: opened.access });
    const status = async (bearer: string) =>
      (await after.get('/v1/drivers/nearby?latitude=1&longitude=2', { authorization: `Bearer ${bearer}` })).status;
    expect(await status(made.token)).toBe(200);
    expect(await status(ended.token)).toBe(401);
    expect(await status(leaked)).toBe(401);
    expect(await status(token({ jti: 'leaked', fleet: 'other' }))).toBe(200);
    const { shares } = await (await after.get('/v1/shares', manager)).json();
    expect(shares).toMatchObject([{ id: made.id, driverId: 'd', label: 'kept', expiresAt: made.expiresAt }]);
    await opened.close();

    const truth = await Truth.connect({ connectionString: databaseUrl });
    // PostgreSQL's own SHA-256, of the token as it was told.
    expect(await truth.sql('SELECT id FROM shares WHERE digest = sha256($1::bytea)', [made.token])).toEqual([
      { id: made.id },
    ]);
    const [{ all }] = await truth.sql('SELECT string_agg(shares::text, chr(10)) AS all FROM shares');
    expect(all).toContain(made.id);
    expect(all).not.toContain(made.token.slice(6, 20));
    await truth.close();
  });

  test('the role of one fleet sees nothing; were it granted the tables, the rows of the fleet that is set alone', async () => {
    const connectionString = await createDatabase(postgres, 'rows');
    const truth = await Truth.connect({ connectionString });
    await truth.sql(`DO $$ BEGIN
      IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'nearcast_fleet') THEN CREATE ROLE nearcast_fleet NOLOGIN; END IF;
    END $$`);
    await migrate({ connectionString });
    const pool = new StorePool({ connectionString });
    const access = new PostgisAccess(pool);
    for (const fleet of ['one', 'two']) {
      await access.saveShare(share('a', { sight: { fleet, driverId: 'd' } }));
      await access.revoke({ fleet, tokenId: 'j', revokedAt: 0, expiresAt: 1 });
    }
    await pool.finish();
    const seen = async (table: string, fleet: string | undefined) => {
      await truth.sql('BEGIN');
      try {
        await truth.sql('SET LOCAL ROLE nearcast_fleet');
        if (fleet !== undefined) await truth.sql("SELECT set_config('nearcast.fleet', $1, true)", [fleet]);
        return (await truth.sql(`SELECT fleet FROM ${table}`)).map((row) => row.fleet);
      } finally {
        await truth.sql('ROLLBACK');
      }
    };
    for (const table of ['shares', 'revocations']) {
      await expect(seen(table, 'one')).rejects.toThrow(/permission denied/);
      await truth.sql(`GRANT SELECT, INSERT ON ${table} TO nearcast_fleet`);
      expect(await seen(table, 'one')).toEqual(['one']);
      expect(await seen(table, 'two')).toEqual(['two']);
      expect(await seen(table, 'three')).toEqual([]);
      expect(await seen(table, undefined)).toEqual([]);
    }
    await truth.sql('BEGIN');
    await truth.sql('SET LOCAL ROLE nearcast_fleet');
    await truth.sql("SELECT set_config('nearcast.fleet', 'one', true)");
    await expect(truth.sql("INSERT INTO revocations VALUES ('two', 'k', now(), now())")).rejects.toThrow(
      /row-level security/,
    );
    await truth.sql('ROLLBACK');
    await truth.close();
  });

  test('while the server hangs nothing is half done: 503, and what was there goes on', async () => {
    const connectionString = await createDatabase(postgres, 'away');
    await migrate({ connectionString });
    const pool = new StorePool({ connectionString }, { connectTimeout: 300, queryTimeout: 300 });
    const server = await startServer({ access: new PostgisAccess(pool) });
    const manager = { authorization: `Bearer ${token({ scope: 'positions:read access:manage' })}` };
    const made = await (await server.post('/v1/shares', { driverId: 'd' }, manager)).json();
    const victim = token({ jti: 'j' });
    const status = async (bearer: string) =>
      (await server.get('/v1/drivers/nearby?latitude=1&longitude=2', { authorization: `Bearer ${bearer}` })).status;
    const expiresAt = Date.now() + 60_000;
    postgres.freeze();
    try {
      const refused = await server.post('/v1/shares', { driverId: 'd' }, manager);
      expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
      expect((await server.post('/v1/revocations', { jti: 'j', expiresAt }, manager)).status).toBe(503);
      const end = { method: 'DELETE', url: `/v1/shares/${made.id}`, headers: manager } as const;
      expect((await server.app.inject(end)).statusCode).toBe(503);
      expect([await status(made.token), await status(victim)]).toEqual([200, 200]);
      expect((await (await server.get('/v1/shares', manager)).json()).shares.length).toBe(1);
      expect((await (await server.get('/v1/revocations', manager)).json()).revocations).toEqual([]);
    } finally {
      postgres.thaw();
    }
    expect((await server.post('/v1/revocations', { jti: 'j', expiresAt }, manager)).status).toBe(204);
    expect(await status(victim)).toBe(401);
    await pool.finish();
  });
});
