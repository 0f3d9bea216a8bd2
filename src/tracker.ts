import type { Fix } from './fix.ts';
import { type Conditions, Fleet } from './fleet.ts';
import { Circle } from './geo/circle.ts';
import { distance } from './geo/distance.ts';
import type { Region } from './geo/region.ts';
import type { CellPage, Page } from './pages.ts';
import type { OnStored } from './store/group-commit.ts';
import type { StoredPosition } from './store/store.ts';
import type { Driver, EncodePosition } from './subscriptions/driver.ts';
import { type Recipient, Subscription } from './subscriptions/subscription.ts';
import { compileWhere, type Where } from './subscriptions/where.ts';

/** What became of a fix: a verdict, or why it was refused. */
export type Outcome = 'accepted' | 'duplicate' | 'late' | 'future' | 'unavailable';

/** Where accepted positions are written; see `store/group-commit.ts`. */
export interface Writer {
  /** Too much waits: nothing more may be accepted. */
  readonly full: boolean;
  write(row: StoredPosition, onStored?: OnStored): void;
  whenStored(onStored: OnStored): void;
}

/** A circle to look in or to watch: degrees and metres. */
export interface CircleArea {
  readonly lat: number;
  readonly lng: number;
  readonly radius: number;
}

/** What to leave out of an answer. */
export interface Filters {
  readonly where?: Where;
  /** Seconds; by the position's timestamp. */
  readonly maxAge?: number;
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
}

/**
 * The spine of Nearcast. A fix is accepted, moves its driver in the spatial index, becomes transitions of the
 * subscriptions concerned, goes to their outboxes, and to the store: in this order, in one go, with no await.
 */
export class Tracker {
  readonly #writer: Writer;
  readonly #now: () => number;
  readonly #instance: string;
  readonly #ttl: number;
  readonly #maxFuture: number;
  readonly #encode: EncodePosition;
  readonly #fleets = new Map<string, Fleet>();
  #fleetsMade = 0;

  constructor(deps: TrackerDeps) {
    this.#writer = deps.writer;
    this.#now = deps.now;
    this.#instance = deps.instance;
    this.#encode = deps.encode;
    this.#ttl = deps.ttlSeconds * 1000;
    this.#maxFuture = deps.maxFutureSeconds * 1000;
  }

  /** Number of drivers known, over all fleets. */
  get size(): number {
    let size = 0;
    for (const fleet of this.#fleets.values()) size += fleet.drivers.size;
    return size;
  }

  /**
   * Takes in a fix. Only an accepted one moves anything.
   *
   * @param onStored called, unless the fix is refused, once the driver's position is stored: this one, or the one that
   * makes it a duplicate or late
   */
  accept(fleetName: string, fix: Fix, onStored?: OnStored): Outcome {
    const now = this.#now();
    if (fix.timestamp !== undefined && fix.timestamp > now + this.#maxFuture) return 'future';
    if (this.#writer.full) return 'unavailable';
    const fleet = this.#fleet(fleetName);
    const known = fleet.drivers.get(fix.driverId);
    const timestamp = fix.timestamp ?? stamp(now, known);
    if (known !== undefined && timestamp <= known.position.timestamp) {
      fleet.heard(known, now);
      if (onStored !== undefined) this.#writer.whenStored(onStored);
      return timestamp === known.position.timestamp ? 'duplicate' : 'late';
    }
    const attributes = fix.attributes ?? known?.position.attributes;
    const position = { ...fix, timestamp, attributes, receivedAt: now };
    const driver = fleet.place(position);
    driver.stamped = fix.timestamp === undefined;
    this.#writer.write({ ...position, fleet: fleetName, cell: fleet.cellOf(driver) }, onStored);
    return 'accepted';
  }

  /** Calls back once all that was accepted until now is stored. */
  whenStored(onStored: OnStored): void {
    this.#writer.whenStored(onStored);
  }

  /** Fills the index with what the store remembers, in any order, before anything is accepted. Nothing is written. */
  async restore(batches: AsyncIterable<readonly StoredPosition[]>): Promise<void> {
    for await (const rows of batches) {
      for (const { fleet, cell: _, ...position } of rows) this.#fleet(fleet).place(position);
    }
    for (const fleet of this.#fleets.values()) fleet.settle();
  }

  /** A driver of a fleet, or undefined. */
  driver(fleetName: string, driverId: string): Driver | undefined {
    return this.#fleets.get(fleetName)?.drivers.get(driverId);
  }

  /** The drivers nearest to a place, answered from memory alone. */
  nearby(fleetName: string, area: CircleArea, limit: number, filters: Filters = {}): Nearby {
    const fleet = this.#fleets.get(fleetName);
    if (fleet === undefined) return { drivers: [], distances: [], cursor: this.#noCursor, truncated: false };
    // One more than asked for tells whether there are more.
    const found = fleet.nearest(area.lat, area.lng, area.radius, limit + 1, this.#conditions(filters));
    const truncated = found.slots.length > limit;
    if (truncated) found.slots.length = limit;
    return {
      drivers: found.slots.map((slot) => fleet.at(slot)),
      distances: found.distances,
      cursor: fleet.cursor,
      truncated,
    };
  }

  /**
   * The drivers within a region, or of the whole fleet, in the order of their ids: at most `limit`, and perhaps fewer, of
   * those after the given id. Answered from memory alone.
   */
  within(fleetName: string, region: Region | undefined, filters: Filters, limit: number, after?: string): Within {
    const fleet = this.#fleets.get(fleetName);
    if (fleet === undefined) return { drivers: [], cursor: this.#noCursor, truncated: false };
    const { drivers, next } = fleet.page(region, this.#conditions(filters), limit, after);
    const to = (circle: Circle) =>
      drivers.map(({ position: { lat, lng } }) => distance(circle.lat, circle.lng, lat, lng));
    const distances = region instanceof Circle ? to(region) : undefined;
    return { drivers, distances, cursor: fleet.cursor, truncated: next !== undefined, next };
  }

  /** How many drivers within a region, or of the whole fleet, are in each H3 cell, in the order of the cells' indexes. */
  cells(
    fleetName: string,
    region: Region | undefined,
    resolution: number,
    filters: Filters,
    limit: number,
    after?: string,
  ): CellPage {
    const fleet = this.#fleets.get(fleetName);
    return fleet?.cells(region, this.#conditions(filters), resolution, limit, after) ?? { cells: [] };
  }

  /** Watches a circle: the recipient is woken at once for the snapshot, then for every change. */
  subscribe(fleetName: string, id: string, recipient: Recipient, area: CircleArea, where?: Where): Subscription {
    const fleet = this.#fleet(fleetName);
    const test = compileWhere(where);
    const circle = new Circle(area.lat, area.lng, area.radius);
    const subscription = new Subscription(id, fleet, recipient, circle, test);
    fleet.registry.add(subscription, fleet.within(circle, test));
    return subscription;
  }

  /** Gives a subscription another circle or condition; what is absent stays as it is. */
  update(subscription: Subscription, { lat, lng, radius, where }: Partial<CircleArea> & { where?: Where }): void {
    const fleet = subscription.subject as Fleet;
    const before = subscription.area as Circle;
    const moves = lat !== undefined || lng !== undefined || radius !== undefined;
    const circle = moves ? new Circle(lat ?? before.lat, lng ?? before.lng, radius ?? before.radius) : before;
    const test = where === undefined ? subscription.where : compileWhere(where);
    fleet.registry.update(subscription, circle, test, fleet.within(circle, test));
  }

  /** Ends a subscription. */
  unsubscribe(subscription: Subscription): void {
    (subscription.subject as Fleet).registry.remove(subscription);
  }

  /** Forgets the drivers of whom nothing was received for the TTL. To be called every second or so. */
  expire(): void {
    const since = this.#now() - this.#ttl;
    for (const [name, fleet] of this.#fleets) {
      fleet.expire(since);
      if (fleet.empty) this.#fleets.delete(name);
    }
  }

  /** The cursor of a fleet of which nothing is known. */
  get #noCursor(): string {
    return `${this.#instance}.0`;
  }

  #conditions({ where, maxAge }: Filters): Conditions {
    return { where: compileWhere(where), since: maxAge === undefined ? undefined : this.#now() - maxAge * 1000 };
  }

  #fleet(name: string): Fleet {
    let fleet = this.#fleets.get(name);
    if (fleet === undefined) {
      fleet = new Fleet(`${this.#instance}-${++this.#fleetsMade}`, this.#encode);
      this.#fleets.set(name, fleet);
    }
    return fleet;
  }
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
