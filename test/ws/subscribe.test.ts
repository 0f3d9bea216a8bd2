import { expect, test } from 'vitest';
import { startServer, token } from '../support/server.ts';

const at = (driverId: string, latitude: number, longitude: number, more: object = {}) => ({
  driverId,
  latitude,
  longitude,
  ...more,
});
const ids = (list: { driverId: string }[] | undefined) => list?.map(({ driverId }) => driverId);

async function setUp() {
  const server = await startServer();
  const driver = await server.connect();
  const watcher = await server.connect();
  const drive = (message: object) => driver.ask({ ...message, id: 0 }, 'ack');
  return { server, driver, watcher, drive };
}
const circle = { type: 'subscribe', subscription: 's', latitude: 30, longitude: -97, radius: 1000 };

test('a snapshot of everything inside, then enter, move and exit, each with the moment', async () => {
  const { watcher, drive } = await setUp();
  await drive(at('in', 30.001, -97));
  await drive(at('out', 31, -97));
  const snapshot = await watcher.ask(circle);
  expect(snapshot).toMatchObject({ type: 'snapshot', subscription: 's', resumed: false });
  expect(ids(snapshot.drivers)).toEqual(['in']);
  expect(typeof snapshot.cursor).toBe('string');
  expect(Math.abs(snapshot.serverTime - Date.now())).toBeLessThan(5_000);
  await drive(at('in', 30.002, -97));
  const moved = await watcher.next();
  expect(moved).toMatchObject({ type: 'changes', subscription: 's', move: [{ driverId: 'in', latitude: 30.002 }] });
  expect(Object.keys(moved).sort()).toEqual(['cursor', 'move', 'serverTime', 'subscription', 'type']);
  await drive(at('out', 30.0005, -97));
  expect(await watcher.next()).toMatchObject({ enter: [{ driverId: 'out' }] });
  await drive(at('in', 31, -97));
  expect(await watcher.next()).toMatchObject({ exit: [{ driverId: 'in', reason: 'left' }] });
});

test('a driver in the corner of the circle’s box is outside', async () => {
  const { watcher, drive } = await setUp();
  await watcher.ask({ ...circle, latitude: 0, longitude: 0 });
  await drive(at('corner', 0.0085, 0.0085));
  await drive(at('north', 0.0085, 0));
  expect(ids((await watcher.next()).enter)).toEqual(['north']);
});

test('nothing outside the circle is ever told', async () => {
  const { watcher, drive } = await setUp();
  await watcher.ask(circle);
  for (let i = 0; i < 20; i++) await drive(at(`d${i}`, 40 + i, -97));
  await watcher.settled();
  expect(watcher.heard).toEqual([]);
});

test('update moves, resizes or filters, and answers with the difference alone, even when there is none', async () => {
  const { watcher, drive } = await setUp();
  await drive(at('a', 30, -97, { attributes: { status: 'free' } }));
  await drive(at('b', 30.02, -97, { attributes: { status: 'busy' } }));
  expect(ids((await watcher.ask(circle)).drivers)).toEqual(['a']);
  const update = (fields: object) => watcher.ask({ type: 'update', subscription: 's', ...fields });
  const wider = await update({ radius: 5000 });
  expect(wider).toMatchObject({ type: 'changes', enter: [{ driverId: 'b' }] });
  expect(wider.move).toBeUndefined();
  expect(await update({ latitude: 30.02, longitude: -97, radius: 1000 })).toMatchObject({
    exit: [{ driverId: 'a', reason: 'left' }],
  });
  expect(await update({ where: { status: ['free', 'off'] } })).toMatchObject({
    exit: [{ driverId: 'b', reason: 'filtered' }],
  });
  const nothing = await update({ radius: 999 });
  expect(Object.keys(nothing).sort()).toEqual(['cursor', 'serverTime', 'subscription', 'type']);
  expect(ids((await update({ where: {} })).enter)).toEqual(['b']);
});

test('an update is answered even when it comes together with its subscribe', async () => {
  const { watcher, drive } = await setUp();
  await drive(at('a', 30, -97));
  watcher.send({ ...circle, latitude: 50 });
  watcher.send({ type: 'update', subscription: 's', latitude: 30, longitude: -97 });
  expect(await watcher.next()).toMatchObject({ type: 'snapshot', drivers: [{ driverId: 'a' }] });
  expect(await watcher.next()).toMatchObject({ type: 'changes', subscription: 's' });
});

test('a snapshot of any size reaches a client that reads', async () => {
  const { server, watcher } = await setUp();
  const attributes = { note: 'x'.repeat(200) };
  for (let i = 0; i < 40_000; i++) {
    server.tracker.accept('default', { driverId: `d${i}`, lat: 30, lng: -97, timestamp: 1, attributes });
  }
  expect((await watcher.ask(circle)).drivers.length).toBe(40_000);
  expect(watcher.bytes).toBeGreaterThan(12_000_000);
  expect(await watcher.ask({ type: 'ping' }, 'pong')).toBeDefined();
});

test('a driver whose attributes no longer meet the condition exits as filtered, and enters when they do again', async () => {
  const { watcher, drive } = await setUp();
  await watcher.ask({ ...circle, where: { status: 'free', seats: [4, 6] } });
  await drive(at('a', 30, -97, { attributes: { status: 'free', seats: 4 } }));
  expect(ids((await watcher.next()).enter)).toEqual(['a']);
  await drive(at('a', 30, -97, { attributes: { status: 'busy', seats: 4 } }));
  expect((await watcher.next()).exit).toEqual([{ driverId: 'a', reason: 'filtered' }]);
  await drive(at('a', 30.001, -97, { attributes: { status: 'free', seats: 6 } }));
  expect(ids((await watcher.next()).enter)).toEqual(['a']);
});

test('after unsubscribed nothing more of the subscription is told; others on the connection go on', async () => {
  const { watcher, drive } = await setUp();
  await watcher.ask(circle);
  await watcher.ask({ ...circle, subscription: 't' });
  await drive(at('a', 30, -97));
  await watcher.next();
  watcher.send({ type: 'unsubscribe', subscription: 's' });
  expect(await watcher.next('unsubscribed')).toEqual({ type: 'unsubscribed', subscription: 's' });
  await drive(at('a', 30.001, -97));
  expect(await watcher.next()).toMatchObject({ subscription: 't', move: [{ driverId: 'a' }] });
  await watcher.settled();
  expect(watcher.heard).toEqual([]);
});

test('subscribing again under the same name replaces the subscription with a new snapshot', async () => {
  const { watcher, drive } = await setUp();
  await drive(at('a', 30, -97));
  await watcher.ask(circle);
  const again = await watcher.ask({ ...circle, latitude: 50 });
  expect(again).toMatchObject({ type: 'snapshot', drivers: [] });
  await drive(at('a', 30.001, -97));
  await watcher.settled();
  expect(watcher.heard).toEqual([]);
});

test('a connection may have as many subscriptions as the limit, and no more', async () => {
  const server = await startServer({ env: { MAX_SUBSCRIPTIONS: '3' } });
  const watcher = await server.connect();
  for (const subscription of ['a', 'b', 'c']) {
    expect(await watcher.ask({ ...circle, subscription })).toMatchObject({ type: 'snapshot', subscription });
  }
  expect(await watcher.ask({ ...circle, subscription: 'd' })).toMatchObject({
    type: 'error',
    code: 'limit',
    subscription: 'd',
  });
  await watcher.ask({ type: 'unsubscribe', subscription: 'b' });
  expect(await watcher.ask({ ...circle, subscription: 'd' })).toMatchObject({ type: 'snapshot' });
});

test('the URL form subscribes at once, as "default", with filters; a bad one is told and the connection stays open', async () => {
  const { server, drive } = await setUp();
  await drive(at('a', 30, -97, { attributes: { status: 'free' } }));
  await drive(at('b', 30, -97, { attributes: { status: 'busy' } }));
  const headers = { authorization: `Bearer ${token()}` };
  const watcher = await server.connect(
    '/ws?latitude=30&longitude=-97&radius=1000&attributes.status=free',
    undefined,
    headers,
  );
  expect(await watcher.next()).toMatchObject({
    type: 'snapshot',
    subscription: 'default',
    drivers: [{ driverId: 'a' }],
  });
  const bad = await server.connect('/ws?latitude=30&longitude=x&radius=1000', undefined, headers);
  expect(await bad.next()).toMatchObject({
    type: 'error',
    code: 'invalid',
    field: 'longitude',
    subscription: 'default',
  });
  expect(await bad.ask(circle)).toMatchObject({ type: 'snapshot' });
});

test('a closed connection leaves no subscription behind', async () => {
  const { server, watcher, drive } = await setUp();
  await watcher.ask(circle);
  await drive(at('a', 30, -97));
  expect(server.tracker.driver({ fleet: 'default' }, 'a')?.watchers.length).toBe(1);
  watcher.socket.close();
  await watcher.closed;
  await drive(at('a', 30.001, -97));
  expect(server.tracker.driver({ fleet: 'default' }, 'a')?.watchers.length).toBe(0);
});

test('ping is answered with the server’s time', async () => {
  const { watcher } = await setUp();
  const pong = await watcher.ask({ type: 'ping', id: 7 });
  expect(pong).toMatchObject({ type: 'pong', id: 7 });
  expect(Math.abs(pong.serverTime - Date.now())).toBeLessThan(5_000);
});
