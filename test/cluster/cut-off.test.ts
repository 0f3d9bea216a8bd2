import { expect, test } from 'vitest';
import { Circle } from '../../src/geo/circle.ts';
import type { Subscription } from '../../src/subscriptions/subscription.ts';
import { turns } from '../support/pressure.ts';
import { join, type Member, shared } from './member.ts';

const FLEET = 'f';
const SECOND = 1_000;
const THERE = new Circle(10, 20, 5_000);

/** Time passes for all, with what it brings about. */
async function pass(seconds: number, ...members: readonly Member[]): Promise<void> {
  for (let left = seconds; left > 0; left--) {
    members[0].clock.pass(SECOND);
    for (const { tracker } of members) tracker.expire();
    await turns(8);
  }
}

function accept({ tracker, clock }: Member, lng: number): void {
  expect(tracker.accept(FLEET, { driverId: 'd', lat: 10, lng, timestamp: clock.now })).toBe('accepted');
}

/** Where memory has the driver, which is what those who watch were told. */
function seenBy({ tracker }: Member): number | undefined {
  return tracker.knownFleet(FLEET)?.drivers.get('d')?.position.lng;
}

async function setUp() {
  const all = shared();
  const [sender, watcher] = [join(all, 1), join(all, 2)];
  await turns(8);
  accept(sender, 20);
  await turns(8);
  await watcher.cluster.ready({ fleet: FLEET }, THERE);
  watcher.cluster.hold({} as Subscription, THERE, { fleet: FLEET });
  await pass(7, sender, watcher);
  expect(seenBy(watcher)).toBe(20);
  return { ...all, sender, watcher };
}

test('what an instance accepts that is cut off from the bus, and stays so, is seen elsewhere within seconds', async () => {
  const { hub, sender, watcher } = await setUp();
  hub.cut(sender.bus);
  for (let i = 1; i <= 5; i++) {
    accept(sender, 20 + i / 1000);
    await pass(10, sender, watcher);
    expect(seenBy(watcher)).toBe(20 + i / 1000);
  }
  // What memory may not know is asked of the store.
  expect(watcher.reads.nearby({ fleet: FLEET }, THERE, 1)).toBeInstanceOf(Promise);
  hub.heal(sender.bus);
  accept(sender, 20.01);
  await pass(7, sender, watcher);
  expect(seenBy(watcher)).toBe(20.01);
  expect(watcher.reads.nearby({ fleet: FLEET }, THERE, 1)).not.toBeInstanceOf(Promise);
});

test('so is what it accepted last, when it dies without having been heard again', async () => {
  const { hub, sender, watcher } = await setUp();
  hub.cut(sender.bus);
  await pass(1, sender, watcher);
  accept(sender, 20.007);
  await turns(8);
  sender.cluster.close();
  await pass(20, watcher);
  expect(seenBy(watcher)).toBe(20.007);
  // Nobody says so of it any more.
  expect(watcher.reads.nearby({ fleet: FLEET }, THERE, 1)).not.toBeInstanceOf(Promise);
});
