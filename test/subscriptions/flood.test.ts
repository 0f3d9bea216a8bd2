import { afterEach, expect, test, vi } from 'vitest';
import { Circle } from '../../src/geo/circle.ts';
import { messageEncoder } from '../../src/protocol/encode.ts';
import { encodePosition } from '../../src/protocol/position.ts';
import { CellTree } from '../../src/spatial/cell-tree.ts';
import { Around } from '../../src/subscriptions/area.ts';
import { Outbox } from '../../src/subscriptions/outbox.ts';
import { Tracker } from '../../src/tracker.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

function setUp() {
  const clock = { now: 1_000_000 };
  const now = () => clock.now;
  const turn: (() => void)[] = [];
  const sent: string[] = [];
  const tracker = new Tracker({
    writer: { full: false, write() {}, writeLate() {}, remove() {}, whenStored() {} },
    now,
    instance: 'i',
    encode: encodePosition,
    ttlSeconds: 300,
    maxFutureSeconds: 30,
  });
  const outbox = new Outbox({ bufferedAmount: 0, send: (data) => sent.push(data), close() {} }, messageEncoder(now), {
    now,
    defer: (callback) => turn.push(callback),
    after: () => () => {},
  });
  const endTurn = () => {
    for (const callback of turn.splice(0)) callback();
    return sent.splice(0).map((data) => JSON.parse(data));
  };
  const fix = (driverId: string, timestamp: number, lat: number) =>
    tracker.accept('f', { driverId, lat, lng: 0, timestamp });
  for (let i = 0; i < 100; i++) fix(`d${i}`, 1, i / 10_000);
  return { clock, tracker, outbox, endTurn, fix };
}

test('a thousand updates in a turn are one look at who is inside, and one answer [4.5, 11.8]', () => {
  const { tracker, outbox, endTurn } = setUp();
  const subscription = tracker.subscribe({ fleet: 'f' }, 's', outbox, { area: new Circle(0, 0, 1) });
  endTurn();
  const looks = vi.spyOn(CellTree.prototype, 'within');
  for (let i = 0; i <= 1_000; i++) tracker.update(subscription, { area: new Circle(0, 0, i % 2 === 0 ? 10_000 : 1) });
  const [answer, ...more] = endTurn();
  expect(answer.enter.length).toBe(99);
  expect(more).toEqual([]);
  expect(looks).toHaveBeenCalledTimes(1);
});

test('a subscription that is replaced before it is told of is never placed', () => {
  const { tracker, outbox, endTurn } = setUp();
  const looks = vi.spyOn(CellTree.prototype, 'within');
  for (let i = 0; i < 1_000; i++) {
    const subscription = tracker.subscribe({ fleet: 'f' }, 's', outbox, { area: new Circle(0, 0, 10_000) });
    if (i === 999) break;
    tracker.unsubscribe(subscription);
    outbox.forget(subscription);
  }
  expect(endTurn().map(({ drivers }) => drivers.length)).toEqual([100]);
  expect(looks).toHaveBeenCalledTimes(1);
});

test('a driver that goes to and fro a thousand times in a turn is gone after once by each who follows it', () => {
  const { tracker, outbox, endTurn, fix } = setUp();
  for (let i = 0; i < 5; i++) tracker.subscribe({ fleet: 'f' }, `s${i}`, outbox, { area: new Around('d0', 100) });
  endTurn();
  const looks = vi.spyOn(CellTree.prototype, 'within');
  for (let i = 0; i <= 1_000; i++) fix('d0', 2 + i, i % 2 === 0 ? 50 : 0);
  const answers = endTurn();
  expect(looks).toHaveBeenCalledTimes(5);
  // All the others are left behind, and it never left its own circle.
  for (const { enter, move, exit } of answers) {
    expect(enter).toBeUndefined();
    expect(move.map(({ driverId }: { driverId: string }) => driverId)).toEqual(['d0']);
    expect(exit.length).toBeGreaterThan(5);
  }
});

test('very many who go stale together are told of in several turns, and in the end all are gone', () => {
  const { clock, tracker, outbox, endTurn } = setUp();
  for (let i = 0; i < 250; i++) tracker.subscribe({ fleet: 'f' }, `s${i}`, outbox, { area: new Circle(0, 0, 100_000) });
  endTurn();
  clock.now += 300_001;
  expect(tracker.expire()).toBe(true);
  expect(tracker.size).toBeGreaterThan(0);
  let turns = 1;
  while (tracker.expire()) turns++;
  expect(turns).toBeLessThan(5);
  expect(tracker.size).toBe(0);
  for (const { exit } of endTurn()) expect(exit.length).toBe(100);
});
