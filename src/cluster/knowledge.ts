import { isDeepStrictEqual } from 'node:util';
import type { Position } from '../fix.ts';
import type { Driver } from '../subscriptions/driver.ts';
import type { Tracker } from '../tracker.ts';
import type { FleetLeases } from './fleet-leases.ts';
import { leaseAt, leaseOf } from './lease-cells.ts';
import { FRESH } from './loader.ts';

export interface KnowledgeOptions {
  readonly tracker: () => Tracker;
  /** The server's clock, epoch milliseconds. */
  readonly now: () => number;
  /** Milliseconds after which a driver of whom nothing was received is stale. */
  readonly ttl: number;
  /** Whether all that any instance accepts is heard, as far as is known. */
  readonly hearsAll: () => boolean;
  /** Whether memory knows all that is in a cell. */
  readonly isHeld: (leases: FleetLeases, key: number) => boolean;
  /** A driver is in a cell now. */
  readonly onMoved: (leases: FleetLeases, driver: Driver, key: number) => void;
}

/**
 * What is known of drivers beside what this instance accepts: what others say and what the store holds is weighed against what
 * memory has, and taken in where it goes before that.
 */
export class Knowledge {
  readonly #options: KnowledgeOptions;
  /**
   * Of whom the store may know better than what was told. One that went off duty may have come back, with an older timestamp, and
   * that have been heard first, as it was told on another channel; of two fixes with the same timestamp the one that is stored
   * first holds. By the tick in which it was told.
   */
  #doubted = new Map<FleetLeases, Set<string>>();
  #doubtedBefore = new Map<FleetLeases, Set<string>>();

  constructor(options: KnowledgeOptions) {
    this.#options = options;
  }

  /** Of whom the store is to be asked now: those who were doubted before the last time. To be called every second. */
  takeDoubted(): ReadonlyMap<FleetLeases, ReadonlySet<string>> {
    const doubted = this.#doubtedBefore;
    this.#doubtedBefore = this.#doubted;
    this.#doubted = new Map();
    return doubted;
  }

  /** What is known of a driver is to be compared with what the store holds, once it holds what was told just now. */
  doubt(leases: FleetLeases, driverId: string): void {
    let doubted = this.#doubted.get(leases);
    if (doubted === undefined) {
      doubted = new Set();
      this.#doubted.set(leases, doubted);
    }
    doubted.add(driverId);
  }

  /**
   * Takes in a position that another instance accepted, unless what is known is newer or the driver is off duty.
   *
   * @returns the cell that the driver is in now; `undefined`: nothing was taken in
   */
  learnNews(leases: FleetLeases, position: Position): number | undefined {
    // It may come by another channel than what was told of the driver later.
    if (leases.isRemoved(position.driverId, position.receivedAt) || leases.hasLeft(position)) return undefined;
    const known = this.#options.tracker().knownFleet(leases.name)?.drivers.get(position.driverId);
    if (known !== undefined && !isNewer(position, known.position, this.#options.ttl)) {
      if (known.position.timestamp === position.timestamp) {
        this.#options.tracker().fleet(leases.name).whole.heard(known, this.#options.now());
        if (!isSame(known.position, position)) this.doubt(leases, known.id);
      }
      return undefined;
    }
    // Who is nobody's concern here.
    if (known === undefined && !this.concerns(leases, position)) return undefined;
    const driver = this.#take(leases, position, this.#options.now());
    const { whole } = this.#options.tracker().fleet(leases.name);
    const key = leaseOf(whole.cellHigh(driver));
    if (!leases.leases.has(key) && !leases.follows.has(driver.id)) {
      whole.remove(driver, 'left');
      leases.leave(position, this.#options.now());
    }
    return key;
  }

  /**
   * Takes in a position that the store holds, unless what is known is newer.
   *
   * @param fresh milliseconds for which the store may not have what another instance accepted
   * @param revision that of the fleet when the store was asked
   * @returns whether what is known is so fresh, so that it is not certain which of the two holds
   */
  learnStored(leases: FleetLeases, position: Position, fresh: number, revision: number): boolean {
    const { driverId, receivedAt } = position;
    if (
      receivedAt < this.#options.now() - this.#options.ttl ||
      leases.isRemoved(driverId, receivedAt) ||
      leases.hasLeft(position)
    )
      return false;
    const known = this.#options.tracker().knownFleet(leases.name)?.drivers.get(driverId);
    if (known !== undefined && !isNewer(position, known.position, this.#options.ttl)) {
      if (known.position.timestamp !== position.timestamp) {
        // An older one was accepted after a newer one: in between the driver went off duty.
        if (receivedAt <= known.position.receivedAt || this.isOwn(leases, known)) return false;
        // What this instance accepted may not be stored yet; that is waited for before it is asked again.
        if (fresh > 0 && known.term > 0) {
          this.doubt(leases, driverId);
          return false;
        }
        // Of two answers the one that was asked for first may be the last to come.
        if (known.revision > revision || known.position.receivedAt > this.#options.now() - fresh) return true;
      } else if (isSame(known.position, position)) return false;
      // Of two with the same timestamp, which two instances accepted, the one that the store took holds.
    }
    this.#take(leases, position, receivedAt);
    return false;
  }

  #take(leases: FleetLeases, position: Position, heardAt: number): Driver {
    const aspects = this.#options.tracker().fleet(leases.name);
    const driver = aspects.learn(position, heardAt);
    driver.term = 0;
    driver.stamped = false;
    this.#options.onMoved(leases, driver, leaseOf(aspects.whole.cellHigh(driver)));
    return driver;
  }

  /** The store holds nothing of a driver. */
  missing(leases: FleetLeases, driverId: string, askedAt: number, revision: number): void {
    const fleet = this.#options.tracker().knownFleet(leases.name);
    const driver = fleet?.drivers.get(driverId);
    if (fleet === undefined || driver === undefined || this.isOwn(leases, driver)) return;
    // Heard of since.
    if (driver.revision > revision || driver.heardAt >= askedAt) return;
    // What this instance accepted was stored before it was asked; what others did may not be yet.
    const since = driver.term > 0 ? askedAt : askedAt - FRESH;
    if (driver.position.receivedAt < since) fleet.remove(driver, 'offline');
  }

  /** Whether memory is to know where a driver is that it did not know. */
  concerns(leases: FleetLeases, { driverId, lat, lng }: Position): boolean {
    return leases.isWhole || leases.follows.has(driverId) || leases.leases.has(leaseAt(lat, lng));
  }

  /** Whether this instance takes a driver's fixes, and has heard of no other that does. */
  isOwn(leases: FleetLeases, driver: Driver): boolean {
    // While others are not heard, nothing is heard of those that do.
    return this.#options.hearsAll() && driver.term === leases.term;
  }

  /** Whether memory knows a driver's last position, as far as is known. */
  isCurrent(leases: FleetLeases, driver: Driver): boolean {
    if (this.isOwn(leases, driver)) return true;
    const fleet = this.#options.tracker().fleet(leases.name).whole;
    return this.#options.isHeld(leases, leaseOf(fleet.cellHigh(driver)));
  }
}

/** Whether a position goes before another of the same driver: by its timestamp, unless the driver had gone stale in between. */
function isNewer(position: Position, known: Position, ttl: number): boolean {
  return position.timestamp > known.timestamp || known.receivedAt < position.receivedAt - ttl;
}

/** Whether two positions of a driver with the same timestamp are of one fix, that one instance accepted. */
function isSame(a: Position, b: Position): boolean {
  if (a.receivedAt !== b.receivedAt || a.lat !== b.lat || a.lng !== b.lng) return false;
  // The database puts keys in an order of its own.
  return a.attributes === b.attributes || isDeepStrictEqual(a.attributes ?? {}, b.attributes ?? {});
}
