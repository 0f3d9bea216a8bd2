import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { CHECK_INTERVAL } from '../../src/auth/catch-up.ts';
import { migrate } from '../../src/store/migrate.ts';
import { StorePool } from '../../src/store/pool.ts';
import { PostgisAccess } from '../../src/store/postgis-access.ts';
import { EventStreamReader } from '../support/event-stream.ts';
import { HintHub } from '../support/hints.ts';
import { Poller } from '../support/poller.ts';
import { createDatabase, findPostgres, startPostgres, type TestPostgres } from '../support/postgres.ts';
import { startServer, type TestServer, token } from '../support/server.ts';
import { describeWith } from '../support/services.ts';

const NEARBY = '/v1/drivers/nearby?latitude=30&longitude=-97';
const REVOKED = { code: 4401, reason: 'the token was revoked' };
const bearer = (jwt: string) => ({ authorization: `Bearer ${jwt}` });
const boss = bearer(token({ sub: 'boss', scope: 'access:manage' }));

async function revoke(server: TestServer, jti: string): Promise<void> {
  const wish = { jti, expiresAt: Date.now() + 3_600_000 };
  expect((await server.post('/v1/revocations', wish, boss)).status).toBe(204);
}

const share = async (server: TestServer, jwt: string) =>
  (await server.post('/v1/shares', { driverId: 'd' }, bearer(jwt))).json();
const status = async (server: TestServer, jwt: string) => (await server.get(NEARBY, bearer(jwt))).status;

describeWith('PostgreSQL with PostGIS', findPostgres(), 'instances of one database', (bin) => {
  let postgres: TestPostgres;
  let databases = 0;
  beforeAll(async () => {
    postgres = await startPostgres(bin);
  }, 60_000);
  afterAll(() => postgres?.stop(), 30_000);

  /** Two servers, and what carries hints between them. */
  async function instances(env: Record<string, string> = {}) {
    const connectionString = await createDatabase(postgres, `instances_${databases++}`);
    await migrate({ connectionString });
    const hub = new HintHub();
    const start = async () => {
      const pool = new StorePool({ connectionString }, { connectTimeout: 300, queryTimeout: 300 });
      const server = await startServer({ env, access: new PostgisAccess(pool), accessHints: hub.channel() });
      onTestFinished(() => pool.finish());
      return server;
    };
    return { hub, a: await start(), b: await start() };
  }

  test('[19.5] what is revoked at one is closed and refused at the other, by every door', async () => {
    const { a, b } = await instances();
    const jwt = token({ sub: 'anna', jti: 'j' });
    const made = await share(a, jwt);
    const clients = [
      await b.connect(`/ws?access_token=${token({ jti: 'j', scope: 'positions:write' })}`),
      await b.connect(`/ws?latitude=1&longitude=2&radius=3&access_token=${jwt}`),
      await b.connect(`/ws?access_token=${made.token}`),
    ];
    await clients[1].next('snapshot');
    await clients[2].ask({ type: 'subscribe', subscription: 's' }, 'snapshot');
    const stream = await EventStreamReader.open(`http://127.0.0.1:${b.port}/v1/stream`, bearer(made.token));
    const poller = new Poller(b, '', undefined, jwt);
    await poller.poll();
    const polled = poller.ask();
    const other = await b.connect(`/ws?access_token=${token({ sub: 'anna', jti: 'k' })}`);
    await revoke(a, 'j');
    for (const client of clients) expect(await client.closed).toEqual(REVOKED);
    expect((await stream.next('close')).data).toEqual(REVOKED);
    expect(await polled).toMatchObject({ status: 401, message: { code: 'unauthorized' } });
    for (const server of [a, b]) {
      expect([await status(server, jwt), await status(server, made.token)]).toEqual([401, 401]);
      const { revocations } = await (await server.get('/v1/revocations', boss)).json();
      expect(revocations).toMatchObject([{ jti: 'j' }]);
    }
    await other.settled();
  });

  test('[18.7] a share is good at both at once, though no hint comes, and ends at both wherever it is ended', async () => {
    const { a, b, hub } = await instances();
    const jwt = token({ sub: 'anna', jti: 'j' });
    hub.isCut = true;
    const [one, two, three] = [await share(a, jwt), await share(a, jwt), await share(a, jwt)];
    expect([await status(b, one.token), await status(b, `${one.token.slice(0, -1)}~`)]).toEqual([200, 401]);
    const watcher = await b.connect(two.webSocket.replace(String(a.port), String(b.port)));
    await watcher.ask({ type: 'subscribe', subscription: 's' }, 'snapshot');
    const stream = await EventStreamReader.open(`http://127.0.0.1:${a.port}/v1/stream`, bearer(three.token));
    await stream.next('snapshot');
    hub.isCut = false;
    const end = (server: TestServer, id: string) =>
      server.app.inject({ method: 'DELETE', url: `/v1/shares/${id}`, headers: bearer(jwt) });
    expect((await end(a, two.id)).statusCode).toBe(204);
    expect(await watcher.closed).toEqual(REVOKED);
    // Of which it has not heard.
    expect((await end(b, three.id)).statusCode).toBe(204);
    expect((await stream.next('close')).data).toEqual(REVOKED);
    expect((await end(a, three.id)).statusCode).toBe(404);
    const { shares } = await (await b.get('/v1/shares', bearer(jwt))).json();
    expect(shares).toMatchObject([{ id: one.id }]);
  });

  test('[19.5] what is revoked while hints are lost is closed when the store is asked the next time, within five seconds', async () => {
    expect(CHECK_INTERVAL).toBeLessThan(5_000);
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    onTestFinished(() => void vi.useRealTimers());
    const { a, b, hub } = await instances();
    const jwt = token({ jti: 'j' });
    const watcher = await b.connect(`/ws?access_token=${jwt}`);
    await watcher.settled();
    hub.isCut = true;
    await revoke(a, 'j');
    expect(hub.sent.length).toBe(1);
    expect(await status(b, jwt)).toBe(200);
    vi.advanceTimersByTime(CHECK_INTERVAL);
    expect(await watcher.closed).toEqual(REVOKED);
    expect(await status(b, jwt)).toBe(401);
  });

  test('[18.7] a subject has no more shares than allowed at both together', async () => {
    const { a, b } = await instances({ MAX_SHARES_PER_SUBJECT: '3' });
    const asked = Array.from({ length: 12 }, (_, i) =>
      (i % 2 === 0 ? a : b).post('/v1/shares', { driverId: 'd' }, bearer(token({ sub: 'anna' }))),
    );
    const statuses = (await Promise.all(asked)).map((answer) => answer.status);
    expect(statuses.sort()).toEqual([...Array(3).fill(201), ...Array(9).fill(429)]);
  });

  test('[18.7] while the database hangs, known tokens and shares go on; of an unknown one it is said that it cannot be told', async () => {
    const { a, b } = await instances();
    const jwt = token({ sub: 'anna', jti: 'j' });
    const made = await share(a, jwt);
    expect(await status(b, made.token)).toBe(200);
    const strange = `share_${'A'.repeat(43)}`;
    postgres.freeze();
    try {
      expect([await status(b, jwt), await status(b, made.token), await status(b, strange)]).toEqual([200, 200, 503]);
      const turned = await b.connect(`/ws?access_token=${strange}`);
      expect((await turned.closed).code).toBe(4503);
    } finally {
      postgres.thaw();
    }
    await vi.waitUntil(async () => (await status(b, strange)) === 401, { timeout: 10_000 });
    await revoke(a, 'j');
    await vi.waitUntil(async () => (await status(b, made.token)) === 401, { timeout: 10_000 });
  });
});
