import { compareIds } from './compare-ids.ts';
import type { Attributes, Position } from './fix.ts';
import { BoundedRegion, TOO_MUCH_WORK } from './geo/bounded.ts';
import type { Region } from './geo/region.ts';
import { Roster } from './roster.ts';
import { splitCell } from './spatial/cell.ts';
import { CellTree } from './spatial/cell-tree.ts';
import type { Accept, Nearest } from './spatial/nearest.ts';
import { Driver, type EncodePosition } from './subscriptions/driver.ts';
import { Registry } from './subscriptions/registry.ts';
import type { Subject } from './subscriptions/subscription.ts';
import type { Test } from './subscriptions/where.ts';

/** The most drivers that are looked at for one page of a list, and of a filtered count by whole cells. */
const MAX_LOOKS = 20_000;
/** The most edges of a polygon that are looked at for each of the ways to a page; some milliseconds. */
const MAX_WORK = 500_000;

/** Some of a fleet's drivers, by id. */
export interface Page {
  readonly drivers: readonly Driver[];
  /** The next page is of those after this id; absent on the last one. */
  readonly next?: string;
}

/** How many drivers are in one cell. */
export interface CellCount {
  /** The cell's H3 index, as h3-js writes it. */
  readonly cell: string;
  readonly count: number;
}

/** Some of the cells in which a fleet's drivers are, by index. */
export interface CellPage {
  readonly cells: readonly CellCount[];
  /** The next page is of those after this cell; absent on the last one. */
  readonly next?: string;
}

/** What to leave out of an answer. */
export interface Conditions {
  readonly where?: Test;
  /** Positions with an older timestamp (epoch milliseconds) are left out. */
  readonly since?: number;
}

/**
 * All that is known of one fleet: its drivers, where they are, and who watches them. Fleets share nothing, so that
 * nothing of one can be seen from another.
 */
export class Fleet implements Subject {
  readonly drivers = new Map<string, Driver>();
  readonly registry: Registry;
  readonly #tree: CellTree;
  /** Drivers by slot of the tree. */
  readonly #bySlot: (Driver | undefined)[] = [];
  /** Their attributes, which a search with a condition asks of many drivers, and of most nothing else. */
  readonly #attributes: (Attributes | undefined)[] = [];
  readonly #roster = new Roster();
  readonly #epoch: string;
  readonly #encode: EncodePosition;
  #revision = 0;
  // A list of drivers by when they were last heard, so that the stale ones are found without looking at the others.
  #oldest: Driver | undefined;
  #newest: Driver | undefined;

  /** @param epoch tells this fleet's cursors from those of any other, and of any other process */
  constructor(epoch: string, encode: EncodePosition) {
    this.#epoch = epoch;
    this.#encode = encode;
    this.#tree = new CellTree((a, b) => compareIds(this.at(a).id, this.at(b).id));
    this.registry = new Registry(this.#tree);
  }

  /** Mark of the present moment in the fleet's stream of changes. */
  get cursor(): string {
    return `${this.#epoch}.${this.#revision.toString(36)}`;
  }

  /** Nothing is known and nobody watches. */
  get empty(): boolean {
    return this.drivers.size === 0 && this.registry.size === 0;
  }

  /** Makes `position` that of its driver: index first, then transitions. */
  place(position: Position): Driver {
    this.#revision++;
    let driver = this.drivers.get(position.driverId);
    if (driver === undefined) {
      const slot = this.#tree.add(position.lat, position.lng);
      driver = new Driver(slot, position, this.#encode);
      this.#bySlot[slot] = driver;
      this.drivers.set(driver.id, driver);
      this.#roster.add(driver);
      this.#append(driver);
    } else {
      driver.position = position;
      this.#tree.move(driver.slot, position.lat, position.lng);
      this.heard(driver, position.receivedAt);
    }
    this.#attributes[driver.slot] = position.attributes;
    this.registry.moved(driver);
    return driver;
  }

  /** The H3 cell, at resolution 15, of where a driver is. */
  cellOf(driver: Driver): string {
    return cellName(this.#tree.cellHigh(driver.slot), this.#tree.cellLow(driver.slot));
  }

  /** Takes note that something was received of a driver. */
  heard(driver: Driver, at: number): void {
    driver.heardAt = at;
    if (this.#newest === driver) return;
    this.#unlink(driver);
    this.#append(driver);
  }

  /** Puts in order what takes its order from that in which positions were placed, after they were placed in any. O(n log n). */
  settle(): void {
    this.#tree.compact();
    const drivers = [...this.drivers.values()].sort((a, b) => a.heardAt - b.heardAt);
    this.#oldest = undefined;
    this.#newest = undefined;
    for (const driver of drivers) this.#append(driver);
  }

  /** Removes the drivers last heard before `since`; their watchers are told that they are stale. */
  expire(since: number): void {
    while (this.#oldest !== undefined && this.#oldest.heardAt < since) {
      const driver = this.#oldest;
      this.#revision++;
      this.#unlink(driver);
      this.#tree.remove(driver.slot);
      this.#bySlot[driver.slot] = undefined;
      this.#attributes[driver.slot] = undefined;
      this.drivers.delete(driver.id);
      this.#roster.remove(driver);
      this.registry.removed(driver, 'stale');
    }
  }

  /** The drivers within `radius` metres of a place, nearest first, equally far ones by driverId. */
  nearest(lat: number, lng: number, radius: number, limit: number, conditions: Conditions = {}): Nearest {
    return this.#tree.nearest(lat, lng, radius, limit, this.#accept(conditions));
  }

  /** The driver in a slot that {@link nearest} gave. */
  at(slot: number): Driver {
    return this.#bySlot[slot] as Driver;
  }

  /** Every driver in a region that passes the test, in no stated order. */
  within(region: Region, where: Test | undefined): Driver[] {
    const drivers: Driver[] = [];
    this.#tree.within(region, (slot) => {
      const driver = this.at(slot);
      if (where === undefined || where(driver.position.attributes)) drivers.push(driver);
    });
    return drivers;
  }

  /**
   * The first `limit` drivers of a region, or of everywhere, whose ids come after the given one. Whoever is inside while
   * one page after the other is asked for comes exactly once.
   *
   * At most {@link MAX_LOOKS} drivers and {@link MAX_WORK} edges are looked at, so a page may have fewer than `limit`, even
   * none, and another after it.
   *
   * There are two ways to a page: to walk the ids, which with n of N drivers inside finds it after about limit·N/n of
   * them, and to gather all that are inside. Where few enough are to be gathered, the walk is given up when it has cost
   * as much, as it will where hardly anybody meets the conditions.
   */
  page(region: Region | undefined, conditions: Conditions, limit: number, after?: string): Page {
    if (region === undefined) return this.#walk(region, conditions, limit, after, MAX_LOOKS);
    const inside = this.#estimate(region);
    if (inside > MAX_LOOKS) return this.#walk(region, conditions, limit, after, MAX_LOOKS);
    if (inside * inside > limit * this.drivers.size) {
      const page = this.#walk(region, conditions, limit, after, inside);
      if (!page.gaveUp) return page;
    }
    return this.#gather(region, conditions, limit, after) ?? this.#walk(region, conditions, limit, after, MAX_LOOKS);
  }

  /** How many drivers a region holds, or somewhat more; when that takes too much work, more than can be looked at. */
  #estimate(region: Region): number {
    return unlessTooMuch(() => this.#tree.atMost(new BoundedRegion(region, MAX_WORK), MAX_LOOKS + 1)) ?? MAX_LOOKS + 1;
  }

  /**
   * How many drivers of a region, or of everywhere, are in each H3 cell of a resolution: the first `limit` cells, by index,
   * after the given one. A driver is in the cell that its index at resolution 15 descends from.
   *
   * With conditions, no more cells are begun once {@link MAX_LOOKS} drivers were looked at, so a page may have fewer than
   * `limit`, even none, and another after it.
   */
  cells(
    region: Region | undefined,
    conditions: Conditions,
    resolution: number,
    limit: number,
    after?: string,
  ): CellPage {
    const cells: CellCount[] = [];
    const meets = this.#accept(conditions);
    let looks = 0;
    let paused: string | undefined;
    this.#tree.census({
      resolution,
      region,
      accept: meets === undefined ? undefined : (slot) => ++looks > 0 && meets(slot),
      after: after === undefined ? undefined : halvesOf(after),
      // One more than asked for tells whether there are more.
      visit: (high, low, count) => cells.push({ cell: cellName(high, low), count }) <= limit,
      pause: (high, low) => {
        if (looks > MAX_LOOKS) paused = cellName(high, low);
        return paused !== undefined;
      },
    });
    if (cells.length <= limit) return { cells, next: paused };
    cells.length = limit;
    return { cells, next: cells[limit - 1].cell };
  }

  /** A page found by walking the ids. It is given up, to be gone on with by another page, after `looks` of them. */
  #walk(
    region: Region | undefined,
    conditions: Conditions,
    limit: number,
    after: string | undefined,
    looks: number,
  ): Page & { readonly gaveUp?: true } {
    const drivers: Driver[] = [];
    const within = region === undefined ? undefined : new BoundedRegion(region, MAX_WORK);
    let left = looks;
    let last = after;
    const page = unlessTooMuch(() => {
      for (const driver of this.#roster.after(after)) {
        if (left-- === 0) return undefined;
        if (meets(driver, conditions) && (within === undefined || this.#tree.isIn(within, driver.slot))) {
          // One more than asked for tells whether there are more.
          if (drivers.length === limit) return { drivers, next: drivers[limit - 1].id };
          drivers.push(driver);
        }
        last = driver.id;
      }
      return { drivers };
    });
    return page ?? { drivers, next: last, gaveUp: true };
  }

  /** A page found by gathering all drivers of a region, unless that takes too much work. */
  #gather(region: Region, conditions: Conditions, limit: number, after: string | undefined): Page | undefined {
    const drivers: Driver[] = [];
    let last: string | undefined;
    const cut = () => {
      drivers.sort((a, b) => compareIds(a.id, b.id));
      if (drivers.length <= limit) return;
      // One more than asked for tells whether there are more.
      drivers.length = limit + 1;
      last = drivers[limit].id;
    };
    const visit = (slot: number) => {
      const driver = this.at(slot);
      if (after !== undefined && compareIds(driver.id, after) <= 0) return;
      if (last !== undefined && compareIds(driver.id, last) > 0) return;
      if (!meets(driver, conditions)) return;
      drivers.push(driver);
      // Now and then, so that what is gathered and sorted stays small.
      if (drivers.length === 2 * limit + 2) cut();
    };
    const gathered = unlessTooMuch(() => {
      this.#tree.within(new BoundedRegion(region, MAX_WORK), visit);
      return true;
    });
    if (gathered === undefined) return undefined;
    cut();
    if (drivers.length <= limit) return { drivers };
    drivers.length = limit;
    return { drivers, next: drivers[limit - 1].id };
  }

  /** Asks the driver in a slot for conditions; `undefined` where there are none. */
  #accept({ where, since }: Conditions): Accept | undefined {
    if (where === undefined && since === undefined) return undefined;
    return (slot) =>
      (where === undefined || where(this.#attributes[slot])) &&
      (since === undefined || this.at(slot).position.timestamp >= since);
  }

  #append(driver: Driver): void {
    driver.olderHeard = this.#newest;
    driver.newerHeard = undefined;
    if (this.#newest !== undefined) this.#newest.newerHeard = driver;
    else this.#oldest = driver;
    this.#newest = driver;
  }

  #unlink(driver: Driver): void {
    if (driver.olderHeard !== undefined) driver.olderHeard.newerHeard = driver.newerHeard;
    else this.#oldest = driver.newerHeard;
    if (driver.newerHeard !== undefined) driver.newerHeard.olderHeard = driver.olderHeard;
    else this.#newest = driver.olderHeard;
  }
}

/** The text of an H3 index that is given in two halves, as h3-js writes it. */
function cellName(high: number, low: number): string {
  return high.toString(16) + low.toString(16).padStart(8, '0');
}

function halvesOf(cell: string): [high: number, low: number] {
  const halves = new Uint32Array(2);
  splitCell(cell, halves);
  return [halves[0], halves[1]];
}

/** What a question about a bounded region gives, or `undefined` when that took too much work. */
function unlessTooMuch<T>(question: () => T): T | undefined {
  try {
    return question();
  } catch (error) {
    if (error === TOO_MUCH_WORK) return undefined;
    throw error;
  }
}

function meets({ position }: Driver, { where, since }: Conditions): boolean {
  return (since === undefined || position.timestamp >= since) && (where === undefined || where(position.attributes));
}
