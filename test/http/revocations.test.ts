import { once } from 'node:events';
import { expect, test, vi } from 'vitest';
import type { ReplaySource } from '../../src/history/replay-source.ts';
import { MemoryAccess } from '../../src/store/memory-access.ts';
import { MemoryTracks } from '../../src/store/memory-tracks.ts';
import { kept, sourceOf } from '../history/past.ts';
import type { Message } from '../support/belief.ts';
import { EventStreamReader } from '../support/event-stream.ts';
import { Poller } from '../support/poller.ts';
import { rawSocket } from '../support/raw.ts';
import { startServer, type TestServer, token } from '../support/server.ts';

const NEARBY = '/v1/drivers/nearby?latitude=30&longitude=-97';
const REVOKED = { code: 4401, reason: 'the token was revoked' };
const bearer = (jwt: string) => ({ authorization: `Bearer ${jwt}` });
const boss = (claims: Parameters<typeof token>[0] = {}) =>
  bearer(token({ sub: 'boss', scope: 'access:manage', ...claims }));
const soon = () => Date.now() + 3_600_000;

async function revoke(server: TestServer, jti: string, headers = boss()): Promise<void> {
  expect((await server.post('/v1/revocations', { jti, expiresAt: soon() }, headers)).status).toBe(204);
}

/** A server with a past in which one driver moves for an hour. */
function withPast(wrap: (source: ReplaySource) => ReplaySource = (source) => source): Promise<TestServer> {
  const from = Date.now() - 3_600_000;
  const fixes = Array.from({ length: 3_600 }, (_, n) => kept('a', [30 + (n % 100) / 1e5, -97], from + n * 1000));
  const tracks = new MemoryTracks({ fixesOf: () => fixes });
  return startServer({ history: { tracks, replays: wrap(sourceOf(fixes)) } });
}

test('[19.1] a revoked token is taken no more, by any door; others are, of the same subject too', async () => {
  const server = await startServer();
  const jwt = token({ sub: 'anna', jti: 'j' });
  const others = [token({ sub: 'anna', jti: 'J' }), token({ sub: 'anna' }), token({ jti: 'j', fleet: 'other' })];
  const status = async (one: string) => (await server.get(NEARBY, bearer(one))).status;
  expect(await status(jwt)).toBe(200);
  await revoke(server, 'j');
  const refused = await server.get(NEARBY, bearer(jwt));
  expect([refused.status, (await refused.json()).detail]).toEqual([401, 'The token was revoked.']);
  expect((await server.get(`${NEARBY}&access_token=${jwt}`, {})).status).toBe(401);
  expect((await server.post('/v1/positions', { driverId: 'd', latitude: 1, longitude: 2 }, bearer(jwt))).status).toBe(
    401,
  );
  expect((await server.get('/v1/stream', bearer(jwt))).status).toBe(401);
  expect((await server.get('/v1/changes', bearer(jwt))).status).toBe(401);
  expect((await (await server.connect(`/ws?access_token=${jwt}`)).closed).code).toBe(4401);
  const socket = await server.connect('/ws', undefined, {});
  expect(await socket.ask({ type: 'authenticate', token: jwt })).toMatchObject({ type: 'error', code: 'unauthorized' });
  expect((await socket.closed).code).toBe(4401);
  for (const other of others) expect(await status(other)).toBe(200);
});

test('[19.2] what is held open by a revoked token is closed once that is stored, and what is open by its shares', async () => {
  class HeldAccess extends MemoryAccess {
    held = Promise.withResolvers<void>();
    override async revoke(...args: Parameters<MemoryAccess['revoke']>): Promise<void> {
      await this.held.promise;
      await super.revoke(...args);
    }
  }
  const access = new HeldAccess();
  const server = await startServer({ access });
  expect(server.tracker.accept('default', { driverId: 'd', lat: 30, lng: -97 })).toBe('accepted');
  const jwt = token({ sub: 'anna', jti: 'j' });
  const made = await (await server.post('/v1/shares', { driverId: 'd' }, bearer(jwt))).json();
  const driver = await server.connect(`/ws?access_token=${token({ jti: 'j', scope: 'positions:write' })}`);
  const watcher = await server.connect(`/ws?access_token=${jwt}`);
  await watcher.ask({ type: 'subscribe', subscription: 's' }, 'snapshot');
  const shared = await server.connect(made.webSocket);
  const origin = `http://127.0.0.1:${server.port}`;
  const stream = await EventStreamReader.open(`${origin}/v1/stream`, bearer(jwt));
  const poller = new Poller(server, '', undefined, jwt);
  await poller.poll();
  const polled = poller.ask();
  // Of the same jti in another fleet, and one that was refreshed with another token meanwhile.
  const other = await server.connect(`/ws?access_token=${token({ jti: 'j', fleet: 'other' })}`);
  const refreshed = await server.connect(`/ws?access_token=${jwt}`);
  await refreshed.ask({ type: 'authenticate', token: token({ sub: 'anna', jti: 'k' }) }, 'authenticated');
  const revoking = revoke(server, 'j');
  await watcher.settled();
  access.held.resolve();
  await revoking;
  for (const client of [driver, watcher, shared]) expect(await client.closed).toEqual(REVOKED);
  expect((await stream.next('close')).data).toEqual(REVOKED);
  expect(await polled).toMatchObject({ status: 401, message: { code: 'unauthorized' } });
  expect((await server.get(NEARBY, bearer(made.token))).status).toBe(401);
  await other.settled();
  await refreshed.settled();
  await revoke(server, 'k');
  expect(await refreshed.closed).toEqual(REVOKED);
  await other.settled();
});

test('[19.2] a replay that is played is closed too, and one that is about to begin is refused', async () => {
  const gate = { held: undefined as Promise<void> | undefined, asked: 0 };
  const server = await withPast((source) => ({
    latest: async (...args) => {
      gate.asked++;
      await gate.held;
      return source.latest(...args);
    },
    fixes: (...args) => source.fixes(...args),
  }));
  const query = `from=${Date.now() - 3_000_000}&to=${Date.now() - 1_000}`;
  const jwt = token({ jti: 'j' });
  const open = () => EventStreamReader.open(`http://127.0.0.1:${server.port}/v1/replay?${query}`, bearer(jwt));
  const playing = await open();
  await playing.next('snapshot');
  const { asked } = gate;
  const held = Promise.withResolvers<void>();
  gate.held = held.promise;
  const beginning = open();
  await vi.waitUntil(() => gate.asked > asked);
  await revoke(server, 'j');
  expect((await playing.next('close')).data).toEqual(REVOKED);
  expect((await beginning).status).toBe(401);
  held.resolve();
  expect((await open()).status).toBe(401);
});

test('[19.2] a request whose body was yet to come when its token was revoked, or ended, does nothing', async () => {
  const world = { now: Date.now() };
  const server = await startServer({ now: () => world.now });
  const begin = async (line: string, body: string, jwt: string) => {
    const socket = await rawSocket(server.port);
    socket.write(
      `${line} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${jwt}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nExpect: 100-continue\r\n\r\n`,
    );
    // Its head was taken.
    expect(String((await once(socket, 'data'))[0])).toMatch(/^HTTP\/1.1 100 /);
    return async () => {
      socket.write(body);
      const [answer] = await once(socket, 'data');
      socket.destroy();
      return Number(String(answer).slice(9, 12));
    };
  };
  const search = (jwt: string) =>
    begin('POST /v1/drivers/search', '{"type":"Polygon","coordinates":[[[0,0],[5,0],[5,5],[0,0]]]}', jwt);
  const scope = 'positions:read positions:write:any access:manage';
  const all = (jwt: string) =>
    Promise.all([
      begin('POST /v1/positions', '{"driverId":"d","latitude":1,"longitude":2}', jwt),
      search(jwt),
      begin('POST /v1/shares', '{"driverId":"d"}', jwt),
      begin('POST /v1/revocations', '{"jti":"victim","expiresAt":4e12}', jwt),
      begin('DELETE /v1/drivers/known', 'x', jwt),
    ]);
  server.tracker.accept('default', { driverId: 'known', lat: 1, lng: 2 });
  const revoked = await all(token({ sub: 'anna', jti: 'j', scope }));
  await revoke(server, 'j');
  for (const finish of revoked) expect(await finish()).toBe(401);
  const ended = await all(token({ sub: 'ben', ttlSeconds: 60, scope }));
  world.now += 61_000;
  for (const finish of ended) expect(await finish()).toBe(401);
  const carl = bearer(token({ sub: 'carl' }));
  const share = await (await server.post('/v1/shares', { driverId: 'd' }, carl)).json();
  const shared = await search(share.token);
  const path = `http://127.0.0.1:${server.port}/v1/shares/${share.id}`;
  expect((await fetch(path, { method: 'DELETE', headers: carl })).status).toBe(204);
  expect(await shared()).toBe(401);
  expect(server.tracker.driver({ fleet: 'default' }, 'd')).toBeUndefined();
  expect(server.tracker.driver({ fleet: 'default' }, 'known')).toBeDefined();
  const { revocations } = await (await server.get('/v1/revocations', boss())).json();
  expect(revocations.map(({ jti }: Message) => jti)).toEqual(['j']);
});

test('[19.3] access:manage is needed, and is about its own fleet', async () => {
  const server = await startServer();
  const wish = { jti: 'j', expiresAt: soon() };
  for (const headers of [{}, bearer('rubbish')]) {
    expect((await server.post('/v1/revocations', wish, headers)).status).toBe(401);
  }
  const all = bearer(token({ scope: 'positions:read positions:write:any metrics:read' }));
  const refused = await server.post('/v1/revocations', wish, all);
  expect([refused.status, (await refused.json()).detail]).toEqual([403, 'The token lacks the scope access:manage.']);
  expect((await server.get('/v1/revocations', all)).status).toBe(403);
  // Alone it reads nothing and makes no share.
  expect((await server.get(NEARBY, boss())).status).toBe(403);
  expect((await server.post('/v1/shares', { driverId: 'd' }, boss())).status).toBe(403);
  await revoke(server, 'j', boss({ fleet: 'other' }));
  expect((await server.get(NEARBY, bearer(token({ jti: 'j' })))).status).toBe(200);
  expect((await server.get(NEARBY, bearer(token({ jti: 'j', fleet: 'other' })))).status).toBe(401);
  const list = async (headers: Record<string, string>) =>
    (await (await server.get('/v1/revocations', headers)).json()).revocations.map(({ jti }: Message) => jti);
  expect([await list(boss()), await list(boss({ fleet: 'other' }))]).toEqual([[], ['j']]);
  // A manager's own token is a token.
  await revoke(server, 'mine', boss({ jti: 'mine' }));
  expect((await server.get('/v1/revocations', boss({ jti: 'mine' }))).status).toBe(401);
});

test('[19.3] revocations are looked through in the order of their jti, page by page', async () => {
  const server = await startServer();
  const names = ['ö', '𝕏', '\uffee', 'A', 'a', ' ', 'x'.repeat(128), '%&=?/', '"\\', '\u0001'];
  const start = Date.now();
  for (const jti of names) await revoke(server, jti);
  await server.post('/v1/revocations', { jti: 'a', expiresAt: '2100-01-01T00:00:00Z' }, boss());
  await server.post('/v1/revocations', { jti: 'a', expiresAt: start }, boss());
  const all: Message[] = [];
  for (let path = '/v1/revocations?limit=3'; path !== undefined; ) {
    const page = await (await server.get(path, boss())).json();
    all.push(...page.revocations);
    path = page.next;
  }
  // By code point, which is the order of the bytes of UTF-8.
  const expected = [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  expect(all.map(({ jti }) => jti)).toEqual(expected);
  for (const { jti, revokedAt, expiresAt } of all) {
    expect(revokedAt).toBeGreaterThanOrEqual(start);
    if (jti === 'a') expect(expiresAt).toBe(Date.UTC(2100, 0, 1));
    else expect(expiresAt).toBeGreaterThan(start);
  }
});

const WRONG: [what: string, wish: unknown, field: string, rule: RegExp][] = [
  ['no jti', { expiresAt: 4e12 }, 'jti', /required/],
  ['an empty jti', { jti: '', expiresAt: 4e12 }, 'jti', /1 to 128/],
  ['a long jti', { jti: 'x'.repeat(129), expiresAt: 4e12 }, 'jti', /1 to 128/],
  ['a jti that is no text', { jti: 7, expiresAt: 4e12 }, 'jti', /must be the jti/],
  ['a jti with NUL', { jti: 'a\0', expiresAt: 4e12 }, 'jti', /well-formed/],
  ['a lone surrogate', '{"jti":"\\ud800","expiresAt":4e12}', 'jti', /well-formed/],
  ['no end', { jti: 'j' }, 'expiresAt', /required/],
  ['an end in seconds', { jti: 'j', expiresAt: 1_763_766_000 }, 'expiresAt', /looks like seconds/],
  ['an end that is no time', { jti: 'j', expiresAt: 'soon' }, 'expiresAt', /epoch milliseconds/],
  ['an end without end', '{"jti":"j","expiresAt":1e400}', 'expiresAt', /epoch milliseconds/],
  ['no object', '"j"', '', /must be an object/],
];

test('what is wrong with a revocation is a problem that names the field, and revokes nothing', async () => {
  const server = await startServer();
  for (const [what, wish, field, rule] of WRONG) {
    const answer = await server.post('/v1/revocations', wish, boss());
    expect(answer.status, what).toBe(400);
    const { errors } = await answer.json();
    expect(errors, what).toEqual([{ field, message: expect.stringMatching(rule) }]);
  }
  expect((await (await server.get('/v1/revocations', boss())).json()).revocations).toEqual([]);
});

test('a token whose jti or subject no database can hold is none: nobody could revoke it', async () => {
  const server = await startServer();
  for (const claims of [{ jti: 'a\0' }, { sub: 'a\0' }, { jti: '\ud800' }, { sub: '\udc00x' }]) {
    const answer = await server.get(NEARBY, bearer(token(claims)));
    expect([JSON.stringify(claims), answer.status]).toEqual([JSON.stringify(claims), 401]);
  }
});
