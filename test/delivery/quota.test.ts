import { expect, test } from 'vitest';
import { Principal } from '../../src/auth/principal.ts';
import { Limited } from '../../src/delivery/limited.ts';
import { Quota, type Seat } from '../../src/delivery/quota.ts';
import { DomainError } from '../../src/errors.ts';
import { seeded } from '../support/random.ts';

const principal = (fleet: string, sub: string) =>
  new Principal({
    sub,
    fleet,
    exp: 2e9,
    scope: 'positions:read',
    jti: undefined,
    area: undefined,
    precision: undefined,
  });

function refused(action: () => unknown): boolean {
  try {
    action();
    return false;
  } catch (error) {
    expect(error).toBeInstanceOf(DomainError);
    expect((error as DomainError).code).toBe('limit');
    return true;
  }
}

test('whatever opens and closes, each subject has what it may, by a list that is counted anew each time', () => {
  const random = seeded('quota');
  const limits = { connections: 4, subscriptions: 9 };
  const limited = new Limited();
  const quota = new Quota(limits, limited);
  // A fleet and a subject that could be taken for another pair, were they put together carelessly.
  const people = [principal('a', 'b:c'), principal('a:b', 'c'), principal('a', 'b'), principal('b', 'b')];
  const open: { who: Principal; seat: Seat; subscriptions: number }[] = [];
  const told = { connections: 0, subscriptions: 0 };
  for (let i = 0; i < 4_000; i++) {
    const what = random.next();
    if (what < 0.3) {
      const who = random.pick(people);
      const own = open.filter((one) => one.who === who);
      const had = own.reduce((sum, { subscriptions }) => sum + subscriptions, 0);
      const more = random.below(2);
      const isFull = own.length >= limits.connections;
      const isOver = !isFull && had + more > limits.subscriptions;
      let seat: Seat | undefined;
      expect(refused(() => (seat = quota.enter(who, more)))).toBe(isFull || isOver);
      if (seat !== undefined) open.push({ who, seat, subscriptions: more });
      told.connections += Number(isFull);
      told.subscriptions += Number(isOver);
    } else if (open.length > 0 && what < 0.7) {
      const one = random.pick(open);
      const had = open.filter(({ who }) => who === one.who).reduce((sum, { subscriptions }) => sum + subscriptions, 0);
      const isOver = had >= limits.subscriptions;
      expect(refused(() => one.seat.mayAdd())).toBe(isOver);
      if (!isOver) one.seat.has(++one.subscriptions);
      told.subscriptions += Number(isOver);
    } else if (open.length > 0 && what < 0.85) {
      const one = random.pick(open);
      if (one.subscriptions > 0) one.seat.has(--one.subscriptions);
    } else if (open.length > 0) {
      const [one] = open.splice(random.below(open.length), 1);
      one.seat.leave();
      // What comes after the end counts for nothing.
      one.seat.leave();
      one.seat.has(5);
    }
    expect(quota.subjects).toBe(new Set(open.map(({ who }) => who)).size);
  }
  expect(limited.counts).toEqual({ ...new Limited().counts, ...told });
  expect(told.connections).toBeGreaterThan(20);
  expect(told.subscriptions).toBeGreaterThan(20);
  for (const { seat } of open) seat.leave();
  expect(quota.subjects).toBe(0);
});
