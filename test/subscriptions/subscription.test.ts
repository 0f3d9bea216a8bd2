import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Circle } from '../../src/geo/circle.ts';
import { encodePosition } from '../../src/protocol/position.ts';
import { Driver } from '../../src/subscriptions/driver.ts';
import { type Change, type ExitReason, Subscription } from '../../src/subscriptions/subscription.ts';

const drivers = new Map<string, Driver>();

function driver(driverId: string): Driver {
  const driver = new Driver(0, { driverId, lat: 0, lng: 0, timestamp: 0, receivedAt: 0 }, encodePosition);
  drivers.set(driverId, driver);
  return driver;
}

function subscription(): Subscription {
  const region = new Circle(0, 0, 1);
  const subject = { epoch: '', revision: 0, drivers, isIn: () => true, at: () => undefined as never };
  return new Subscription('s', subject, { wake() {} }, { area: region }, region);
}

function taken(subscription: Subscription): Record<string, Change> {
  const changes: Record<string, Change> = {};
  const { enter, move, exit } = subscription.takeChanges();
  for (const { id } of enter) changes[id] = 'enter';
  for (const { id } of move) changes[id] = 'move';
  for (const { driverId, reason } of exit) changes[driverId] = reason;
  return changes;
}

type Step = 'enter' | 'move' | ExitReason;
test.each<[before: 'inside' | 'outside', steps: Step[], told: Change | undefined]>([
  ['outside', ['enter'], 'enter'],
  ['outside', ['enter', 'move', 'move'], 'enter'],
  ['outside', ['enter', 'left'], undefined],
  ['outside', ['enter', 'move', 'stale'], undefined],
  ['outside', ['enter', 'left', 'enter'], 'enter'],
  ['inside', ['move', 'move'], 'move'],
  ['inside', ['left'], 'left'],
  ['inside', ['move', 'left'], 'left'],
  ['inside', ['left', 'enter'], 'move'],
  ['inside', ['stale', 'enter', 'move'], 'move'],
  ['inside', ['left', 'enter', 'filtered'], 'filtered'],
])('to a client that believes the driver %s, %j while it waits is told as %s', (before, steps, told) => {
  const own = subscription();
  const one = driver('one');
  if (before === 'inside') own.enter(one);
  own.takeSnapshot();
  for (const step of steps) {
    if (step === 'enter') own.enter(one);
    else if (step === 'move') own.move(one);
    else own.exit(one, step);
  }
  expect(taken(own)).toEqual(told === undefined ? {} : { one: told });
  expect(own.due).toBe(false);
});

test('whatever happens between messages, what a client is told makes it believe what is so', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.constantFrom('toggle', 'move', 'take'), fc.integer({ min: 0, max: 3 })), { maxLength: 60 }),
      (operations) => {
        const own = subscription();
        const drivers = [0, 1, 2, 3].map((i) => driver(String(i)));
        own.enter(drivers[0]);
        const believed = new Set([...own.takeSnapshot().drivers].map(({ id }) => id));
        const take = () => {
          for (const [id, change] of Object.entries(taken(own))) {
            if (change === 'enter') {
              expect(believed.has(id)).toBe(false);
              believed.add(id);
            } else {
              expect(believed.has(id)).toBe(true);
              if (change !== 'move') believed.delete(id);
            }
          }
          expect(believed).toEqual(new Set([...own.inside].map(({ id }) => id)));
        };
        for (const [operation, i] of operations) {
          if (operation === 'take') take();
          else if (operation === 'move' && own.inside.has(drivers[i])) own.move(drivers[i]);
          else if (operation === 'toggle') {
            if (own.inside.has(drivers[i])) own.exit(drivers[i], 'left');
            else own.enter(drivers[i]);
          }
        }
        take();
      },
    ),
    { numRuns: 500, verbose: true },
  );
});
