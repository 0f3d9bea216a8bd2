import { expect, test } from 'vitest';
import { type ServerMessage, serverMessageSchemas } from '../../src/protocol/server-messages.ts';
import type { Client, Message } from '../support/client.ts';
import { startServer, token } from '../support/server.ts';
import { type Name, valid } from './contract.ts';

type Said = keyof typeof serverMessageSchemas;
const said = Object.keys(serverMessageSchemas) as Said[];

/** Everything that a client hears from now on, and has heard. */
function listen(client: Client, heard: Message[]): Client {
  heard.push(...client.heard);
  client.socket.on('message', (data) => heard.push(JSON.parse(data.toString())));
  return client;
}

/** Sends what the contract says may be sent, and waits for what answers it. */
function ask(client: Client, name: Name, message: object, answer?: string): Promise<Message> {
  expect(valid[name](message), JSON.stringify(message)).toBe(true);
  return client.ask(message, answer);
}

const nameOf = (message: Message): Said => (message.type === 'ack' && 'results' in message ? 'batchAck' : message.type);
const circle = { type: 'subscribe', subscription: 's', latitude: 30, longitude: -97, radius: 1000 };
const full = {
  accuracy: 5,
  altitude: 31.5,
  heading: 270,
  speed: 8.2,
  attributes: { status: 'free', seats: 4, vip: true },
};

/** Has a server say everything that it can say. */
async function everything(): Promise<Message[]> {
  const heard: Message[] = [];
  let ahead = 0;
  const server = await startServer({
    env: { MAX_SUBSCRIPTIONS: '3' },
    now: () => Date.now() + ahead,
  });
  const ending = listen(await server.connect(`/ws?access_token=${token({ ttlSeconds: 2 })}`), heard);
  await ending.next('expiring');
  const driver = listen(await server.connect(), heard);
  const watcher = listen(await server.connect(), heard);
  const fix = (driverId: string, latitude: number, more: object = {}) =>
    ask(driver, 'position', { id: driverId, driverId, latitude, longitude: -97, ...more }, 'ack');
  const update = (fields: object) =>
    ask(watcher, 'update', { type: 'update', subscription: 's', ...fields }, 'changes');

  await fix('a', 30, { type: 'position', timestamp: 2000, ...full });
  await fix('a', 30, { timestamp: 2000 });
  await fix('a', 30, { timestamp: 1000 });
  await fix('a', 30, { timestamp: Date.now() + 1e9 });
  const positions = [{ driverId: 'b', latitude: 30, longitude: -97, timestamp: '2026-01-31T12:00:00Z' }];
  await ask(driver, 'positions', { type: 'positions', id: 7, positions }, 'ack');
  // Not what the contract says may be sent.
  expect(valid.position({ id: 1, latitude: 91, longitude: 0 })).toBe(false);
  await driver.ask({ id: 1, latitude: 91, longitude: 0 }, 'ack');
  await driver.ask({ type: 'positions', id: 8, positions: [...positions, { latitude: 91 }] }, 'ack');

  await ask(watcher, 'subscribe', circle, 'snapshot');
  await fix('a', 30.001, full);
  await watcher.next('changes');
  await fix('c', 30);
  const { cursor } = await watcher.next('changes');
  await fix('b', 40);
  await watcher.next('changes');
  await fix('a', 30.002);
  await watcher.next('changes');
  await ask(watcher, 'unsubscribe', { type: 'unsubscribe', subscription: 's' }, 'unsubscribed');
  await ask(watcher, 'subscribe', { ...circle, cursor }, 'snapshot');
  await update({ where: { status: 'free' } });
  await update({ latitude: 30.001, longitude: -97 });
  await update({ where: null, minDisplacement: 0 });

  const around = { type: 'subscribe', subscription: 'r', around: 'z', radius: 500 };
  await ask(watcher, 'subscribe', around, 'snapshot');
  await fix('z', 50);
  await watcher.next('changes');
  const box = { type: 'subscribe', subscription: 'box', bbox: [-98, 29, -96, 31], maxRate: 1 };
  await ask(watcher, 'subscribe', box, 'snapshot');
  await ask(watcher, 'subscribe', { type: 'subscribe', subscription: 'more' }, 'error');
  await ask(watcher, 'unsubscribe', { type: 'unsubscribe', subscription: 'more', id: 'u' }, 'error');
  await server.app.inject({
    method: 'DELETE',
    url: '/v1/drivers/z',
    headers: { authorization: `Bearer ${token()}` },
  });
  while ((await watcher.next('changes')).followed !== 'offline');
  await fix('z', 50);
  ahead = 301_000;
  server.tracker.expire();
  while ((await watcher.next('changes')).followed !== 'stale');

  await watcher.ask('rubbish', 'error');
  await watcher.ask({ ...circle, radius: -1, id: 9 }, 'error');
  await ask(watcher, 'ping', { type: 'ping' }, 'pong');
  await ask(watcher, 'ping', { type: 'ping', id: 'p' }, 'pong');

  const url = '/ws?latitude=30&longitude=-97&radius=1000';
  const late = listen(await server.connect(url, []), heard);
  await ask(late, 'ping', { type: 'ping' }, 'error');
  await ask(late, 'authenticate', { type: 'authenticate', token: token(), id: 't' }, 'authenticated');
  await late.next('snapshot');
  await ask(late, 'authenticate', { type: 'authenticate', token: 'bad' }, 'error');
  await late.closed;
  const own = listen(await server.connect(`/ws?access_token=${token({ sub: 'a', scope: 'positions:write' })}`), heard);
  await ask(own, 'position', { driverId: 'b', latitude: 0, longitude: 0, id: 0 }, 'ack');
  await ask(own, 'subscribe', circle, 'error');

  await server.app.close();
  await Promise.all([driver.closed, watcher.closed]);
  return heard;
}

test('all that a server says is what the contract says of it, to the last field, and it says all of that', async () => {
  const heard = await everything();
  for (const message of heard) {
    const name = nameOf(message);
    const text = JSON.stringify(message);
    expect(said, text).toContain(name);
    // Of what a schema does not know, nothing is left, at any depth.
    expect(serverMessageSchemas[name].parse(message), text).toStrictEqual(message);
    expect(valid[name](message), text).toBe(true);
  }

  const fields = (name: Said) => heard.filter((message) => nameOf(message) === name).flatMap(Object.keys);
  for (const name of said)
    expect(new Set(fields(name)), name).toEqual(new Set(Object.keys(serverMessageSchemas[name].shape)));
  const every = (pick: (message: Message) => unknown[]) => [...new Set(heard.flatMap(pick))].filter(Boolean).sort();
  expect(every(({ exit = [] }) => exit.map(({ reason }: Message) => reason))).toEqual([
    'filtered',
    'left',
    'offline',
    'stale',
  ]);
  expect(every(({ followed }) => [followed])).toEqual(['here', 'offline', 'stale', 'unknown']);
  expect(every(({ verdict }) => [verdict])).toEqual(['accepted', 'duplicate', 'late', 'refused']);
  expect(every(({ type, code }) => (type === 'error' ? [code] : []))).toEqual([
    'forbidden',
    'invalid',
    'limit',
    'not_found',
    'unauthorized',
    'unavailable',
  ]);
  const resumed = heard.find((message) => message.resumed) as Extract<ServerMessage, { type: 'snapshot' }>;
  expect(resumed.drivers.map(({ driverId }) => driverId)).toEqual(['a']);
  expect(resumed.unchanged).toEqual(['c']);
});
