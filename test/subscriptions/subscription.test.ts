import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Circle } from '../../src/geo/circle.ts';
import { encodePosition } from '../../src/protocol/position.ts';
import { Around, type Followed } from '../../src/subscriptions/area.ts';
import { Driver } from '../../src/subscriptions/driver.ts';
import { type Change, type ExitReason, type Past, Subscription } from '../../src/subscriptions/subscription.ts';
import type { View } from '../../src/subscriptions/view.ts';

const drivers = new Map<string, Driver>();

function driver(driverId: string): Driver {
  const driver = new Driver(0, { driverId, lat: 0, lng: 0, timestamp: 0, receivedAt: 0 }, encodePosition);
  drivers.set(driverId, driver);
  return driver;
}

const region = new Circle(0, 0, 1);

function subscription(view: Partial<View> = {}, past?: Past, isIn = (_: Driver) => true): Subscription {
  const subject = {
    epoch: '',
    revision: 0,
    drivers,
    isIn: (_: unknown, driver: Driver) => isIn(driver),
    at: () => undefined as never,
    lookAt() {},
  };
  return new Subscription('s', subject, { wake() {} }, { area: region, ...view }, past);
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

/** Metres of a step of latitude in the test below. */
const STEP = 10;
const metresOf = (place: number) => STEP * place;
/** So many metres north of the equator, where a degree is 110,574 m. */
const latOf = (place: number) => metresOf(place) / 110_574;

test('whatever minDisplacement is and becomes, a client is never further off than that, and told of no lesser move', () => {
  const operation = fc.oneof(
    fc.record({ kind: fc.constant('go' as const), i: fc.nat(2), place: fc.nat(12) }),
    fc.record({ kind: fc.constant('say' as const), i: fc.nat(2), seats: fc.nat(1) }),
    fc.record({ kind: fc.constant('toggle' as const), i: fc.nat(2) }),
    // Halves, so that no distance is just the minimum.
    fc.record({ kind: fc.constant('ask' as const), minimum: fc.constantFrom(0, 5, 15, 35, 1_000) }),
    fc.record({ kind: fc.constant('take' as const) }),
  );
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 80 }), fc.constantFrom<number>(0, 15, 35), (operations, first) => {
      let minimum = first;
      let least = first;
      const own = subscription({ minDisplacement: first });
      const drivers = [0, 1, 2].map((i) => driver(`m${i}`));
      for (const one of drivers) one.position = { ...one.position, attributes: { seats: 0 } };
      const truth = drivers.map(() => ({ place: 0, seats: 0, inside: false }));
      own.enter(drivers[0]);
      truth[0].inside = true;
      own.takeSnapshot();
      const believed = new Map([['m0', { place: 0, seats: 0 }]]);
      const left = new Set<string>();
      const take = () => {
        for (const [id, change] of Object.entries(taken(own))) {
          const { place, seats } = truth[Number(id[1])];
          const before = believed.get(id);
          expect(before !== undefined).toBe(change !== 'enter');
          if (change === 'move' && before !== undefined && !left.has(id) && before.seats === seats) {
            expect(metresOf(Math.abs(before.place - place))).toBeGreaterThanOrEqual(least);
          }
          if (change === 'enter' || change === 'move') believed.set(id, { place, seats });
          else believed.delete(id);
        }
        expect([...believed.keys()].sort()).toEqual([...own.inside].map(({ id }) => id).sort());
        for (const [id, { place, seats }] of believed) {
          const now = truth[Number(id[1])];
          expect(seats).toBe(now.seats);
          if (minimum === 0) expect(place).toBe(now.place);
          else expect(metresOf(Math.abs(place - now.place))).toBeLessThan(minimum);
        }
        left.clear();
        least = minimum;
      };
      for (const one of operations) {
        if (one.kind === 'take') take();
        else if (one.kind === 'ask') {
          minimum = one.minimum;
          least = Math.min(least, minimum);
          own.look({ area: region, minDisplacement: minimum });
        } else {
          const { i } = one;
          const now = truth[i];
          if (one.kind === 'toggle') {
            now.inside = !now.inside;
            left.add(`m${i}`);
            if (now.inside) own.enter(drivers[i]);
            else own.exit(drivers[i], 'left');
            continue;
          }
          if (one.kind === 'go') now.place = one.place;
          else now.seats = one.seats;
          const { place, seats } = now;
          drivers[i].position = { ...drivers[i].position, lat: latOf(place), attributes: { seats } };
          if (now.inside) own.move(drivers[i]);
        }
      }
      take();
    }),
    { numRuns: 1_000, verbose: true },
  );
});

test('a resumed snapshot tells of those who came in or moved since, and names the others, whoever they are [12.2]', () => {
  const someone = fc.record({ revision: fc.nat(20), wasIn: fc.boolean(), timestamp: fc.nat(20) });
  fc.assert(
    fc.property(fc.array(someone), fc.nat(20), fc.nat(20), fc.boolean(), (all, revision, oldest, isAround) => {
      const past = { revision, oldest, region: isAround ? new Circle(1, 1, 1) : region };
      const wasIn = new Map<Driver, boolean>();
      const own = subscription({}, past, (driver) => wasIn.get(driver) === true);
      const expected: [string[], string[]] = [[], []];
      for (const [i, one] of all.entries()) {
        const here = driver(`r${i}`);
        here.revision = one.revision;
        here.position = { ...here.position, timestamp: one.timestamp };
        wasIn.set(here, one.wasIn);
        own.enter(here);
        const isAsItWas = one.revision <= revision && one.timestamp >= oldest && (one.wasIn || !isAround);
        expected[isAsItWas ? 1 : 0].push(here.id);
      }
      expect(own.due).toBe(true);
      const { resumed, drivers, unchanged } = own.takeSnapshot();
      const names = (drivers: Iterable<Driver>) => [...drivers].map(({ id }) => id);
      expect([resumed, names(drivers), names(unchanged)]).toEqual([true, ...expected]);
      expect(own.due).toBe(false);
      // Once it is told, there is nothing to go on from.
      own.look({ area: region });
      expect(taken(own)).toEqual({});
    }),
    { verbose: true },
  );
});

test('a subscription that looks at something else before its snapshot is out gets a full one', () => {
  const own = subscription({}, { revision: 5, oldest: 0, region });
  own.enter(driver('one'));
  own.look({ area: region });
  expect(own.takeSnapshot()).toMatchObject({ resumed: false, drivers: own.inside });
});

test('no snapshot is needed just when all who were inside are, and nobody else, and nobody moved', () => {
  const someone = fc.record({ wasIn: fc.boolean(), isIn: fc.boolean(), moved: fc.boolean() });
  fc.assert(
    fc.property(fc.array(someone, { maxLength: 4 }), (all) => {
      const before = subscription();
      for (const [i, { wasIn }] of all.entries()) if (wasIn) before.enter(driver(`p${i}`));
      const members = before.cursor(true).split('~m')[1];
      const own = subscription({}, { revision: 5, oldest: 0, region, members });
      for (const [i, { isIn, moved }] of all.entries()) {
        const here = driver(`p${i}`);
        here.revision = moved ? 6 : 5;
        if (isIn) own.enter(here);
      }
      const isSame = all.every(({ wasIn, isIn, moved }) => wasIn === isIn && !(isIn && moved));
      expect(own.skipSnapshot()).toBe(isSame);
      expect(own.due).toBe(!isSame);
    }),
    { verbose: true },
  );
  // A cursor that does not say who was inside tells too little.
  expect(subscription({}, { revision: 5, oldest: 0, region }).skipSnapshot()).toBe(false);
  expect(subscription().skipSnapshot()).toBe(false);
});

test('what becomes of the followed driver is told when it is other than what was told, and only then [11.6]', () => {
  const news = fc.oneof(fc.constantFrom<Followed>('here', 'stale', 'offline', 'unknown'), fc.constant('take' as const));
  fc.assert(
    fc.property(fc.array(news), (all) => {
      const own = subscription({ area: new Around('one', 1) });
      own.follow('unknown');
      own.takeSnapshot();
      let told: Followed = 'unknown';
      let truth: Followed = 'unknown';
      for (const one of [...all, 'take' as const]) {
        if (one !== 'take') {
          truth = one;
          own.follow(one);
          continue;
        }
        expect(own.due).toBe(told !== truth);
        expect(own.takeChanges().followed).toBe(told === truth ? undefined : truth);
        told = truth;
      }
    }),
    { verbose: true },
  );
});

test('of another driver that is followed all is news, of the same one nothing, and with none there is none', () => {
  const own = subscription({ area: new Around('one', 1) });
  own.follow('here');
  own.takeSnapshot();
  own.look({ area: new Around('one', 2) });
  expect(own).toMatchObject({ followed: 'here', due: false });
  own.look({ area: new Around('two', 2) });
  expect(own.followed).toBeUndefined();
  own.follow('here');
  expect(own.due).toBe(true);
  own.look({ area: region });
  expect(own).toMatchObject({ followed: undefined, due: false });
});
