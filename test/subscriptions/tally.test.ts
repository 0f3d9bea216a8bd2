import { expect, test } from 'vitest';
import { Circle } from '../../src/geo/circle.ts';
import { messageEncoder } from '../../src/protocol/encode.ts';
import { encodePosition } from '../../src/protocol/position.ts';
import { Driver } from '../../src/subscriptions/driver.ts';
import { HIGH_WATER, Outbox } from '../../src/subscriptions/outbox.ts';
import { Subscription } from '../../src/subscriptions/subscription.ts';
import { Tally } from '../../src/subscriptions/tally.ts';
import type { View } from '../../src/subscriptions/view.ts';
import { seeded } from '../support/random.ts';
import { FakeClock } from './fake-clock.ts';

/** An outbox over a socket that keeps what it is sent, and a way to place drivers in a subscription of it. */
function setUp() {
  const clock = new FakeClock();
  const tally = new Tally();
  const sent: { enter?: unknown[]; move?: unknown[]; exit?: unknown[]; drivers?: unknown[] }[] = [];
  const socket = { bufferedAmount: 0, send: (data: string) => sent.push(JSON.parse(data)), close() {} };
  const encode = messageEncoder(() => clock.now);
  const outbox = new Outbox(socket, encode, clock.of({}), tally);
  const drivers = new Map<string, Driver>();
  const subject = { epoch: '', revision: 0, drivers, isIn: () => true, at: () => undefined as never, lookAt() {} };
  const subscribe = (pace: Partial<View> = {}) => {
    const subscription = new Subscription('s', subject, outbox, { area: new Circle(0, 0, 1), ...pace });
    outbox.wake(subscription);
    clock.endTurn();
    return subscription;
  };
  const put = (id: string) => {
    const position = { driverId: id, lat: 0, lng: 0, timestamp: 0, receivedAt: clock.now };
    const driver = drivers.get(id) ?? new Driver(0, position, encodePosition);
    driver.position = position;
    drivers.set(id, driver);
    return driver;
  };
  const told = (kind: 'enter' | 'move' | 'exit' | 'drivers') =>
    sent.reduce((sum, message) => sum + (message[kind]?.length ?? 0), 0);
  return { clock, tally, sent, socket, outbox, subscribe, put, told };
}

test('every change is told, or counted as conflated, or waits, whatever the order and however slow the peer', () => {
  const random = seeded('conflation');
  const { clock, tally, sent, socket, outbox, subscribe, put, told } = setUp();
  const subscription = subscribe();
  const inside = new Set<string>();
  let changes = 0;
  for (let step = 0; step < 20_000; step++) {
    const id = `d${random.below(20)}`;
    const driver = put(id);
    changes++;
    if (!inside.has(id)) {
      subscription.enter(driver);
      inside.add(id);
    } else if (random.below(3) === 0) {
      subscription.exit(driver, 'left');
      inside.delete(id);
    } else subscription.move(driver);
    if (random.below(10) === 0) {
      socket.bufferedAmount = random.below(3) === 0 ? 0 : HIGH_WATER + 1;
      outbox.drained();
      clock.endTurn();
    }
    if (step % 100 !== 0) continue;
    expect(told('enter') + told('move') + told('exit') + tally.conflated + outbox.backlog).toBe(changes);
  }
  socket.bufferedAmount = 0;
  outbox.drained();
  clock.endTurn();
  expect(outbox.backlog).toBe(0);
  expect(told('enter') + told('move') + told('exit') + tally.conflated).toBe(changes);
  expect(tally.conflated).toBeGreaterThan(1000);
  expect(tally).toMatchObject({
    entered: told('enter'),
    moved: told('move'),
    exited: told('exit'),
    shown: told('drivers'),
    snapshots: 1,
    changes: sent.length - 1,
  });
});

test('a position’s age is the time from its receipt to its being told as a move, the newest one’s where some were conflated', () => {
  const { clock, tally, socket, outbox, subscribe, put } = setUp();
  const subscription = subscribe();
  subscription.enter(put('a'));
  clock.endTurn();
  expect(tally.ages.sum).toBe(0);
  subscription.move(put('a'));
  clock.pass(100);
  clock.endTurn();
  expect(tally.ages.sum).toBe(100);
  socket.bufferedAmount = HIGH_WATER + 1;
  subscription.move(put('a'));
  clock.endTurn();
  clock.pass(1000);
  subscription.move(put('a'));
  clock.pass(20);
  socket.bufferedAmount = 0;
  outbox.drained();
  clock.endTurn();
  expect(tally.ages.sum).toBe(120);
  expect(tally.conflated).toBe(1);
  expect([...tally.ages.counts].reduce((a, b) => a + b)).toBe(2);
});

test('what waits because the peer asked for a pace has no age', () => {
  const { clock, tally, subscribe, put } = setUp();
  const subscription = subscribe({ maxRate: 1 });
  subscription.enter(put('a'));
  clock.pass(1000);
  for (let i = 0; i < 3; i++) {
    subscription.move(put('a'));
    clock.endTurn();
    clock.pass(1000);
  }
  expect(tally).toMatchObject({ entered: 1, moved: 3 });
  expect(Math.max(...tally.ages.counts)).toBe(0);
});
