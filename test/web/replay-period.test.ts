import { expect, test } from 'vitest';
import {
  firstKept,
  localInput,
  PRESETS,
  periodBetween,
  speedFor,
  untilNow,
} from '../../src/web/dashboard/replay-period.ts';

const MINUTE = 60_000;
/** Where the reader is, wherever that is. */
const at = (year: number, month: number, day: number, hour: number, minute: number, second = 0) =>
  new Date(year, month - 1, day, hour, minute, second).getTime();
const NOON = at(2026, 11, 22, 12, 0, 30);

test('presets end a moment before now, as what is after it is refused', () => {
  const [quarter, hour, today] = PRESETS.map(({ begin }) => untilNow(begin, NOON + 0.5));
  const to = NOON - 1_000;
  expect(quarter).toEqual({ from: to - 15 * MINUTE, to });
  expect(hour).toEqual({ from: to - 60 * MINUTE, to });
  expect(today).toEqual({ from: at(2026, 11, 22, 0, 0), to });
  const midnight = at(2026, 11, 22, 0, 0, 5);
  expect(untilNow(PRESETS[2].begin, midnight)).toEqual({ from: midnight - 61_000, to: midnight - 1_000 });
});

test('two times of a form are a period, or what is wrong with them', () => {
  const between = (from: string, to: string) => periodBetween(from, to, NOON, firstKept(NOON, 7));
  expect(between('2026-11-22T10:00', '2026-11-22T11:30')).toEqual({
    from: at(2026, 11, 22, 10, 0),
    to: at(2026, 11, 22, 11, 30),
  });
  // Until now, where the end has yet to come.
  expect(between('2026-11-22T10:00', '2026-11-23T10:00')).toEqual({ from: at(2026, 11, 22, 10, 0), to: NOON - 1_000 });
  expect(between('', '2026-11-22T11:30')).toMatch(/when it is to begin/);
  expect(between('2026-11-22T10:00', '')).toMatch(/when it is to end/);
  expect(between('2026-11-22T11:30', '2026-11-22T11:30')).toMatch(/before it ends/);
  expect(between('2026-11-22T11:31', '2026-11-22T11:30')).toMatch(/before it ends/);
  expect(between('2026-11-22T12:01', '2026-11-22T12:10')).toMatch(/in the past/);
});

test('a form has the time of where the reader is, in summer and in winter', () => {
  for (const month of [1, 7]) {
    const moment = at(2026, month, 5, 9, 7, 59);
    expect(localInput(moment)).toBe(`2026-0${month}-05T09:07`);
    expect(Date.parse(localInput(moment))).toBe(moment - 59_000);
  }
  expect(firstKept(NOON, 7)).toBe(NOON - 7 * 24 * 60 * MINUTE);
});

test('what is long is played so fast that people sit through it', () => {
  const speedOf = (minutes: number) => speedFor({ from: NOON - minutes * MINUTE, to: NOON });
  expect([1, 2, 3, 20, 21, 60, 121, 1_440].map(speedOf)).toEqual([1, 1, 10, 10, 60, 60, 300, 300]);
});
