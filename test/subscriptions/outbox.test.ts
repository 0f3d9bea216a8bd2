import { expect, test } from 'vitest';
import { Circle } from '../../src/geo/circle.ts';
import { encodePosition } from '../../src/protocol/position.ts';
import { Driver } from '../../src/subscriptions/driver.ts';
import { HIGH_WATER, Outbox } from '../../src/subscriptions/outbox.ts';
import { Subscription } from '../../src/subscriptions/subscription.ts';

/** An outbox over a socket whose buffer the test fills and empties, with turns that the test ends. */
function setUp() {
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
    {
      now: () => 0,
      defer: (callback) => turn.push(callback),
      after: () => () => {},
    },
  );
  const drivers = new Map<string, Driver>();
  const add = (driverId: string) => {
    const driver = new Driver(0, { driverId, lat: 0, lng: 0, timestamp: 0, receivedAt: 0 }, encodePosition);
    drivers.set(driverId, driver);
    return driver;
  };
  const subscribe = (id: string) => {
    const region = new Circle(0, 0, 1);
    const subject = { epoch: '', revision: 0, drivers, isIn: () => true, at: () => undefined as never };
    const subscription = new Subscription(id, subject, outbox, { area: region }, region);
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
