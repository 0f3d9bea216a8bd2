import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Meetings } from '../../src/cluster/meetings.ts';
import { ClusterStats } from '../../src/cluster/stats.ts';
import type { Position } from '../../src/fix.ts';
import { StoreUnavailable } from '../../src/store/store.ts';
import { FakeClock } from '../subscriptions/fake-clock.ts';

const held = (driverId: string): Position => ({ driverId, lat: 1, lng: 2, timestamp: 3, receivedAt: 4 });

/** A store that holds those whose ids begin with `h`, and answers when it is let. */
function scene() {
  const clock = new FakeClock();
  const asked: (readonly string[])[] = [];
  const answers: (() => void)[] = [];
  const found: string[] = [];
  const missing: string[] = [];
  const state = { isAway: false, isHeld: false };
  const store = {
    async byIds(_: string, driverIds: readonly string[]) {
      asked.push(driverIds);
      if (state.isHeld) await new Promise<void>((resolve) => answers.push(resolve));
      if (state.isAway) throw new StoreUnavailable('away');
      return driverIds.filter((id) => id.startsWith('h')).map(held);
    },
  };
  const meetings = new Meetings(store, new ClusterStats(), clock.of({}), {
    asked: () => 7,
    found: (fleet, { driverId }, revision) => found.push(`${fleet} ${driverId} ${revision}`),
    missing: (fleet, driverId, _, revision) => missing.push(`${fleet} ${driverId} ${revision}`),
  });
  return { meetings, clock, asked, answers, found, missing, state };
}

test('those who are asked about in one turn are looked up together, a fleet at a time, each once', async () => {
  const { meetings, asked, found, missing } = scene();
  const all = [meetings.meet('f', ['h1', 'x']), meetings.meet('f', ['h1', 'h2']), meetings.meet('g', ['h1'])];
  await Promise.all(all);
  expect(asked).toEqual([['h1', 'x', 'h2'], ['h1']]);
  expect(found).toEqual(['f h1 7', 'f h2 7', 'g h1 7']);
  expect(missing).toEqual(['f x 7']);
  await meetings.meet('f', ['h1']);
  expect(asked).toHaveLength(3);
});

test('very many are looked up by several statements', async () => {
  const { meetings, asked, found } = scene();
  await meetings.meet(
    'f',
    Array.from({ length: 2_500 }, (_, i) => `h${i}`),
  );
  expect(asked.map(({ length }) => length)).toEqual([1_000, 1_000, 500]);
  expect(found).toHaveLength(2_500);
});

test('who is patient hears that the store is away, and who is not goes on and knows it', async () => {
  const { meetings, state, clock } = scene();
  state.isAway = true;
  await expect(meetings.meet('f', ['h1'])).rejects.toThrow(StoreUnavailable);
  expect(await meetings.meetSoon('f', ['h1'], undefined)).toBe(false);
  expect(await meetings.meetSoon('f', ['h1'], Promise.reject(new StoreUnavailable('behind')))).toBe(false);
  state.isAway = false;
  expect(await meetings.meetSoon('f', ['h1'], undefined)).toBe(true);
  expect(clock.timers()).toBe(0);
});

test('nobody waits for a store that hangs; what it says after all is taken in', async () => {
  const { meetings, state, clock, answers, found } = scene();
  state.isHeld = true;
  const soon = meetings.meetSoon('f', ['h1'], undefined);
  await turn();
  clock.pass(60_000);
  expect(await soon).toBe(false);
  expect(found).toEqual([]);
  for (const answer of answers) answer();
  await turn();
  expect(found).toEqual(['f h1 7']);
});

test('the store is asked only once what goes before is done', async () => {
  const { meetings, asked } = scene();
  const { promise, resolve } = Promise.withResolvers<void>();
  const soon = meetings.meetSoon('f', ['h1'], promise);
  await turn();
  await turn();
  expect(asked).toEqual([]);
  resolve();
  expect(await soon).toBe(true);
  expect(asked).toEqual([['h1']]);
});
