import { expect, test } from 'vitest';
import { Circle } from '../../src/geo/circle.ts';
import { encodePosition } from '../../src/protocol/position.ts';
import { Driver } from '../../src/subscriptions/driver.ts';
import { HIGH_WATER, Outbox } from '../../src/subscriptions/outbox.ts';
import { Subscription } from '../../src/subscriptions/subscription.ts';
import type { View } from '../../src/subscriptions/view.ts';
import { FakeClock } from './fake-clock.ts';

/** An outbox over a socket whose buffer the test fills and empties, with turns that the test ends. */
function setUp(fakeClock?: FakeClock) {
  const sent: string[] = [];
  const socket = { bufferedAmount: 0, send: (data: string) => sent.push(data), close() {} };
  const turn: (() => void)[] = [];
  const names = (drivers: Iterable<Driver>) => [...drivers].map(({ id }) => id).join();
  const outbox = new Outbox(
    socket,
    {
      snapshot: ({ id }, { drivers }) => `${id} snapshot ${names(drivers)}`,
      changes: ({ id }, { enter, move, exit }) =>
        `${id} enter ${names(enter)} move ${names(move)} exit ${exit.map(({ driverId, reason }) => `${driverId}:${reason}`)}`,
    },
    fakeClock?.of(turn) ?? { now: () => 0, defer: (callback) => turn.push(callback), after: () => () => {} },
  );
  const drivers = new Map<string, Driver>();
  const add = (driverId: string) => {
    const driver = new Driver(0, { driverId, lat: 0, lng: 0, timestamp: 0, receivedAt: 0 }, encodePosition);
    drivers.set(driverId, driver);
    return driver;
  };
  const subscribe = (id: string, pace: Partial<View> = {}) => {
    const region = new Circle(0, 0, 1);
    const subject = { epoch: '', revision: 0, drivers, isIn: () => true, at: () => undefined as never, lookAt() {} };
    const subscription = new Subscription(id, subject, outbox, { area: region, ...pace });
    outbox.wake(subscription);
    return subscription;
  };
  const endTurn = () => {
    for (const callback of turn.splice(0)) callback();
  };
  return { sent, socket, outbox, turn, add, subscribe, endTurn };
}

test('all changes of a turn go out in one message a subscription, at its end, after the snapshot', () => {
  const { sent, turn, add, subscribe, endTurn } = setUp();
  const [a, b] = [add('a'), add('b')];
  const one = subscribe('one');
  const two = subscribe('two');
  one.enter(a);
  expect(sent).toEqual([]);
  endTurn();
  expect(sent.splice(0)).toEqual(['one snapshot a', 'two snapshot ']);
  one.move(a);
  one.enter(b);
  two.enter(b);
  expect(turn.length).toBe(1);
  endTurn();
  expect(sent.splice(0)).toEqual(['one enter b move a exit ', 'two enter b move  exit ']);
  endTurn();
  expect(sent).toEqual([]);
});

test('while the socket is not writable nothing is sent, and what waits is conflated until it drains', () => {
  const { sent, socket, outbox, turn, add, subscribe, endTurn } = setUp();
  const [a, b, c] = [add('a'), add('b'), add('c')];
  const one = subscribe('one');
  one.enter(a);
  endTurn();
  sent.length = 0;
  socket.bufferedAmount = HIGH_WATER + 1;
  one.enter(b);
  one.enter(c);
  endTurn();
  one.exit(b, 'left');
  one.exit(a, 'stale');
  one.move(c);
  endTurn();
  outbox.drained();
  endTurn();
  expect(sent).toEqual([]);
  socket.bufferedAmount = 0;
  outbox.drained();
  expect(turn.length).toBe(1);
  endTurn();
  expect(sent).toEqual(['one enter c move  exit a:stale']);
});

test('what came and went while it waited is not worth a message', () => {
  const { sent, add, subscribe, endTurn } = setUp();
  const one = subscribe('one');
  endTurn();
  sent.length = 0;
  const a = add('a');
  one.enter(a);
  one.exit(a, 'left');
  endTurn();
  expect(sent).toEqual([]);
});

test('nothing is sent of a forgotten subscription, nor after closing', () => {
  const { sent, outbox, add, subscribe, endTurn } = setUp();
  const one = subscribe('one');
  const two = subscribe('two');
  outbox.forget(one);
  endTurn();
  expect(sent.splice(0)).toEqual(['two snapshot ']);
  two.enter(add('a'));
  outbox.close();
  two.enter(add('b'));
  endTurn();
  expect(sent).toEqual([]);
});

/** The same with time that passes; a driver goes in and out of its subscriptions every millisecond. */
function setUpPace() {
  const clock = new FakeClock();
  const core = setUp(clock);
  const a = core.add('a');
  const began = clock.now;
  /** When what was sent, in milliseconds since the start. */
  const run = (milliseconds: number, ...subscriptions: Subscription[]) => {
    const times: [at: number, what: string][] = [];
    const note = () => {
      for (const text of core.sent.splice(0)) times.push([clock.now - began, text.split(' ').slice(0, 2).join(' ')]);
    };
    for (let i = 0; i < milliseconds; i++) {
      for (const subscription of subscriptions) {
        if (subscription.inside.has(a)) subscription.move(a);
        else subscription.enter(a);
      }
      clock.endTurn();
      note();
      clock.pass(1);
      note();
    }
    return times;
  };
  return { ...core, clock, a, run };
}

test('changes of a subscription with a maxRate come no sooner after any message than that, and then at once [11.4]', () => {
  const { subscribe, run } = setUpPace();
  const paced = subscribe('paced', { maxRate: 4 });
  const times = run(1_001, paced);
  expect(times).toEqual([
    [0, 'paced snapshot'],
    [250, 'paced enter'],
    [500, 'paced enter'],
    [750, 'paced enter'],
    [1_000, 'paced enter'],
  ]);
});

test('each subscription has its own pace, and one timer does for all', () => {
  const { clock, subscribe, run } = setUpPace();
  const all = [subscribe('slow', { maxRate: 1 }), subscribe('quick', { maxRate: 10 }), subscribe('free')];
  run(5, ...all);
  expect(clock.timers()).toBe(1);
  const times = run(2_996, ...all);
  const of = (name: string) => times.filter(([, what]) => what === `${name} enter`).map(([at]) => at);
  expect(of('slow')).toEqual([1_000, 2_000, 3_000]);
  expect(of('quick')).toEqual(Array.from({ length: 30 }, (_, i) => 100 * (i + 1)));
  expect(of('free').length).toBeGreaterThan(2_900);
  expect(clock.timers()).toBe(1);
});

test('a snapshot and the answer to an update do not wait, and changes rest anew after them [11.4]', () => {
  const { subscribe, run } = setUpPace();
  const paced = subscribe('paced', { maxRate: 1 });
  expect(run(400, paced)).toEqual([[0, 'paced snapshot']]);
  paced.answer();
  expect(run(999, paced)).toEqual([[400, 'paced enter']]);
  expect(run(1, paced)).toEqual([[1_400, 'paced enter']]);
});

test('who is told nothing for a while is told of the next change at once', () => {
  const { sent, clock, a, subscribe } = setUpPace();
  const paced = subscribe('paced', { maxRate: 1 });
  clock.endTurn();
  clock.pass(1_000);
  sent.length = 0;
  paced.enter(a);
  clock.endTurn();
  expect(sent).toEqual(['paced enter a move  exit ']);
  expect(clock.timers()).toBe(0);
});

test('a clock that is set back holds nothing up for longer than the pace', () => {
  const { clock, subscribe, run } = setUpPace();
  const paced = subscribe('paced', { maxRate: 2 });
  run(300, paced);
  clock.setBack(3_600_000);
  const times = run(1_000, paced).map(([, what]) => what);
  expect(times.length).toBeGreaterThanOrEqual(2);
  expect(times.length).toBeLessThanOrEqual(3);
});

test('a blocked socket and a pace together: nothing while it is blocked, and then no sooner than the pace', () => {
  const { sent, socket, outbox, clock, subscribe, run } = setUpPace();
  const paced = subscribe('paced', { maxRate: 1 });
  run(500, paced);
  socket.bufferedAmount = HIGH_WATER + 1;
  expect(run(1_000, paced)).toEqual([]);
  expect(clock.timers()).toBe(0);
  socket.bufferedAmount = 0;
  outbox.drained();
  clock.endTurn();
  expect(sent.splice(0).length).toBe(1);
  expect(run(999, paced)).toEqual([]);
  expect(run(2, paced).length).toBe(1);
});

test('nothing is timed for what was forgotten alone once its time has come, nor for anything after closing', () => {
  const { sent, outbox, clock, a, subscribe, run } = setUpPace();
  const paced = subscribe('paced', { maxRate: 1 });
  run(2, paced);
  outbox.forget(paced);
  clock.pass(1_000);
  expect(sent).toEqual([]);
  expect(clock.timers()).toBe(0);
  const other = subscribe('other', { maxRate: 1 });
  run(2, other);
  expect(clock.timers()).toBe(1);
  outbox.close();
  expect(clock.timers()).toBe(0);
  other.exit(a, 'left');
  clock.pass(2_000);
  expect(sent).toEqual([]);
});
