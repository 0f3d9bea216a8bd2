import { cellToParent, latLngToCell } from 'h3-js';
import { describe, expect, test } from 'vitest';
import { judgeAnswer, judgeTables, judgeTrack, lineOf } from './judge.ts';
import { Ledger, type SentFix, type Word } from './ledger.ts';
import type { Row, Tables } from './tables.ts';

const FLEET = 'north';

function fix(timestamp: number, driverId = 'a'): SentFix {
  return { driverId, latitude: 1 + timestamp / 7, longitude: 2, timestamp, speed: 3, attributes: { seats: timestamp } };
}

function row(
  { driverId, latitude: lat, longitude: lng, timestamp, speed, attributes }: SentFix,
  resolution: number,
): Row {
  return {
    fleet: FLEET,
    driverId,
    timestamp,
    receivedAt: Date.now(),
    lat,
    lng,
    cell: BigInt(`0x${cellToParent(latLngToCell(lat, lng, 15), resolution)}`).toString(),
    accuracy: null,
    altitude: null,
    heading: null,
    speed: speed ?? null,
    attributes: attributes ?? {},
  };
}

/** A ledger of one driver: a number is a fix of that time, `off` is off duty; each with what was said, or nothing. */
function ledgerOf(...entries: (readonly [what: number | 'off', word?: Word])[]): Ledger {
  const ledger = new Ledger();
  const driver = ledger.driver(FLEET, 'a');
  for (const [what, word] of entries) {
    const entry = what === 'off' ? driver.depart() : driver.send(fix(what));
    if (word !== undefined) driver.settle(entry, word);
  }
  return ledger;
}

/** Tables with the position and the fixes of these times. */
function tables(position: number | undefined, ...fixes: number[]): Tables {
  return {
    positions: position === undefined ? [] : [row(fix(position), 15)],
    fixes: fixes.map((timestamp) => row(fix(timestamp), 6)),
  };
}

describe('of what was acknowledged', () => {
  const ledger = ledgerOf([1, 'accepted'], [3, 'accepted'], [2, 'late'], [3, 'duplicate']);
  const right = tables(3, 1, 2, 3);

  test('nothing is wrong with tables that hold it', () => {
    expect(judgeTables(ledger, right)).toEqual([]);
  });

  test('a row that is gone is missed', () => {
    for (const n of [0, 1, 2]) {
      expect(judgeTables(ledger, { ...right, fixes: right.fixes.toSpliced(n, 1) })).toEqual([
        `a of north at ${n + 1} was acknowledged, and is not in fixes`,
      ]);
    }
    expect(judgeTables(ledger, { ...right, positions: [] })).toEqual([
      'a of north is in positions at undefined, and can only be at 3',
    ]);
  });

  test('a row that was altered is seen, whatever column it is', () => {
    const other: Partial<Row> = {
      lat: 1,
      lng: 2.0000000000000004,
      cell: '1',
      receivedAt: 1,
      accuracy: 1,
      altitude: 0,
      heading: 0,
      speed: null,
      attributes: { seats: '1' },
      timestamp: 4,
      driverId: 'b',
      fleet: 'south',
    };
    for (const [column, value] of Object.entries(other)) {
      const [first, ...rest] = right.fixes;
      const fixes = [{ ...first, [column]: value }, ...rest];
      expect.soft(judgeTables(ledger, { ...right, fixes }), column).not.toEqual([]);
      const positions = [{ ...right.positions[0], [column]: value }];
      expect.soft(judgeTables(ledger, { ...right, positions }), column).not.toEqual([]);
    }
  });

  test('a row that was never sent, or is there twice, is seen', () => {
    expect(judgeTables(ledger, tables(3, 1, 2, 3, 4))).toEqual(['a of north at 4 is in fixes, and was never sent']);
    expect(judgeTables(ledger, tables(3, 1, 2, 3, 3))).toEqual(['a of north at 3 is twice in fixes']);
    const positions = [...right.positions, row(fix(1, 'b'), 15)];
    expect(judgeTables(ledger, { ...right, positions })).toEqual([
      'b of north at 1 is in positions, and was never sent',
    ]);
  });

  test('an older position than the newest is seen', () => {
    expect(judgeTables(ledger, tables(2, 1, 2, 3))).toEqual(['a of north is in positions at 2, and can only be at 3']);
  });
});

describe('of what was not acknowledged', () => {
  test('a fix may be there or not', () => {
    const ledger = ledgerOf([1, 'accepted'], [2]);
    expect(judgeTables(ledger, tables(1, 1))).toEqual([]);
    expect(judgeTables(ledger, tables(2, 1, 2))).toEqual([]);
    expect(judgeTables(ledger, tables(undefined, 1))).not.toEqual([]);
  });

  test('going off duty may have been done or not', () => {
    const ledger = ledgerOf([1, 'accepted'], ['off']);
    expect(judgeTables(ledger, tables(1, 1))).toEqual([]);
    expect(judgeTables(ledger, tables(undefined, 1))).toEqual([]);
  });
});

test('who went off duty stays so until a later fix, which may be of any time', () => {
  const gone = ledgerOf([5, 'accepted'], ['off', 'gone']);
  expect(judgeTables(gone, tables(undefined, 5))).toEqual([]);
  expect(judgeTables(gone, tables(5, 5))).toEqual(['a of north is in positions at 5, and can only be at undefined']);
  const back = ledgerOf([5, 'accepted'], ['off', 'gone'], [3, 'accepted']);
  expect(judgeTables(back, tables(3, 3, 5))).toEqual([]);
  expect(judgeTables(back, tables(5, 3, 5))).not.toEqual([]);
});

test('verdicts that contradict each other are seen', () => {
  for (const ledger of [
    ledgerOf([5, 'accepted'], [3, 'accepted']),
    ledgerOf([5, 'accepted'], [7, 'late']),
    ledgerOf([5, 'accepted'], [7, 'duplicate']),
    ledgerOf([5, 'accepted'], ['off', 'unknown']),
    ledgerOf(['off', 'gone']),
  ]) {
    expect.soft(judgeTables(ledger, tables(5, 3, 5, 7))).toContainEqual(expect.stringContaining('no order of things'));
  }
});

test('what was found once must still be there', () => {
  const ledger = ledgerOf([1, 'accepted'], [2]);
  ledger.driver(FLEET, 'a').found(2);
  expect(judgeTables(ledger, tables(2, 1, 2))).toEqual([]);
  expect(judgeTables(ledger, tables(1, 1, 2))).toEqual(['a of north is in positions at 1, and can only be at 2']);
});

test('attributes that a fix leaves out are earlier ones of its driver, or none', () => {
  const ledger = ledgerOf([1, 'accepted']);
  const driver = ledger.driver(FLEET, 'a');
  const silent = { ...fix(2), attributes: undefined };
  driver.settle(driver.send(silent), 'accepted');
  const found = (attributes: Row['attributes']) => ({
    positions: [{ ...row(silent, 15), attributes }],
    fixes: [row(fix(1), 6), { ...row(silent, 6), attributes }],
  });
  expect(judgeTables(ledger, found({ seats: 1 }))).toEqual([]);
  expect(judgeTables(ledger, found({}))).toEqual([]);
  expect(judgeTables(ledger, found({ seats: 2 }))).not.toEqual([]);
});

test('what the API tells is compared with the row, field by field', () => {
  const position = row(fix(1), 15);
  const { lat: latitude, lng: longitude, driverId, timestamp, receivedAt, attributes } = position;
  const told = { driverId, latitude, longitude, timestamp, receivedAt, attributes, speed: 3, serverTime: 9 };
  expect(judgeAnswer('a', position, told)).toBeUndefined();
  expect(judgeAnswer('a', undefined, undefined)).toBeUndefined();
  expect(judgeAnswer('a', undefined, told)).toBe('the API knows a, which is not in positions');
  expect(judgeAnswer('a', position, undefined)).toBe('the API does not know a, which is in positions');
  for (const field of Object.keys(told).filter((name) => name !== 'serverTime')) {
    expect.soft(judgeAnswer('a', position, { ...told, [field]: 0 }), field).toContain(`that ${field} is 0`);
  }
  expect(judgeAnswer('a', position, { ...told, heading: 0 })).toContain('that heading is 0');
});

test('a track is compared with the rows, in the order of their times', () => {
  const rows = [3, 1, 2].map((timestamp) => row(fix(timestamp), 6));
  const track = [rows[1], rows[2], rows[0]].map(lineOf);
  expect(judgeTrack('a', rows, track)).toBeUndefined();
  expect(judgeTrack('a', [], [])).toBeUndefined();
  expect(judgeTrack('a', rows, track.slice(1))).toContain('the track of a is at 0 of 3 2 ');
  expect(judgeTrack('a', rows, track.slice(0, 2))).toContain('at 2 of 3 at its end');
  expect(judgeTrack('a', rows, [...track, 'more'])).toContain('at 3 of 3 more');
  expect(judgeTrack('a', rows, [track[0], lineOf({ ...rows[2], lat: 9 }), track[2]])).toContain('at 1 of 3 2 9,');
});
