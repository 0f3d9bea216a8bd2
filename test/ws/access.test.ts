import { createSigner } from 'fast-jwt';
import { expect, test, vi } from 'vitest';
import { SECRET, startServer, token } from '../support/server.ts';

const circle = { type: 'subscribe', subscription: 's', latitude: 1, longitude: 2, radius: 10 };
const fix = { driverId: 'd', latitude: 1, longitude: 2, id: 1 };

test.each<[string, (jwt: string) => [path?: string, protocols?: string[], headers?: Record<string, string>]]>([
  ['the Authorization header', (jwt) => ['/ws', undefined, { authorization: `Bearer ${jwt}` }]],
  ['a subprotocol', (jwt) => ['/ws', ['nearcast.v1', `bearer.${jwt}`]]],
  ['the query', (jwt) => [`/ws?access_token=${jwt}`]],
])('a token in %s lets in, and a bad one there is closed with 4401', async (_where, how) => {
  const server = await startServer();
  const client = await server.connect(...how(token()));
  expect(await client.ask(fix)).toMatchObject({ verdict: 'accepted' });
  const bad = await server.connect(...how(`${token()}x`));
  expect((await bad.closed).code).toBe(4401);
});

test('of the offered subprotocols ours is echoed, never the token', async () => {
  const server = await startServer();
  const client = await server.connect('/ws', ['nearcast.v1', `bearer.${token()}`]);
  expect(client.socket.protocol).toBe('nearcast.v1');
});

test('without a token everything waits for authenticate, the URL’s subscription too', async () => {
  const server = await startServer();
  const client = await server.connect('/ws?latitude=1&longitude=2&radius=10', undefined, {});
  expect(await client.ask(fix)).toMatchObject({ type: 'error', code: 'unauthorized' });
  expect(await client.ask(circle)).toMatchObject({ type: 'error', code: 'unauthorized' });
  const answer = await client.ask({ type: 'authenticate', token: token() });
  expect(answer).toMatchObject({ type: 'authenticated' });
  expect(answer.expiresAt).toBeGreaterThan(Date.now());
  expect(await client.next()).toMatchObject({ type: 'snapshot', subscription: 'default' });
  expect(await client.ask(fix, 'ack')).toMatchObject({ verdict: 'accepted' });
});

test('a bad token in authenticate is closed with 4401', async () => {
  const server = await startServer();
  const client = await server.connect('/ws', undefined, {});
  client.send({ type: 'authenticate', token: 'rubbish' });
  expect(await client.next()).toMatchObject({ type: 'error', code: 'unauthorized' });
  expect((await client.closed).code).toBe(4401);
});

test('no authentication in ten seconds is closed with 4408; an ended token with 4401, unless it was refreshed', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
  try {
    const server = await startServer();
    const silent = await server.connect('/ws', undefined, {});
    const ending = await server.connect(`/ws?access_token=${token({ ttlSeconds: 60 })}`);
    const refreshed = await server.connect(`/ws?access_token=${token({ ttlSeconds: 60 })}`);
    await refreshed.ask({ type: 'authenticate', token: token({ ttlSeconds: 120 }) }, 'authenticated');
    vi.advanceTimersByTime(10_000);
    expect((await silent.closed).code).toBe(4408);
    vi.advanceTimersByTime(51_000);
    expect(await ending.closed).toEqual({ code: 4401, reason: 'the token has expired' });
    expect(await refreshed.ask({ type: 'ping' }, 'pong')).toBeDefined();
    vi.advanceTimersByTime(60_000);
    expect((await refreshed.closed).code).toBe(4401);
  } finally {
    vi.useRealTimers();
  }
});

test('a token of another subject or fleet cannot take a connection over', async () => {
  const server = await startServer();
  for (const claims of [{ sub: 'other' }, { fleet: 'other' }]) {
    const client = await server.connect(`/ws?access_token=${token()}`);
    client.send({ type: 'authenticate', token: token(claims) });
    expect((await client.closed).code).toBe(4403);
  }
});

test('a driver sends as itself alone, a reader not at all, a writer watches nothing', async () => {
  const server = await startServer();
  const driver = await server.connect(`/ws?access_token=${token({ sub: 'd', scope: 'positions:write' })}`);
  expect(await driver.ask(fix)).toMatchObject({ verdict: 'accepted' });
  expect(await driver.ask({ ...fix, driverId: 'e' })).toMatchObject({
    type: 'ack',
    verdict: 'refused',
    code: 'forbidden',
  });
  expect(await driver.ask({ ...fix, driverId: 'e', id: undefined })).toMatchObject({
    type: 'error',
    code: 'forbidden',
    field: 'driverId',
  });
  expect(await driver.ask(circle)).toMatchObject({ type: 'error', code: 'forbidden', subscription: 's' });
  const reader = await server.connect(`/ws?access_token=${token({ scope: 'positions:read' })}`);
  expect(await reader.ask(fix)).toMatchObject({ type: 'error', code: 'forbidden', id: 1 });
  expect(await reader.ask(circle)).toMatchObject({ type: 'snapshot', drivers: [{ driverId: 'd' }] });
});

test('a watcher of one fleet hears nothing of another', async () => {
  const server = await startServer();
  const watcher = await server.connect(`/ws?access_token=${token({ fleet: 'blue' })}`);
  await watcher.ask(circle);
  const red = await server.connect(`/ws?access_token=${token({ fleet: 'red' })}`);
  await red.ask(fix);
  await watcher.settled();
  expect(watcher.heard).toEqual([]);
});

test.each<[string, string]>([
  [
    'of algorithm none',
    `${btoa('{"alg":"none","typ":"JWT"}')}.${btoa('{"sub":"x","exp":4102444800}')}.`.replaceAll('=', ''),
  ],
  [
    'signed with another key',
    createSigner({ key: 'another secret of thirty-two bytes!' })({ sub: 'x', exp: 4102444800 }),
  ],
  ['signed with HS384', createSigner({ key: SECRET, algorithm: 'HS384' })({ sub: 'x', exp: 4102444800 })],
  ['without exp', createSigner({ key: SECRET, noTimestamp: true })({ sub: 'x' })],
  ['without sub', createSigner({ key: SECRET })({ exp: 4102444800 })],
  ['expired', createSigner({ key: SECRET })({ sub: 'x', exp: 1 })],
  ['not valid yet', createSigner({ key: SECRET })({ sub: 'x', exp: 4102444800, nbf: 4102444799 })],
  ['with a fleet that is no name', createSigner({ key: SECRET })({ sub: 'x', exp: 4102444800, fleet: '../x' })],
  ['that is rubbish', 'rubbish'],
  ['that is empty', ''],
])('a token %s is refused on the socket and over HTTP', async (_what, jwt) => {
  const server = await startServer();
  const headers = { authorization: `Bearer ${jwt}` };
  expect((await (await server.connect('/ws', undefined, headers)).closed).code).toBe(4401);
  const answer = await server.get('/v1/drivers/nearby?latitude=1&longitude=2', headers);
  expect(answer.status).toBe(401);
  expect(await answer.text()).not.toContain(jwt.slice(0, 20) || '\0');
});
