import { expect, test } from 'vitest';
import { Circle } from '../../src/geo/circle.ts';
import { EVERYWHERE } from '../../src/geo/everywhere.ts';
import type { Subscription } from '../../src/subscriptions/subscription.ts';
import { turns } from '../support/pressure.ts';
import { join, type Member, shared } from './member.ts';

const FLEET = 'f';
const SECOND = 1_000;
const MINUTE = 60 * SECOND;
/** Places that a driver goes to, each in a cell of its own. */
const PLACES = 60;

/** Time passes for all, with what it brings about. */
async function pass(milliseconds: number, ...members: readonly Member[]): Promise<void> {
  for (let left = milliseconds; left > 0; left -= SECOND) {
    members[0].clock.pass(SECOND);
    for (const { tracker } of members) tracker.expire();
    await turns(6);
  }
}

function leased({ cluster }: Member): number {
  return cluster.leases.of(FLEET).leases.size;
}

function drivers({ tracker }: Member): string[] {
  return [...(tracker.knownFleet(FLEET)?.drivers.keys() ?? [])].sort();
}

function accept({ tracker, clock }: Member, driverId: string, lng: number): void {
  clock.pass(1);
  expect(tracker.accept(FLEET, { driverId, lat: 10, lng, timestamp: clock.now })).toBe('accepted');
}

test('who watches all of a fleet leaves the cells that nobody is in any more, and hears who comes to them again', async () => {
  const all = shared();
  const [sender, watcher] = [join(all, 1), join(all, 2)];
  const members = [sender, watcher];
  await watcher.cluster.ready({ fleet: FLEET }, EVERYWHERE);
  watcher.cluster.hold({} as Subscription, EVERYWHERE, { fleet: FLEET });
  accept(sender, 'stays', -50);
  for (let i = 0; i < PLACES; i++) {
    accept(sender, 'roams', 2 * i);
    await pass(SECOND, ...members);
  }
  expect(leased(watcher)).toBeGreaterThanOrEqual(PLACES);
  for (let minute = 0; minute < 11; minute++) {
    accept(sender, 'stays', -50);
    accept(sender, 'roams', 2 * PLACES);
    await pass(MINUTE, ...members);
  }
  expect(leased(watcher)).toBeLessThanOrEqual(4);
  expect(drivers(watcher)).toEqual(['roams', 'stays']);
  accept(sender, 'roams', 0);
  accept(sender, 'new', 2);
  await turns(6);
  const [roams, fresh] = ['roams', 'new'].map((id) => watcher.tracker.driver({ fleet: FLEET }, id)?.position.lng);
  expect([roams, fresh]).toEqual([0, 2]);
  accept(sender, 'new', 2.001);
  await turns(6);
  expect(watcher.tracker.driver({ fleet: FLEET }, 'new')?.position.lng).toBe(2.001);
});

test('who left a cell just before that was opened, and was stored elsewhere just after, is gone with its second read', async () => {
  const all = shared();
  const [sender, watcher] = [join(all, 1), join(all, 2)];
  // Leases are looked after each second: what is read now is read again after one and a half.
  all.clock.pass(500);
  accept(sender, 'd', 20);
  await turns(6);
  await watcher.cluster.ready({ fleet: FLEET }, new Circle(10, 20, 500));
  expect(drivers(watcher)).toEqual(['d']);
  // Another instance told of it before that was listened to.
  const { now } = all.clock;
  const fix = { fleet: FLEET, driverId: 'd', lat: 10, lng: 25, timestamp: now + 1, receivedAt: now + 1 };
  await all.store.write([{ kind: 'position', fix }]);
  all.clock.pass(1_500);
  await turns(12);
  expect(watcher.tracker.driver({ fleet: FLEET }, 'd')?.position.lng).toBe(25);
});

test('who has gone on is not brought back by what is told of it late, on the channel of its fleet', async () => {
  const { cluster, clock } = join();
  const leases = cluster.leases.of(FLEET);
  await cluster.ready({ fleet: FLEET }, new Circle(10, 20, 500));
  const at = (lng: number, timestamp: number) => ({
    fleet: FLEET,
    driverId: 'd',
    lat: 10,
    lng,
    timestamp: clock.now + timestamp,
    receivedAt: clock.now,
  });
  cluster.onPosition(leases, at(20, 1));
  expect(cluster.tracker.driver({ fleet: FLEET }, 'd')?.position.lng).toBe(20);
  cluster.onPosition(leases, at(25, 2));
  expect(cluster.tracker.driver({ fleet: FLEET }, 'd')).toBeUndefined();
  cluster.onAdopted(leases, at(20, 1), -1);
  expect(cluster.tracker.driver({ fleet: FLEET }, 'd')).toBeUndefined();
});

test('what nobody looks at any more is forgotten, with all that was kept for it', async () => {
  const all = shared();
  const [sender, asker] = [join(all, 1), join(all, 2)];
  const members = [sender, asker];
  const sight = { fleet: FLEET };
  for (let i = 0; i < PLACES; i++) {
    accept(sender, `d${i}`, 2 * i);
    await asker.cluster.ready(sight, new Circle(10, 2 * i, 500));
  }
  await turns(6);
  expect(drivers(asker)).toHaveLength(PLACES);
  await pass(2 * MINUTE, ...members);
  expect([leased(asker), drivers(asker)]).toEqual([0, []]);
  expect(drivers(sender)).toHaveLength(PLACES);
  // Then all of them go stale, and after a while nothing of the fleet is left anywhere.
  await pass(7 * MINUTE, ...members);
  for (const { cluster, tracker } of members) {
    expect([...tracker.fleets()]).toEqual([]);
    expect([...cluster.leases.fleets]).toEqual([]);
  }
});
