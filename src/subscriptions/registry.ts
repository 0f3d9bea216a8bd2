import { Circle } from '../geo/circle.ts';
import { distance } from '../geo/distance.ts';
import { NOWHERE } from '../geo/everywhere.ts';
import { overlap } from '../geo/overlap.ts';
import type { Region } from '../geo/region.ts';
import { Ring } from '../geo/ring.ts';
import type { CellTree } from '../spatial/cell-tree.ts';
import { cover } from '../spatial/cover.ts';
import { type Area, Around } from './area.ts';
import type { Driver } from './driver.ts';
import type { ExitReason, Subject, Subscription } from './subscription.ts';
import type { View } from './view.ts';
import { WatchTree } from './watch-tree.ts';

/**
 * How many cells cover a subscription's area. More cells are tighter, so fewer drivers need the exact test, and cost more
 * when subscribing: 48 cover a circle with about 1.6 times its area, a box with 1.7, a polygon with 2 (medians, measured in
 * `test/spatial/cover.test.ts`), and take 0.1 ms to find.
 */
const COVER_CELLS = 48;
/** Covers are no finer than this (cells of about 65 m across): tighter would only lengthen every walk. */
const COVER_RESOLUTION = 10;
/**
 * What follows a driver is covered a quarter further than it reaches, and at least so many metres: it then takes a new
 * cover only once in a while, not with every fix of the driver.
 */
const LEEWAY = 0.25;
const MIN_LEEWAY = 100;

/** Metres, more than any two distances together are off. */
const ROUNDING = 1e-2;

/** Where a subscription is registered. */
interface Registration {
  /** What the watch tree gave for it. */
  readonly number: number;
  /** What the cells cover where that is more than the region, and their being inside of it means nothing. */
  readonly reach: Circle | undefined;
}

/**
 * The subscriptions of one fleet, and which of them each update enters, moves in or leaves. (A long file: whatever moves, a
 * driver, an area or the clock, changes the same lists of who watches whom.)
 */
export class Registry {
  readonly #tree: CellTree;
  readonly #subject: Subject;
  readonly #now: () => number;
  readonly #watched = new WatchTree();
  readonly #subscriptions = new Set<Subscription>();
  readonly #registrations = new Map<Subscription, Registration>();
  /** The subscriptions whose area goes around a driver, by driverId. */
  readonly #followers = new Map<string, Set<Subscription>>();
  /** The subscriptions that drivers grow too old for. */
  readonly #aging = new Set<Subscription>();
  #update = 0;
  // What `#match` works on; fields, so that the hot path creates no closure.
  #driver: Driver | undefined;
  #matches: (Subscription | undefined)[] = [];
  #count = 0;

  /** @param now the server's clock, epoch milliseconds */
  constructor(tree: CellTree, subject: Subject, now: () => number) {
    this.#tree = tree;
    this.#subject = subject;
    this.#now = now;
  }

  /** All subscriptions, placed or not. */
  get subscriptions(): ReadonlySet<Subscription> {
    return this.#subscriptions;
  }

  /** Number of subscriptions, placed or not. */
  get size(): number {
    return this.#subscriptions.size;
  }

  /** Takes in a subscription; it is placed when it is first told of. */
  add(subscription: Subscription): void {
    this.#subscriptions.add(subscription);
    subscription.recipient.wake(subscription);
  }

  /** Has a subscription look at a view from now on, wherever that is now. */
  lookAt(subscription: Subscription, view: View): void {
    const isNew = !this.#registrations.has(subscription);
    if (!isNew && view === subscription.view) {
      this.#move(subscription, this.regionOf(view.area, subscription.bounds));
      return;
    }
    if (!isNew) this.#detach(subscription);
    if (view !== subscription.view) subscription.look(view);
    this.#attach(subscription);
    const region = this.regionOf(view.area, subscription.bounds);
    if (isNew) {
      subscription.region = region;
      this.#register(subscription);
      for (const driver of this.#held(subscription)) letIn(driver, subscription);
    } else this.#place(subscription, region);
  }

  remove(subscription: Subscription): void {
    this.#subscriptions.delete(subscription);
    if (!this.#registrations.has(subscription)) return;
    this.#detach(subscription);
    this.#unregister(subscription);
    for (const driver of subscription.inside) leave(driver, subscription);
  }

  /**
   * Where an area is now. One around a driver that is not known is nowhere, and outside of the bounds of what may be seen
   * none is.
   */
  regionOf(area: Area, bounds: Region | undefined): Region {
    if (!(area instanceof Around)) return area;
    const driver = this.#subject.drivers.get(area.driverId);
    if (driver === undefined || !this.#isSeen(bounds, driver)) return NOWHERE;
    return new Circle(driver.position.lat, driver.position.lng, area.radius);
  }

  /** Tells every subscription concerned of a driver's new position. O(subscriptions that watch its old or new place). */
  moved(driver: Driver): void {
    const update = ++this.#update;
    const before = driver.watchers;
    const matches = this.#matches;
    this.#count = 0;
    this.#driver = driver;
    this.#watched.visit(this.#tree.cellHigh(driver.slot), this.#tree.cellLow(driver.slot), this.#match);
    const count = this.#count;
    let same = count === before.length;
    for (let i = 0; i < count; i++) {
      const subscription = matches[i] as Subscription;
      subscription.matchedBy = update;
      if (subscription.inside.has(driver)) subscription.move(driver);
      else {
        subscription.enter(driver);
        same = false;
      }
    }
    if (!same) {
      for (const subscription of before) {
        if (subscription.matchedBy !== update) subscription.exit(driver, this.#why(subscription, driver));
      }
      driver.watchers = matches.slice(0, count) as Subscription[];
    }
    // Nobody is held on to; and the list keeps its length, so that it need not grow again.
    matches.fill(undefined, 0, count);
    this.#lead(driver.id, driver);
  }

  /** Tells every subscription that holds a driver, or follows it, that it is gone. */
  removed(driver: Driver, reason: 'stale' | 'offline' | 'left'): void {
    for (const subscription of driver.watchers) subscription.exit(driver, reason);
    driver.watchers.length = 0;
    this.#lead(driver.id, reason === 'left' ? 'unknown' : reason);
  }

  /**
   * Tells those who follow a driver what became of it; they go after it when they are next told of.
   *
   * @param now the driver, or why there is none any more
   */
  #lead(driverId: string, now: Driver | 'stale' | 'offline' | 'unknown'): void {
    const followers = this.#followers.get(driverId);
    if (followers === undefined) return;
    for (const subscription of followers) {
      subscription.ask(subscription.asked);
      if (typeof now === 'object' && this.#isSeen(subscription.bounds, now)) subscription.follow('here');
      // What becomes of one that is not seen is not told.
      else if (subscription.followed === 'here') subscription.follow(typeof now === 'object' ? 'unknown' : now);
    }
  }

  /** Whether a driver is within the bounds of what may be seen. */
  #isSeen(bounds: Region | undefined, driver: Driver): boolean {
    return bounds === undefined || this.#tree.isIn(bounds, driver.slot);
  }

  /** Whether a driver is where a subscription looks, and may be seen. */
  #isIn({ bounds }: Subscription, region: Region, driver: Driver): boolean {
    return this.#tree.isIn(region, driver.slot) && this.#isSeen(bounds, driver);
  }

  /** Lets go of the drivers whose positions have grown too old for a subscription. @param now epoch milliseconds */
  age(now: number): void {
    for (const subscription of this.#aging) {
      subscription.ages?.takeOlder(sinceOf(subscription, now), (driver) => {
        if (!subscription.inside.has(driver)) return;
        leave(driver, subscription);
        subscription.exit(driver, 'stale');
      });
    }
  }

  readonly #match = (subscription: Subscription, inside: boolean): void => {
    const driver = this.#driver as Driver;
    if (!inside && !this.#isIn(subscription, subscription.region, driver)) return;
    if (!meets(subscription, driver, sinceOf(subscription, driver.position.receivedAt))) return;
    this.#matches[this.#count++] = subscription;
  };

  /** Why a subscription does not hold a driver that the fleet knows. */
  #why(subscription: Subscription, driver: Driver): ExitReason {
    if (!this.#isIn(subscription, subscription.region, driver)) return 'left';
    const { where } = subscription;
    return where !== undefined && !where(driver.position.attributes) ? 'filtered' : 'stale';
  }

  /** All drivers that a subscription's region and conditions hold, in no stated order. */
  #held(subscription: Subscription): Set<Driver> {
    const drivers = new Set<Driver>();
    const since = sinceOf(subscription, this.#now());
    this.#tree.within(overlap(subscription.region, subscription.bounds), (slot) => {
      const driver = this.#subject.at(slot);
      if (meets(subscription, driver, since)) drivers.add(driver);
    });
    return drivers;
  }

  /** Gives a subscription its region, and tells it who came in and who is out by that and by its conditions. */
  #place(subscription: Subscription, region: Region): void {
    this.#settle(subscription, region);
    const after = this.#held(subscription);
    for (const driver of subscription.inside) if (!after.has(driver)) this.#letOut(driver, subscription);
    for (const driver of after) if (!subscription.inside.has(driver)) letIn(driver, subscription);
  }

  /**
   * The same where what is looked at is as before, and only its place may be another. Nobody further from the rim of a
   * circle than it moved has come in or gone out, so it costs O(drivers about the rim), however many are inside.
   */
  #move(subscription: Subscription, circle: Region): void {
    const before = subscription.region;
    if (!(before instanceof Circle) || !(circle instanceof Circle)) {
      this.#place(subscription, circle);
      return;
    }
    const { lat, lng, radius } = circle;
    const moved = distance(before.lat, before.lng, lat, lng) + ROUNDING;
    if (moved >= radius) {
      this.#place(subscription, circle);
      return;
    }
    this.#settle(subscription, circle);
    const since = sinceOf(subscription, this.#now());
    this.#tree.within(new Ring(lat, lng, radius - moved, radius + moved), (slot) => {
      const driver = this.#subject.at(slot);
      if (this.#isIn(subscription, circle, driver) && meets(subscription, driver, since)) {
        if (!subscription.inside.has(driver)) letIn(driver, subscription);
      } else if (subscription.inside.has(driver)) this.#letOut(driver, subscription);
    });
  }

  /** Registers a subscription for a region, where what it is registered for does not do. */
  #settle(subscription: Subscription, region: Region): void {
    if (region === subscription.region) return;
    subscription.region = region;
    const reach = this.#registrations.get(subscription)?.reach;
    if (subscription.view.area instanceof Around && isWithin(region, reach)) return;
    this.#unregister(subscription);
    this.#register(subscription);
  }

  #letOut(driver: Driver, subscription: Subscription): void {
    leave(driver, subscription);
    subscription.exit(driver, this.#why(subscription, driver));
  }

  #attach(subscription: Subscription): void {
    const { area, maxAge } = subscription.view;
    if (maxAge !== undefined) this.#aging.add(subscription);
    if (!(area instanceof Around)) return;
    let followers = this.#followers.get(area.driverId);
    if (followers === undefined) {
      followers = new Set();
      this.#followers.set(area.driverId, followers);
    }
    followers.add(subscription);
    // Of one that it followed already it knows more.
    if (subscription.followed !== undefined) return;
    const driver = this.#subject.drivers.get(area.driverId);
    subscription.follow(driver !== undefined && this.#isSeen(subscription.bounds, driver) ? 'here' : 'unknown');
  }

  #detach(subscription: Subscription): void {
    const { area } = subscription.view;
    this.#aging.delete(subscription);
    if (!(area instanceof Around)) return;
    const followers = this.#followers.get(area.driverId) as Set<Subscription>;
    followers.delete(subscription);
    if (followers.size === 0) this.#followers.delete(area.driverId);
  }

  #register(subscription: Subscription): void {
    const { region, view, bounds } = subscription;
    const reach =
      view.area instanceof Around && region instanceof Circle
        ? new Circle(region.lat, region.lng, region.radius + Math.max(LEEWAY * region.radius, MIN_LEEWAY))
        : undefined;
    const cells = cover(overlap(reach ?? region, bounds), COVER_CELLS, COVER_RESOLUTION);
    if (reach !== undefined) cells.inside.fill(false);
    this.#registrations.set(subscription, { number: this.#watched.add(subscription, cells), reach });
  }

  #unregister(subscription: Subscription): void {
    this.#watched.remove((this.#registrations.get(subscription) as Registration).number);
    this.#registrations.delete(subscription);
  }
}

function letIn(driver: Driver, subscription: Subscription): void {
  driver.watchers.push(subscription);
  subscription.enter(driver);
}

function leave(driver: Driver, subscription: Subscription): void {
  const at = driver.watchers.indexOf(subscription);
  driver.watchers[at] = driver.watchers[driver.watchers.length - 1];
  driver.watchers.pop();
}

/** Whether a driver meets a subscription's conditions, wherever it is. @param since see {@link sinceOf} */
function meets({ where }: Subscription, { position }: Driver, since: number): boolean {
  return position.timestamp >= since && (where === undefined || where(position.attributes));
}

/** The oldest timestamp that is not too old for a subscription, epoch milliseconds. */
function sinceOf({ view: { maxAge } }: Subscription, now: number): number {
  return maxAge === undefined ? Number.NEGATIVE_INFINITY : now - 1000 * maxAge;
}

/** Whether a region lies within a circle that was covered for it and for others, and is not much smaller. */
function isWithin(region: Region, reach: Circle | undefined): boolean {
  if (!(region instanceof Circle) || reach === undefined) return false;
  if (reach.radius > 2 * (region.radius + MIN_LEEWAY)) return false;
  return region.furthestFrom(reach.lat, reach.lng) <= reach.radius;
}
