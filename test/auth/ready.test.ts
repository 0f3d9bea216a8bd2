import { setImmediate } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { claimsSchema, Principal } from '../../src/auth/principal.ts';
import { onceReady } from '../../src/auth/ready.ts';
import { startServer, token } from '../support/server.ts';

test('those who may see cells alone wait for their part of a large fleet, and everybody else is answered meanwhile', async () => {
  const server = await startServer();
  const drivers = 30_000;
  for (let i = 0; i < drivers; i++) {
    server.tracker.accept('default', {
      driverId: `d${i}`,
      lat: 48 + i / drivers,
      lng: 16 + ((i * 7919) % drivers) / drivers,
    });
  }
  const ask = (path: string, precision?: number) =>
    server.get(path, { authorization: `Bearer ${token({ precision, scope: 'positions:read' })}` });
  // Remembered, so that nothing but the part is waited for.
  await ask('/v1/drivers/d1');
  await ask('/v1/drivers/unknown', 3);
  // Turns of the event loop until the first of them is answered: as many as there are steps, each of which lets others in.
  let turns = 0;
  let answered = false;
  const coarse = Array.from({ length: 50 }, () =>
    ask('/v1/drivers?bbox=10,40,20,50&limit=1000', 8).finally(() => {
      answered = true;
    }),
  );
  const exact = ask('/v1/drivers/d1');
  while (!answered) {
    await setImmediate();
    turns++;
  }
  expect(turns).toBeGreaterThan(drivers / 500 - 10);
  expect((await exact).status).toBe(200);
  const answers = await Promise.all(coarse);
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  expect((await answers[0].json()).drivers).toHaveLength(1000);
  let count = 0;
  for (const { count: inCell } of (await (await ask('/v1/cells?resolution=0', 8)).json()).cells) count += inCell;
  expect(count).toBe(drivers);
});

test('who waits for its part is asked for once more when it is there: a token may have been revoked meanwhile', async () => {
  const principal = new Principal(claimsSchema.parse({ sub: 'x', exp: 4e9, precision: 5 }));
  for (const first of [() => principal, async () => principal]) {
    let asked = 0;
    const authenticate = onceReady(
      () => {
        if (asked++ > 0) throw new Error('revoked');
        return first();
      },
      {
        *prepare() {
          yield;
          yield;
        },
      },
    );
    await expect(authenticate('t')).rejects.toThrow('revoked');
  }
});

test('a part is kept ready for a connection that has not watched for long', async () => {
  let now = Date.now();
  const server = await startServer({ now: () => now });
  server.tracker.accept('default', { driverId: 'd', lat: 48, lng: 16 });
  const client = await server.connect(`/ws?access_token=${token({ precision: 8, scope: 'positions:read' })}`);
  await client.ask({ type: 'ping', id: 1 });
  const parts = () => [...server.tracker.aspects()].length;
  expect(parts()).toBe(2);
  for (let minute = 0; minute < 3; minute++) {
    now += 9 * 60_000;
    server.tracker.accept('default', { driverId: 'd', lat: 48, lng: 16 + minute / 100 });
    // What looks after connections has been there since.
    const kept = vi.spyOn(server.tracker, 'prepare');
    await vi.waitUntil(() => kept.mock.calls.length > 0, { timeout: 5_000 });
    kept.mockRestore();
    server.tracker.expire();
    expect(parts()).toBe(2);
  }
  client.socket.close();
  await client.closed;
  now += 11 * 60_000;
  server.tracker.accept('default', { driverId: 'd', lat: 48, lng: 17 });
  server.tracker.expire();
  expect(parts()).toBe(1);
});
