import { expect, test } from 'vitest';
import { AreaLog, MAX_ENTRIES, toCsv } from '../../src/web/dashboard/area-log.ts';

function made() {
  let time = Date.UTC(2026, 0, 2, 3, 4, 5);
  const log = new AreaLog(() => {
    time += 1000;
    return time;
  });
  const told = () => log.entries.value.map(({ driverId, event }) => `${driverId} ${event}`);
  return { log, told };
}

test('who is inside at the start has not entered; who comes and goes then is told, newest first', () => {
  const { log, told } = made();
  log.begin();
  // Of what was watched before, and the difference to it.
  log.put('before');
  log.exit('before', 'left');
  expect(log.totals.value.start).toBeUndefined();
  log.settle(['a', 'b', 'c', 'd']);
  expect([told(), log.totals.value]).toEqual([[], { start: 4, entered: 0, left: 0, gone: 0 }]);
  log.put('a');
  log.put('e');
  log.put('e');
  log.exit('a', 'left');
  log.exit('a', 'left');
  log.exit('nobody', 'left');
  log.exit('b', 'stale');
  log.exit('c', 'offline');
  log.exit('d', 'filtered');
  log.put('b');
  expect(told()).toEqual(['b entered', 'd filtered', 'c offline', 'b stale', 'a left', 'e entered']);
  expect(log.totals.value).toEqual({ start: 4, entered: 2, left: 1, gone: 3 });
});

test('what another filter changes is no event; what happens after it is one', () => {
  const { log, told } = made();
  log.begin();
  log.settle(['a', 'b']);
  log.exit('a', 'left');
  log.wait();
  log.exit('b', 'filtered');
  log.put('c');
  log.settle(['c']);
  log.put('c');
  log.put('b');
  log.exit('c', 'left');
  expect(told()).toEqual(['c left', 'b entered', 'a left']);
  expect(log.totals.value).toEqual({ start: 2, entered: 1, left: 2, gone: 0 });
});

test('no more is kept than its bound, and counts go on', () => {
  const { log } = made();
  log.begin();
  log.settle([]);
  const count = MAX_ENTRIES + 20;
  for (let n = 0; n < count; n++) log.put(`d${n}`);
  expect([log.entries.value.length, log.entries.value[0].driverId]).toEqual([500, `d${count - 1}`]);
  expect(log.totals.value.entered).toBe(count);
  log.clear();
  expect([log.entries.value, log.totals.value]).toEqual([[], { start: count, entered: 0, left: 0, gone: 0 }]);
  log.put('d7');
  log.exit('d7', 'left');
  expect(log.entries.value.map(({ driverId, event }) => [driverId, event])).toEqual([['d7', 'left']]);
});

test('a table has each field as it is, and no formula', () => {
  const { log } = made();
  log.begin();
  log.settle([]);
  log.put('plain');
  log.put('a,"b"');
  log.put('=1+1');
  expect(toCsv(log.entries.value)).toBe(
    [
      'time,driver,event',
      "2026-01-02T03:04:08.000Z,'=1+1,entered",
      '2026-01-02T03:04:07.000Z,"a,""b""",entered',
      '2026-01-02T03:04:06.000Z,plain,entered',
      '',
    ].join('\r\n'),
  );
});
