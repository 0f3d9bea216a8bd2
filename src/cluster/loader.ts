import type { Position } from '../fix.ts';
import type { ColdPositions } from '../store/cold-positions.ts';
import type { Driver } from '../subscriptions/driver.ts';
import type { Tracker } from '../tracker.ts';
import type { FleetLeases } from './fleet-leases.ts';
import type { Lease } from './lease.ts';

/** Positions that are taken in before others get their turn: some milliseconds. */
const STEP = 500;

/**
 * Of whom something was heard so lately, milliseconds, what the store holds may not be all: subscribers do not wait for the disk.
 */
export const FRESH = 2_000;

/** Who takes in what the store holds. */
export interface Learner {
  /**
   * @param revision that of the fleet when the store was asked
   * @returns whether the store may not know the driver's last position yet
   */
  learn(leases: FleetLeases, position: Position, revision: number): boolean;
  /** Whether this instance alone has been taking a driver's fixes. */
  isOwn(leases: FleetLeases, driver: Driver): boolean;
  /** Resolves once all that this instance has accepted is stored. @throws {StoreUnavailable} */
  stored(): Promise<void>;
}

/** Brings memory up to date with what the store holds of some cells. */
export class Loader {
  readonly #store: ColdPositions;
  readonly #tracker: () => Tracker;
  readonly #learner: Learner;
  readonly #now: () => number;
  readonly #ttl: number;

  /** @param ttl milliseconds */
  constructor(store: ColdPositions, tracker: () => Tracker, learner: Learner, now: () => number, ttl: number) {
    this.#store = store;
    this.#tracker = tracker;
    this.#learner = learner;
    this.#now = now;
    this.#ttl = ttl;
  }

  /**
   * Reads some cells of a fleet. Whoever memory has there and the store has not is looked up: it may be elsewhere, or gone.
   * Watchers are told the difference by what it changes.
   *
   * @returns whether there was somebody of whom the store may not know yet, so that it should be done again
   * @throws {StoreUnavailable}
   */
  async load(leases: FleetLeases, cells: readonly Lease[]): Promise<boolean> {
    const began = this.#now();
    const since = began - this.#ttl;
    const before = this.#tracker().knownFleet(leases.name);
    const revision = before?.revision ?? 0;
    const found = new Set<string>();
    const names = cells.map(({ cell }) => cell);
    let isEarly = false;
    let left = STEP;
    for await (const positions of this.#store.inCells(leases.name, names, since)) {
      for (const position of positions) {
        found.add(position.driverId);
        if (this.#learner.learn(leases, position, revision)) isEarly = true;
        if (--left > 0) continue;
        left = STEP;
        await new Promise(setImmediate);
      }
    }
    const fleet = this.#tracker().knownFleet(leases.name);
    // Nothing was known, so nobody can be there who is not.
    if (fleet === undefined || fleet !== before) return isEarly;
    const missing: string[] = [];
    let isWritten = false;
    const fresh = this.#now() - FRESH;
    for (const lease of cells) {
      for (const driver of lease.driversOf(fleet)) {
        if (found.has(driver.id) || this.#learner.isOwn(leases, driver)) continue;
        // Heard of since this began.
        if (driver.revision > revision) continue;
        missing.push(driver.id);
        if (driver.term > 0) isWritten = true;
      }
    }
    // Accepted here, and perhaps not stored yet.
    if (isWritten) await this.#learner.stored();
    if (missing.length > 0 && (await this.#find(leases, missing, { began, fresh, revision }))) isEarly = true;
    return isEarly;
  }

  /**
   * Finds out what became of drivers that are not where memory has them.
   *
   * @param asked `began`: when the cells were asked for; `fresh`: what was received since may not be stored yet, both epoch
   *   milliseconds; `revision`: that of the fleet then
   * @returns whether there was one of whom the store may not know yet
   */
  async #find(
    leases: FleetLeases,
    missing: readonly string[],
    asked: { readonly began: number; readonly fresh: number; readonly revision: number },
  ): Promise<boolean> {
    const { began, fresh, revision } = asked;
    const since = began - this.#ttl;
    let isEarly = false;
    const held = new Map<string, Position>();
    for (let i = 0; i < missing.length; i += STEP) {
      const some = missing.slice(i, i + STEP);
      for (const position of await this.#store.byIds(leases.name, some, Number.NEGATIVE_INFINITY)) {
        held.set(position.driverId, position);
      }
    }
    const fleet = this.#tracker().knownFleet(leases.name);
    for (const driverId of missing) {
      const driver = fleet?.drivers.get(driverId);
      if (fleet === undefined || driver === undefined || driver.revision > revision) continue;
      const position = held.get(driverId);
      const { timestamp, receivedAt } = driver.position;
      // Told of again meanwhile, as what it sent took long to be stored; or not stored yet.
      const isUnsure = driver.heardAt >= began || receivedAt > fresh;
      if (isUnsure) isEarly = true;
      // What is newer holds all the same: to wait until it is certain would show for seconds what is over.
      const isNews = position !== undefined && position.timestamp > timestamp && position.receivedAt >= receivedAt;
      if (isUnsure && !isNews) continue;
      if (position === undefined) fleet.remove(driver, 'offline');
      else if (position.receivedAt >= since) this.#learner.learn(leases, position, revision);
      // Of one that only sends what is late, the store has the time of its position alone.
      else if (driver.heardAt < since) fleet.remove(driver, 'stale');
    }
    return isEarly;
  }
}
