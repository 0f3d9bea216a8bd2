import { expect, test, vi } from 'vitest';
import { Overload } from '../../src/overload/overload.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { type Entry, StoreRejected, StoreUnavailable } from '../../src/store/store.ts';
import { HIGH_WATER } from '../../src/subscriptions/outbox.ts';
import { around, box, circle, polygon } from '../support/areas.ts';
import type { Message } from '../support/belief.ts';
import { EventStreamReader } from '../support/event-stream.ts';
import { scrape } from '../support/metrics.ts';
import { Poller } from '../support/poller.ts';
import { moveUntilWaiting, turns, watchersOf } from '../support/pressure.ts';
import { seeded } from '../support/random.ts';
import { startServer, token } from '../support/server.ts';
import { Traffic } from '../support/traffic.ts';

const authorization = { authorization: `Bearer ${token()}` };

/** What messages tell, counted as a client would: by the lists that positions and exits are in. */
function tellings(messages: readonly Message[]) {
  const count = { snapshot: 0, enter: 0, move: 0, exit: 0 };
  const types = { snapshot: 0, changes: 0 };
  for (const { type, drivers = [], enter = [], move = [], exit = [] } of messages) {
    if (type !== 'snapshot' && type !== 'changes') continue;
    types[type as keyof typeof types]++;
    count.snapshot += drivers.length;
    count.enter += enter.length;
    count.move += move.length;
    count.exit += exit.length;
  }
  return { count, types };
}

test('fixes are counted by the verdicts and codes that their senders were told', async () => {
  const random = seeded('verdicts');
  const server = await startServer();
  const now = Date.now();
  const told: Record<string, number> = {};
  const count = ({ verdict, code }: Message) => {
    const key = code ?? verdict;
    told[key] = (told[key] ?? 0) + 1;
  };
  const driver = await server.connect('/ws', undefined, {
    authorization: `Bearer ${token({ sub: 'd1', scope: 'positions:write' })}`,
  });
  for (let round = 0; round < 10; round++) {
    const positions = Array.from({ length: 40 }, () => {
      const timestamp = now - 1000 * random.below(5) + (random.below(8) === 0 ? 1e6 : 0);
      const latitude = random.below(8) === 0 ? 91 : 1;
      return { driverId: `d${random.below(10)}`, latitude, longitude: 2, timestamp };
    });
    const { results } = await (await server.post('/v1/positions', { positions })).json();
    for (const result of results) count(result);
    count(await driver.ask({ id: round, driverId: `d${random.below(2)}`, latitude: 1, longitude: 2 }, 'ack'));
  }
  // Without an id a refusal is told by an error.
  driver.send({ latitude: 'x', longitude: 2 });
  count({ code: (await driver.next('error')).code });
  const seen = await scrape(server);
  expect(seen.by('nearcast_fixes_total', 'verdict')).toMatchObject({
    accepted: told.accepted,
    duplicate: told.duplicate,
    late: told.late,
  });
  expect(seen.by('nearcast_fixes_total', 'code', { verdict: 'refused' })).toEqual({
    invalid: told.invalid,
    future: told.future,
    forbidden: told.forbidden,
    unavailable: 0,
  });
  expect(seen.value('nearcast_drivers')).toBe(10);
  expect(seen.value('nearcast_fleets')).toBe(1);
});

test('what is told is counted by transport and kind, as the clients counted it', async () => {
  const random = seeded('tellings');
  const server = await startServer();
  const traffic = new Traffic(server, random, 60, [30, -97]);
  const ring: [number, number][] = [
    [-97.03, 29.97],
    [-96.97, 29.97],
    [-96.97, 30.03],
    [-97.03, 29.97],
  ];
  const cut = polygon([ring]);
  const watcher = await server.connect();
  const heard: Message[] = [];
  watcher.socket.on('message', (data: Buffer) => heard.push(JSON.parse(data.toString())));
  for (const [i, area] of [circle(30, -97, 2_000), box(-97.02, 29.98, -97, 30.02), circle(30, -97, 9_000)].entries()) {
    await watcher.ask({ type: 'subscribe', subscription: `s${i}`, ...area.fields }, 'snapshot');
  }
  const stream = await EventStreamReader.open(`http://127.0.0.1:${server.port}/v1/stream?${cut.query}`, authorization);
  const events = [(await stream.next('snapshot')).data];
  const poller = new Poller(server, around('d0', 3_000).query);
  const answers = [await poller.poll()];
  for (let round = 0; round < 20; round++) {
    traffic.move(20);
    answers.push(await poller.poll(0));
    if (round === 10) await watcher.ask({ type: 'unsubscribe', subscription: 's1' }, 'unsubscribed');
  }
  await watcher.settled();
  await stream.until(() => traffic.isBelieved(stream.belief, cut));
  events.push(...stream.heard.map(({ data }) => data));
  const seen = await scrape(server);
  for (const [transport, messages] of Object.entries({ websocket: heard, stream: events, poll: answers })) {
    const { count, types } = tellings(messages);
    expect(seen.by('nearcast_deliveries_total', 'kind', { transport })).toEqual(count);
    expect(seen.by('nearcast_delivery_messages_total', 'type', { transport })).toEqual(types);
    expect(seen.value('nearcast_delivery_age_seconds_count', { transport })).toBe(count.move);
    expect(seen.value('nearcast_outbox_drivers', { transport })).toBe(0);
  }
  expect(tellings(heard).count.exit).toBeGreaterThan(10);
  expect(tellings(events).count.move).toBeGreaterThan(10);
});

test('the age of a position is how long it was in the server when it was told', async () => {
  let time = Date.now();
  const server = await startServer({ now: () => time });
  const watcher = await server.connect('/ws?latitude=1&longitude=2&radius=100');
  await watcher.next('snapshot');
  const age = async (milliseconds: number) => {
    server.tracker.accept('default', { driverId: 'd', lat: 1, lng: 2 });
    // The turn ends late.
    time += milliseconds;
    await watcher.next('changes');
  };
  await age(5);
  for (const milliseconds of [0, 100, 128, 129, 70_000]) await age(milliseconds);
  const buckets = (await scrape(server)).by('nearcast_delivery_age_seconds_bucket', 'le', { transport: 'websocket' });
  // The first was an enter.
  expect(buckets).toMatchObject({
    '0.001': 1,
    '0.064': 1,
    '0.128': 3,
    '0.256': 4,
    '65.536': 4,
    '+Inf': 5,
  });
});

test('who is connected is counted by transport and role, and what they watch by kind of area', async () => {
  const server = await startServer();
  const as = (scope: string, sub = 'someone') => ({ authorization: `Bearer ${token({ scope, sub })}` });
  const watcher = await server.connect('/ws', undefined, as('positions:read'));
  const both = await server.connect('/ws', undefined, as('positions:read positions:write'));
  await server.connect('/ws', undefined, as('positions:write'));
  await server.connect('/ws', undefined, as('positions:read positions:write:any'));
  await server.connect('/ws', undefined, as('metrics:read'));
  const late = await server.connect('/ws', undefined, {});
  const url = `http://127.0.0.1:${server.port}/v1/stream?latitude=1&longitude=2&radius=5`;
  const stream = await EventStreamReader.open(url, as('positions:read'));
  await stream.next('snapshot');
  const poller = new Poller(server, 'bbox=1,1,2,2', undefined, token({ scope: 'positions:read' }));
  await poller.poll();
  const answer = poller.poll(60);
  for (const [i, area] of [circle(1, 2, 3), box(1, 1, 2, 2), around('d', 5), around('e', 5)].entries()) {
    await watcher.ask({ type: 'subscribe', subscription: `s${i}`, ...area.fields }, 'snapshot');
  }
  await both.ask({ type: 'subscribe', subscription: 'all' }, 'snapshot');
  await both.ask({ type: 'update', subscription: 'all', ...box(1, 1, 2, 2).fields }, 'changes');
  await watcher.ask({ type: 'unsubscribe', subscription: 's3' }, 'unsubscribed');
  const rolesOf = async (transport: string) => (await scrape(server)).by('nearcast_connections', 'role', { transport });
  await expect.poll(() => rolesOf('poll')).toEqual({ gateway: 0, driver: 0, watcher: 1, other: 0, nobody: 0 });
  expect(await rolesOf('websocket')).toEqual({ gateway: 1, driver: 2, watcher: 1, other: 1, nobody: 1 });
  expect(await rolesOf('stream')).toEqual({ gateway: 0, driver: 0, watcher: 1, other: 0, nobody: 0 });
  const areas = async () => (await scrape(server)).by('nearcast_subscriptions', 'area');
  expect(await areas()).toEqual({ circle: 2, box: 3, polygon: 0, around: 1, everywhere: 0 });
  await late.ask({ type: 'authenticate', token: token({ scope: 'positions:read' }) }, 'authenticated');
  expect(await rolesOf('websocket')).toEqual({ gateway: 1, driver: 2, watcher: 2, other: 1, nobody: 0 });
  await server.post('/v1/positions', { driverId: 'd', latitude: 1.5, longitude: 1.5 });
  await answer;
  stream.destroy();
  watcher.socket.terminate();
  await expect.poll(areas).toEqual({ circle: 0, box: 1, polygon: 0, around: 0, everywhere: 0 });
  expect(await rolesOf('poll')).toEqual({ gateway: 0, driver: 0, watcher: 0, other: 0, nobody: 0 });
  expect((await scrape(server)).by('nearcast_connections_opened_total', 'transport')).toEqual({
    websocket: 6,
    stream: 1,
    replay: 0,
    poll: 2,
  });
});

test('closes are counted by the codes that either side gave, but no peer makes up a label', async () => {
  const server = await startServer({ env: { SLOW_SECONDS: '1' } });
  const closing = async (code: number) => {
    const client = await server.connect();
    client.socket.close(code);
    await client.closed;
  };
  await closing(1000);
  await closing(4123);
  await closing(3999);
  // It is not the server that found it slow.
  await closing(4508);
  const refused = await server.connect(`/ws?access_token=${token({ ttlSeconds: -5 })}`);
  expect((await refused.closed).code).toBe(4401);
  (await server.connect()).socket.terminate();
  const closes = async (transport: string) =>
    (await scrape(server)).by('nearcast_connections_closed_total', 'code', { transport });
  await expect.poll(() => closes('websocket')).toEqual({ 1000: 1, 1006: 1, 4401: 1, 4508: 0, other: 3 });
  // A peer that reads nothing.
  const traffic = new Traffic(server, seeded('slow'), 2_000, [30, -97]);
  const slow = await EventStreamReader.open(`http://127.0.0.1:${server.port}/v1/stream`, authorization);
  await slow.next('snapshot');
  slow.pause();
  await moveUntilWaiting(traffic, watchersOf(server, 'd0')[0]);
  await vi.waitUntil(async () => (await closes('stream'))['4508'] === 1, { timeout: 5_000 });
  expect(await closes('stream')).toEqual({ 4508: 1 });
});

test('what waits for a peer that does not read is told: bytes, drivers, that it is blocked, and what was conflated meanwhile', async () => {
  const server = await startServer();
  const traffic = new Traffic(server, seeded('blocked'), 1_000, [30, -97]);
  const watcher = await server.connect();
  const moves = () =>
    watcher.heard.reduce((sum, { type, move = [] }) => sum + (type === 'changes' ? move.length : 0), 0);
  await watcher.ask({ type: 'subscribe', subscription: 's' }, 'snapshot');
  let accepted = 0;
  const { moveAll } = traffic;
  traffic.moveAll = () => {
    accepted += traffic.places.size;
    moveAll.call(traffic);
  };
  watcher.socket.pause();
  const [subscription] = watchersOf(server, 'd0');
  await moveUntilWaiting(traffic, subscription);
  for (let i = 0; i < 5; i++) {
    traffic.moveAll();
    await turns();
  }
  const transport = 'websocket';
  const blocked = await scrape(server);
  expect(blocked.value('nearcast_outbox_drivers', { transport })).toBe(1_000);
  expect(blocked.value('nearcast_outbox_bytes', { transport })).toBeGreaterThan(HIGH_WATER);
  expect(blocked.value('nearcast_connections_blocked', { transport })).toBe(1);
  expect(blocked.value('nearcast_connections_blocked', { transport: 'stream' })).toBe(0);
  // Whatever was accepted was told, or waits, once for each driver, or was conflated.
  const told = blocked.value('nearcast_deliveries_total', { transport, kind: 'move' });
  expect(blocked.value('nearcast_conflated_changes_total', { transport })).toBe(accepted - told - 1_000);
  watcher.socket.resume();
  await vi.waitUntil(() => subscription.backlog === 0, { timeout: 10_000 });
  watcher.send({ type: 'ping' });
  await vi.waitUntil(() => watcher.heard.some(({ type }) => type === 'pong'), { timeout: 10_000 });
  const drained = await scrape(server);
  expect(drained.value('nearcast_conflated_changes_total', { transport })).toBe(accepted - moves());
  expect(drained.value('nearcast_conflated_changes_total', { transport })).toBeGreaterThanOrEqual(4_000);
  expect(drained.value('nearcast_outbox_drivers', { transport })).toBe(0);
  expect(drained.value('nearcast_outbox_bytes', { transport })).toBe(0);
  expect(drained.value('nearcast_connections_blocked', { transport })).toBe(0);
});

test('the store’s commits, failures and rejections are counted, and whether it is there and has room', async () => {
  const written: number[] = [];
  let away = 2;
  class TriedStore extends MemoryStore {
    override async write(entries: readonly Entry[]): Promise<void> {
      if (away > 0) throw new StoreUnavailable('away');
      if (entries.some((entry) => entry.kind !== 'removal' && entry.fix.driverId === 'odd')) {
        throw new StoreRejected('never');
      }
      await super.write(entries);
      written.push(entries.length);
    }
  }
  const server = await startServer({ store: new TriedStore(), maxPending: 10, env: { MAX_PENDING_FIXES: '1000' } });
  away = Number.POSITIVE_INFINITY;
  const ids = [...Array.from({ length: 9 }, (_, i) => `d${i}`), 'odd'];
  const sent = server.post('/v1/positions', {
    positions: ids.map((driverId) => ({ driverId, latitude: 1, longitude: 2 })),
  });
  const gauge = async (name: string) => (await scrape(server)).value(`nearcast_store_${name}`);
  await expect.poll(() => gauge('available')).toBe(0);
  expect(await gauge('full')).toBe(1);
  // The ten, and whoever waits for them.
  expect(await gauge('queue_entries')).toBe(11);
  expect(await gauge('queue_limit_entries')).toBe(1000);
  expect(await gauge('failures_total')).toBeGreaterThan(0);
  expect(await gauge('commit_entries_count')).toBe(0);
  away = 0;
  const { results } = await (await sent).json();
  expect(results.filter(({ verdict }: Message) => verdict === 'accepted')).toHaveLength(9);
  expect(await gauge('available')).toBe(1);
  expect(await gauge('full')).toBe(0);
  expect(await gauge('queue_entries')).toBe(0);
  expect(await gauge('rejected_total')).toBe(1);
  expect(await gauge('commit_entries_sum')).toBe(9);
  expect(await gauge('commit_entries_count')).toBe(written.length);
  expect(await gauge('commit_duration_seconds_count')).toBe(written.length);
});

test('answers are timed by route and class of status, but those that wait for something to happen', async () => {
  const server = await startServer();
  const near = '/v1/drivers/nearby?latitude=1&longitude=2';
  for (let i = 0; i < 5; i++) await (await server.get(near)).text();
  await (await server.get(`${near}&radius=-1`)).text();
  await (await server.get(near, {})).text();
  await (await server.get('/v1/drivers/some%20body')).text();
  await new Poller(server, 'bbox=1,1,2,2').poll();
  const stream = await EventStreamReader.open(`http://127.0.0.1:${server.port}/v1/stream`, authorization);
  await stream.next('snapshot');
  stream.destroy();
  await expect
    .poll(async () =>
      (await scrape(server)).value('nearcast_connections_closed_total', { transport: 'stream', code: '1005' }),
    )
    .toBe(1);
  const name = 'nearcast_http_request_duration_seconds';
  const seen = await scrape(server);
  expect(seen.by(`${name}_count`, 'status', { route: '/v1/drivers/nearby', method: 'GET' })).toEqual({
    '2xx': 5,
    '4xx': 2,
  });
  expect(seen.by(`${name}_count`, 'status', { route: '/v1/drivers/:driverId', method: 'GET' })).toEqual({ '4xx': 1 });
  const labels = { route: '/v1/drivers/nearby', method: 'GET', status: '2xx' };
  const buckets = Object.values(seen.by(`${name}_bucket`, 'le', labels));
  expect(buckets).toEqual([...buckets].sort((a, b) => a - b));
  expect(buckets.at(-1)).toBe(5);
  const sum = seen.value(`${name}_sum`, labels);
  expect(sum).toBeGreaterThan(0.000_05);
  expect(sum).toBeLessThan(5);
  const routes = Object.keys(seen.by(`${name}_count`, 'route'));
  expect(routes).not.toContain('/v1/stream');
  expect(routes).not.toContain('/v1/changes');
});

test('a request that is sent away before it is looked at counts, and took no time', async () => {
  const overload = new Overload({ lag: 500, heapPercent: 85 });
  const server = await startServer({ overload });
  overload.collected(99, performance.now());
  expect((await server.get('/v1/drivers?limit=1')).status).toBe(503);
  const labels = { route: '/v1/drivers', method: 'GET', status: '5xx' };
  const seen = await scrape(server);
  expect(seen.value('nearcast_http_request_duration_seconds_count', labels)).toBe(1);
  expect(seen.value('nearcast_http_request_duration_seconds_sum', labels)).toBe(0);
});

test('[1.1] metrics are for tokens with metrics:read alone, and for reading alone', async () => {
  const server = await startServer();
  const status = async (method: string, headers: Record<string, string>) => {
    const answer = await fetch(`http://127.0.0.1:${server.port}/metrics`, { method, headers });
    const type = answer.headers.get('content-type');
    return { status: answer.status, type, length: (await answer.text()).length };
  };
  const metrics = { authorization: `Bearer ${token({ scope: 'metrics:read' })}` };
  const { type, length, ...ok } = await status('GET', metrics);
  expect(ok.status).toBe(200);
  expect(type).toBe('text/plain; version=0.0.4; charset=utf-8');
  expect(length).toBeGreaterThan(10_000);
  expect(await status('HEAD', metrics)).toMatchObject({ status: 200, length: 0 });
  expect(await status('GET', {})).toMatchObject({ status: 401, type: expect.stringContaining('problem+json') });
  expect(await status('GET', authorization)).toMatchObject({ status: 403 });
  for (const method of ['POST', 'PUT', 'DELETE']) expect(await status(method, metrics)).toMatchObject({ status: 404 });
  // The scope allows nothing else.
  expect((await server.get('/v1/drivers', metrics)).status).toBe(403);
});

test('two apps of a process count each for itself, and of the process both tell', async () => {
  const [one, other] = [await startServer(), await startServer()];
  await one.post('/v1/positions', { driverId: 'd', latitude: 1, longitude: 2 });
  const accepted = async (server: typeof one) =>
    (await scrape(server)).value('nearcast_fixes_total', { verdict: 'accepted' });
  expect(await accepted(one)).toBe(1);
  expect(await accepted(other)).toBe(0);
  for (const server of [one, other]) {
    const { values } = await scrape(server);
    for (const name of [
      'process_resident_memory_bytes',
      'nodejs_eventloop_lag_p99_seconds',
      'process_cpu_seconds_total',
    ]) {
      expect(values.has(name)).toBe(true);
    }
  }
});

test('no label holds what a client made up', async () => {
  const server = await startServer();
  const odd = 'Xyzzy';
  const headers = { authorization: `Bearer ${token({ fleet: odd, sub: odd })}` };
  await server.post('/v1/positions', { driverId: odd, latitude: 1, longitude: 2, attributes: { [odd]: odd } }, headers);
  await server.get(`/v1/drivers/${odd}`, headers);
  await server.get(`/${odd}`, headers);
  await fetch(`http://127.0.0.1:${server.port}/v1/drivers`, { method: 'PUT', headers });
  const watcher = await server.connect(`/ws?around=${odd}&radius=5`, undefined, headers);
  await watcher.ask({ type: 'subscribe', subscription: odd }, 'snapshot');
  const answer = await server.get('/metrics', { authorization: `Bearer ${token({ scope: 'metrics:read' })}` });
  expect(await answer.text()).not.toContain(odd);
});
