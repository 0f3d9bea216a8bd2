import { expect, test } from 'vitest';
import { Fleet } from '../../src/fleet.ts';
import { encodePosition } from '../../src/protocol/position.ts';
import { Driver } from '../../src/subscriptions/driver.ts';
import { Quiet } from '../../src/subscriptions/quiet.ts';
import { type Random, seeded } from '../support/random.ts';

const NOW = 1_700_000_000_000;
const IDS = Array.from({ length: 40 }, (_, i) => `d${i}`);

function driverAt(id: string, heardAt: number): Driver {
  const driver = new Driver(0, { driverId: id, lat: 0, lng: 0, timestamp: 0, receivedAt: heardAt }, encodePosition);
  driver.heardAt = heardAt;
  return driver;
}

test('whoever was last heard before a moment is found, and nobody else, whatever the order', () => {
  const random = seeded('quiet');
  for (let round = 0; round < 100; round++) {
    const quiet = new Quiet();
    const drivers = IDS.map((id) => driverAt(id, NOW + random.below(5_000)));
    for (const driver of drivers) quiet.add(driver);
    const left = new Set(drivers);
    for (const driver of drivers) {
      if (random.below(4) > 0) continue;
      quiet.delete(driver);
      left.delete(driver);
      expect(driver.quiet).toBe(false);
    }
    const since = NOW + random.below(6_000);
    for (let driver = quiet.before(since); driver !== undefined; driver = quiet.before(since)) {
      expect(driver.heardAt).toBeLessThan(since);
      expect(left.delete(driver)).toBe(true);
      quiet.delete(driver);
    }
    for (const { heardAt } of left) expect(heardAt).toBeGreaterThanOrEqual(since);
  }
});

/** A fleet beside what it must know. */
class Twin {
  now = NOW;
  readonly fleet = new Fleet('e', 'n', encodePosition, () => this.now);
  readonly known = new Map<string, { lat: number; heardAt: number }>();
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  step(): void {
    const random = this.#random;
    const driverId = random.pick(IDS);
    const lat = random.between(-90, 90);
    const position = { driverId, lat, lng: random.between(-180, 180), timestamp: this.now, receivedAt: this.now };
    const known = this.known.get(driverId);
    switch (random.below(6)) {
      case 0:
        this.fleet.place(position);
        this.known.set(driverId, { lat, heardAt: this.now });
        break;
      case 1:
      case 2: {
        // What the store has of it may be of any time, and a driver that was heard since stays heard.
        const heardAt = this.now - random.below(20_000);
        this.fleet.learn({ ...position, receivedAt: heardAt }, heardAt);
        this.known.set(driverId, { lat, heardAt: Math.max(heardAt, known?.heardAt ?? 0) });
        break;
      }
      case 3:
        if (known === undefined) break;
        this.fleet.heard(this.fleet.drivers.get(driverId) as Driver, this.now);
        known.heardAt = this.now;
        break;
      case 4:
        if (known === undefined || random.below(3) > 0) break;
        this.fleet.remove(this.fleet.drivers.get(driverId) as Driver, random.pick(['left', 'offline']));
        this.known.delete(driverId);
        break;
      default:
        this.now += random.below(1_500);
        this.#expire(this.now - 15_000);
    }
  }

  #expire(since: number): void {
    expect(this.fleet.expire(since)).toBe(false);
    for (const [driverId, { heardAt }] of this.known) if (heardAt < since) this.known.delete(driverId);
  }

  check(): void {
    const is = [...this.fleet.drivers.values()].map(({ id, heardAt, position: { lat } }) => [id, lat, heardAt]);
    const must = [...this.known].map(([id, { lat, heardAt }]) => [id, lat, heardAt]);
    const byId = (a: unknown[], b: unknown[]) => (String(a[0]) < String(b[0]) ? -1 : 1);
    expect(is.sort(byId)).toEqual(must.sort(byId));
    const page = this.fleet.page(undefined, {}, 1_000);
    expect(page.drivers.map(({ id }) => id).sort()).toEqual(must.map(([id]) => id));
  }
}

test('who is learnt of goes stale when nothing was heard of it for so long, in whatever order that was learnt', () => {
  const random = seeded('learnt drivers');
  for (let round = 0; round < 20; round++) {
    const twin = new Twin(random);
    for (let i = 0; i < 300; i++) {
      twin.step();
      if (i % 10 === 0) twin.check();
    }
    twin.check();
  }
});
