import { expect, test, vi } from 'vitest';
import { MemoryReplays } from '../../src/store/memory-replays.ts';
import { MemoryTracks } from '../../src/store/memory-tracks.ts';
import { EventStreamReader } from '../support/event-stream.ts';
import { scrape } from '../support/metrics.ts';
import { Poller } from '../support/poller.ts';
import { startServer, type TestServer, token } from '../support/server.ts';

const bearer = (sub: string, fleet?: string, ttlSeconds = 3600) => ({
  authorization: `Bearer ${token({ sub, fleet, ttlSeconds })}`,
});
const stream = ({ port }: TestServer, path: string, headers: Record<string, string>) =>
  EventStreamReader.open(`http://127.0.0.1:${port}${path}`, headers);
const past = `/v1/replay?from=${Date.now() - 3_600_000}&speed=1`;
const nothing = { fixesOf: () => [] };

async function start(env: Record<string, string>): Promise<TestServer> {
  return startServer({
    env,
    history: { tracks: new MemoryTracks(nothing), replays: new MemoryReplays(nothing) },
  });
}

test('[6.12] a subject has so many connections, whatever they are; another, and its like of another fleet, has its own', async () => {
  const server = await start({ MAX_CONNECTIONS_PER_SUBJECT: '3' });
  const socket = await server.connect('/ws', undefined, bearer('a'));
  const events = await stream(server, '/v1/stream', bearer('a'));
  const poller = new Poller(server, '', undefined, token({ sub: 'a' }));
  const { cursor } = await poller.poll();
  expect(cursor).toBeDefined();
  const wait = new AbortController();
  const poll = poller.poll(60, wait.signal);
  poll.catch(() => {});
  const open = async () => (await scrape(server)).by('nearcast_connections', 'transport', { role: 'gateway' });
  while ((await open()).poll !== 1);

  const fourth = await server.connect('/ws', undefined, bearer('a', undefined, 60));
  expect(await fourth.next()).toMatchObject({ type: 'error', code: 'limit', message: expect.stringContaining('3') });
  expect(await fourth.closed).toMatchObject({ code: 4429 });
  for (const path of ['/v1/stream', '/v1/changes', past]) {
    const refused = await server.get(path, bearer('a'));
    expect([path, refused.status]).toEqual([path, 429]);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect(await refused.json()).toMatchObject({ code: 'limit', status: 429 });
  }
  // Whoever asks and is answered has no connection of this kind.
  expect((await server.get('/v1/drivers', bearer('a'))).status).toBe(200);
  await (await server.connect('/ws', undefined, bearer('b'))).ask({ type: 'ping' }, 'pong');
  await (await server.connect('/ws', undefined, bearer('a', 'other'))).ask({ type: 'ping' }, 'pong');
  expect((await scrape(server)).value('nearcast_limited_total', { limit: 'connections' })).toBe(4);

  // Each of the three makes room when it goes.
  const goes = [() => socket.socket.close(), () => events.destroy(), () => wait.abort()];
  for (const [i, go] of goes.entries()) {
    go();
    for (;;) {
      const next = await server.connect('/ws', undefined, bearer('a'));
      if ((await next.ask({ type: 'ping' })).type === 'pong') break;
      await next.closed;
    }
    const more = await server.connect('/ws', undefined, bearer('a'));
    expect([i, (await more.closed).code]).toEqual([i, 4429]);
  }
});

test('[6.12] a connection that is one too many watches nothing, though its URL asks to', async () => {
  const server = await start({ MAX_CONNECTIONS_PER_SUBJECT: '1' });
  const path = '/ws?latitude=1&longitude=2&radius=3';
  const first = await server.connect(path, undefined, bearer('a'));
  await first.next('snapshot');
  const watched = () => [...server.tracker.fleets()].reduce((sum, { subscriptions }) => sum + subscriptions.size, 0);
  for (let i = 0; i < 3; i++) {
    const refused = await server.connect(path, undefined, bearer('a'));
    expect((await refused.closed).code).toBe(4429);
    expect(refused.heard.map(({ type }) => type)).toEqual(['error']);
  }
  expect(watched()).toBe(1);
  first.socket.close();
  await vi.waitFor(() => expect(watched()).toBe(0));
});

test('[6.12] a token that is renewed is still the same connection', async () => {
  const server = await start({ MAX_CONNECTIONS_PER_SUBJECT: '1' });
  const client = await server.connect('/ws', undefined, bearer('a'));
  for (let ttl = 100; ttl < 105; ttl++) {
    const renewed = token({ sub: 'a', ttlSeconds: ttl });
    expect(await client.ask({ type: 'authenticate', token: renewed })).toMatchObject({ type: 'authenticated' });
  }
  client.socket.close();
  await client.closed;
  for (;;) {
    const next = await server.connect('/ws', undefined, bearer('a'));
    if ((await next.ask({ type: 'ping' })).type === 'pong') break;
  }
});

test('[6.13] a subject has so many subscriptions over all its connections', async () => {
  const server = await start({ MAX_SUBSCRIPTIONS_PER_SUBJECT: '4' });
  const one = await server.connect('/ws', undefined, bearer('a'));
  const two = await server.connect('/ws?latitude=1&longitude=2&radius=3', undefined, bearer('a'));
  await two.next('snapshot');
  const subscribe = (subscription: string) => ({
    type: 'subscribe',
    subscription,
    latitude: 1,
    longitude: 2,
    radius: 3,
  });
  for (const name of ['s1', 's2']) await one.ask(subscribe(name), 'snapshot');
  const events = await stream(server, '/v1/stream', bearer('a'));
  await events.next('snapshot');
  const refused = await two.ask(subscribe('s3'));
  expect(refused).toMatchObject({
    type: 'error',
    code: 'limit',
    subscription: 's3',
    message: expect.stringMatching(/4 sub/),
  });
  for (const path of ['/v1/stream', '/v1/changes', past]) {
    expect([path, (await server.get(path, bearer('a'))).status]).toEqual([path, 429]);
  }
  // Instead of one that it has it may have another, and another subject its own.
  await one.ask(subscribe('s1'), 'snapshot');
  await (await server.connect('/ws', undefined, bearer('b'))).ask(subscribe('s'), 'snapshot');
  // One that is given up, and those of a connection that is closed, make room.
  await one.ask({ type: 'unsubscribe', subscription: 's1' }, 'unsubscribed');
  await two.ask(subscribe('s3'), 'snapshot');
  expect(await two.ask(subscribe('s4'))).toMatchObject({ code: 'limit' });
  one.socket.close();
  for (;;) if ((await two.ask(subscribe('s4'))).type === 'snapshot') break;
  expect(await two.ask(subscribe('s5'))).toMatchObject({ code: 'limit' });
});

test('[6.12] a connection too many that asks by its URL for an area leaves no subscription behind', async () => {
  const server = await start({ MAX_CONNECTIONS_PER_SUBJECT: '1' });
  await server.connect('/ws', undefined, bearer('a'));
  for (let i = 0; i < 3; i++) {
    const refused = await server.connect('/ws?latitude=1&longitude=2&radius=100', undefined, bearer('a'));
    expect(await refused.closed).toMatchObject({ code: 4429 });
  }
  expect((await scrape(server)).value('nearcast_subscriptions', { area: 'circle' })).toBe(0);
});
