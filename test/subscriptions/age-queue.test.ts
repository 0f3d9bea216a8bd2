import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodePosition } from '../../src/protocol/position.ts';
import { AgeQueue } from '../../src/subscriptions/age-queue.ts';
import { Driver } from '../../src/subscriptions/driver.ts';

function driver(driverId: string, timestamp: number): Driver {
  return new Driver(0, { driverId, lat: 0, lng: 0, timestamp, receivedAt: 0 }, encodePosition);
}

test('those that have grown too old are taken, each once, and nobody else, whoever comes, moves and goes meanwhile', () => {
  const operation = fc.oneof(
    fc.record({ kind: fc.constant('in' as const), i: fc.nat(19) }),
    fc.record({ kind: fc.constant('out' as const), i: fc.nat(19) }),
    fc.record({ kind: fc.constant('fix' as const), i: fc.nat(19), by: fc.nat(50) }),
    fc.record({ kind: fc.constant('age' as const), by: fc.nat(30) }),
  );
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 200 }), (operations) => {
      const drivers = Array.from({ length: 20 }, (_, i) => driver(`d${i}`, i));
      const inside = new Set<Driver>();
      const queue = new AgeQueue(inside);
      let since = 0;
      for (const one of operations) {
        if (one.kind === 'in') {
          inside.add(drivers[one.i]);
          queue.add(drivers[one.i]);
        } else if (one.kind === 'out') inside.delete(drivers[one.i]);
        else if (one.kind === 'fix') {
          const { position } = drivers[one.i];
          drivers[one.i].position = { ...position, timestamp: position.timestamp + one.by };
        } else {
          since += one.by;
          const expected = [...inside].filter(({ position }) => position.timestamp < since);
          const found: Driver[] = [];
          queue.takeOlder(since, (driver) => {
            // Who is not inside any more may still be there.
            if (inside.delete(driver)) found.push(driver);
          });
          expect(new Set(found)).toEqual(new Set(expected));
          expect(found.length).toBe(expected.length);
        }
      }
    }),
    { numRuns: 1_000, verbose: true },
  );
});

test('oldest first, as far as no newer positions came', () => {
  const inside = new Set<Driver>();
  const queue = new AgeQueue(inside);
  for (let i = 0; i < 1_000; i++) {
    const one = driver(`d${i}`, (i * 7_919) % 1_000);
    inside.add(one);
    queue.add(one);
  }
  const ages: number[] = [];
  queue.takeOlder(500, ({ position }) => ages.push(position.timestamp));
  expect(ages).toEqual(Array.from({ length: 500 }, (_, i) => i));
});

test('those that went do not pile up', () => {
  const inside = new Set<Driver>();
  const queue = new AgeQueue(inside);
  for (let i = 0; i < 10_000; i++) {
    const one = driver(`d${i}`, i);
    inside.add(one);
    queue.add(one);
    if (i >= 100) inside.delete([...inside][0]);
  }
  let visited = 0;
  let known = 0;
  queue.takeOlder(Number.POSITIVE_INFINITY, (driver) => {
    visited++;
    if (inside.has(driver)) known++;
  });
  expect(known).toBe(100);
  expect(visited).toBeLessThan(300);
});
