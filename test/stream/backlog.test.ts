import { expect, test } from 'vitest';
import { Backlog } from '../../src/stream/backlog.ts';
import { seeded } from '../support/random.ts';

test('is what a list would be, whatever is put in and taken off', () => {
  const random = seeded('backlog');
  const backlog = new Backlog(50, 12_000);
  let list: string[] = [];
  const dropped: number[] = [];
  const expected: number[] = [];
  for (let n = 0; n < 3_000; n++) {
    if (random.below(5) > 0) {
      const event = `${n} ${'x'.repeat(random.below(10) === 0 ? 3000 : 100)}`;
      backlog.push(event, n, (at) => dropped.push(at));
      list.push(event);
      while (list.length > 50 || list.reduce((sum, { length }) => sum + length + 64, 0) > 12_000) {
        expected.push(Number.parseInt(list.shift() as string, 10));
      }
    } else {
      const { events, times } = backlog.take(random.below(9), random.below(5000));
      expect(events).toEqual(list.slice(0, events.length));
      expect(times).toEqual(events.map((event) => Number.parseInt(event, 10)));
      list = list.slice(events.length);
    }
    expect(backlog.length).toBe(list.length);
  }
  expect(dropped).toEqual(expected);
  expect(dropped.length).toBeGreaterThan(30);
});

test('hands out no more than was asked for, and one at least however long it is', () => {
  const backlog = new Backlog(100, 1_000_000);
  const never = () => expect.unreachable();
  for (let n = 0; n < 10; n++) backlog.push('x'.repeat(1000), n, never);
  expect(backlog.take(3, 1_000_000).times).toEqual([0, 1, 2]);
  expect(backlog.take(100, 2_500).times).toEqual([3, 4, 5]);
  expect(backlog.take(100, 1).times).toEqual([6]);
  expect(backlog.take(100, 1_000_000).times).toEqual([7, 8, 9]);
  expect(backlog.take(100, 1_000_000)).toEqual({ events: [], times: [] });
});
