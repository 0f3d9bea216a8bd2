import { expect, test } from 'vitest';
import type { Position } from '../../src/fix.ts';
import { PacedSource } from '../../src/history/paced-source.ts';
import type { ReplaySource } from '../../src/history/replay-source.ts';
import { FakeClock } from '../subscriptions/fake-clock.ts';
import { DAWN, kept, sourceOf } from './past.ts';

const SPAN = { fleet: 'default', from: DAWN, to: DAWN + 1_000_000 };
const fixes = Array.from({ length: 1_000 }, (_, n) => kept('a', [0, 0], DAWN + n));
const settled = () => new Promise(setImmediate);

test('all replays together read no more than 40,000 fixes a second, in the order in which they ask', async () => {
  const clock = new FakeClock();
  const source = new PacedSource(sourceOf(fixes), clock.of({}));
  const done: number[] = [];
  for (let n = 0; n < 100; n++) source.fixes(SPAN, [], 1_000).then(() => done.push(n));
  await settled();
  // Two at a time.
  expect(done).toEqual([0, 1]);
  for (let ms = 0; ms < 1_000; ms++) {
    clock.pass(1);
    await settled();
  }
  expect(done.length).toBeGreaterThanOrEqual(38);
  expect(done.length).toBeLessThanOrEqual(43);
  expect(done).toEqual(done.map((_, n) => n));
  for (let ms = 0; ms < 3_000; ms++) {
    clock.pass(1);
    await settled();
  }
  expect(done.length).toBe(100);
  clock.pass(1_000);
  expect(clock.timers()).toBe(0);
});

test('two reads are under way at a time, and one that fails makes room for the next', async () => {
  const clock = new FakeClock();
  let asked = 0;
  const answers: PromiseWithResolvers<readonly Position[]>[] = [];
  const slow: ReplaySource = {
    latest: () => {
      asked++;
      answers.push(Promise.withResolvers());
      return answers[answers.length - 1].promise;
    },
    fixes: async () => [],
  };
  const source = new PacedSource(slow, clock.of({}));
  const reads = [1, 2, 3].map(() => source.latest(SPAN, 1));
  await settled();
  expect(asked).toBe(2);
  answers[0].reject(new Error('away'));
  await expect(reads[0]).rejects.toThrow('away');
  await settled();
  expect(asked).toBe(3);
  for (const { resolve } of answers) resolve([]);
  expect(await Promise.all(reads.slice(1))).toEqual([[], []]);
  expect(clock.timers()).toBe(0);
});

test('a clock that is set back holds nobody up for more than a second', async () => {
  const clock = new FakeClock();
  const source = new PacedSource(sourceOf(fixes), clock.of({}));
  await source.fixes(SPAN, [], 1_000);
  clock.setBack(3_600_000);
  let isDone = false;
  source.fixes(SPAN, [], 1_000).then(() => {
    isDone = true;
  });
  await settled();
  expect(isDone).toBe(false);
  clock.pass(1_000);
  await settled();
  expect(isDone).toBe(true);
});
