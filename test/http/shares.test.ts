import { pino } from 'pino';
import { expect, test, vi } from 'vitest';
import { MemoryStore } from '../../src/store/memory.ts';
import { MemoryAccess } from '../../src/store/memory-access.ts';
import { MemoryReplays } from '../../src/store/memory-replays.ts';
import { MemoryTracks } from '../../src/store/memory-tracks.ts';
import type { Message } from '../support/belief.ts';
import { EventStreamReader } from '../support/event-stream.ts';
import { Poller } from '../support/poller.ts';
import { startServer, type TestServer, token } from '../support/server.ts';

const HERE = { latitude: 30, longitude: -97 };
const CIRCLE = { ...HERE, radius: 1000 };
const NEARBY = '/v1/drivers/nearby?latitude=30&longitude=-97&radius=50000';
const bearer = (jwt: string) => ({ authorization: `Bearer ${jwt}` });
const anna = (claims: Parameters<typeof token>[0] = {}): Record<string, string> =>
  bearer(token({ sub: 'anna', scope: 'positions:read', ...claims }));
const boss = (claims: Parameters<typeof token>[0] = {}) =>
  bearer(token({ sub: 'boss', scope: 'access:manage', ...claims }));

async function share(server: TestServer, wish: object, headers = anna()): Promise<Message> {
  const answer = await server.post('/v1/shares', wish, headers);
  expect(answer.status).toBe(201);
  return answer.json();
}

const end = (server: TestServer, id: string, headers = anna()) =>
  fetch(`http://127.0.0.1:${server.port}/v1/shares/${encodeURIComponent(id)}`, { method: 'DELETE', headers });

function put(server: TestServer, driverId: string, lat: number, lng = -97, fleet = 'default'): void {
  expect(server.tracker.accept(fleet, { driverId, lat, lng })).toBe('accepted');
}

const ids = (list: Message[] | undefined) => list?.map(({ driverId }) => driverId);

/** Who is told to whoever comes with a token, by every way of asking. */
async function everywhere(server: TestServer, jwt: string): Promise<string[][]> {
  const origin = `http://127.0.0.1:${server.port}`;
  const asked = async (path: string) => ids((await (await server.get(path, bearer(jwt))).json()).drivers) as string[];
  const stream = await EventStreamReader.open(`${origin}/v1/stream`, bearer(jwt));
  const socket = await server.connect('/ws', undefined, bearer(jwt));
  const poller = new Poller(server, '', undefined, jwt);
  const found = [
    await asked(NEARBY),
    await asked('/v1/drivers'),
    ids((await stream.next('snapshot')).data.drivers) as string[],
    ids((await socket.ask({ type: 'subscribe', subscription: 's' }, 'snapshot')).drivers) as string[],
    ids((await poller.poll(0)).drivers) as string[],
  ];
  stream.destroy();
  socket.socket.close();
  return found.map((list) => list.sort());
}

test('[18.1] a share of a circle shows who is in it, by every call that reads, and links that work as they are', async () => {
  const server = await startServer();
  put(server, 'in', 30.001);
  put(server, 'out', 30.1);
  put(server, 'in', 30.001, -97, 'other');
  const made = await share(server, { ...CIRCLE, label: 'the yard', expiresIn: 60 });
  expect(made).toMatchObject({ ...CIRCLE, label: 'the yard', subject: 'anna' });
  expect(made.expiresAt - made.createdAt).toBe(60_000);
  expect(Math.abs(made.serverTime - Date.now())).toBeLessThan(5_000);
  for (const found of await everywhere(server, made.token)) expect(found).toEqual(['in']);
  expect((await server.get('/v1/drivers/in', bearer(made.token))).status).toBe(200);
  expect((await server.get('/v1/drivers/out', bearer(made.token))).status).toBe(404);

  const socket = await server.connect(made.webSocket);
  expect(ids((await socket.next('snapshot')).drivers)).toEqual(['in']);
  const stream = await EventStreamReader.open(`http://127.0.0.1:${server.port}${made.stream}`, {});
  expect(ids((await stream.next('snapshot')).data.drivers)).toEqual(['in']);
  put(server, 'out', 30.002);
  put(server, 'in', 30.2);
  await vi.waitUntil(() => socket.inside().join() === 'out' && stream.belief.inside.join() === 'out');
});

test('[18.1] a share of a driver shows that one alone, wherever it goes, and may be made before anybody knows it', async () => {
  const server = await startServer();
  put(server, 'other', 30);
  const id = 'cab 7/ä&b=%';
  const made = await share(server, { driverId: id });
  expect(made).toMatchObject({ driverId: id });
  expect(made.expiresAt - made.createdAt).toBe(3_600_000);
  for (const found of await everywhere(server, made.token)) expect(found).toEqual([]);
  const socket = await server.connect(made.webSocket);
  await socket.next('snapshot');
  put(server, id, 30);
  for (const found of await everywhere(server, made.token)) expect(found).toEqual([id]);
  await vi.waitUntil(() => socket.inside().join() === id);
  put(server, id, 60, 100);
  await vi.waitUntil(() => socket.beliefs.get('default')?.drivers.get(id)?.latitude === 60);
  expect((await server.get('/v1/drivers/other', bearer(made.token))).status).toBe(404);
});

test('[18.2] a share shows never more than its maker sees', async () => {
  const server = await startServer();
  put(server, 'in', 30.001);
  put(server, 'out', 30.1);
  const bounded = anna({ area: CIRCLE, precision: 7 });
  const refused = await server.post('/v1/shares', { ...HERE, radius: 1001 }, bounded);
  expect([refused.status, (await refused.json()).code]).toEqual([403, 'forbidden']);
  const made = await share(server, { ...HERE, radius: 900 }, bounded);
  expect(made).toMatchObject({ precision: 7, radius: 900 });
  const followed = await share(server, { driverId: 'out' }, bounded);
  expect(followed).toMatchObject({ ...CIRCLE, precision: 7, driverId: 'out' });
  for (const found of await everywhere(server, followed.token)) expect(found).toEqual([]);
  const inside = await share(server, { driverId: 'in' }, anna({ precision: 7 }));
  const told = await (await server.get('/v1/drivers/in', bearer(inside.token))).json();
  const seen = await (await server.get('/v1/drivers/in', anna({ precision: 7 }))).json();
  expect([told.latitude, told.longitude]).toEqual([seen.latitude, seen.longitude]);
  expect(told.latitude).not.toBe(30.001);
  // A driver that nobody has, or that the maker does not see, is answered as any other.
  const wishes = ['in', 'out', 'nobody'].map((driverId) => share(server, { driverId }, bounded));
  const answers = (await Promise.all(wishes)).map((one) => Object.keys(one).sort());
  expect(new Set(answers.map(String)).size).toBe(1);
});

test('[18.3] a share reads what is, and does nothing else', async () => {
  const store = new MemoryStore(undefined, 0);
  const history = { tracks: new MemoryTracks(store), replays: new MemoryReplays(store) };
  const server = await startServer({ store, history });
  put(server, 'd', 30);
  const made = await share(server, { driverId: 'd' });
  const headers = bearer(made.token);
  const from = Date.now() - 60_000;
  for (const path of ['/v1/drivers/d/track', `/v1/replay?from=${from}`, '/v1/shares', '/v1/revocations', '/metrics']) {
    const answer = await server.get(path, headers);
    expect([path, answer.status, (await answer.json()).code]).toEqual([path, 403, 'forbidden']);
  }
  expect((await server.get('/v1/drivers/d/track')).status).toBe(200);
  expect((await server.post('/v1/shares', { driverId: 'd' }, headers)).status).toBe(403);
  expect((await server.post('/v1/positions', { driverId: 'd', ...HERE }, headers)).status).toBe(403);
  expect((await end(server, made.id, headers)).status).toBe(403);
  expect((await server.post('/v1/revocations', { jti: 'x', expiresAt: from }, headers)).status).toBe(403);
  const socket = await server.connect(`/ws?access_token=${made.token}`);
  expect(await socket.ask({ driverId: 'd', ...HERE, id: 1 })).toMatchObject({ type: 'error', code: 'forbidden' });
  // Nobody takes another's connection over by a share, nor by its maker's token one that has it.
  socket.send({ type: 'authenticate', token: token({ sub: 'anna', scope: 'positions:read' }) });
  expect((await socket.closed).code).toBe(4403);
});

const WRONG: [what: string, wish: unknown, fields: string[], rule: RegExp][] = [
  ['nothing', {}, ['driverId'], /is required, or latitude/],
  ['a driver and a circle', { driverId: 'd', ...CIRCLE }, ['latitude', 'longitude', 'radius'], /driver or of a circle/],
  ['half a circle', { latitude: 1, radius: 5 }, ['longitude'], /is required/],
  ['an empty driverId', { driverId: '' }, ['driverId'], /not be empty/],
  ['a long driverId', { driverId: 'x'.repeat(129) }, ['driverId'], /at most 128/],
  ['latitude as text', { ...CIRCLE, latitude: '1' }, ['latitude'], /number of degrees/],
  ['a circle that is too large', { ...CIRCLE, radius: 100_001 }, ['radius'], /between 0 and 100000/],
  ['a box', { bbox: '1,1,2,2' }, ['driverId', 'bbox'], /is required|driver \(driverId\)/],
  ['a filter', { driverId: 'd', where: { a: 'b' } }, ['where'], /not of this call/],
  ['no time', { driverId: 'd', expiresIn: 0 }, ['expiresIn'], /from 1 to 2592000/],
  ['half a second', { driverId: 'd', expiresIn: 0.5 }, ['expiresIn'], /whole number/],
  ['too long a time', { driverId: 'd', expiresIn: 2_592_001 }, ['expiresIn'], /from 1 to 2592000/],
  ['a time without end', '{"driverId":"d","expiresIn":1e400}', ['expiresIn'], /whole number/],
  ['a label that is none', { driverId: 'd', label: '' }, ['label'], /not be empty/],
  ['a label with a line break', { driverId: 'd', label: 'a\nb' }, ['label'], /printable/],
  ['a long label', { driverId: 'd', label: 'x'.repeat(129) }, ['label'], /at most 128/],
  ['a list', [], [''], /must be an object/],
  ['null', 'null', [''], /must be an object/],
];

test('what is wrong with a share is a problem that names the fields, and makes none', async () => {
  const server = await startServer();
  for (const [what, wish, fields, rule] of WRONG) {
    const answer = await server.post('/v1/shares', wish, anna());
    expect(answer.status, what).toBe(400);
    const { code, errors } = await answer.json();
    expect([code, errors.map(({ field }: Message) => field).sort()], what).toEqual(['invalid', [...fields].sort()]);
    for (const { message } of errors) expect(message, what).toMatch(rule);
  }
  expect((await (await server.get('/v1/shares', anna())).json()).shares).toEqual([]);
});

test('[18.4] who made shares looks through them, page by page; who manages access through all of the fleet', async () => {
  const server = await startServer();
  const made: Message[] = [];
  for (let i = 0; i < 5; i++) made.push(await share(server, { driverId: `d${i}` }));
  const bens = await share(server, CIRCLE, anna({ sub: 'ben' }));
  await share(server, CIRCLE, anna({ fleet: 'other' }));
  const pages = async (headers: Record<string, string>) => {
    const all: Message[] = [];
    for (let path = '/v1/shares?limit=2&access_token=x'; path !== undefined; ) {
      const text = await (await server.get(path, headers)).text();
      expect(text).not.toContain('share_');
      const page = JSON.parse(text);
      expect(page.shares.length).toBeLessThanOrEqual(2);
      expect(page.next ?? '').not.toContain('access_token');
      all.push(...page.shares);
      path = page.next;
    }
    return all.map(({ id }) => id);
  };
  // In the order of ids, which is that in which they were made, but for those of one millisecond.
  const own = made.map(({ id }) => id).sort();
  expect(await pages(anna())).toEqual(own);
  expect(await pages(anna({ sub: 'ben' }))).toEqual([bens.id]);
  expect(await pages(anna({ sub: 'carl' }))).toEqual([]);
  expect(await pages(boss())).toEqual([...own, bens.id].sort());
  const { token: _, stream, webSocket, serverTime, ...told } = bens;
  expect((await (await server.get('/v1/shares', anna({ sub: 'ben' }))).json()).shares).toEqual([told]);
});

test('[18.5] a share is ended by who made it or manages access; for all others there is none, as there is none of any id', async () => {
  const server = await startServer();
  const made = await share(server, { driverId: 'd' });
  const answers = [];
  for (const [id, headers] of [
    [made.id, anna({ sub: 'ben' })],
    [made.id, anna({ fleet: 'other' })],
    [made.id, boss({ fleet: 'other' })],
    ['nobody', anna()],
    ['\0', anna()],
    ['x'.repeat(600), boss()],
  ] as const) {
    const answer = await end(server, id, headers);
    const { requestId, ...problem } = (await answer.json()) as Message;
    answers.push(JSON.stringify([answer.status, problem]));
  }
  expect(new Set(answers).size).toBe(1);
  expect(JSON.parse(answers[0])[0]).toBe(404);
  expect((await server.get(NEARBY, bearer(made.token))).status).toBe(200);
  expect((await end(server, made.id)).status).toBe(204);
  expect((await server.get(NEARBY, bearer(made.token))).status).toBe(401);
  expect((await end(server, made.id)).status).toBe(404);
  const another = await share(server, { driverId: 'd' });
  expect((await end(server, another.id, { ...boss(), 'content-type': 'application/json' })).status).toBe(204);
  expect((await server.get(NEARBY, bearer(another.token))).status).toBe(401);
});

test('[18.5] whatever is held open by a share is closed with it, once that is stored, and nothing else is', async () => {
  class HeldAccess extends MemoryAccess {
    held = Promise.withResolvers<void>();
    override async deleteShare(fleet: string, id: string): Promise<void> {
      await this.held.promise;
      await super.deleteShare(fleet, id);
    }
  }
  const access = new HeldAccess();
  const server = await startServer({ access });
  put(server, 'd', 30);
  const made = await share(server, { driverId: 'd' });
  const other = await share(server, { driverId: 'd' });
  const origin = `http://127.0.0.1:${server.port}`;
  const socket = await server.connect(made.webSocket);
  const late = await server.connect('/ws', undefined, {});
  await late.ask({ type: 'authenticate', token: made.token }, 'authenticated');
  const stream = await EventStreamReader.open(origin + made.stream, {});
  const poller = new Poller(server, '', undefined, made.token);
  await poller.poll();
  const polled = poller.ask();
  const bystander = await server.connect(other.webSocket);
  await bystander.next('snapshot');
  const ending = end(server, made.id);
  await socket.settled();
  expect((await server.get(NEARBY, bearer(made.token))).status).toBe(200);
  access.held.resolve();
  expect((await ending).status).toBe(204);
  expect(await socket.closed).toEqual({ code: 4401, reason: 'the token was revoked' });
  expect(await late.closed).toEqual({ code: 4401, reason: 'the token was revoked' });
  expect((await stream.next('close')).data).toEqual({ code: 4401, reason: 'the token was revoked' });
  expect(await stream.ended).toBe(true);
  expect(await polled).toMatchObject({ status: 401, message: { code: 'unauthorized' } });
  put(server, 'd', 31);
  await vi.waitUntil(() => bystander.beliefs.get('default')?.drivers.get('d')?.latitude === 31);
});

test('[18.5] a share that ends by itself closes what is open by it', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
  try {
    const server = await startServer();
    const made = await share(server, { driverId: 'd', expiresIn: 60 });
    const socket = await server.connect(made.webSocket);
    await socket.next('snapshot');
    vi.advanceTimersByTime(59_000);
    expect((await server.get(NEARBY, bearer(made.token))).status).toBe(200);
    vi.advanceTimersByTime(1_000);
    expect((await socket.closed).code).toBe(4401);
    expect((await server.get(NEARBY, bearer(made.token))).status).toBe(401);
    expect((await (await server.get('/v1/shares', anna())).json()).shares).toEqual([]);
    expect((await end(server, made.id)).status).toBe(404);
  } finally {
    vi.useRealTimers();
  }
});

test('a subject has at most MAX_SHARES_PER_SUBJECT shares; 0 is none, and MAX_SHARE_SECONDS bounds also what is not asked for', async () => {
  const server = await startServer({ env: { MAX_SHARES_PER_SUBJECT: '1', MAX_SHARE_SECONDS: '100' } });
  const made = await share(server, { driverId: 'd' });
  expect(made.expiresAt - made.createdAt).toBe(100_000);
  const refused = await server.post('/v1/shares', { driverId: 'd' }, anna());
  expect([refused.status, (await refused.json()).code]).toEqual([429, 'limit']);
  await share(server, { driverId: 'd' }, anna({ sub: 'ben' }));
  expect((await end(server, made.id)).status).toBe(204);
  await share(server, { driverId: 'd' });
  const none = await startServer({ env: { MAX_SHARES_PER_SUBJECT: '0' } });
  expect((await none.post('/v1/shares', { driverId: 'd' }, anna())).status).toBe(429);
});

test('the log tells who made and ended a share, and never its token, label or driver', async () => {
  const lines: string[] = [];
  const log = pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) });
  const server = await startServer({ log });
  const made = await share(server, { driverId: 'someone', label: 'a secret label' });
  const socket = await server.connect(made.webSocket);
  await socket.next('snapshot');
  await end(server, made.id);
  await socket.closed;
  await server.get(NEARBY, bearer(made.token));
  const about = lines.map((line) => JSON.parse(line)).filter((line) => line.share === made.id);
  expect(about).toMatchObject([
    { level: 30, msg: 'shared', subject: 'anna', fleet: 'default' },
    { level: 30, msg: 'a share was ended', subject: 'anna', fleet: 'default' },
  ]);
  expect(lines.join('')).not.toMatch(new RegExp(`${made.token.slice(6, 20)}|someone|secret label`));
});
