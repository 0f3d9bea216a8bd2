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
      clear: async () => void (await pool.query('TRUNCATE shares, revocations, access_changes')),
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

  test('what is committed late is told late, and what is changed by hand like all else', async () => {
    const connectionString = await createDatabase(postgres, 'changes');
    await migrate({ connectionString });
    const pool = new StorePool({ connectionString });
    const access = new PostgisAccess(pool);
    const [early, late, hand] = await Promise.all([1, 2, 3].map(() => Truth.connect({ connectionString })));
    const keys = async (mark: string) => (await access.changesSince(mark))?.changes.map(({ key }) => key).sort();
    const revoke = (id: string) => `INSERT INTO revocations VALUES ('one', '${id}', now(), now() + interval '1 day')`;
    const { mark } = await access.load();
    await early.sql('BEGIN');
    await early.sql(revoke('early'));
    await late.sql('BEGIN');
    await late.sql(revoke('late'));
    await hand.sql('SET search_path = pg_catalog');
    await hand.sql(revoke('at once').replace('revocations', 'public.revocations'));
    const first = await access.changesSince(mark);
    expect(first?.changes.map(({ key }) => key)).toEqual(['at once']);
    await early.sql('COMMIT');
    const second = await access.changesSince(first?.mark as string);
    expect(second?.changes.map(({ key }) => key)).toContain('early');
    await late.sql('COMMIT');
    expect(await keys(second?.mark as string)).toContain('late');
    const { mark: then } = await access.load();
    await hand.sql("UPDATE public.revocations SET expires_at = expires_at + interval '1 day' WHERE token_id = 'late'");
    await access.saveShare(share('s', { expiresAt: Date.now() + 60_000 }), 9);
    await hand.sql('DELETE FROM public.shares');
    await hand.sql('BEGIN');
    await hand.sql(revoke('never').replace('revocations', 'public.revocations'));
    await hand.sql('ROLLBACK');
    expect(await keys(then)).toEqual(['late', 's']);
    // Long ago, or of a database that was restored since.
    const [xid, at] = then.split(' ');
    expect(await access.changesSince(`${xid} ${Number(at) - 51 * 60_000}`)).toBeUndefined();
    expect(await access.changesSince(`${Number(xid) + 1_000} ${at}`)).toBeUndefined();
    expect(await access.changesSince(`${xid} ${Number(at) - 49 * 60_000}`)).toBeDefined();
    await early.sql("UPDATE access_changes SET changed_at = changed_at - interval '61 minutes' WHERE key = 'late'");
    await access.prune(0, 0);
    expect(await keys(then)).toEqual(['s']);
    // So much is better read as a whole.
    await early.sql(
      "INSERT INTO access_changes (kind, fleet, key) SELECT 'share', 'f', n::text FROM generate_series(1, 10001) n",
    );
    expect(await access.changesSince(then)).toBeUndefined();
    await Promise.all([pool.finish(), early.close(), late.close(), hand.close()]);
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
      await access.saveShare(share('a', { sight: { fleet, driverId: 'd' } }), 9);
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
    for (const table of ['shares', 'revocations', 'access_changes']) {
      await expect(seen(table, 'one')).rejects.toThrow(/permission denied/);
      await truth.sql(`GRANT SELECT, INSERT ON ${table} TO nearcast_fleet`);
      expect(new Set(await seen(table, 'one'))).toEqual(new Set(['one']));
      expect(new Set(await seen(table, 'two'))).toEqual(new Set(['two']));
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
