import { compareIds } from './compare-ids.ts';
import type { Attributes, Position } from './fix.ts';
import { Circle } from './geo/circle.ts';
import { NOWHERE } from './geo/everywhere.ts';
import { overlap } from './geo/overlap.ts';
import type { Region } from './geo/region.ts';
import { type CellPage, type Page, Pages } from './pages.ts';
import { Roster } from './roster.ts';
import { CellTree } from './spatial/cell-tree.ts';
import type { Accept, Nearest } from './spatial/nearest.ts';
import { type Area, Around } from './subscriptions/area.ts';
import { type Cursor, readCursor, type Seal } from './subscriptions/cursor.ts';
import { Driver, type EncodePosition } from './subscriptions/driver.ts';
import { Quiet } from './subscriptions/quiet.ts';
import { Registry } from './subscriptions/registry.ts';
import { type Past, type Recipient, type Subject, Subscription } from './subscriptions/subscription.ts';
import { questionKey, type View } from './subscriptions/view.ts';
import type { Test } from './subscriptions/where.ts';

/** Exits of drivers from subscriptions that are told of in one go: some milliseconds. */
const MAX_EXITS = 20_000;

/** Hears that a driver is forgotten, and why. @returns how much that gave it to do, as {@link Fleet.remove} does */
export type OnRemoved = (driverId: string, reason: Removal) => number;

/** Why a driver is forgotten; `left`: it is where nobody looks, and others know of it. */
export type Removal = 'stale' | 'offline' | 'left';

/** What to leave out of an answer. */
export interface Conditions {
  readonly where?: Test;
  /** Positions with an older timestamp (epoch milliseconds) are left out. */
  readonly since?: number;
  /** Whoever is outside is left out. */
  readonly bounds?: Circle;
}

/**
 * All that is known of one fleet: its drivers, where they are, and who watches them. Fleets share nothing, so that
 * nothing of one can be seen from another. (A long file: everything that one fleet is asked or told comes through here, each in
 * a few lines.)
 */
export class Fleet implements Subject {
  readonly drivers = new Map<string, Driver>();
  readonly seal: Seal | undefined;
  readonly #registry: Registry;
  readonly #tree: CellTree;
  /** Drivers by slot of the tree. */
  readonly #bySlot: (Driver | undefined)[] = [];
  /** Their attributes, which a search with a condition asks of many drivers, and of most nothing else. */
  readonly #attributes: (Attributes | undefined)[] = [];
  readonly #roster = new Roster();
  readonly #pages: Pages;
  readonly #epoch: string;
  readonly #nothing: string;
  readonly #encode: EncodePosition;
  readonly #now: () => number;
  readonly #onRemoved: OnRemoved | undefined;
  #revision = 0;
  /** The latest that the clock was when ages were told by it. It may be set back, and who was too old be so no more. */
  #latest = Number.NEGATIVE_INFINITY;
  // A list of drivers by when they were last heard, so that the stale ones are found without looking at the others.
  #oldest: Driver | undefined;
  #newest: Driver | undefined;
  readonly #quiet = new Quiet();

  /**
   * @param epoch tells this fleet's cursors from those of any other, and of any other process
   * @param nothing the epoch of all fleets of which nothing was ever known
   * @param now the server's clock, epoch milliseconds
   * @param onRemoved hears of every driver that is forgotten
   * @param seal of the cursors of those who may see a part alone
   */
  constructor(
    epoch: string,
    nothing: string,
    encode: EncodePosition,
    now: () => number,
    onRemoved?: OnRemoved,
    seal?: Seal,
  ) {
    this.seal = seal;
    this.#epoch = epoch;
    this.#nothing = nothing;
    this.#encode = encode;
    this.#now = now;
    this.#onRemoved = onRemoved;
    this.#tree = new CellTree((a, b) => compareIds(this.at(a).id, this.at(b).id));
    this.#pages = new Pages(this.#tree, this.#roster, (slot) => this.at(slot));
    this.#registry = new Registry(this.#tree, this, () => this.#time());
  }

  get epoch(): string {
    return this.#revision === 0 ? this.#nothing : this.#epoch;
  }

  get revision(): number {
    return this.#revision;
  }

  /** Nothing is known and nobody watches. */
  get empty(): boolean {
    return this.drivers.size === 0 && this.#registry.size === 0;
  }

  /** All who watch. */
  get subscriptions(): ReadonlySet<Subscription> {
    return this.#registry.subscriptions;
  }

  /** What the index of places is made of. */
  get index(): { readonly nodes: number; readonly bytes: number } {
    return this.#tree;
  }

  /** Makes `position` that of its driver: index first, then transitions. */
  place(position: Position): Driver {
    let driver = this.drivers.get(position.driverId);
    if (driver === undefined) {
      driver = this.#add(position);
      this.#roster.add(driver);
      this.#append(driver);
    } else {
      this.#move(driver, position);
      this.heard(driver, position.receivedAt);
    }
    this.#registry.moved(driver);
    return driver;
  }

  /**
   * Makes `position` that of its driver, for one of many in any order and before anybody asks: {@link settle} puts in
   * order what is in none until then.
   */
  restore(position: Position): void {
    const known = this.drivers.get(position.driverId);
    if (known === undefined) this.#add(position);
    else {
      this.#move(known, position);
      known.heardAt = position.receivedAt;
    }
  }

  /**
   * Makes `position` that of its driver, as {@link place} does, for one who was last heard at a time that may be before the
   * last time of others. @param heardAt the server's clock, epoch milliseconds
   */
  learn(position: Position, heardAt: number): Driver {
    let driver = this.drivers.get(position.driverId);
    let last = heardAt;
    if (driver === undefined) {
      driver = this.#add(position);
      this.#roster.add(driver);
    } else {
      last = Math.max(driver.heardAt, heardAt);
      this.#unlink(driver);
      this.#move(driver, position);
    }
    driver.heardAt = last;
    if (this.#newest === undefined || last >= this.#newest.heardAt) this.#append(driver);
    else this.#quiet.add(driver);
    this.#registry.moved(driver);
    return driver;
  }

  /** Takes note that something was received of a driver. */
  heard(driver: Driver, at: number): void {
    if (this.#newest !== driver) {
      this.#unlink(driver);
      this.#append(driver);
    }
    driver.heardAt = at;
  }

  /** Makes all that was restored as if it had been placed in the order in which it was received. O(n log n). */
  settle(): void {
    this.#tree.compact();
    const drivers = [...this.drivers.values()];
    this.#oldest = undefined;
    this.#newest = undefined;
    // Numbers side by side are sorted several times as fast as drivers all over memory.
    const heard = Float64Array.from(drivers, ({ heardAt }) => heardAt);
    const order = Uint32Array.from(drivers, (_, i) => i).sort((a, b) => heard[a] - heard[b]);
    for (const i of order) this.#append(drivers[i]);
    this.#roster.fill(drivers);
  }

  /**
   * Removes the drivers last heard before `since`, and lets go of those whose positions have grown too old for a
   * subscription; their watchers are told that they are stale.
   *
   * @returns whether there are more, which were too many for one turn
   */
  expire(since: number): boolean {
    let exits = 0;
    while (this.#oldest !== undefined && this.#oldest.heardAt < since) {
      exits += this.remove(this.#oldest, 'stale');
      if (exits > MAX_EXITS) return true;
    }
    for (let quiet = this.#quiet.before(since); quiet !== undefined; quiet = this.#quiet.before(since)) {
      exits += this.remove(quiet, 'stale');
      if (exits > MAX_EXITS) return true;
    }
    this.#registry.age(this.#time());
    return false;
  }

  /** Forgets a driver; its watchers are told why. @returns how much there was to do: 1, and 1 for each who watched */
  remove(driver: Driver, reason: Removal): number {
    const work = 1 + driver.watchers.length;
    this.#revision++;
    this.#unlink(driver);
    this.#tree.remove(driver.slot);
    this.#bySlot[driver.slot] = undefined;
    this.#attributes[driver.slot] = undefined;
    this.drivers.delete(driver.id);
    this.#roster.remove(driver);
    this.#registry.removed(driver, reason);
    return work + (this.#onRemoved?.(driver.id, reason) ?? 0);
  }

  /**
   * Watches an area: the recipient is woken at once for the snapshot, then for every change.
   *
   * @param cursor the moment from which the client goes on; one that is not of this question gives a full snapshot
   * @param bounds outside of which nobody is seen
   */
  watch(id: string, recipient: Recipient, view: View, cursor?: string, bounds?: Circle): Subscription {
    const past = cursor === undefined ? undefined : this.#past(view, readCursor(cursor, bounds && this.seal), bounds);
    const subscription = new Subscription(id, this, recipient, view, past, bounds);
    this.#registry.add(subscription);
    return subscription;
  }

  lookAt(subscription: Subscription, view: View): void {
    this.#registry.lookAt(subscription, view);
  }

  unwatch(subscription: Subscription): void {
    this.#registry.remove(subscription);
  }

  /** Where an area is now; `undefined` when it goes around a driver that is not known, or not within the bounds. */
  regionOf(area: Area, bounds?: Circle): Region | undefined {
    const region = this.#registry.regionOf(area, bounds);
    return region === NOWHERE ? undefined : region;
  }

  isIn(region: Region, driver: Driver): boolean {
    return this.#tree.isIn(region, driver.slot);
  }

  /** The upper half of a driver's H3 index at resolution 15: all of its digits up to resolution 4. */
  cellHigh(driver: Driver): number {
    return this.#tree.cellHigh(driver.slot);
  }

  /** The drivers whose index descends from a cell of a resolution, given in two halves, in no stated order. */
  inCell(high: number, low: number, resolution: number): Driver[] {
    const drivers: Driver[] = [];
    this.#tree.descendants(high, low, resolution, (slot) => drivers.push(this.at(slot)));
    return drivers;
  }

  /** The drivers within `radius` metres of a place, nearest first, equally far ones by driverId. */
  nearest(lat: number, lng: number, radius: number, limit: number, conditions: Conditions = {}): Nearest {
    const { bounds } = conditions;
    // Nobody within the bounds is further away than their far side.
    const furthest = bounds === undefined ? radius : Math.min(radius, bounds.furthestFrom(lat, lng));
    return this.#tree.nearest(lat, lng, furthest, limit, this.#accept(conditions));
  }

  /** Some drivers of a region, or of everywhere, by id; see {@link Pages.drivers}. */
  page(region: Region | undefined, conditions: Conditions, limit: number, after?: string): Page {
    const accept = this.#accept(conditions, true);
    return this.#pages.drivers(overlap(region, conditions.bounds), accept, limit, after, conditions.bounds);
  }

  /** How many are in each cell of a region, or of everywhere; see {@link Pages.cells}. */
  cells(
    region: Region | undefined,
    conditions: Conditions,
    resolution: number,
    limit: number,
    after?: string,
  ): CellPage {
    return this.#pages.cells(
      overlap(region, conditions.bounds),
      this.#accept(conditions, true),
      resolution,
      limit,
      after,
    );
  }

  /** The driver in a slot that {@link nearest} gave. */
  at(slot: number): Driver {
    return this.#bySlot[slot] as Driver;
  }

  /**
   * What a cursor marks, if it is of this question and this fleet. Whoever is inside now and has the position that it had
   * then was inside then, as the area was the same or is known; so nothing else need be remembered of any moment.
   */
  #past(view: View, cursor: Cursor | undefined, bounds: Circle | undefined): Past | undefined {
    if (cursor === undefined || cursor.key !== questionKey(view.area, view, bounds)) return undefined;
    // The client may be wrong by more than it now allows.
    if (!(cursor.minDisplacement <= (view.minDisplacement ?? 0))) return undefined;
    const { epoch, revision, members, followed } = cursor;
    const isKnown = epoch === this.#nothing ? revision === 0 : epoch === this.#epoch && revision <= this.#revision;
    if (!isKnown) return undefined;
    const oldest = view.maxAge === undefined ? Number.NEGATIVE_INFINITY : this.#latest - 1000 * view.maxAge;
    if (!(view.area instanceof Around)) return { revision, region: view.area, oldest, members };
    const isPlace = followed !== undefined && Math.abs(followed.lat) <= 90 && Math.abs(followed.lng) <= 180;
    return {
      revision,
      region: isPlace ? new Circle(followed.lat, followed.lng, view.area.radius) : NOWHERE,
      oldest,
      members,
    };
  }

  /** Asks the driver in a slot for conditions; `undefined` where there are none. @param isBounded bounds are kept already */
  #accept({ where, since, bounds }: Conditions, isBounded = bounds === undefined): Accept | undefined {
    if (where === undefined && since === undefined && isBounded) return undefined;
    if (since !== undefined) this.#time();
    return (slot) =>
      (isBounded || this.#tree.isIn(bounds as Circle, slot)) &&
      (where === undefined || where(this.#attributes[slot])) &&
      (since === undefined || this.at(slot).position.timestamp >= since);
  }

  /** The server's clock, of which the latest is kept. */
  #time(): number {
    const now = this.#now();
    if (now > this.#latest) this.#latest = now;
    return now;
  }

  #add(position: Position): Driver {
    const driver = new Driver(this.#tree.add(position.lat, position.lng), position, this.#encode);
    this.#bySlot[driver.slot] = driver;
    this.drivers.set(driver.id, driver);
    this.#note(driver);
    return driver;
  }

  #move(driver: Driver, position: Position): void {
    driver.position = position;
    driver.rejected = false;
    this.#tree.move(driver.slot, position.lat, position.lng);
    this.#note(driver);
  }

  /** Takes note that a driver has another position. */
  #note(driver: Driver): void {
    const { receivedAt, attributes } = driver.position;
    driver.revision = ++this.#revision;
    if (receivedAt > this.#latest) this.#latest = receivedAt;
    this.#attributes[driver.slot] = attributes;
  }

  #append(driver: Driver): void {
    driver.olderHeard = this.#newest;
    driver.newerHeard = undefined;
    if (this.#newest !== undefined) this.#newest.newerHeard = driver;
    else this.#oldest = driver;
    this.#newest = driver;
  }

  #unlink(driver: Driver): void {
    if (driver.quiet) {
      this.#quiet.delete(driver);
      return;
    }
    if (driver.olderHeard !== undefined) driver.olderHeard.newerHeard = driver.newerHeard;
    else this.#oldest = driver.newerHeard;
    if (driver.newerHeard !== undefined) driver.newerHeard.olderHeard = driver.olderHeard;
    else this.#newest = driver.olderHeard;
  }
}
