import { expect, test } from 'vitest';
import { Overload } from '../../src/overload/overload.ts';

test('it is overloaded by lag or by memory, and says by which', () => {
  const overload = new Overload({ lag: 500, heapPercent: 85 });
  const seen = () => [overload.lagging, overload.heapFull, overload.active];
  expect(seen()).toEqual([false, false, false]);
  for (let now = 0; now <= 1000; now += 50) overload.lagged(500, now);
  expect([...seen(), overload.lag]).toEqual([true, false, true, 500]);
  overload.collected(85, 1000);
  expect(seen()).toEqual([true, true, true]);
  for (let now = 1050; now <= 3050; now += 50) overload.lagged(0, now);
  expect([...seen(), overload.lag]).toEqual([false, true, true, 0]);
  // A little less in use is no room yet.
  overload.collected(80, 3100);
  expect(seen()).toEqual([false, true, true]);
  overload.collected(79, 3200);
  expect(seen()).toEqual([false, false, false]);
});

test('what a full collection showed holds for half a minute, and longer only if another shows it again', () => {
  const overload = new Overload({ lag: 500, heapPercent: 85 });
  overload.collected(99, 1_000_000);
  overload.lagged(0, 1_029_950);
  expect(overload.heapFull).toBe(true);
  overload.collected(90, 1_029_960);
  overload.lagged(0, 1_059_950);
  expect(overload.heapFull).toBe(true);
  overload.lagged(0, 1_059_960);
  expect(overload.active).toBe(false);
});

test('a limit of 0 is none', () => {
  const overload = new Overload({ lag: 0, heapPercent: 0 });
  for (let now = 0; now <= 5000; now += 50) overload.lagged(1e6, now);
  overload.collected(100, 5000);
  expect(overload.active).toBe(false);
  expect(overload.lag).toBe(1e6);
});
