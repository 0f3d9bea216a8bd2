import type { Region } from '../geo/region.ts';
import type { CellTree } from '../spatial/cell-tree.ts';
import { type Cover, cover } from '../spatial/cover.ts';
import type { Driver } from './driver.ts';
import type { ExitReason, Subscription } from './subscription.ts';
import { WatchTree } from './watch-tree.ts';
import type { Test } from './where.ts';

/**
 * How many cells cover a subscription's area. More cells are tighter, so fewer drivers need the exact test, and cost more
 * when subscribing: 48 cover a circle with about 1.6 times its area, a box with 1.7, a polygon with 2 (medians, measured in
 * `test/spatial/cover.test.ts`), and take 0.1 ms to find.
 */
const COVER_CELLS = 48;
/** Covers are no finer than this (cells of about 65 m across): tighter would only lengthen every walk. */
const COVER_RESOLUTION = 10;

/** The subscriptions of one fleet, and which of them each update enters, moves in or leaves. */
export class Registry {
  readonly #tree: CellTree;
  readonly #watched = new WatchTree();
  readonly #covers = new Map<Subscription, Cover>();
  #update = 0;
  // What `#match` works on; fields, so that the hot path creates no closure.
  #driver: Driver | undefined;
  #matches: Subscription[] = [];

  constructor(tree: CellTree) {
    this.#tree = tree;
  }

  /** Number of subscriptions. */
  get size(): number {
    return this.#covers.size;
  }

  /** Registers a subscription; `drivers` are all those that it holds now. */
  add(subscription: Subscription, drivers: Iterable<Driver>): void {
    this.#register(subscription);
    for (const driver of drivers) {
      driver.watchers.push(subscription);
      subscription.enter(driver);
    }
    subscription.recipient.wake(subscription);
  }

  /** Gives a subscription another area and condition; `drivers` are all those that it then holds. */
  update(subscription: Subscription, area: Region, where: Test | undefined, drivers: Iterable<Driver>): void {
    subscription.where = where;
    if (area !== subscription.area) {
      this.#unregister(subscription);
      subscription.area = area;
      this.#register(subscription);
    }
    const after = new Set(drivers);
    for (const driver of subscription.inside) {
      if (after.has(driver)) continue;
      this.#leave(driver, subscription);
      subscription.exit(driver, this.#holds(subscription, driver) ? 'filtered' : 'left');
    }
    for (const driver of after) {
      if (subscription.inside.has(driver)) continue;
      driver.watchers.push(subscription);
      subscription.enter(driver);
    }
    subscription.answer();
  }

  remove(subscription: Subscription): void {
    this.#unregister(subscription);
    for (const driver of subscription.inside) this.#leave(driver, subscription);
  }

  /** Tells every subscription concerned of a driver's new position. O(subscriptions that watch its old or new place). */
  moved(driver: Driver): void {
    const update = ++this.#update;
    const before = driver.watchers;
    const after: Subscription[] = [];
    this.#matches = after;
    this.#driver = driver;
    this.#watched.visit(this.#tree.cellHigh(driver.slot), this.#tree.cellLow(driver.slot), this.#match);
    for (const subscription of after) {
      subscription.matchedBy = update;
      if (subscription.inside.has(driver)) subscription.move(driver);
      else subscription.enter(driver);
    }
    for (const subscription of before) {
      if (subscription.matchedBy === update) continue;
      subscription.exit(driver, this.#holds(subscription, driver) ? 'filtered' : 'left');
    }
    driver.watchers = after;
  }

  /** Tells every subscription that holds a driver that it is gone. */
  removed(driver: Driver, reason: ExitReason): void {
    for (const subscription of driver.watchers) subscription.exit(driver, reason);
    driver.watchers.length = 0;
  }

  readonly #match = (subscription: Subscription, inside: boolean): void => {
    const driver = this.#driver as Driver;
    if (!inside && !this.#holds(subscription, driver)) return;
    if (subscription.where !== undefined && !subscription.where(driver.position.attributes)) return;
    this.#matches.push(subscription);
  };

  /** Whether a subscription's area holds a driver, whatever its attributes. */
  #holds(subscription: Subscription, driver: Driver): boolean {
    return this.#tree.isIn(subscription.area, driver.slot);
  }

  #register(subscription: Subscription): void {
    const cells = cover(subscription.area, COVER_CELLS, COVER_RESOLUTION);
    this.#covers.set(subscription, cells);
    this.#watched.add(subscription, cells);
  }

  #unregister(subscription: Subscription): void {
    this.#watched.remove(subscription, this.#covers.get(subscription) as Cover);
    this.#covers.delete(subscription);
  }

  #leave(driver: Driver, subscription: Subscription): void {
    const at = driver.watchers.indexOf(subscription);
    driver.watchers[at] = driver.watchers[driver.watchers.length - 1];
    driver.watchers.pop();
  }
}
