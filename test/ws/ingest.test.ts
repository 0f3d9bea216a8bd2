import { expect, test } from 'vitest';
import { HeldStore } from '../support/held-store.ts';
import { startServer, token } from '../support/server.ts';

test('three fields are all that a driver has to send', async () => {
  const server = await startServer();
  const driver = await server.connect(`/ws?access_token=${token({ sub: 'me', scope: 'positions:write' })}`);
  driver.send({ driverId: 'me', latitude: 12.345, longitude: 67.89 });
  await driver.settled();
  const answer = await (await server.get('/v1/drivers/me')).json();
  expect(answer).toMatchObject({ driverId: 'me', latitude: 12.345, longitude: 67.89 });
  expect(Object.keys(answer).sort()).toEqual([
    'driverId',
    'latitude',
    'longitude',
    'receivedAt',
    'serverTime',
    'timestamp',
  ]);
});

test('driverId may be left out when the token’s subject is the driver', async () => {
  const server = await startServer();
  const driver = await server.connect(`/ws?access_token=${token({ sub: 'me', scope: 'positions:write' })}`);
  expect(await driver.ask({ latitude: 1, longitude: 2, id: 1 })).toMatchObject({ verdict: 'accepted' });
  expect(server.tracker.driver({ fleet: 'default' }, 'me')).toBeDefined();
});

test('every field of a fix comes back as it was sent', async () => {
  const server = await startServer();
  const client = await server.connect();
  const fix = {
    driverId: 'driver-xyz-789',
    latitude: 12.345678901234,
    longitude: -67.89,
    timestamp: Date.now() - 1000,
    accuracy: 5,
    altitude: -31.5,
    heading: 270,
    speed: 8.2,
    attributes: { status: 'available', seats: 4, electric: true },
  };
  await client.ask({ type: 'position', id: 1, ...fix });
  expect(await (await server.get('/v1/drivers/driver-xyz-789')).json()).toMatchObject(fix);
});

test('null counts as unknown, and is left out of the answer', async () => {
  const server = await startServer();
  const client = await server.connect();
  await client.ask({ driverId: 'd', latitude: 1, longitude: 2, heading: null, speed: null, altitude: null, id: 1 });
  expect(Object.keys(await (await server.get('/v1/drivers/d')).json())).not.toContain('heading');
});

test('order is by timestamp, not by arrival: verdicts accepted, duplicate, late', async () => {
  const server = await startServer();
  const client = await server.connect();
  const send = (timestamp: number | string, latitude: number) =>
    client.ask({ driverId: 'd', latitude, longitude: 2, timestamp, id: latitude });
  const then = Date.parse('2026-01-31T12:00:00Z');
  expect(await send(then, 1)).toEqual({ type: 'ack', id: 1, verdict: 'accepted' });
  expect(await send('2026-01-31T13:00:00+01:00', 2)).toEqual({ type: 'ack', id: 2, verdict: 'duplicate' });
  expect(await send(then - 1, 3)).toEqual({ type: 'ack', id: 3, verdict: 'late' });
  expect(await send(then + 0.5, 4)).toEqual({ type: 'ack', id: 4, verdict: 'duplicate' });
  expect(await send(then + 1, 5)).toEqual({ type: 'ack', id: 5, verdict: 'accepted' });
  expect((await (await server.get('/v1/drivers/d')).json()).latitude).toBe(5);
});

test('fixes without a timestamp keep the order in which they came, however close', async () => {
  const server = await startServer();
  const client = await server.connect();
  for (let i = 1; i <= 20; i++) client.send({ driverId: 'd', latitude: i, longitude: 2, id: i });
  for (let i = 1; i <= 20; i++) expect(await client.next()).toEqual({ type: 'ack', id: i, verdict: 'accepted' });
  expect(server.tracker.driver({ fleet: 'default' }, 'd')?.position.lat).toBe(20);
});

test.each(['30', '0'])(
  'a thousand fixes without a timestamp at once are all accepted, with MAX_FUTURE_SECONDS=%s',
  async (seconds) => {
    const server = await startServer({ env: { MAX_FUTURE_SECONDS: seconds } });
    const client = await server.connect();
    const positions = Array.from({ length: 1000 }, (_, i) => ({ driverId: 'd', latitude: i / 100, longitude: 2 }));
    const { results } = await client.ask({ type: 'positions', id: 1, positions });
    expect(new Set(results.map(({ verdict }: { verdict: string }) => verdict))).toEqual(new Set(['accepted']));
    expect(server.tracker.driver({ fleet: 'default' }, 'd')?.position.lat).toBe(9.99);
  },
);

test('a subject that is no driverId does not become one', async () => {
  const server = await startServer();
  const client = await server.connect(`/ws?access_token=${token({ sub: 'a\u0007b', scope: 'positions:write' })}`);
  expect(await client.ask({ latitude: 1, longitude: 2, id: 1 })).toMatchObject({ verdict: 'refused', code: 'invalid' });
  expect(server.tracker.size).toBe(0);
});

test('an ack leaves only once the fix is stored; a duplicate’s only once the original is; queries and watchers do not wait', async () => {
  const store = new HeldStore();
  const server = await startServer({ store });
  const client = await server.connect();
  const watcher = await server.connect('/ws?latitude=1&longitude=2&radius=10', undefined, {
    authorization: `Bearer ${token()}`,
  });
  await watcher.next('snapshot');
  const fix = { driverId: 'd', latitude: 1, longitude: 2, timestamp: 1000 };
  client.send({ ...fix, id: 1 });
  expect(await watcher.next('changes')).toMatchObject({ enter: [{ driverId: 'd' }] });
  client.send({ ...fix, id: 2 });
  client.send({ type: 'positions', id: 3, positions: [fix, { ...fix, timestamp: 999 }] });
  await client.settled();
  expect(client.heard).toEqual([]);
  expect((await (await server.get('/v1/drivers/nearby?latitude=1&longitude=2')).json()).drivers.length).toBe(1);
  expect(store.batches.length).toBe(1);
  store.release();
  expect(await client.next()).toEqual({ type: 'ack', id: 1, verdict: 'accepted' });
  expect(await client.next()).toEqual({ type: 'ack', id: 2, verdict: 'duplicate' });
  // The late one is for history, so it waits for the store as well.
  await client.settled();
  expect(client.heard).toEqual([]);
  store.release();
  expect(await client.next()).toEqual({ type: 'ack', id: 3, results: [{ verdict: 'duplicate' }, { verdict: 'late' }] });
});

test('what arrives while a batch is being written goes into the next one, in order', async () => {
  const store = new HeldStore();
  const server = await startServer({ store });
  const client = await server.connect();
  client.send({ driverId: 'a', latitude: 1, longitude: 2, timestamp: 1, id: 1 });
  await client.settled();
  for (let i = 2; i <= 50; i++) {
    client.send({ driverId: 'a', latitude: 1, longitude: 2, timestamp: i, id: `a${i}` });
    client.send({ driverId: 'b', latitude: 1, longitude: 2, timestamp: i, id: `b${i}` });
  }
  await client.settled();
  store.release();
  expect(await client.next('ack')).toMatchObject({ id: 1 });
  await client.settled();
  expect(client.heard).toEqual([]);
  store.release();
  for (let i = 2; i <= 50; i++) {
    expect(await client.next()).toMatchObject({ id: `a${i}` });
    expect(await client.next()).toMatchObject({ id: `b${i}` });
  }
  const sent = store.batches.map((entries) =>
    entries.map((entry) => (entry.kind === 'removal' ? [] : [entry.fix.driverId, entry.fix.timestamp])),
  );
  const rest = Array.from({ length: 49 }, (_, i) => ['a', 'b'].map((id) => [id, i + 2])).flat();
  expect(sent).toEqual([[['a', 1]], rest]);
});

test('many drivers at once, on connections of their own, are all taken in', async () => {
  const server = await startServer();
  const drivers = await Promise.all(Array.from({ length: 200 }, () => server.connect()));
  await Promise.all(
    drivers.map(async (driver, i) => {
      for (let n = 1; n <= 10; n++) {
        driver.send({ driverId: `d${i}`, latitude: 10 + i * 0.001, longitude: n, timestamp: n, id: n });
      }
      for (let n = 1; n <= 10; n++) expect(await driver.next()).toEqual({ type: 'ack', id: n, verdict: 'accepted' });
    }),
  );
  expect(server.tracker.size).toBe(200);
});

test('a client that reads nothing delays no other, and what waits for it stays bounded', async () => {
  const server = await startServer();
  const url = '/ws?latitude=0&longitude=0&radius=100000';
  const headers = { authorization: `Bearer ${token()}` };
  const slow = await server.connect(url, undefined, headers);
  const quick = await server.connect(url, undefined, headers);
  const driver = await server.connect();
  await slow.next('snapshot');
  slow.socket.pause();
  const attributes = { note: 'x'.repeat(250) };
  let last = 0;
  for (let round = 1; round <= 300; round++) {
    const positions = Array.from({ length: 200 }, (_, i) => ({
      driverId: `d${i}`,
      latitude: i * 1e-4,
      longitude: round * 1e-4,
      timestamp: round,
      attributes,
    }));
    await driver.ask({ type: 'positions', id: round, positions }, 'ack');
    last = round * 1e-4;
  }
  await quick.settled();
  expect([...(quick.believed.get('default')?.values() ?? [])].every(({ longitude }) => longitude === last)).toBe(true);
  slow.socket.resume();
  await slow.settled();
  await slow.settled();
  expect([...(slow.believed.get('default')?.values() ?? [])].every(({ longitude }) => longitude === last)).toBe(true);
  expect(slow.contradictions).toEqual([]);
  expect(slow.inside().length).toBe(200);
  // The quick one got every round, more than 20 MB. Of that the kernel's buffers held a few for the slow one, and the
  // server just the last.
  expect(quick.bytes).toBeGreaterThan(20_000_000);
  expect(slow.bytes).toBeLessThan(quick.bytes / 2);
});
