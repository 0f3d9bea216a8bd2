import { compareIds } from './compare-ids.ts';
import type { Attributes, Position } from './fix.ts';
import type { Region } from './geo/region.ts';
import { type CellPage, type Page, Pages } from './pages.ts';
import { Roster } from './roster.ts';
import { cellName } from './spatial/cell.ts';
import { CellTree } from './spatial/cell-tree.ts';
import type { Accept, Nearest } from './spatial/nearest.ts';
import { Driver, type EncodePosition } from './subscriptions/driver.ts';
import { Registry } from './subscriptions/registry.ts';
import type { Subject } from './subscriptions/subscription.ts';
import type { Test } from './subscriptions/where.ts';

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
  readonly #pages: Pages;
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
    this.#pages = new Pages(this.#tree, this.#roster, (slot) => this.at(slot));
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

  /** Some drivers of a region, or of everywhere, by id; see {@link Pages.drivers}. */
  page(region: Region | undefined, conditions: Conditions, limit: number, after?: string): Page {
    return this.#pages.drivers(region, this.#accept(conditions), limit, after);
  }

  /** How many are in each cell of a region, or of everywhere; see {@link Pages.cells}. */
  cells(
    region: Region | undefined,
    conditions: Conditions,
    resolution: number,
    limit: number,
    after?: string,
  ): CellPage {
    return this.#pages.cells(region, this.#accept(conditions), resolution, limit, after);
  }

  /** The driver in a slot that {@link nearest} gave. */
  at(slot: number): Driver {
    return this.#bySlot[slot] as Driver;
  }

  /** Every driver in a region that passes the test, in no stated order. */
  within(region: Region, where: Test | undefined): Driver[] {
    const drivers: Driver[] = [];
    this.#tree.within(region, (slot) => {
      if (where === undefined || where(this.#attributes[slot])) drivers.push(this.at(slot));
    });
    return drivers;
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
