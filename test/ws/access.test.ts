import { expect, test, vi } from 'vitest';
import { SECRET, startServer, token } from '../support/server.ts';
import { signed } from '../support/sign.ts';

const circle = { type: 'subscribe', subscription: 's', latitude: 1, longitude: 2, radius: 10 };
/** The year 2100, epoch seconds. */
const LATE = 4102444800;
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
    await ending.ask({ type: 'ping' }, 'pong');
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

test('a minute before its end a token is told to end, once; one with less than two minutes after half of that', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
  try {
    const server = await startServer();
    const start = Math.floor(Date.now() / 1000) * 1000;
    vi.setSystemTime(start);
    const open = async (ttlSeconds: number) => {
      const client = await server.connect(`/ws?access_token=${token({ ttlSeconds })}`);
      const told: object[] = [];
      client.socket.on('message', (data) => {
        const message = JSON.parse(String(data));
        if (message.type === 'expiring') told.push(message);
      });
      await client.settled();
      return { client, told };
    };
    const [long, short] = [await open(600), await open(40)];
    const at = async (seconds: number) => {
      vi.advanceTimersByTime(start + seconds * 1000 - Date.now());
      await Promise.all([long, short].map(({ client }) => client.settled()));
    };
    const warning = (expires: number, now: number) => ({
      type: 'expiring',
      expiresAt: start + expires * 1000,
      serverTime: start + now * 1000,
    });
    await at(19);
    expect([long.told, short.told]).toEqual([[], []]);
    await at(20);
    expect([long.told, short.told]).toEqual([[], [warning(40, 20)]]);
    await short.client.ask({ type: 'authenticate', token: token({ ttlSeconds: 600 }) }, 'authenticated');
    await at(539);
    expect([long.told, short.told]).toEqual([[], [warning(40, 20)]]);
    await at(540);
    await at(560);
    expect(long.told).toEqual([warning(600, 540)]);
    expect(short.told).toEqual([warning(40, 20), warning(620, 560)]);
    await at(599);
    vi.advanceTimersByTime(1000);
    expect((await long.client.closed).code).toBe(4401);
    await short.client.settled();
    expect(long.told.length + short.told.length).toBe(3);
  } finally {
    vi.useRealTimers();
  }
});

test('a token may last longer than a timer can', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
  try {
    const day = 86_400;
    const server = await startServer();
    const client = await server.connect(`/ws?access_token=${token({ ttlSeconds: 60 * day })}`);
    await client.ask({ type: 'ping' }, 'pong');
    for (let days = 0; days < 59; days++) vi.advanceTimersByTime(day * 1000);
    expect(await client.ask({ type: 'ping' }, 'pong')).toBeDefined();
    vi.advanceTimersByTime(2 * day * 1000);
    expect((await client.closed).code).toBe(4401);
  } finally {
    vi.useRealTimers();
  }
});

test('a refreshed token that may not read is no token for open subscriptions', async () => {
  const server = await startServer();
  const client = await server.connect(`/ws?access_token=${token()}`);
  await client.ask(circle);
  client.send({ type: 'authenticate', token: token({ scope: 'positions:write:any' }) });
  const { message } = await client.next('error');
  // The whole of it: it has room in the close frame.
  expect(await client.closed).toEqual({ code: 4403, reason: message });
});

test('a refreshed token that sees something else is no token for open subscriptions; where there are none it goes on', async () => {
  const server = await startServer();
  const area = { latitude: 1, longitude: 2, radius: 100 };
  const part = { area, precision: 5 };
  for (const other of [
    {},
    { area },
    { precision: 5 },
    { area, precision: 6 },
    { area: { ...area, latitude: 1.1 }, precision: 5 },
    { area: { ...area, longitude: 2.1 }, precision: 5 },
    { area: { ...area, radius: 101 }, precision: 5 },
  ]) {
    const open = async () => server.connect(`/ws?access_token=${token(part)}`);
    const client = await open();
    await client.ask(circle, 'snapshot');
    await client.ask({ type: 'authenticate', token: token({ ...part, jti: 'same' }) }, 'authenticated');
    client.send({ type: 'authenticate', token: token(other) });
    expect([other, (await client.closed).code]).toEqual([other, 4403]);
    const idle = await open();
    await idle.ask({ type: 'authenticate', token: token(other) }, 'authenticated');
  }
});

test('an issuer and an audience that are set are required, and must be these', async () => {
  const server = await startServer({ env: { JWT_ISSUER: 'me', JWT_AUDIENCE: 'nearcast' } });
  const sign = (claims: object) => signed(SECRET, { sub: 'x', exp: LATE, scope: 'positions:read', ...claims });
  const status = async (claims: object) =>
    (await server.get('/v1/drivers/nearby?latitude=1&longitude=2', { authorization: `Bearer ${sign(claims)}` })).status;
  expect(await status({ iss: 'me', aud: 'nearcast' })).toBe(200);
  expect(await status({ iss: 'me', aud: ['other', 'nearcast'] })).toBe(200);
  expect(await status({})).toBe(401);
  expect(await status({ iss: 'me' })).toBe(401);
  expect(await status({ aud: 'nearcast' })).toBe(401);
  expect(await status({ iss: 'you', aud: 'nearcast' })).toBe(401);
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

test.each<[what: string, jwt: string, reason: RegExp]>([
  [
    'of algorithm none',
    `${btoa('{"alg":"none","typ":"JWT"}')}.${btoa('{"sub":"x","exp":4102444800}')}.`.replaceAll('=', ''),
    /algorithm|not valid/,
  ],
  ['signed with another key', signed('another secret of thirty-two bytes!', { sub: 'x', exp: LATE }), /signature/],
  ['signed with HS384', signed(SECRET, { sub: 'x', exp: LATE }, { alg: 'HS384' }, 'sha384'), /algorithm/],
  ['with crit', signed(SECRET, { sub: 'x', exp: LATE }, { crit: ['b64'], b64: true }), /must not have crit/],
  ['with crit of its own', signed(SECRET, { sub: 'x', exp: LATE }, { crit: ['mine'], mine: 1 }), /not valid/],
  ['with a key of its own', signed(SECRET, { sub: 'x', exp: LATE }, { jwk: { kty: 'oct', k: 'AA' } }), /have jwk/],
  ['with the address of a key', signed(SECRET, { sub: 'x', exp: LATE }, { x5u: 'http://[::1]/' }), /have x5u/],
  ['without exp', signed(SECRET, { sub: 'x' }), /required claim: exp/],
  ['without sub', signed(SECRET, { exp: LATE }), /required claim: sub/],
  ['with a sub that is a number', signed(SECRET, { sub: 1, exp: LATE }), /sub/],
  ['that never ends', signed(SECRET, `{"sub":"x","exp":1e999}`), /exp/],
  ['whose end is beyond all dates', signed(SECRET, { sub: 'x', exp: 1e308 }), /exp/],
  ['whose end is text', signed(SECRET, { sub: 'x', exp: '4102444800' }), /exp/],
  ['expired', signed(SECRET, { sub: 'x', exp: 1 }), /has expired/],
  ['not valid yet', signed(SECRET, { sub: 'x', exp: LATE, nbf: LATE - 1 }), /not valid yet/],
  ['with a fleet that is no name', signed(SECRET, { sub: 'x', exp: LATE, fleet: '../x' }), /fleet/],
  ['whose claims are no object', signed(SECRET, '[]'), /not valid/],
  ['of 9,000 characters', signed(SECRET, { sub: 'x', exp: LATE, more: 'x'.repeat(6750) }), /8192 characters/],
  ['that is a share nobody made', 'share_AAAA', /no such share/],
  ['that is rubbish', 'rubbish', /not valid/],
  ['that is empty', '', /./],
])('a token %s is refused on the socket and over HTTP', async (_what, jwt, reason) => {
  const server = await startServer();
  const headers = { authorization: `Bearer ${jwt}` };
  expect((await (await server.connect('/ws', undefined, headers)).closed).code).toBe(4401);
  const answer = await server.get('/v1/drivers/nearby?latitude=1&longitude=2', headers);
  expect(answer.status).toBe(401);
  const text = await answer.text();
  expect(JSON.parse(text).detail).toMatch(reason);
  expect(text).not.toContain(jwt.slice(0, 20) || '\0');
});
