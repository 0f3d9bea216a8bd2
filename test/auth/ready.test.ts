import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
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
  const order: string[] = [];
  const coarse = Array.from({ length: 50 }, () =>
    ask('/v1/drivers?bbox=10,40,20,50&limit=1000', 8).then((answer) => {
      order.push('coarse');
      return answer;
    }),
  );
  let longest = 0;
  for (let i = 0; i < 20; i++) {
    const since = performance.now();
    const answer = await ask('/v1/drivers/d1');
    expect(answer.status).toBe(200);
    longest = Math.max(longest, performance.now() - since);
    order.push('exact');
    await setImmediate();
  }
  const answers = await Promise.all(coarse);
  // A driver that came meanwhile is there too, and everybody else.
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  expect((await answers[0].json()).drivers).toHaveLength(1000);
  expect(order.slice(0, 3)).toEqual(['exact', 'exact', 'exact']);
  let count = 0;
  for (const { count: inCell } of (await (await ask('/v1/cells?resolution=0', 8)).json()).cells) count += inCell;
  expect(count).toBe(drivers);
  console.log(`longest wait of another: ${longest.toFixed(0)} ms`);
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
