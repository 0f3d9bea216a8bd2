import { request } from 'node:http';
import { expect, test } from 'vitest';
import { MemoryStore } from '../../src/store/memory.ts';
import { type Entry, StoreUnavailable } from '../../src/store/store.ts';
import type { Message } from '../support/client.ts';
import { startServer, type TestServer, token } from '../support/server.ts';

const bearer = (scope: string, sub = 'tester', fleet?: string) => ({
  authorization: `Bearer ${token({ scope, sub, fleet })}`,
});
const gateway = bearer('positions:write:any');

async function remove(server: TestServer, driverId: string, headers: Record<string, string> = gateway, query = '') {
  const url = `http://127.0.0.1:${server.port}/v1/drivers/${encodeURIComponent(driverId)}${query}`;
  const response = await fetch(url, { method: 'DELETE', headers });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, body: text === '' ? undefined : JSON.parse(text) };
}

const put = async (server: TestServer, ...ids: string[]) => {
  const positions = ids.map((driverId) => ({ driverId, latitude: 1, longitude: 2, timestamp: 2_000 }));
  expect((await server.post('/v1/positions', { positions })).status).toBe(200);
};

const idsOf = ({ drivers }: { drivers: { driverId: string }[] }) => drivers.map(({ driverId }) => driverId);

/** Whether GET finds the driver, and which drivers the lists hold: each must say the same. */
async function found(server: TestServer): Promise<string[]> {
  const lists = await Promise.all(
    ['/v1/drivers', '/v1/drivers/nearby?latitude=1&longitude=2', '/v1/drivers?bbox=1,0,3,2'].map(async (path) =>
      idsOf((await (await server.get(path)).json()) as Message).sort(),
    ),
  );
  for (const list of lists) expect(list).toEqual(lists[0]);
  return lists[0];
}

/** A store that removes when the test says, and then maybe fails. */
class GatedStore extends MemoryStore {
  gate: Promise<void> = Promise.resolve();
  away = false;
  override async write(entries: readonly Entry[]): Promise<void> {
    if (entries.some(({ kind }) => kind === 'removal')) await this.gate;
    if (this.away) throw new StoreUnavailable('away');
    await super.write(entries);
  }
  async ids(): Promise<string[]> {
    const ids: string[] = [];
    for await (const rows of this.loadPositions(0)) ids.push(...rows.map(({ driverId }) => driverId));
    return ids;
  }
}

test('a driver that goes off duty is found no more, leaves subscriptions as offline, and comes back with any fix [3.5]', async () => {
  const server = await startServer();
  await put(server, 'a', 'b');
  const watcher = await server.connect('/ws?latitude=1&longitude=2&radius=100');
  await watcher.next('snapshot');
  const answer = await remove(server, 'a');
  expect(answer).toMatchObject({ status: 204, text: '' });
  expect(answer.headers.get('cache-control')).toBe('no-store');
  expect(await watcher.next('changes')).toMatchObject({ exit: [{ driverId: 'a', reason: 'offline' }] });
  expect((await server.get('/v1/drivers/a')).status).toBe(404);
  expect(await found(server)).toEqual(['b']);
  expect(await remove(server, 'a')).toMatchObject({ status: 404, body: { code: 'not_found', status: 404 } });

  const back = { driverId: 'a', latitude: 1, longitude: 2, timestamp: 1_000 };
  expect(await (await server.post('/v1/positions', back)).json()).toEqual({ results: [{ verdict: 'accepted' }] });
  expect(await watcher.next('changes')).toMatchObject({ enter: [{ driverId: 'a', timestamp: 1_000 }] });
  expect(await found(server)).toEqual(['a', 'b']);
  expect(watcher.contradictions).toEqual([]);
});

test('it is gone at once and acknowledged once stored; who asks again meanwhile waits too', async () => {
  const store = new GatedStore();
  const server = await startServer({ store });
  await put(server, 'a', 'b');
  const { promise, resolve: open } = Promise.withResolvers<void>();
  store.gate = promise;
  const answers: number[] = [];
  const note = async (answer: Promise<{ status: number }>) => void answers.push((await answer).status);
  const first = note(remove(server, 'a'));
  await expect.poll(() => server.tracker.driver({ fleet: 'default' }, 'a')).toBeUndefined();
  const second = note(remove(server, 'a'));
  expect((await server.get('/v1/drivers/a')).status).toBe(404);
  expect(await found(server)).toEqual(['b']);
  await expect.poll(() => server.writer.pending).toBe(2);
  expect(answers).toEqual([]);
  expect(await store.ids()).toEqual(['a', 'b']);
  open();
  await Promise.all([first, second]);
  expect(answers).toEqual([204, 404]);
  expect(await store.ids()).toEqual(['b']);
});

test('while the store is away it waits; too far behind, it is 503 with Retry-After and changes nothing', async () => {
  const store = new GatedStore();
  const server = await startServer({ store, maxPending: 2 });
  for (const driverId of ['a', 'b', 'c']) await put(server, driverId);
  store.away = true;
  const watcher = await server.connect('/ws?latitude=1&longitude=2&radius=100');
  await watcher.next('snapshot');
  const waiting = [remove(server, 'a'), remove(server, 'b')];
  await expect.poll(() => server.writer.full).toBe(true);
  for (const driverId of ['c', 'nobody']) {
    const refused = await remove(server, driverId);
    expect(refused).toMatchObject({ status: 503, body: { code: 'unavailable' } });
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  }
  expect(await found(server)).toEqual(['c']);
  store.away = false;
  expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual([204, 204]);
  expect(await store.ids()).toEqual(['c']);
  expect((await remove(server, 'c')).status).toBe(204);
  await watcher.settled();
  expect(watcher.inside()).toEqual([]);
  expect(watcher.contradictions).toEqual([]);
});

test('a token takes off duty whom it may speak for, in its fleet; what it is refused says nothing of the driver', async () => {
  const server = await startServer();
  await put(server, 'a', 'b');
  const own = bearer('positions:write', 'a');
  // But for the id of the request, the same of a driver that is there and of one that is not.
  const refusals = await Promise.all(
    ['b', 'nobody'].map(async (driverId) => ({ ...(await remove(server, driverId, own)).body, requestId: '' })),
  );
  expect(refusals[0]).toMatchObject({ status: 403, code: 'forbidden' });
  expect(refusals[1]).toEqual(refusals[0]);
  for (const driverId of ['a', 'nobody']) {
    expect((await remove(server, driverId, bearer('positions:read', 'a'))).status).toBe(403);
    expect((await remove(server, driverId, bearer('', 'a'))).status).toBe(403);
    expect((await remove(server, driverId, bearer('positions:write:any', 'a', 'other'))).status).toBe(404);
    const nobody = await remove(server, driverId, {});
    expect(nobody).toMatchObject({ status: 401, body: { code: 'unauthorized' } });
    expect(nobody.headers.get('www-authenticate')).toBe('Bearer');
    // For what cannot set headers there is GET; a link must not take anybody off duty.
    const query = `?access_token=${token({ scope: 'positions:write:any' })}`;
    expect((await remove(server, driverId, {}, query)).status).toBe(401);
  }
  expect(await found(server)).toEqual(['a', 'b']);
  expect((await remove(server, 'a', own)).status).toBe(204);
  expect((await remove(server, 'a', own)).status).toBe(404);
  expect(await found(server)).toEqual(['b']);
});

test('a driver of any name; a name that nobody can have is invalid', async () => {
  const server = await startServer();
  for (const driverId of ['Ünïcode/driver 100%?#[]', '駅'.repeat(128), 'nearby', 'search']) {
    await put(server, driverId);
    expect((await remove(server, driverId)).status).toBe(204);
  }
  expect(server.tracker.size).toBe(0);
  for (const driverId of ['x'.repeat(129), 'a\nb']) {
    expect(await remove(server, driverId)).toMatchObject({ status: 400, body: { code: 'invalid' } });
  }
});

test.each([
  ['a content type and no body', { 'content-type': 'application/json', 'content-length': '0' }, ''],
  ['a content type and no length', { 'content-type': 'application/json' }, ''],
  ['an empty object', { 'content-type': 'application/json', 'content-length': '2' }, '{}'],
  ['rubbish', { 'content-type': 'text/weird', 'content-length': '7' }, 'rubbish'],
])('%s does no harm', async (_what, headers, body) => {
  const server = await startServer();
  await put(server, 'a');
  const { port } = server;
  const status = await new Promise((resolve, reject) => {
    const path = '/v1/drivers/a';
    request({ port, host: '127.0.0.1', method: 'DELETE', path, headers: { ...gateway, ...headers } }, (response) => {
      response.resume();
      resolve(response.statusCode);
    })
      .on('error', reject)
      .end(body);
  });
  expect(status).toBe(204);
});

test('a page of an origin that may call, may call this', async () => {
  const server = await startServer({ env: { CORS_ORIGINS: 'https://a.example' } });
  const preflight = await fetch(`http://127.0.0.1:${server.port}/v1/drivers/a`, {
    method: 'OPTIONS',
    headers: {
      origin: 'https://a.example',
      'access-control-request-method': 'DELETE',
      'access-control-request-headers': 'authorization',
    },
  });
  expect(preflight.status).toBe(204);
  expect(preflight.headers.get('access-control-allow-methods')).toMatch('DELETE');
  expect(preflight.headers.get('access-control-allow-headers')).toMatch('authorization');
});
