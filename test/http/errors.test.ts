import { connect } from 'node:net';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { inQuery } from '../../src/protocol/query.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { StoreUnavailable } from '../../src/store/store.ts';
import { startServer, token } from '../support/server.ts';

const bearer = (scope: string) => ({ authorization: `Bearer ${token({ scope })}` });

test.each<[string, string, string, RegExp]>([
  ['no latitude', 'longitude=1', 'latitude', /required/],
  ['an empty longitude', 'latitude=1&longitude=', 'longitude', /number of degrees/],
  ['latitude 91', 'latitude=91&longitude=1', 'latitude', /between -90 and 90/],
  ['latitude in hexadecimal', 'latitude=0x10&longitude=1', 'latitude', /number of degrees/],
  ['latitude Infinity', 'latitude=Infinity&longitude=1', 'latitude', /number of degrees/],
  ['longitude twice', 'latitude=1&longitude=1&longitude=2', 'longitude', /number of degrees/],
  ['a negative radius', 'latitude=1&longitude=1&radius=-1', 'radius', /between 0 and 100000/],
  ['a huge radius', 'latitude=1&longitude=1&radius=1e6', 'radius', /between 0 and 100000/],
  ['limit 0', 'latitude=1&longitude=1&limit=0', 'limit', /whole number from 1/],
  ['limit 1.5', 'latitude=1&longitude=1&limit=1.5', 'limit', /whole number from 1/],
  ['a negative maxAge', 'latitude=1&longitude=1&maxAge=-1', 'maxAge', /at least 0/],
])('nearby with %s is a problem that names the field', async (_what, query, field, rule) => {
  const response = await (await startServer()).get(`/v1/drivers/nearby?${query}`);
  expect(response.status).toBe(400);
  expect(response.headers.get('content-type')).toMatch('application/problem+json');
  const problem = await response.json();
  expect(problem).toMatchObject({ type: 'about:blank', title: 'Bad Request', status: 400, code: 'invalid' });
  expect(problem.errors).toEqual([{ field, message: expect.stringMatching(rule) }]);
  expect(problem.requestId).toBeTruthy();
});

test('every fault of a request is named at once', async () => {
  const response = await (await startServer()).get('/v1/drivers/nearby?latitude=91&radius=-1');
  const { errors } = await response.json();
  expect(errors.map(({ field }: { field: string }) => field)).toEqual(['latitude', 'longitude', 'radius']);
});

test.each<[string, string, RequestInit, number, string]>([
  ['an unknown path', '/nope', {}, 404, 'not_found'],
  ['a known path with another method', '/v1/drivers/nearby', { method: 'PUT' }, 404, 'not_found'],
  ['a path that is not percent-encoded right', '/v1/drivers/%zz', {}, 400, 'invalid'],
  ['/ws without an upgrade', '/ws', {}, 426, 'invalid'],
  [
    'a body that is not JSON',
    '/v1/positions',
    { method: 'POST', body: '{', headers: { 'content-type': 'application/json' } },
    400,
    'invalid',
  ],
  [
    'a body of another type',
    '/v1/positions',
    { method: 'POST', body: 'x', headers: { 'content-type': 'text/plain' } },
    415,
    'unsupported',
  ],
  [
    'a body above the limit',
    '/v1/positions',
    { method: 'POST', body: ' '.repeat(1_100_000), headers: { 'content-type': 'application/json' } },
    413,
    'too_large',
  ],
])('%s is a problem', async (_what, path, init, status, code) => {
  const { port } = await startServer();
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    ...init,
    headers: { ...init.headers, ...bearer('positions:read positions:write:any') },
  });
  expect(response.status).toBe(status);
  expect(response.headers.get('content-type')).toMatch('application/problem+json');
  expect(await response.json()).toMatchObject({ status, code });
});

test('a failure of our own is a problem that tells nothing of the inside', async () => {
  const server = await startServer();
  server.tracker.nearby = () => {
    throw new Error('secret detail');
  };
  const response = await server.get('/v1/drivers/nearby?latitude=1&longitude=1');
  expect(response.status).toBe(500);
  const text = await response.text();
  expect(JSON.parse(text)).toMatchObject({ code: 'internal', status: 500 });
  expect(text).not.toContain('secret');
});

test('every door asks for a token, and for the right scope', async () => {
  const server = await startServer();
  const paths = ['/v1/drivers/nearby?latitude=1&longitude=1', '/v1/drivers/d'];
  for (const path of paths) {
    const none = await server.get(path, {});
    expect(none.status).toBe(401);
    expect(none.headers.get('www-authenticate')).toBe('Bearer');
    expect((await server.get(path, bearer('positions:write'))).status).toBe(403);
    // What is wrong with the query is not told to whoever may not ask.
    expect((await server.get('/v1/drivers/nearby', {})).status).toBe(401);
  }
  expect((await server.post('/v1/positions', {}, {})).status).toBe(401);
  expect((await server.post('/v1/positions', {}, bearer('positions:read'))).status).toBe(403);
});

test('a token in the query is for GET alone', async () => {
  const server = await startServer();
  const query = `access_token=${token()}`;
  expect((await server.get(`/v1/drivers/nearby?latitude=1&longitude=1&${query}`, {})).status).toBe(200);
  expect((await server.post(`/v1/positions?${query}`, { driverId: 'd', latitude: 1, longitude: 2 }, {})).status).toBe(
    401,
  );
});

test('positions by HTTP: one or many, a verdict each, in order; a driver as itself alone', async () => {
  const server = await startServer();
  const fix = { driverId: 'd', latitude: 1, longitude: 2, timestamp: 1000 };
  const send = async (body: unknown, scope = 'positions:write:any', sub = 'tester') => {
    const response = await server.post('/v1/positions', body, { authorization: `Bearer ${token({ scope, sub })}` });
    return { status: response.status, ...(await response.json()) };
  };
  expect(await send(fix)).toEqual({ status: 200, results: [{ verdict: 'accepted' }] });
  expect(
    await send({ positions: [fix, { ...fix, timestamp: 1 }, { ...fix, timestamp: 2000 }, { ...fix, latitude: 91 }] }),
  ).toMatchObject({
    status: 200,
    results: [
      { verdict: 'duplicate' },
      { verdict: 'late' },
      { verdict: 'accepted' },
      { verdict: 'refused', code: 'invalid' },
    ],
  });
  expect(await send({ ...fix, timestamp: 4e12 })).toMatchObject({ results: [{ verdict: 'refused', code: 'future' }] });
  expect(await send(fix, 'positions:write', 'e')).toMatchObject({
    results: [{ verdict: 'refused', code: 'forbidden' }],
  });
  expect(await send({ latitude: 1, longitude: 2 }, 'positions:write', 'e')).toMatchObject({
    results: [{ verdict: 'accepted' }],
  });
  expect(await send({ positions: [] })).toMatchObject({ status: 400, errors: [{ field: 'positions' }] });
  expect(await send({ positions: Array(1001).fill(fix) })).toMatchObject({
    status: 400,
    errors: [{ field: 'positions' }],
  });
  expect(await send([fix])).toMatchObject({ status: 400, code: 'invalid' });
  expect(
    await send({ positions: Array.from({ length: 1000 }, (_, i) => ({ ...fix, driverId: `n${i}` })) }),
  ).toMatchObject({ status: 200 });
  expect(server.tracker.size).toBe(1002);
});

test('with the store away and too much waiting, fixes are refused as unavailable and nothing changes; on its return all goes on', async () => {
  let away = true;
  class AwayStore extends MemoryStore {
    override async write(...args: Parameters<MemoryStore['write']>): Promise<void> {
      if (away) throw new StoreUnavailable('away');
      await super.write(...args);
    }
  }
  const server = await startServer({ store: new AwayStore(), maxPending: 10 });
  const socket = await server.connect();
  const waiting = [];
  for (let i = 0; i < 10; i++) socket.send({ driverId: `d${i}`, latitude: 1, longitude: 2, id: i });
  await socket.settled();
  waiting.push(...socket.heard);
  expect(waiting).toEqual([]);
  const refused = await server.post('/v1/positions', { driverId: 'x', latitude: 1, longitude: 2 });
  expect(refused.status).toBe(503);
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(await socket.ask({ driverId: 'x', latitude: 1, longitude: 2, id: 'x' })).toMatchObject({
    type: 'error',
    code: 'unavailable',
    id: 'x',
  });
  expect(server.tracker.driver({ fleet: 'default' }, 'x')).toBeUndefined();
  expect((await (await server.get('/v1/drivers/nearby?latitude=1&longitude=2')).json()).drivers.length).toBe(10);
  away = false;
  for (let i = 0; i < 10; i++) expect(await socket.next()).toEqual({ type: 'ack', id: i, verdict: 'accepted' });
  expect(await socket.ask({ driverId: 'x', latitude: 1, longitude: 2, id: 'x' })).toMatchObject({
    verdict: 'accepted',
  });
});

test.each<[string, string, number, string]>([
  ['a request that is not HTTP', 'rubbish\r\n\r\n', 400, 'invalid'],
  [
    'a request with too large headers',
    `GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`,
    431,
    'too_large',
  ],
  [
    'a WebSocket handshake without a key',
    'GET /ws HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n',
    400,
    'invalid',
  ],
])('%s gets a problem too, and harms nobody', async (_what, bytes, status, code) => {
  const server = await startServer();
  const socket = connect(server.port, '127.0.0.1');
  socket.write(bytes);
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk);
  const [head, body] = Buffer.concat(chunks).toString().split('\r\n\r\n');
  expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  expect(head.toLowerCase()).toContain('content-type: application/problem+json');
  expect(JSON.parse(body)).toMatchObject({ status, code });
  expect((await server.get('/livez')).status).toBe(200);
});

test('a number of any length in a query costs no more than its length', () => {
  const schema = inQuery(z.number());
  // Quadratic, this would take minutes.
  expect(schema.safeParse(`${'1'.repeat(300_000)}x`).success).toBe(false);
  expect(schema.parse('-12.50e1')).toBe(-125);
});

test('tokens and positions are not logged', async () => {
  const lines: string[] = [];
  const server = await startServer({ log: pino({ level: 'info' }, { write: (line: string) => lines.push(line) }) });
  const jwt = token();
  await server.get(`/v1/drivers/nearby?latitude=1.2345&longitude=1&access_token=${jwt}`, {});
  await server.get(`/nope?access_token=${jwt}`, {});
  const client = await server.connect(`/ws?access_token=${jwt}`);
  await client.ask({ driverId: 'someone', latitude: 1.2345, longitude: 2, id: 1 });
  client.send('rubbish');
  await client.settled();
  expect(lines.join('')).not.toMatch(new RegExp(`${jwt.slice(0, 20)}|someone|1\\.2345`));
});
