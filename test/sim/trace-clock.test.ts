import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TraceClock } from '../../src/sim/trace-clock.ts';

const START = 1_763_766_000_000;
const FIRST = 1_492_553_377_000;

const speeds = fc.oneof(fc.constantFrom(0.1, 1, 2, 60, 1000, 1e6), fc.double({ min: 0.01, max: 1e5, noNaN: true }));
/** Timestamps so dense that division merges many of them. */
const dense = fc.array(fc.nat(200), { minLength: 1, maxLength: 60 });
const drivers = fc.constantFrom('a', 'b');

describe('the trace clock', () => {
  test('maps the first fix to a second before the start, and keeps the spacing divided by the speed', () => {
    const clock = new TraceClock(START, 60);
    expect(clock.map('a', FIRST)).toBe(START - 1000);
    expect(clock.map('a', FIRST + 60_000)).toBe(START);
    expect(clock.map('b', FIRST + 90_000)).toBe(START + 500);
    expect(clock.due(FIRST)).toBe(START);
    expect(clock.due(FIRST + 60_000)).toBe(START + 1000);
  });

  test('keeps rising timestamps distinct, in order, whole, equal where they were equal', () => {
    fc.assert(
      fc.property(speeds, fc.array(fc.tuple(drivers, fc.nat(3)), { minLength: 1, maxLength: 300 }), (speed, steps) => {
        const clock = new TraceClock(START, speed);
        const latest = new Map<string, { t: number; mapped: number }>();
        let t = FIRST;
        for (const [driver, gap] of steps) {
          t += gap;
          const mapped = clock.map(driver, t);
          expect(Number.isInteger(mapped)).toBe(true);
          const before = latest.get(driver);
          if (before) expect(Math.sign(mapped - before.mapped)).toBe(Math.sign(t - before.t));
          latest.set(driver, { t, mapped });
        }
        expect(clock.merged).toBe(0);
      }),
    );
  });

  test('keeps any order: what was older, equal or newer than the latest stays so', () => {
    fc.assert(
      fc.property(speeds, fc.array(fc.tuple(drivers, fc.nat(2000)), { maxLength: 400 }), (speed, fixes) => {
        const clock = new TraceClock(START, speed);
        const latest = new Map<string, { t: number; mapped: number }>();
        for (const [driver, offset] of fixes) {
          const t = FIRST + offset;
          const mapped = clock.map(driver, t);
          const before = latest.get(driver);
          if (before) expect(Math.sign(mapped - before.mapped)).toBe(Math.sign(t - before.t));
          if (!before || t > before.t) latest.set(driver, { t, mapped });
        }
      }),
    );
  });

  test('keeps equal timestamps equal and distinct ones distinct in any order, but for those that it counts', () => {
    fc.assert(
      fc.property(speeds, dense, (speed, offsets) => {
        const clock = new TraceClock(START, speed);
        const mapped = new Map<number, number>();
        for (const offset of offsets) {
          const merged = clock.merged;
          const m = clock.map('a', FIRST + offset);
          if (clock.merged > merged) continue;
          if (mapped.has(offset)) expect(m).toBe(mapped.get(offset));
          mapped.set(offset, m);
        }
        expect(new Set(mapped.values()).size).toBe(mapped.size);
        const inOrder = [...mapped].sort(([a], [b]) => a - b).map(([, m]) => m);
        expect(inOrder).toEqual([...inOrder].sort((a, b) => a - b));
      }),
    );
  });

  test('merges nothing and depends on no order where a driver reports at least `speed` ms apart', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.nat(86_400), { maxLength: 500 }),
        fc.integer({ min: 1, max: 1000 }),
        (seconds, speed) => {
          const forward = new TraceClock(START, speed);
          const shuffled = new TraceClock(START, speed);
          forward.due(FIRST);
          shuffled.due(FIRST);
          const expected = new Map(
            [...seconds].sort((a, b) => a - b).map((s) => [s, forward.map('a', FIRST + s * 1000)] as const),
          );
          for (const s of seconds) expect(shuffled.map('a', FIRST + s * 1000)).toBe(expected.get(s));
          expect(new Set(expected.values()).size).toBe(seconds.length);
        },
      ),
    );
  });
});
