import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { Client } from '../support/client.ts';
import { scrape } from '../support/metrics.ts';
import { startServer, type TestServer, token } from '../support/server.ts';

const NEARBY = '/v1/drivers/nearby?latitude=1&longitude=2';
const bearer = (sub: string, fleet?: string, ttlSeconds = 3600) => ({
  authorization: `Bearer ${token({ sub, fleet, ttlSeconds })}`,
});

/** The statuses of requests one after the other. */
async function statuses(server: TestServer, count: number, path: string, headers: Record<string, string>) {
  const all: number[] = [];
  for (let i = 0; i < count; i++) all.push((await server.get(path, headers)).status);
  return all;
}

/** What a handshake is answered. */
async function handshake({ port }: TestServer, headers: Record<string, string> = {}) {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`, { headers });
  onTestFinished(() => socket.terminate());
  const opened = once(socket, 'open').then(() => ({
    status: 101,
    headers: {} as IncomingMessage['headers'],
    body: '',
  }));
  const refused = once(socket, 'unexpected-response').then(async ([, response]) => ({
    status: response.statusCode as number,
    headers: (response as IncomingMessage).headers,
    body: await text(response as IncomingMessage),
  }));
  socket.on('error', () => {});
  opened.catch(() => {});
  refused.catch(() => {});
  return Promise.race([opened, refused]);
}

describe('[7.4] with a rate limit', () => {
  test('each subject of a fleet has its own requests a minute, whatever its token; then it is told when to come back', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    onTestFinished(() => void vi.useRealTimers());
    const server = await startServer({ env: { RATE_LIMIT: '3' } });
    const first = await server.get(NEARBY, bearer('a'));
    expect(first.status).toBe(200);
    expect(first.headers.get('ratelimit-limit')).toBe('3');
    expect(first.headers.get('ratelimit-remaining')).toBe('2');
    expect(first.headers.get('ratelimit-reset')).toBe('60');
    expect(await statuses(server, 1, '/v1/drivers', bearer('a', undefined, 100))).toEqual([200]);
    // A request that is wrong is one too.
    expect(await statuses(server, 1, '/v1/drivers/nearby', bearer('a'))).toEqual([400]);
    vi.setSystemTime(Date.now() + 20_000);
    const refused = await server.get(NEARBY, bearer('a'));
    expect(refused.status).toBe(429);
    expect(refused.headers.get('retry-after')).toBe('40');
    expect(refused.headers.get('ratelimit-remaining')).toBe('0');
    expect(refused.headers.get('content-type')).toMatch('application/problem+json');
    expect(await refused.json()).toMatchObject({
      status: 429,
      code: 'limit',
      detail: expect.stringMatching(/^A subject .* 3 requests/),
      requestId: expect.any(String),
    });
    expect((await server.post('/v1/positions', { driverId: 'd', latitude: 1, longitude: 2 }, bearer('a'))).status).toBe(
      429,
    );
    expect(server.tracker.size).toBe(0);

    expect(await statuses(server, 4, NEARBY, bearer('b'))).toEqual([200, 200, 200, 429]);
    expect(await statuses(server, 4, NEARBY, bearer('a', 'other'))).toEqual([200, 200, 200, 429]);
    vi.setSystemTime(Date.now() + 41_000);
    expect(await statuses(server, 4, NEARBY, bearer('a'))).toEqual([200, 200, 200, 429]);
    const { value } = await scrape(server);
    expect(value('nearcast_limited_total', { limit: 'requests' })).toBe(5);
  });

  test('who has no valid token is one with its address, and keeps nobody with a token away', async () => {
    const server = await startServer({ env: { RATE_LIMIT: '3' } });
    expect(await statuses(server, 1, NEARBY, {})).toEqual([401]);
    expect(await statuses(server, 1, NEARBY, { authorization: 'Bearer guessed' })).toEqual([401]);
    expect(await statuses(server, 1, '/no/such/path', {})).toEqual([404]);
    expect(await statuses(server, 2, NEARBY, { authorization: 'Bearer guessed again' })).toEqual([429, 429]);
    expect(await statuses(server, 1, '/openapi.yaml', {})).toEqual([429]);
    const refused = await server.get(NEARBY, { authorization: 'Bearer guessed' });
    expect((await refused.json()).detail).toMatch(/^An address .*without a valid token.* 3 requests/);
    expect(await statuses(server, 1, NEARBY, bearer('a'))).toEqual([200]);
  });

  test('health is never limited, nor are handshakes by it', async () => {
    const server = await startServer({ env: { RATE_LIMIT: '1' } });
    expect(await statuses(server, 5, '/livez', {})).toEqual(Array(5).fill(200));
    expect(await statuses(server, 5, '/readyz', {})).toEqual(Array(5).fill(200));
    for (let i = 0; i < 3; i++) expect((await handshake(server)).status).toBe(101);
  });
});

test('without a rate limit there is none, and nothing is said of one', async () => {
  const server = await startServer();
  const answer = await server.get(NEARBY);
  expect([...answer.headers.keys()].filter((name) => name.includes('ratelimit'))).toEqual([]);
  expect(await statuses(server, 50, NEARBY, {})).toEqual(Array(50).fill(401));
});

describe('[6.12] of one address', () => {
  test('so many connections may begin in a minute, WebSockets and streams alike', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    onTestFinished(() => void vi.useRealTimers());
    const server = await startServer({ env: { MAX_HANDSHAKES_PER_MINUTE: '3' } });
    expect((await handshake(server)).status).toBe(101);
    expect(await statuses(server, 1, '/v1/stream', {})).toEqual([401]);
    const watcher = await Client.open(`ws://127.0.0.1:${server.port}/ws`, [], bearer('a'));
    await watcher.ask({ type: 'ping' }, 'pong');
    const refused = await handshake(server, bearer('a'));
    expect(refused.status).toBe(429);
    expect(refused.headers['retry-after']).toBe('60');
    expect(refused.headers['content-type']).toMatch('application/problem+json');
    expect(JSON.parse(refused.body)).toMatchObject({ code: 'limit', status: 429 });
    expect(await statuses(server, 1, '/v1/stream', bearer('a'))).toEqual([429]);
    expect(await statuses(server, 1, '/v1/replay', bearer('a'))).toEqual([429]);
    // What is open, and what is no beginning of a connection, goes on.
    await watcher.ask({ type: 'ping' }, 'pong');
    expect(await statuses(server, 5, NEARBY, bearer('a'))).toEqual(Array(5).fill(200));
    expect((await scrape(server)).value('nearcast_limited_total', { limit: 'handshakes' })).toBe(3);
    vi.setSystemTime(Date.now() + 60_001);
    expect((await handshake(server)).status).toBe(101);
  });

  test.each([
    ['without TRUST_PROXY what a client says of itself is not believed', {}, ['10.1.1.1', '10.1.1.2'], [101, 429]],
    ['with one proxy each of its clients has its own', { TRUST_PROXY: '1' }, ['10.1.1.1', '10.1.1.2'], [101, 101]],
    [
      'but only by what that one proxy adds',
      { TRUST_PROXY: '1' },
      ['10.1.1.1, 9.9.9.9', '10.1.1.2, 9.9.9.9'],
      [101, 429],
    ],
    [
      'by two, what the first of them adds',
      { TRUST_PROXY: '2' },
      ['10.1.1.1, 9.9.9.9', '10.1.1.2, 9.9.9.9'],
      [101, 101],
    ],
    ['a network that is trusted', { TRUST_PROXY: '127.0.0.0/8,::1' }, ['10.1.1.1', '10.1.1.2'], [101, 101]],
    ['one that it is not in', { TRUST_PROXY: '10.0.0.0/8' }, ['10.1.1.1', '10.1.1.2'], [101, 429]],
    ['addresses of one /64 are one', { TRUST_PROXY: '1' }, ['2001:db8::1', '2001:db8::ffff:2'], [101, 429]],
    ['of two are two', { TRUST_PROXY: '1' }, ['2001:db8::1', '2001:db8:0:1::1'], [101, 101]],
    ['an IPv4 address written as IPv6 is itself', { TRUST_PROXY: '1' }, ['::ffff:10.1.1.1', '10.1.1.1'], [101, 429]],
  ])('%s', async (_what, env, forwarded, expected) => {
    const server = await startServer({ env: { MAX_HANDSHAKES_PER_MINUTE: '1', ...env } });
    const found: number[] = [];
    for (const addresses of forwarded) found.push((await handshake(server, { 'x-forwarded-for': addresses })).status);
    expect(found).toEqual(expected);
  });
});
