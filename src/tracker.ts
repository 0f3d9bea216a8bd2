import { Aspects } from './aspects.ts';
import type { Fix, Position } from './fix.ts';
import { type Conditions, Fleet, type OnRemoved } from './fleet.ts';
import { Circle } from './geo/circle.ts';
import { distance } from './geo/distance.ts';
import { EVERYWHERE } from './geo/everywhere.ts';
import type { Region } from './geo/region.ts';
import type { CellPage, Page } from './pages.ts';
import type { Sight } from './sight.ts';
import type { OnStored } from './store/group-commit.ts';
import type { DriverKey, StoredFix } from './store/store.ts';
import { type Area, Around } from './subscriptions/area.ts';
import { PART, type Seal, writeCursor } from './subscriptions/cursor.ts';
import type { Driver, EncodePosition } from './subscriptions/driver.ts';
import type { Recipient, Subscription } from './subscriptions/subscription.ts';
import { type Filters, questionKey, type View } from './subscriptions/view.ts';
import { compileWhere } from './subscriptions/where.ts';

/** What became of a fix: a verdict, or why it was refused. */
export type Outcome = 'accepted' | 'duplicate' | 'late' | 'future' | 'unavailable';

/** What became of a driver that was to go off duty. */
export type Departure = 'gone' | 'unknown' | 'unavailable';

/** Where accepted positions are written; see `store/group-commit.ts`. */
export interface Writer {
  /** Too much waits: nothing more may be accepted. */
  readonly full: boolean;
  write(fix: StoredFix, onStored?: OnStored): void;
  writeLate(fix: StoredFix, onStored?: OnStored): void;
  /** Nothing of the driver that was received until `at` counts any more. */
  remove(driver: DriverKey, at: number, onStored?: OnStored): void;
  whenStored(onStored: OnStored): void;
}

/** The other instances, which are told what this one accepts; see `cluster/`. */
export interface Peers {
  /**
   * A fix was accepted.
   *
   * @param before upper half of the driver's H3 index at resolution 15 until then; −1: it was nowhere
   */
  accepted(fleet: string, driver: Driver, before: number): void;
  /** A fix was received that moves nothing. */
  heard(fleet: string, driver: Driver): void;
  /** When a fix that comes now is received: later than its driver went off duty. @param now epoch milliseconds */
  receivedAt(fleet: string, driverId: string, now: number): number;
  /** A driver went off duty. @param at epoch milliseconds; nothing of it that was received until then counts */
  removed(fleet: string, driverId: string, at: number): void;
  /** A subscription begins to look at an area, or at another one. @param sight absent: as before */
  hold(subscription: Subscription, area: Area, sight?: Sight): void;
  /** It has ended. */
  release(subscription: Subscription): void;
}

/**
 * What a door waits for before it asks the tracker, where other instances may know more than this one; see `cluster/`. Each is
 * `undefined` when there is nothing to wait for.
 */
export interface Waits {
  /** Until all that a sight may see of an area is known. @throws {DomainError} `unavailable` */
  ready(sight: Sight, area: Area): Promise<unknown> | undefined;
  /** Until it is known whatever can be of drivers whose fixes are to be judged. Never rejects. */
  meet(fleet: string, driverIds: Iterable<string>): Promise<void> | undefined;
  /** Until it is known whether there is a driver. @throws {DomainError} `unavailable` */
  seek(fleet: string, driverId: string): Promise<void> | undefined;
}

/** Answers about who is where. Where there are several instances, some have to be waited for; see `cluster/reads.ts`. */
export interface Reads {
  driver(sight: Sight, driverId: string): Driver | undefined | Promise<Driver | undefined>;
  nearby(sight: Sight, circle: Circle, limit: number, filters?: Filters): Nearby | Promise<Nearby>;
  within(
    sight: Sight,
    area: Area,
    filters: Filters,
    limit: number,
    after?: string,
  ): Within | undefined | Promise<Within | undefined>;
  cells(
    sight: Sight,
    area: Area,
    resolution: number,
    filters: Filters,
    limit: number,
    after?: string,
  ): CellPage | undefined | Promise<CellPage | undefined>;
}

/** The drivers near a place, nearest first, with their distances in metres. */
export interface Nearby {
  readonly drivers: readonly Driver[];
  readonly distances: readonly number[];
  readonly cursor: string;
  /** More drivers were within the radius than asked for. */
  readonly truncated: boolean;
}

/** Some of the drivers within an area, by driverId. */
export interface Within extends Page {
  /** Metres from the centre, when the area is a circle. */
  readonly distances?: readonly number[];
  readonly cursor: string;
  /** There is another page. */
  readonly truncated: boolean;
}

/** What the tracker needs from outside. */
export interface TrackerDeps {
  readonly writer: Writer;
  /** The server's clock, epoch milliseconds. */
  readonly now: () => number;
  /** Tells this process's cursors from those of any other. */
  readonly instance: string;
  readonly encode: EncodePosition;
  readonly ttlSeconds: number;
  readonly maxFutureSeconds: number;
  /** Of the cursors of those who may see a part of a fleet; absent: they can be read. */
  readonly seal?: Seal;
  /** Absent: this instance is the only one. */
  readonly peers?: Peers;
}

/**
 * The spine of Nearcast. A fix is accepted, moves its driver in the spatial index, becomes transitions of the
 * subscriptions concerned, goes to their outboxes, and to the store: in this order, in one go, with no await. (A long file:
 * everything that is asked of any fleet comes through here, each in a few lines.)
 */
export class Tracker implements Reads {
  readonly #writer: Writer;
  readonly #now: () => number;
  readonly #instance: string;
  readonly #ttl: number;
  readonly #maxFuture: number;
  readonly #encode: EncodePosition;
  readonly #seal: Seal | undefined;
  readonly #peers: Peers | undefined;
  readonly #fleets = new Map<string, Aspects>();
  /** Why the store rejected which fixes, for as long as their duplicates may wait. */
  readonly #rejections = new Map<string, Error>();
  #fleetsMade = 0;

  constructor(deps: TrackerDeps) {
    this.#writer = deps.writer;
    this.#now = deps.now;
    this.#instance = deps.instance;
    this.#encode = deps.encode;
    this.#seal = deps.seal;
    this.#peers = deps.peers;
    this.#ttl = deps.ttlSeconds * 1000;
    this.#maxFuture = deps.maxFutureSeconds * 1000;
  }

  /** All fleets of which something is known; for whoever counts. */
  *fleets(): Iterable<Fleet> {
    for (const { whole } of this.#fleets.values()) yield whole;
  }

  /** The same, and what is seen of them by those who may not see all. */
  *aspects(): Iterable<Fleet> {
    for (const aspects of this.#fleets.values()) yield* aspects.fleets();
  }

  /** Number of drivers known, over all fleets. */
  get size(): number {
    let size = 0;
    for (const { drivers } of this.fleets()) size += drivers.size;
    return size;
  }

  /**
   * Takes in a fix. Only an accepted one moves anything; a late one is for history.
   *
   * @param onStored called, unless the fix is refused, once it is stored, or with why it never will be: this one, or the
   * one that it is a duplicate of
   */
  accept(fleetName: string, fix: Fix, onStored?: OnStored): Outcome {
    const now = this.#now();
    if (fix.timestamp !== undefined && fix.timestamp > now + this.#maxFuture) return 'future';
    if (this.#writer.full) return 'unavailable';
    const fleet = this.#fleet(fleetName);
    const known = fleet.whole.drivers.get(fix.driverId);
    const timestamp = fix.timestamp ?? stamp(now, known);
    if (known !== undefined && timestamp < known.position.timestamp) {
      fleet.whole.heard(known, now);
      this.#peers?.heard(fleetName, known);
      // What it did not say of itself then is not known; that it is as now is likelier than that there was nothing to say.
      const attributes = fix.attributes ?? known.position.attributes;
      this.#writer.writeLate({ ...fix, timestamp, attributes, receivedAt: now, fleet: fleetName }, onStored);
      return 'late';
    }
    // Of one that the store rejected there is nothing yet to be a duplicate of.
    if (known !== undefined && timestamp === known.position.timestamp && !known.rejected) {
      fleet.whole.heard(known, now);
      this.#peers?.heard(fleetName, known);
      if (this.#peers !== undefined && known.term === 0) {
        // Another instance accepted it, which may be gone before it is stored there: from now on this one answers for it.
        this.#peers.accepted(fleetName, known, fleet.whole.cellHigh(known));
        this.#writer.write({ ...known.position, fleet: fleetName }, onStored);
        return 'duplicate';
      }
      // The one before may wait itself.
      if (onStored !== undefined) {
        const key = keyOf(fleetName, fix.driverId, timestamp);
        this.#writer.whenStored((error) => onStored(error ?? this.#rejections.get(key)));
      }
      return 'duplicate';
    }
    const attributes = fix.attributes ?? known?.position.attributes;
    const receivedAt = this.#peers === undefined ? now : this.#peers.receivedAt(fleetName, fix.driverId, now);
    const position = { ...fix, timestamp, attributes, receivedAt };
    const before = this.#peers === undefined || known === undefined ? -1 : fleet.whole.cellHigh(known);
    const driver = fleet.place(position);
    driver.stamped = fix.timestamp === undefined;
    this.#peers?.accepted(fleetName, driver, before);
    this.#writer.write({ ...position, fleet: fleetName }, onStored);
    return 'accepted';
  }

  /**
   * Forgets a driver and its timestamp; its watchers are told that it is offline. Its next fix, whatever its date, brings
   * it back.
   *
   * @param onStored called, unless the outcome is `unavailable`, once this is stored; also for a driver that is not known,
   * whose earlier departure may not be stored yet
   */
  goOffDuty(fleetName: string, driverId: string, onStored: OnStored): Departure {
    if (this.#writer.full) return 'unavailable';
    const fleet = this.#fleets.get(fleetName)?.whole;
    const driver = fleet?.drivers.get(driverId);
    if (fleet === undefined || driver === undefined) {
      this.#writer.whenStored(onStored);
      return 'unknown';
    }
    // The clock may have been set back.
    const at = Math.max(this.#now(), driver.position.receivedAt);
    fleet.remove(driver, 'offline');
    this.#writer.remove({ fleet: fleetName, driverId }, at, onStored);
    this.#peers?.removed(fleetName, driverId, at);
    return 'gone';
  }

  /** What is known of a fleet, to be brought up to date with what other instances accepted; made when there is nothing. */
  fleet(name: string): Aspects {
    return this.#fleet(name);
  }

  /** The whole of a fleet; `undefined` when nothing is known of it. */
  knownFleet(name: string): Fleet | undefined {
    return this.#fleets.get(name)?.whole;
  }

  /** The cursor of an answer that was not given from memory: it leads to a full snapshot. */
  foreignCursor(sight: Sight): string {
    return this.#mark(undefined, sight, EVERYWHERE, {}, true);
  }

  /**
   * Takes note that the store will never take a fix that was accepted. Its duplicates hear so too; sent again from now on,
   * it is none.
   */
  reject({ fleet, driverId, timestamp }: StoredFix, error: Error): void {
    const driver = this.#fleets.get(fleet)?.whole.drivers.get(driverId);
    if (driver?.position.timestamp === timestamp) driver.rejected = true;
    const key = keyOf(fleet, driverId, timestamp);
    this.#rejections.set(key, error);
    // All its duplicates are ahead of this in the queue. Those of one that was sent again may not be: it has its own error.
    this.#writer.whenStored(() => {
      if (this.#rejections.get(key) === error) this.#rejections.delete(key);
    });
  }

  /** Calls back once all that was accepted until now is stored. */
  whenStored(onStored: OnStored): void {
    this.#writer.whenStored(onStored);
  }

  /** Fills the index with what the store remembers, in any order, before anything is accepted. Nothing is written. */
  async restore(batches: AsyncIterable<readonly StoredFix[]>): Promise<void> {
    for await (const rows of batches) {
      for (const row of rows) this.#fleet(row.fleet).whole.restore(positionOf(row));
    }
    for (const { whole } of this.#fleets.values()) whole.settle();
  }

  /** Gets ready to be asked by a sight; see {@link Aspects.prepare}. */
  prepare(sight: Sight): Iterable<void> | undefined {
    return this.#fleets.get(sight.fleet)?.prepare(sight);
  }

  /** A driver that may be seen, or undefined. */
  driver(sight: Sight, driverId: string): Driver | undefined {
    const fleet = this.#seenBy(sight);
    const driver = fleet?.drivers.get(driverId);
    if (driver === undefined || sight.bounds === undefined) return driver;
    return fleet?.isIn(sight.bounds, driver) ? driver : undefined;
  }

  /** The drivers nearest to the centre of a circle and inside it, answered from memory alone. */
  nearby(sight: Sight, circle: Circle, limit: number, filters: Filters = {}): Nearby {
    const fleet = this.#seenBy(sight);
    if (fleet === undefined) {
      return { drivers: [], distances: [], cursor: this.#mark(fleet, sight, circle, filters, false), truncated: false };
    }
    // One more than asked for tells whether there are more.
    const found = fleet.nearest(circle.lat, circle.lng, circle.radius, limit + 1, this.#conditions(sight, filters));
    const truncated = found.slots.length > limit;
    if (truncated) found.slots.length = limit;
    return {
      drivers: found.slots.map((slot) => fleet.at(slot)),
      distances: found.distances,
      cursor: this.#mark(fleet, sight, circle, filters, truncated),
      truncated,
    };
  }

  /**
   * The drivers within an area, in the order of their ids: at most `limit`, and perhaps fewer, of those after the given
   * id. Answered from memory alone. `undefined` when the area goes around a driver that is not known.
   */
  within(sight: Sight, area: Area, filters: Filters, limit: number, after?: string): Within | undefined {
    const fleet = this.#seenBy(sight);
    const region = regionOf(fleet, area, sight);
    if (region === undefined) return undefined;
    if (fleet === undefined) {
      return { drivers: [], cursor: this.#mark(fleet, sight, area, filters, after !== undefined), truncated: false };
    }
    const { drivers, next } = fleet.page(bounded(region), this.#conditions(sight, filters), limit, after);
    const to = (circle: Circle) =>
      drivers.map(({ position: { lat, lng } }) => distance(circle.lat, circle.lng, lat, lng));
    const distances = region instanceof Circle ? to(region) : undefined;
    const truncated = next !== undefined;
    return {
      drivers,
      distances,
      cursor: this.#mark(fleet, sight, area, filters, truncated || after !== undefined),
      truncated,
      next,
    };
  }

  /**
   * How many drivers within an area are in each H3 cell, in the order of the cells' indexes. `undefined` when the area goes
   * around a driver that is not known.
   */
  cells(
    sight: Sight,
    area: Area,
    resolution: number,
    filters: Filters,
    limit: number,
    after?: string,
  ): CellPage | undefined {
    const fleet = this.#seenBy(sight);
    const region = regionOf(fleet, area, sight);
    if (region === undefined) return undefined;
    if (fleet === undefined) return { cells: [] };
    return fleet.cells(bounded(region), this.#conditions(sight, filters), resolution, limit, after);
  }

  /** Watches an area, or what of it may be seen; see {@link Fleet.watch}. */
  subscribe(sight: Sight, id: string, recipient: Recipient, view: View, cursor?: string): Subscription {
    const subscription = this.#fleet(sight.fleet).seenBy(sight).watch(id, recipient, view, cursor, sight.bounds);
    this.#peers?.hold(subscription, view.area, sight);
    return subscription;
  }

  /** Has a subscription look at something else; its next message is the difference, even when there is none. */
  update(subscription: Subscription, view: View): void {
    this.#peers?.hold(subscription, view.area);
    subscription.ask(view);
    subscription.answer();
  }

  /** Ends a subscription. */
  unsubscribe(subscription: Subscription): void {
    (subscription.subject as Fleet).unwatch(subscription);
    this.#peers?.release(subscription);
  }

  /**
   * Forgets the drivers of whom nothing was received for the TTL, and has those exit whose positions are too old for a
   * subscription. To be called every second or so: it is the one timer for all.
   *
   * @returns whether there are more, too many for one turn: to be called again in the next
   */
  expire(): boolean {
    const since = this.#now() - this.#ttl;
    let more = false;
    for (const [name, fleet] of this.#fleets) {
      more = fleet.expire(since) || more;
      if (fleet.empty) this.#fleets.delete(name);
    }
    return more;
  }

  /** Marks the present moment of an answer. @param part the answer is not all that was asked for */
  #mark(fleet: Fleet | undefined, sight: Sight, area: Area, filters: Filters, part: boolean): string {
    const epoch = fleet === undefined ? this.#nothing : fleet.epoch;
    const revision = fleet === undefined ? 0 : fleet.revision;
    const followed = area instanceof Around ? this.driver(sight, area.driverId)?.position : undefined;
    const key = part ? PART : questionKey(area, filters, sight.bounds);
    return writeCursor({ epoch, revision, key, minDisplacement: 0, followed }, sight.bounds && this.#seal);
  }

  #conditions({ bounds }: Sight, { where, maxAge }: Filters): Conditions {
    const since = maxAge === undefined ? undefined : this.#now() - maxAge * 1000;
    return { where: compileWhere(where), since, bounds };
  }

  /** The epoch of a fleet of which nothing is known. */
  get #nothing(): string {
    return `${this.#instance}-0`;
  }

  /** The fleet as it shows itself, but for bounds; `undefined` when nothing is known of it. */
  #seenBy(sight: Sight): Fleet | undefined {
    return this.#fleets.get(sight.fleet)?.seenBy(sight);
  }

  #fleet(name: string): Aspects {
    let fleet = this.#fleets.get(name);
    if (fleet === undefined) {
      const make = (onRemoved?: OnRemoved) =>
        new Fleet(
          `${this.#instance}-${++this.#fleetsMade}`,
          this.#nothing,
          this.#encode,
          this.#now,
          onRemoved,
          this.#seal,
        );
      fleet = new Aspects(make, this.#now);
      this.#fleets.set(name, fleet);
    }
    return fleet;
  }
}

/** Tells fixes apart. A fleet's name and an id have no control characters. */
function keyOf(fleet: string, driverId: string, timestamp: number): string {
  return `${fleet}\n${driverId}\n${timestamp}`;
}

/** What a row says beside whose it is. Written out: a rest pattern takes ten times as long. */
function positionOf(row: StoredFix): Position {
  const { driverId, lat, lng, timestamp, receivedAt, accuracy, altitude, heading, speed, attributes } = row;
  return { driverId, lat, lng, timestamp, receivedAt, accuracy, altitude, heading, speed, attributes };
}

/** Where an area is; `undefined` when it goes around a driver that is not known, or may not be seen. */
function regionOf(fleet: Fleet | undefined, area: Area, { bounds }: Sight): Region | undefined {
  if (fleet !== undefined) return fleet.regionOf(area, bounds);
  return area instanceof Around ? undefined : area;
}

/** What a page is asked for: everywhere is no region, and then none is tested. */
function bounded(region: Region): Region | undefined {
  return region === EVERYWHERE ? undefined : region;
}

/**
 * The server's time for a fix that brings none. Such fixes are in the order in which they come, so one that comes in the
 * same millisecond as the last is dated after it.
 */
function stamp(now: number, known: Driver | undefined): number {
  if (known === undefined) return now;
  const last = known.position.timestamp;
  return last === now || (known.stamped && last > now) ? last + 1 : now;
}
