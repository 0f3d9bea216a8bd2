import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { loadPositions, type RawQuery } from '../../src/store/load-positions.ts';
import { StoreUnavailable } from '../../src/store/store.ts';

/** A database of so many drivers, each with so long a note. It says what it was asked. */
function database(drivers: number, note: number, fails = (_page: number) => false) {
  const limits: number[] = [];
  const names = Array.from({ length: drivers }, (_, i) => `d${String(i).padStart(9, '0')}`);
  const query: RawQuery = async (_, [, after, , limit]) => {
    limits.push(limit as number);
    if (fails(limits.length)) throw new StoreUnavailable('gone');
    const from = after === '' ? 0 : Number((after as string).slice(1)) + 1;
    const ids = names.slice(from, from + (limit as number));
    const column = (value: (id: string) => unknown) => (ids.length === 0 ? null : JSON.stringify(ids.map(value)));
    return [
      {
        seen: String(ids.length),
        lastFleet: ids.length === 0 ? null : 'f',
        lastDriver: ids.at(-1) ?? null,
        fleet: column(() => 'f'),
        driverId: column((id) => id),
        lat: column(() => 1),
        lng: column(() => 2),
        timestamp: column(() => 3),
        receivedAt: column(() => 4),
        accuracy: column(() => null),
        altitude: column(() => null),
        heading: column(() => null),
        speed: column(() => 0),
        attributes: column(() => ({ note: 'x'.repeat(note) })),
      },
    ];
  };
  return { query, limits, names };
}

test('while a page is worked on the next one is asked for, and no more', async () => {
  const { query, limits, names } = database(25_000, 0);
  const found: string[] = [];
  let pages = 0;
  for await (const page of loadPositions(query, 0)) {
    found.push(...page.map(({ driverId }) => driverId));
    pages++;
    await setImmediate();
    expect(limits.length).toBe(found.length === names.length ? pages : pages + 1);
  }
  expect(found).toEqual(names);
});

test.each([0, 1, 999, 1_000, 1_001])('%i rows are read to their end', async (drivers) => {
  const { query, names } = database(drivers, 0);
  const found: string[] = [];
  for await (const page of loadPositions(query, 0)) found.push(...page.map(({ driverId }) => driverId));
  expect(found).toEqual(names);
});

test('the longer the rows, the fewer are read at a time: an answer keeps to some megabytes', async () => {
  for (const [note, drivers] of [
    [10, 50_000],
    [4_000, 6_000],
    [20_000, 1_300],
  ]) {
    const { query, limits } = database(drivers, note);
    for await (const _ of loadPositions(query, 0));
    // The first page is of rows that nobody has seen yet.
    for (const limit of limits.slice(1)) expect(limit * (note + 100)).toBeLessThan(3_000_000);
    expect(Math.max(...limits)).toBeLessThanOrEqual(10_000);
    expect(Math.min(...limits)).toBeGreaterThan(0);
  }
});

test('a page that fails is heard of when it is asked for, and when nobody does, nobody hears', async () => {
  const failing = database(25_000, 0, (page) => page === 2);
  const reader = loadPositions(failing.query, 0);
  expect((await reader.next()).value?.length).toBe(1_000);
  await setImmediate();
  await expect(reader.next()).rejects.toThrow(StoreUnavailable);

  // An error that nobody hears would fail the run of the tests.
  const left = loadPositions(database(25_000, 0, (page) => page === 2).query, 0);
  for await (const _ of left) break;
  await setImmediate();
});
