import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { processClock } from '../../src/delivery/clock.ts';

test('what is put off to the end of a turn is done in order, and what would take long in several turns', async () => {
  const clock = processClock(Date.now);
  const done: string[] = [];
  const take = (milliseconds: number) => {
    const until = performance.now() + milliseconds;
    while (performance.now() < until);
  };
  clock.defer(() => {
    take(12);
    done.push('a');
    clock.defer(() => done.push('d'));
  });
  clock.defer(() => done.push('b'));
  clock.defer(() => done.push('c'));
  expect(done).toEqual([]);
  await turn();
  expect(done).toEqual(['a']);
  await turn();
  expect(done).toEqual(['a', 'b', 'c', 'd']);
  clock.defer(() => done.push('e'));
  await turn();
  expect(done.pop()).toBe('e');
});
