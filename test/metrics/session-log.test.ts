import { pino } from 'pino';
import { expect, test, vi } from 'vitest';
import { createLog } from '../../src/log.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { type Entry, StoreRejected } from '../../src/store/store.ts';
import { toStoreError } from '../../src/store/store-error.ts';
import type { Message } from '../support/belief.ts';
import { EventStreamReader } from '../support/event-stream.ts';
import { Poller } from '../support/poller.ts';
import { startServer, token } from '../support/server.ts';

/** A log as the server's own, whose lines are kept. */
function kept(level = 'info') {
  const text: string[] = [];
  const log = createLog(level, { write: (line) => void text.push(line) });
  return { log, text, lines: () => text.map((line) => JSON.parse(line) as Message) };
}

test('a connection is two lines in the log: who came, and how it went', async () => {
  const { log, lines } = kept();
  const server = await startServer({ log });
  const client = await server.connect('/ws', undefined, {});
  const about = (msg: string, transport: string) =>
    lines().filter((line) => line.msg === msg && line.transport === transport);
  expect(about('connected', 'websocket')).toEqual([]);
  const bearer = token({ sub: 'anna', fleet: 'taxis', scope: 'positions:read positions:write' });
  await client.ask({ type: 'authenticate', token: bearer }, 'authenticated');
  await client.ask({ type: 'authenticate', token: bearer }, 'authenticated');
  const who = { transport: 'websocket', role: 'driver', subject: 'anna', fleet: 'taxis' };
  const { connection, remoteAddress } = about('connected', 'websocket')[0];
  expect(about('connected', 'websocket')).toMatchObject([{ level: 30, ...who }]);
  expect(remoteAddress).toMatch(/127\.0\.0\.1$/);
  await client.ask({ type: 'ping' }, 'pong');
  client.socket.close(1000);
  await vi.waitUntil(() => about('disconnected', 'websocket').length > 0);
  expect(about('disconnected', 'websocket')).toMatchObject([
    { level: 30, ...who, connection, remoteAddress, code: 1000, reason: 'the peer went', received: 3, sent: 3 },
  ]);
  expect(about('disconnected', 'websocket')[0].seconds).toBeLessThan(60);

  const url = `http://127.0.0.1:${server.port}/v1/stream`;
  const stream = await EventStreamReader.open(url, { authorization: `Bearer ${token({ sub: 'bert' })}` });
  await stream.next('snapshot');
  expect(about('connected', 'stream')).toMatchObject([{ role: 'gateway', subject: 'bert', fleet: 'default' }]);
  expect(about('connected', 'stream')[0].connection).not.toBe(connection);
  const refused = await server.connect('/ws?access_token=rubbish');
  await refused.closed;
  // Anybody can be nobody, as often as it wants.
  expect(about('disconnected', 'websocket').length).toBe(1);
  await server.app.close();
  // A reason in words of ours, the beginning, and the end: `retry`, the snapshot, and why it ended.
  expect(about('disconnected', 'stream')).toMatchObject([
    { subject: 'bert', code: 1001, reason: 'the server is going away', received: 0, sent: 3 },
  ]);
});

test('at debug also those are told of who never said who they are', async () => {
  const { log, lines } = kept('debug');
  const server = await startServer({ log });
  const refused = await server.connect('/ws?access_token=rubbish');
  await refused.closed;
  const nobody = lines().filter(({ msg }) => msg === 'disconnected');
  expect(nobody).toMatchObject([{ level: 20, role: 'nobody', code: 4401 }]);
});

test('a request that fails is one line, with the id that its problem has; no two ids are alike', async () => {
  const { log, lines } = kept();
  const server = await startServer({ log });
  server.tracker.nearby = () => {
    throw new Error('broken');
  };
  const path = '/v1/drivers/nearby?latitude=1&longitude=2';
  const ids = new Set<string>();
  for (let i = 0; i < 3; i++) {
    const { status, requestId } = await (await server.get(path)).json();
    expect(status).toBe(500);
    ids.add(requestId);
  }
  const { requestId } = await (await server.get('/v1/nothing')).json();
  ids.add(requestId);
  const other = await startServer({ log });
  ids.add((await (await other.get('/v1/nothing')).json()).requestId);
  expect(ids.size).toBe(5);
  const failed = lines().filter(({ level }) => level >= 50);
  expect(failed.map(({ reqId }) => reqId)).toEqual([...ids].slice(0, 3));
  expect(failed[0]).toMatchObject({ msg: 'request failed', err: { message: 'broken' } });
});

test('neither a position nor a token is in the log at info or above, whatever happens', async () => {
  const { log, text } = kept();
  class OddStore extends MemoryStore {
    override async write(entries: readonly Entry[]): Promise<void> {
      if (entries.some((entry) => entry.kind !== 'removal' && entry.fix.driverId === 'odd')) {
        throw new StoreRejected('never');
      }
      return super.write(entries);
    }
  }
  const server = await startServer({ log, store: new OddStore() });
  const tokens = [token({ sub: 'one' }), token({ sub: 'two' }), token({ sub: 'three' }), token({ ttlSeconds: -5 })];
  const [one, two, three, expired] = tokens;
  const [latitude, longitude] = [12.345678, 98.765432];
  const fix = { driverId: 'd', latitude, longitude, attributes: { note: 'secret-note' } };
  const at = `latitude=${latitude}&longitude=${longitude}&radius=500`;
  const clients = [
    await server.connect(`/ws?${at}&access_token=${one}`),
    await server.connect(`/ws?${at}`, ['nearcast.v1', `bearer.${two}`]),
    await server.connect(`/ws?${at}`, undefined, { authorization: `Bearer ${three}` }),
  ];
  for (const client of clients) await client.next('snapshot');
  const [client] = clients;
  await client.ask({ ...fix, id: 1 }, 'ack');
  await client.ask({ ...fix, id: 2, latitude: 912.345678 }, 'ack');
  await client.ask({ ...fix, id: 3, driverId: 'odd' }, 'error');
  await client.ask({ type: 'subscribe', subscription: 's', latitude, longitude, radius: 'x' }, 'error');
  await client.ask(`{"latitude":${latitude},"token":"${one}"`, 'error');
  await (await server.connect(`/ws?access_token=${expired}`)).closed;
  const stream = await EventStreamReader.open(
    `http://127.0.0.1:${server.port}/v1/stream?${at}&access_token=${two}`,
    {},
  );
  await stream.next('snapshot');
  await new Poller(server, at).poll();
  await server.get(`/v1/drivers/nearby?${at}&access_token=${one}`, {});
  await server.get(`/v1/drivers/nearby?${at}&access_token=${expired}`, {});
  await server.post('/v1/positions', { positions: [fix, { ...fix, driverId: 'odd' }] });
  await server.post('/v1/positions', `{"latitude":${latitude}`);
  server.tracker.nearby = () => {
    throw new Error('broken');
  };
  await server.get(`/v1/drivers/nearby?${at}&access_token=${one}`, {});
  server.tracker.subscribe = () => {
    throw new Error('broken');
  };
  await client.ask({ type: 'subscribe', subscription: 't', latitude, longitude, radius: 5 }, 'error');
  // As main.ts tells of a row that PostgreSQL refused, whose detail has the row.
  const cause = Object.assign(new Error('a constraint'), {
    detail: `Failing row contains (${latitude})`,
    code: '23514',
  });
  log.error({ err: toStoreError(cause), fleet: 'default' }, 'a position was not stored: the database refused it');
  await server.app.close();
  // It was a session of which much was said.
  expect(text.length).toBeGreaterThan(10);
  const all = text.join('');
  for (const secret of ['12.345', '98.765', 'secret-note', ...tokens.flatMap((one) => [one, one.split('.')[2]])]) {
    expect(all).not.toContain(secret);
  }
  expect(pino.levels.labels[JSON.parse(text[0]).level]).toBe('info');
});
