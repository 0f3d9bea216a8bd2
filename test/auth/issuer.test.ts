import { createPublicKey } from 'node:crypto';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { pino } from 'pino';
import { expect, onTestFinished, test, vi } from 'vitest';
import { Issuer, type IssuerKey, issued, makeKey } from '../support/issuer.ts';
import { frame, rawSocket, sendAndEnd, upgrade } from '../support/raw.ts';
import { Remains } from '../support/remains.ts';
import { SECRET, startServer, token } from '../support/server.ts';
import { signed } from '../support/sign.ts';

const NEARBY = '/v1/drivers/nearby?latitude=1&longitude=2';
const rsa = makeKey('RS256', 'r');
const ec = makeKey('ES256', 'e');
const ed = makeKey('EdDSA', 'd');
const fix = (id: number) => ({ driverId: 'd', latitude: 1, longitude: 2, timestamp: id, id });

/** A server that trusts an issuer, and the secret too if it is told. */
async function setUp(
  options: {
    keys?: IssuerKey[];
    secret?: string;
    env?: Record<string, string>;
    /** What the issuer is up to before the server asks it. */
    before?: (issuer: Issuer) => void;
    log?: pino.Logger;
  } = {},
) {
  const { keys = [ec], secret = '', env, before, log } = options;
  const issuer = await Issuer.start(...keys);
  before?.(issuer);
  const server = await startServer({ env: { JWKS_URL: issuer.url, JWT_SECRET: secret, ...env }, log });
  const ask = (jwt: string) => server.get(NEARBY, { authorization: `Bearer ${jwt}` });
  return { issuer, server, ask };
}

/** A server whose issuer answers when it is told to; HS256 tokens are good at once. */
async function setUpHeld(log?: pino.Logger) {
  let answer = () => {};
  const before = (issuer: Issuer) => {
    answer = issuer.hold();
  };
  return { ...(await setUp({ secret: SECRET, before, log })), answer: () => answer() };
}

test('tokens of RS256, ES256 and EdDSA are taken, on HTTP and on the socket, and HS256 beside them', async () => {
  const { server, ask } = await setUp({ keys: [rsa, ec, ed], secret: SECRET });
  for (const jwt of [issued(rsa), issued(ec), issued(ed), token()]) {
    expect((await ask(jwt)).status).toBe(200);
    const client = await server.connect(`/ws?access_token=${jwt}`);
    expect(await client.ask({ type: 'ping' })).toMatchObject({ type: 'pong' });
  }
});

test('a token is held against the keys of its own algorithm alone', async () => {
  const { ask } = await setUp({ keys: [rsa, ec, ed], secret: SECRET });
  const claims = { sub: 'x', exp: 4102444800, scope: 'positions:read' };
  const publicPem = createPublicKey(rsa.privateKey).export({ format: 'pem', type: 'spki' });
  const forged: Record<string, string> = {
    'HS256 with the public key as PEM': signed(publicPem, claims, { kid: 'r' }),
    'HS256 with the public key as JWK': signed(JSON.stringify(rsa.jwk), claims, { kid: 'r' }),
    'HS256 with the modulus': signed(Buffer.from(rsa.jwk.n as string, 'base64url'), claims, { kid: 'r' }),
    'RS256 by HMAC with the secret': signed(SECRET, claims, { alg: 'RS256', kid: 'r' }),
    'EdDSA by another key': issued({ ...makeKey('EdDSA', 'd') }),
    'EdDSA, named ES256': issued(ed, {}, { alg: 'EdDSA', kid: 'e' }),
    'a key of its own': issued(makeKey('ES256', 'own'), {}, { jwk: makeKey('ES256', 'own').jwk }),
    'the address of its own key': issued(ec, {}, { x5u: 'http://127.0.0.1/' }),
    'an extension': issued(ec, {}, { crit: ['exp'] }),
    PS256: issued(rsa, {}, { kid: 'r' }).replace(/^[^.]+/, btoa('{"alg":"PS256","kid":"r"}').replaceAll('=', '')),
    none: `${btoa('{"alg":"none","kid":"r"}')}.${btoa(JSON.stringify(claims))}.`.replaceAll('=', ''),
    'a stripped signature': issued(ec).replace(/[^.]+$/, ''),
  };
  for (const [what, jwt] of Object.entries(forged)) {
    const answer = await ask(jwt);
    expect([what, answer.status, (await answer.json()).code]).toEqual([what, 401, 'unauthorized']);
  }
});

test('without a secret no HS256 token is taken, whatever it is signed with', async () => {
  const { ask } = await setUp();
  for (const secret of [SECRET, '', 'undefined']) {
    const answer = await ask(signed(secret, { sub: 'x', exp: 4102444800, scope: 'positions:read' }));
    expect([answer.status, (await answer.json()).detail]).toEqual([401, 'The token’s algorithm is not accepted.']);
  }
});

test('issuer, audience, times and tolerance hold for them too', async () => {
  const now = Math.floor(Date.now() / 1000);
  const { server, ask } = await setUp({
    env: { JWT_ISSUER: 'me', JWT_AUDIENCE: 'nearcast', JWT_CLOCK_TOLERANCE_SECONDS: '60' },
  });
  const good = { iss: 'me', aud: 'nearcast' };
  const status = async (claims: object) => (await ask(issued(ec, { ...good, ...claims }))).status;
  const refusal = async (claims: object) => {
    const answer = await ask(issued(ec, { ...good, ...claims }));
    return [answer.status, (await answer.json()).detail];
  };
  expect(await status({})).toBe(200);
  expect(await refusal({ iss: 'you' })).toEqual([401, expect.stringMatching(/issuer.*iss/)]);
  expect(await refusal({ aud: 'other' })).toEqual([401, expect.stringMatching(/audience.*aud/)]);
  expect(await status({ exp: now - 30, nbf: now + 30 })).toBe(200);
  expect(await status({ exp: now - 90 })).toBe(401);
  expect(await status({ nbf: now + 90 })).toBe(401);
  const client = await server.connect('/ws', undefined, {});
  const answer = await client.ask({ type: 'authenticate', token: issued(ec, { ...good, exp: now - 20 }) });
  expect(answer).toMatchObject({ type: 'authenticated', expiresAt: (now - 20) * 1000 });
  expect(await client.ask({ type: 'ping' }, 'pong')).toBeDefined();
});

test('what comes while a token is judged is answered after it, in its order, and a second token waits for the first', async () => {
  const { server, answer } = await setUpHeld();
  const client = await server.connect(`/ws?latitude=1&longitude=2&radius=10&access_token=${issued(ec)}`);
  const ids = Array.from({ length: 100 }, (_, id) => id);
  const say = (some: number[]) => {
    for (const id of some) client.send({ type: 'ping', id });
  };
  say(ids.slice(0, 50));
  client.send({ type: 'authenticate', token: issued(ec, { jti: '2' }), id: 'second' });
  say(ids.slice(50));
  await new Promise(setImmediate);
  expect(client.heard).toEqual([]);
  answer();
  const heard = [];
  do heard.push(await client.next());
  while (heard.at(-1).id !== 99);
  const order = heard.filter(({ id }) => id !== undefined).map(({ id }) => id);
  expect(order).toEqual([...ids.slice(0, 50), 'second', ...ids.slice(50)]);
  expect(heard.some(({ type }) => type === 'snapshot')).toBe(true);
});

test('a bad token that took its time closes, and what came behind it is not heard', async () => {
  const { server, answer } = await setUpHeld();
  const client = await server.connect(`/ws?access_token=${issued(makeKey('ES256', 'other'))}`);
  client.send(fix(1));
  answer();
  expect(await client.next()).toMatchObject({ type: 'error', code: 'unauthorized' });
  expect((await client.closed).code).toBe(4401);
  expect(client.heard).toEqual([]);
  for (const { drivers } of server.tracker.fleets()) expect([...drivers.keys()]).toEqual([]);
});

test('who goes while its token is judged leaves nothing behind, on any transport', async () => {
  const { server, answer } = await setUpHeld();
  // A poll that goes on from where its fleet stands has nothing to answer at once.
  await server.post('/v1/positions', { positions: [{ driverId: 'far', latitude: 5, longitude: 5 }] });
  const { cursor } = await (await server.get(`${NEARBY}&radius=10`)).json();
  const remains = await Remains.of(server);
  const jwt = issued(ec);
  const client = await server.connect(`/ws?latitude=1&longitude=2&radius=10&access_token=${jwt}`);
  client.send({ type: 'ping' });
  client.socket.terminate();
  const area = `latitude=1&longitude=2&radius=10&access_token=${jwt}`;
  for (const path of [
    `/v1/stream?${area}`,
    `/v1/changes?${area}&wait=60&cursor=${cursor}`,
    `${NEARBY}&access_token=${jwt}`,
  ]) {
    const socket = await rawSocket(server.port);
    const heard = once(server.app.server, 'request');
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
    const [request] = await heard;
    socket.destroy();
    await new Promise((resolve) => request.on('close', resolve));
  }
  answer();
  await remains.none();
});

test('a connection that was closed while its token was judged stays closed', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
  try {
    const said: string[] = [];
    const stream = { write: (line: string) => void said.push(JSON.parse(line).msg) };
    const { server, answer } = await setUpHeld(pino({ level: 'debug' }, stream));
    const client = await server.connect(`/ws?access_token=${token({ sub: 'x', ttlSeconds: 10 })}`);
    await client.ask({ type: 'ping' }, 'pong');
    client.send({ type: 'authenticate', token: issued(ec) });
    client.send(fix(1));
    await new Promise(setImmediate);
    vi.advanceTimersByTime(10_000);
    expect((await client.closed).code).toBe(4401);
    answer();
    // Whoever waits for the same verdict came later.
    const other = await server.connect(`/ws?access_token=${issued(ec)}`);
    await other.ask({ type: 'ping' });
    expect(said.filter((line) => /^(dis)?connected$/.test(line))).toEqual(['connected', 'disconnected', 'connected']);
    expect(server.tracker.driver({ fleet: 'default' }, 'd')).toBeUndefined();
  } finally {
    vi.useRealTimers();
  }
});

test('who has sent a token in time is not closed for want of one, however long that is judged', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    const { server, answer } = await setUpHeld();
    const good = await server.connect(`/ws?access_token=${issued(ec)}`);
    const bad = await server.connect(`/ws?access_token=${issued(makeKey('ES256', 'other'))}`);
    const none = await server.connect('/ws', undefined, {});
    vi.advanceTimersByTime(10_000);
    expect((await none.closed).code).toBe(4408);
    answer();
    expect(await good.ask({ type: 'ping' })).toMatchObject({ type: 'pong' });
    expect((await bad.closed).code).toBe(4401);
  } finally {
    vi.useRealTimers();
  }
});

test.each(['a FIN', 'a close frame', 'a reset', 'a FIN, and its time is over'])(
  'what was sent behind a token is heard though its sender has gone before that was judged (%s)',
  async (how) => {
    const { server, answer } = await setUpHeld();
    const remains = await Remains.of(server);
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    const connected = once(server.app.server, 'connection');
    const socket = await rawSocket(server.port);
    const [theirs] = await connected;
    socket.write(upgrade('/ws', '').replace('Authorization', 'X'));
    await once(socket, 'data');
    const gone = new Promise((resolve) => theirs.on('close', resolve));
    const messages = [{ type: 'authenticate', token: issued(ec) }, fix(1)].map((one) => frame(JSON.stringify(one)));
    const bytes = Buffer.concat([...messages, ...(how === 'a close frame' ? [frame('', 8)] : [])]);
    await sendAndEnd(socket, bytes, how === 'a reset' ? 'reset' : 'fin');
    await gone;
    if (how.endsWith('over')) vi.advanceTimersByTime(10_000);
    vi.useRealTimers();
    answer();
    await vi.waitFor(() => expect(server.tracker.driver({ fleet: 'default' }, 'd')).toBeDefined());
    await remains.none();
  },
);

test('a token that cannot be judged is no bad one: 503, and a close that clients come back from', async () => {
  const { server, ask } = await setUp({ secret: SECRET, before: (issuer) => issuer.answer('away', 502) });
  const answer = await ask(issued(ec));
  expect([answer.status, (await answer.json()).code]).toEqual([503, 'unavailable']);
  expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
  const client = await server.connect(`/ws?access_token=${issued(ec)}`);
  expect(await client.next()).toMatchObject({ type: 'error', code: 'unavailable', retryAfter: expect.any(Number) });
  expect((await client.closed).code).toBe(4503);
  const url = `/v1/stream?latitude=1&longitude=2&radius=10&access_token=${issued(ec)}`;
  const stream = await server.get(url, { accept: 'text/event-stream' });
  expect([stream.status, await stream.text()]).toEqual([
    200,
    expect.stringMatching(/^retry: \d+\n\n.+\ndata: {"code":4503/),
  ]);
  expect((await server.get(url, {})).status).toBe(503);
  // The secret is there as ever, and a connection that is open goes on with the token that it has.
  const open = await server.connect(`/ws?access_token=${token({ sub: 'x' })}`);
  expect(await open.ask({ type: 'authenticate', token: issued(ec), id: 7 })).toMatchObject({
    type: 'error',
    code: 'unavailable',
    id: 7,
  });
  expect(await open.ask({ type: 'ping' })).toMatchObject({ type: 'pong' });
});

test('a compressed flood that waits for a verdict is cut off', async () => {
  const { server } = await setUp({ env: { PERMESSAGE_DEFLATE: 'on' }, before: (issuer) => issuer.hang() });
  const client = await server.connect('/ws', undefined, {});
  // All of it is read at once: after the token is known, nothing more is.
  const raw = Reflect.get(client.socket, '_socket') as Socket;
  raw.cork();
  client.send({ type: 'authenticate', token: issued(ec) });
  for (let i = 0; i < 20; i++) client.send(`{"type":"ping","id":"${' '.repeat(900_000)}"}`);
  await vi.waitFor(() => expect(raw.writableLength).toBeGreaterThan(10_000));
  raw.uncork();
  expect((await client.closed).code).toBe(4400);
});

test('what waited for one verdict does not count for the next', async () => {
  const server = await startServer();
  const client = await server.connect('/ws', undefined, {});
  const raw = Reflect.get(client.socket, '_socket') as Socket;
  // Each of these is read in one go, and it is more than 4 MiB in all.
  for (let round = 0; round < 78; round++) {
    raw.cork();
    client.send({ type: 'authenticate', token: token({ jti: `${round}` }) });
    for (let id = 0; id < 5; id++) client.send({ type: 'ping', id, more: 'x'.repeat(11_500) });
    raw.uncork();
    while ((await client.next('pong')).id !== 4);
  }
});
