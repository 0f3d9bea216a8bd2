import { Circle } from '../geo/circle.ts';
import { EVERYWHERE, NOWHERE } from '../geo/everywhere.ts';
import { overlap } from '../geo/overlap.ts';
import type { Region } from '../geo/region.ts';
import type { Sight } from '../sight.ts';
import { splitCell } from '../spatial/cell.ts';
import { coarseReach } from '../spatial/coarse.ts';
import { StoreUnavailable } from '../store/store.ts';
import { type Area, Around } from '../subscriptions/area.ts';
import type { Driver } from '../subscriptions/driver.ts';
import type { Subscription } from '../subscriptions/subscription.ts';
import type { Tracker } from '../tracker.ts';
import type { FleetLeases } from './fleet-leases.ts';
import { FollowHold } from './follow.ts';
import type { Lease } from './lease.ts';
import { LEASE_RESOLUTION, leaseOf, leasesOf } from './lease-cells.ts';
import { type Leases, unavailable } from './leases.ts';
import { NearbyCells } from './nearby-cells.ts';

/** A question about more cells does not have them leased. */
const MAX_WARMED = 100;

/** Cells that questions have leased anew, from one tick to the next: who asks all over the world is answered from the store. */
const MAX_WARMED_PER_TICK = 500;

/** What reaches so far around a driver that it may take more leases than there may be, metres, takes all of its fleet. */
const WIDE = 300_000;

/** Milliseconds for which all of a fleet is kept after somebody asked about it. */
const IDLE = 60_000;

/** What somebody needs to be leased, as long as it watches. */
interface Hold {
  readonly sight: Sight;
  readonly leases: FleetLeases;
  readonly cells: readonly Lease[];
  readonly follow?: FollowHold;
  readonly isWhole: boolean;
}

export interface InterestOptions {
  readonly leases: Leases;
  readonly tracker: () => Tracker;
  /** Looks a driver up in the store. @throws {StoreUnavailable} */
  readonly find: (fleet: string, driverId: string) => Promise<void>;
  /** Has a driver looked up that is followed, now and once more when what was told just before is stored. */
  readonly lookFor: (leases: FleetLeases, driverId: string) => void;
  /** Whether memory knows a driver's last position. */
  readonly isCurrent: (leases: FleetLeases, driver: Driver) => boolean;
  /** The cells of a fleet in which somebody is. @throws {StoreUnavailable} */
  readonly occupied: (fleet: string, resolution: number) => Promise<readonly string[]>;
  readonly now: () => number;
}

/** Where somebody looks: some cells, or `undefined` for all of a fleet. */
type Cells = readonly number[] | undefined;

/**
 * Which cells are leased for whom: those that subscriptions cover, and those that were lately asked about. (A long file: areas,
 * what goes around a driver, and whole fleets are each asked about, held and let go of.)
 */
export class Interest {
  readonly #options: InterestOptions;
  readonly #leases: Leases;
  readonly #holds = new Map<Subscription, Hold>();
  readonly #nearby = new NearbyCells();
  /** Cells that were leased for questions since the last tick. */
  #warmed = 0;

  constructor(options: InterestOptions) {
    this.#options = options;
    this.#leases = options.leases;
  }

  /** How many subscriptions hold something. */
  get size(): number {
    return this.#holds.size;
  }

  /**
   * Gets memory ready to be asked about an area by a sight.
   *
   * @returns `undefined` when it is; otherwise resolves once it is @throws {DomainError} `unavailable`
   */
  ready(sight: Sight, area: Area): Promise<unknown> | undefined {
    const leases = this.#leases.of(sight.fleet);
    const followed = followedBy(sight, area);
    if (followed === undefined) return this.#readyCells(leases, this.#cellsOf(sight, area as Region));
    const driver = this.#driver(leases, followed);
    if (driver !== undefined && this.#options.isCurrent(leases, driver)) {
      return this.#readyCells(leases, this.#around(sight, area, driver));
    }
    return this.#readyAround(leases, sight, area, followed);
  }

  /** Whether memory knows all of what a sight may see of an area. Keeps it so for a while. */
  isReady(sight: Sight, region: Region): boolean {
    const leases = this.#leases.of(sight.fleet);
    const cells = this.#nearlyCellsOf(sight, region);
    const now = this.#options.now();
    if (cells === undefined) {
      leases.wholeAskedAt = now;
      return leases.isWhole && this.#allHeld(leases);
    }
    let isHeld = true;
    for (const key of cells) {
      const lease = leases.leases.get(key);
      if (lease === undefined) isHeld = false;
      else {
        lease.askedAt = now;
        if (lease.state !== 'held') isHeld = false;
      }
    }
    return isHeld;
  }

  /** Whether memory knew all of that once, and may only be behind. */
  wasReady(sight: Sight, region: Region): boolean {
    const leases = this.#leases.of(sight.fleet);
    const cells = this.#nearlyCellsOf(sight, region);
    if (cells === undefined) return leases.isWhole && [...leases.leases.values()].every(({ loadedAt }) => loadedAt > 0);
    return cells.every((key) => (leases.leases.get(key)?.loadedAt ?? 0) > 0);
  }

  /** Has memory know all of what was asked about, for the next who asks. */
  warm(sight: Sight, region: Region): void {
    const leases = this.#leases.of(sight.fleet);
    const cells = this.#nearlyCellsOf(sight, region);
    // Who asks for all of a fleet page by page does not want it kept.
    if (cells === undefined || cells.length > MAX_WARMED) return;
    for (const key of cells) {
      if (!leases.leases.has(key) && ++this.#warmed > MAX_WARMED_PER_TICK) return;
      this.#leases.take(leases, key).askedAt = this.#options.now();
    }
  }

  /** Begins to hold what a subscription looks at, and lets go of what it looked at before. @param sight absent: as before */
  hold(subscription: Subscription, area: Area, sight?: Sight): void {
    const before = this.#holds.get(subscription);
    const by = sight ?? before?.sight;
    if (by === undefined) return;
    this.#holds.set(subscription, this.#begin(by, area));
    if (before !== undefined) this.#end(before);
  }

  release(subscription: Subscription): void {
    const hold = this.#holds.get(subscription);
    if (hold === undefined) return;
    this.#holds.delete(subscription);
    this.#end(hold);
  }

  /** A driver has come to another place: those who follow it go after it. */
  moved(leases: FleetLeases, driver: Driver): void {
    const follows = leases.follows.get(driver.id);
    if (follows === undefined) return;
    for (const follow of follows) this.#goAfter(leases, follow, driver);
  }

  /** Something may have been missed of a fleet: where those are who are followed, and in which cells anybody is. */
  lookAgain(leases: FleetLeases): void {
    for (const driverId of leases.follows.keys()) this.#options.lookFor(leases, driverId);
    if (leases.isWhole) void this.#survey(leases).catch(() => {});
  }

  /** Gives up fleets that were asked about as a whole, and are no more. To be called every second. */
  tick(): void {
    const now = this.#options.now();
    this.#warmed = 0;
    for (const leases of this.#leases.fleets) {
      const isNeeded = leases.wholeHolds > 0 || leases.wholeAskedAt > now - IDLE;
      if (leases.isWhole && !isNeeded) {
        leases.isWhole = false;
        for (const lease of leases.leases.values()) lease.askedAt = Math.max(lease.askedAt, leases.wholeAskedAt);
      }
      // It failed, or another instance may have been the only one to know.
      if (leases.wholeHolds > 0 && !leases.isWhole) void this.#survey(leases).catch(() => {});
    }
  }

  #begin(sight: Sight, area: Area): Hold {
    const leases = this.#leases.of(sight.fleet);
    const followed = followedBy(sight, area);
    if (followed !== undefined) {
      const reach = reachOf(sight, area);
      const isWhole = reach > WIDE;
      const follow = new FollowHold(followed, isWhole ? 1 : reach);
      let follows = leases.follows.get(followed);
      if (follows === undefined) {
        follows = new Set();
        leases.follows.set(followed, follows);
      }
      follows.add(follow);
      const driver = this.#driver(leases, followed);
      if (driver !== undefined) this.#goAfter(leases, follow, driver);
      // It may have gone to where nobody looked until now.
      else this.#options.lookFor(leases, followed);
      if (isWhole) this.#takeWhole(leases);
      return { sight, leases, cells: [], follow, isWhole };
    }
    const keys = this.#cellsOf(sight, area as Region);
    if (keys === undefined) {
      this.#takeWhole(leases);
      return { sight, leases, cells: [], isWhole: true };
    }
    return { sight, leases, cells: this.#take(leases, keys), isWhole: false };
  }

  #end({ leases, cells, follow, isWhole }: Hold): void {
    this.#give(cells);
    if (isWhole) {
      leases.wholeHolds--;
      leases.wholeAskedAt = Math.max(leases.wholeAskedAt, this.#options.now());
    }
    if (follow === undefined) return;
    this.#give(follow.leases);
    const follows = leases.follows.get(follow.driverId);
    follows?.delete(follow);
    if (follows?.size === 0) leases.follows.delete(follow.driverId);
  }

  #take(leases: FleetLeases, keys: readonly number[]): Lease[] {
    return keys.map((key) => {
      const lease = this.#leases.take(leases, key);
      lease.holds++;
      return lease;
    });
  }

  #takeWhole(leases: FleetLeases): void {
    leases.wholeHolds++;
    if (!leases.isWhole) void this.#survey(leases).catch(() => {});
  }

  #give(cells: readonly Lease[]): void {
    for (const lease of cells) {
      lease.holds--;
      lease.askedAt = this.#options.now();
    }
  }

  #goAfter(leases: FleetLeases, follow: FollowHold, { position: { lat, lng } }: Driver): void {
    const circle = follow.at(lat, lng);
    if (circle === undefined) return;
    const before = follow.leases;
    follow.leases = this.#take(leases, leasesOf(circle) ?? []);
    this.#give(before);
  }

  #readyCells(leases: FleetLeases, cells: Cells): Promise<unknown> | undefined {
    if (cells !== undefined) return this.#leases.ready(leases, cells);
    leases.wholeAskedAt = this.#options.now();
    if (leases.isWhole && this.#allHeld(leases)) return undefined;
    return this.#readyWhole(leases);
  }

  async #readyWhole(leases: FleetLeases): Promise<void> {
    try {
      if (!leases.isWhole) await this.#survey(leases);
    } catch (error) {
      throw error instanceof StoreUnavailable ? unavailable() : error;
    }
    await this.#leases.ready(leases, leases.leases.keys());
  }

  async #readyAround(leases: FleetLeases, sight: Sight, area: Area, followed: string): Promise<void> {
    try {
      await this.#options.find(leases.name, followed);
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error;
      if (this.#driver(leases, followed) === undefined) throw unavailable();
    }
    const driver = this.#driver(leases, followed);
    if (driver === undefined) return;
    await this.#readyCells(leases, this.#around(sight, area, driver));
  }

  /** Finds all cells of a fleet in which somebody is, and leases them. */
  #survey(leases: FleetLeases): Promise<void> {
    leases.surveying ??= this.#findCells(leases).finally(() => {
      leases.surveying = undefined;
    });
    return leases.surveying;
  }

  async #findCells(leases: FleetLeases): Promise<void> {
    // Before it is asked, so that nobody comes to be in another cell unnoticed.
    leases.isWhole = true;
    try {
      const halves = new Uint32Array(2);
      for (const cell of await this.#options.occupied(leases.name, LEASE_RESOLUTION)) {
        splitCell(cell, halves);
        this.#leases.take(leases, leaseOf(halves[0]));
      }
    } catch (error) {
      leases.isWhole = false;
      throw error;
    }
    const fleet = this.#options.tracker().knownFleet(leases.name);
    if (fleet === undefined) return;
    // Those of whom the store does not know yet.
    for (const driver of fleet.drivers.values()) this.#leases.take(leases, leaseOf(fleet.cellHigh(driver)));
  }

  #allHeld(leases: FleetLeases): boolean {
    if (leases.surveying !== undefined) return false;
    for (const { state } of leases.leases.values()) if (state !== 'held') return false;
    return true;
  }

  #driver(leases: FleetLeases, driverId: string): Driver | undefined {
    return this.#options.tracker().knownFleet(leases.name)?.drivers.get(driverId);
  }

  #around(sight: Sight, area: Area, { position: { lat, lng } }: Driver): Cells {
    const reach = reachOf(sight, area);
    return reach > WIDE ? undefined : leasesOf(new Circle(lat, lng, reach));
  }

  /** Those of a region, or hardly more, where to find just them would take too long for a question. */
  #nearlyCellsOf(sight: Sight, region: Region): Cells {
    if (region instanceof Circle && sight.bounds === undefined && sight.precision === undefined) {
      return this.#nearby.cellsOf(region);
    }
    return this.#cellsOf(sight, region);
  }

  #cellsOf({ bounds, precision }: Sight, region: Region): Cells {
    if (region === NOWHERE) return [];
    if (precision === undefined) {
      return region === EVERYWHERE && bounds === undefined ? undefined : leasesOf(overlap(region, bounds));
    }
    const shown = overlap(region, bounds);
    const reach = coarseReach(precision);
    // Who is told to be in it may be so much further away.
    return leasesOf({ side: (x, y, z, bound) => shown.side(x, y, z, bound + reach) });
  }
}

/** The driver that everything goes around that somebody looks at. */
function followedBy({ driverId }: Sight, area: Area): string | undefined {
  return driverId ?? (area instanceof Around ? area.driverId : undefined);
}

/** How far around the driver it goes, metres. */
function reachOf({ driverId, precision }: Sight, area: Area): number {
  // Nobody else is seen.
  if (driverId !== undefined || !(area instanceof Around)) return 1;
  return area.radius + (precision === undefined ? 0 : 2 * coarseReach(precision));
}
