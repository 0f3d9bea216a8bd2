import { Circle } from '../geo/circle.ts';
import { distance } from '../geo/distance.ts';
import { NOWHERE } from '../geo/everywhere.ts';
import type { Region } from '../geo/region.ts';
import type { CellTree } from '../spatial/cell-tree.ts';
import { type Cover, cover } from '../spatial/cover.ts';
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

/** Where a subscription is registered. */
interface Registration {
  readonly cells: Cover;
  /** What the cells cover where that is more than the region, and their being inside of it means nothing. */
  readonly reach: Circle | undefined;
}

/** The subscriptions of one fleet, and which of them each update enters, moves in or leaves. */
export class Registry {
  readonly #tree: CellTree;
  readonly #subject: Subject;
  readonly #held: (subscription: Subscription) => Iterable<Driver>;
  readonly #watched = new WatchTree();
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

  /** @param held all drivers that a subscription's region and conditions hold now */
  constructor(tree: CellTree, subject: Subject, held: (subscription: Subscription) => Iterable<Driver>) {
    this.#tree = tree;
    this.#subject = subject;
    this.#held = held;
  }

  /** Number of subscriptions. */
  get size(): number {
    return this.#registrations.size;
  }

  /** Registers a subscription, and lets in all whom it holds. */
  add(subscription: Subscription): void {
    this.#attach(subscription);
    this.#register(subscription);
    for (const driver of this.#held(subscription)) {
      driver.watchers.push(subscription);
      subscription.enter(driver);
    }
    subscription.recipient.wake(subscription);
  }

  /** Has a subscription ask for something else. */
  update(subscription: Subscription, view: View): void {
    this.#detach(subscription);
    subscription.look(view);
    this.#attach(subscription);
    this.#place(subscription, this.regionOf(view.area));
    subscription.answer();
  }

  remove(subscription: Subscription): void {
    this.#detach(subscription);
    this.#unregister(subscription);
    for (const driver of subscription.inside) this.#leave(driver, subscription);
  }

  /** Where an area is now. One around a driver that is not known is nowhere. */
  regionOf(area: Area): Region {
    if (!(area instanceof Around)) return area;
    const position = this.#subject.drivers.get(area.driverId)?.position;
    return position === undefined ? NOWHERE : new Circle(position.lat, position.lng, area.radius);
  }

  /** Tells every subscription concerned of a driver's new position. O(subscriptions that watch its old or new place). */
  moved(driver: Driver): void {
    // First, so that those who follow it still have it inside.
    const followers = this.#followers.get(driver.id);
    if (followers !== undefined) {
      for (const subscription of followers) {
        this.#place(subscription, this.regionOf(subscription.view.area));
        subscription.follow('here');
      }
    }
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
  }

  /** Tells every subscription that holds a driver, or follows it, that it is gone. */
  removed(driver: Driver, reason: 'stale' | 'offline'): void {
    for (const subscription of driver.watchers) subscription.exit(driver, reason);
    driver.watchers.length = 0;
    const followers = this.#followers.get(driver.id);
    if (followers === undefined) return;
    for (const subscription of followers) {
      this.#place(subscription, NOWHERE);
      subscription.follow(reason);
    }
  }

  /** Lets go of the drivers whose positions have grown too old for a subscription. @param now epoch milliseconds */
  age(now: number): void {
    for (const subscription of this.#aging) {
      subscription.ages?.takeOlder(sinceOf(subscription, now), (driver) => {
        if (!subscription.inside.has(driver)) return;
        this.#leave(driver, subscription);
        subscription.exit(driver, 'stale');
      });
    }
  }

  readonly #match = (subscription: Subscription, inside: boolean): void => {
    const driver = this.#driver as Driver;
    if (!inside && !this.#tree.isIn(subscription.region, driver.slot)) return;
    const { position } = driver;
    if (subscription.where !== undefined && !subscription.where(position.attributes)) return;
    if (subscription.ages !== undefined && position.timestamp < sinceOf(subscription, position.receivedAt)) return;
    this.#matches[this.#count++] = subscription;
  };

  /** Why a subscription does not hold a driver that the fleet knows. */
  #why(subscription: Subscription, driver: Driver): ExitReason {
    if (!this.#tree.isIn(subscription.region, driver.slot)) return 'left';
    const { where } = subscription;
    return where !== undefined && !where(driver.position.attributes) ? 'filtered' : 'stale';
  }

  /** Gives a subscription its region, and tells it who came in and who is out by that and by its conditions. */
  #place(subscription: Subscription, region: Region): void {
    if (region !== subscription.region) {
      subscription.region = region;
      if (!isWithin(region, this.#registrations.get(subscription)?.reach)) {
        this.#unregister(subscription);
        this.#register(subscription);
      }
    }
    const after = new Set(this.#held(subscription));
    for (const driver of subscription.inside) {
      if (after.has(driver)) continue;
      this.#leave(driver, subscription);
      subscription.exit(driver, this.#why(subscription, driver));
    }
    for (const driver of after) {
      if (subscription.inside.has(driver)) continue;
      driver.watchers.push(subscription);
      subscription.enter(driver);
    }
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
    subscription.follow(this.#subject.drivers.has(area.driverId) ? 'here' : 'unknown');
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
    const { region, view } = subscription;
    const reach =
      view.area instanceof Around && region instanceof Circle
        ? new Circle(region.lat, region.lng, region.radius + Math.max(LEEWAY * region.radius, MIN_LEEWAY))
        : undefined;
    const cells = cover(reach ?? region, COVER_CELLS, COVER_RESOLUTION);
    if (reach !== undefined) cells.inside.fill(false);
    this.#registrations.set(subscription, { cells, reach });
    this.#watched.add(subscription, cells);
  }

  #unregister(subscription: Subscription): void {
    this.#watched.remove(subscription, (this.#registrations.get(subscription) as Registration).cells);
    this.#registrations.delete(subscription);
  }

  #leave(driver: Driver, subscription: Subscription): void {
    const at = driver.watchers.indexOf(subscription);
    driver.watchers[at] = driver.watchers[driver.watchers.length - 1];
    driver.watchers.pop();
  }
}

/** The oldest timestamp that is not too old, epoch milliseconds. */
function sinceOf(subscription: Subscription, now: number): number {
  return now - 1000 * (subscription.view.maxAge as number);
}

/** Whether a region lies within a circle that was covered for it and for others. */
function isWithin(region: Region, reach: Circle | undefined): boolean {
  if (!(region instanceof Circle) || reach === undefined) return false;
  // A millimetre for what distances are off.
  return distance(reach.lat, reach.lng, region.lat, region.lng) + region.radius + 1e-3 <= reach.radius;
}
