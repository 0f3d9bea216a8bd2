import { DomainError } from '../errors.ts';
import type { Position } from '../fix.ts';
import { Circle } from '../geo/circle.ts';
import { distance } from '../geo/distance.ts';
import { EVERYWHERE } from '../geo/everywhere.ts';
import type { Region } from '../geo/region.ts';
import type { CellPage } from '../pages.ts';
import { isPlain, type Sight } from '../sight.ts';
import type { ColdConditions, ColdPositions } from '../store/cold-positions.ts';
import { StoreUnavailable } from '../store/store.ts';
import { type Area, Around } from '../subscriptions/area.ts';
import { Driver, type EncodePosition } from '../subscriptions/driver.ts';
import type { Filters } from '../subscriptions/view.ts';
import { compileWhere } from '../subscriptions/where.ts';
import type { Nearby, Reads, Tracker, Within } from '../tracker.ts';
import type { Cluster } from './cluster.ts';
import { unavailable } from './leases.ts';

/** No slot of an index. */
const NO_SLOT = -1;

/**
 * Answers from memory what memory holds, and the rest from the store, with the same drivers, in the same order and at the same
 * distances; then has memory hold that too. Whoever may see a part alone, by cells or one driver, waits until it does.
 */
export class ClusterReads implements Reads {
  readonly #cluster: Cluster;
  readonly #tracker: Tracker;
  readonly #store: ColdPositions;
  readonly #encode: EncodePosition;
  readonly #now: () => number;

  constructor(cluster: Cluster, tracker: Tracker, store: ColdPositions, encode: EncodePosition, now: () => number) {
    this.#cluster = cluster;
    this.#tracker = tracker;
    this.#store = store;
    this.#encode = encode;
    this.#now = now;
  }

  driver(sight: Sight, driverId: string): Driver | undefined | Promise<Driver | undefined> {
    if (!isPlain(sight))
      return this.#whenReady(sight, new Around(driverId, 1), () => this.#tracker.driver(sight, driverId));
    if (this.#cluster.isKnown(sight.fleet, driverId)) return this.#tracker.driver(sight, driverId);
    return this.#coldDriver(sight, driverId);
  }

  nearby(sight: Sight, circle: Circle, limit: number, filters: Filters = {}): Nearby | Promise<Nearby> {
    const warm = () => this.#tracker.nearby(sight, circle, limit, filters);
    if (this.#cluster.interest.isReady(sight, circle)) return warm();
    if (!isPlain(sight)) return this.#whenReady(sight, circle, warm);
    return this.#cold('nearby', sight, circle, warm, async () => {
      const found = await this.#store.nearby(sight.fleet, circle, limit, this.#conditions(sight, filters));
      return {
        drivers: found.positions.map((position) => this.#driverAt(position)),
        distances: found.distances,
        cursor: this.#tracker.foreignCursor(sight),
        truncated: found.truncated,
      };
    });
  }

  within(
    sight: Sight,
    area: Area,
    filters: Filters,
    limit: number,
    after?: string,
  ): Within | undefined | Promise<Within | undefined> {
    const warm = () => this.#tracker.within(sight, area, filters, limit, after);
    return this.#about('within', sight, area, warm, async (region) => {
      const conditions = this.#conditions(sight, filters);
      const { positions, next } = await this.#store.within(sight.fleet, bounded(region), limit, conditions, after);
      return {
        drivers: positions.map((position) => this.#driverAt(position)),
        distances:
          region instanceof Circle
            ? positions.map(({ lat, lng }) => distance(region.lat, region.lng, lat, lng))
            : undefined,
        cursor: this.#tracker.foreignCursor(sight),
        truncated: next !== undefined,
        next,
      };
    });
  }

  cells(
    sight: Sight,
    area: Area,
    resolution: number,
    filters: Filters,
    limit: number,
    after?: string,
  ): CellPage | undefined | Promise<CellPage | undefined> {
    const warm = () => this.#tracker.cells(sight, area, resolution, filters, limit, after);
    return this.#about('cells', sight, area, warm, (region) => {
      const conditions = this.#conditions(sight, filters);
      return this.#store.cells(sight.fleet, bounded(region), resolution, limit, conditions, after);
    });
  }

  /** Answers about an area, which may go around a driver. */
  #about<T>(
    kind: 'within' | 'cells',
    sight: Sight,
    area: Area,
    warm: () => T | undefined,
    cold: (region: Region) => Promise<T>,
  ): T | undefined | Promise<T | undefined> {
    if (!(area instanceof Around)) {
      if (this.#cluster.interest.isReady(sight, area)) return warm();
      if (!isPlain(sight)) return this.#whenReady(sight, area, warm);
      return this.#cold(kind, sight, area, warm, () => cold(area));
    }
    if (!isPlain(sight)) return this.#whenReady(sight, area, warm);
    const around = (driver: Driver | undefined) => {
      if (driver === undefined) return undefined;
      const circle = new Circle(driver.position.lat, driver.position.lng, area.radius);
      // Memory may know the driver to be elsewhere, or not at all.
      if (this.#cluster.isKnown(sight.fleet, driver.id) && this.#cluster.interest.isReady(sight, circle)) return warm();
      return this.#cold(kind, sight, circle, warm, () => cold(circle));
    };
    const driver = this.driver(sight, area.driverId);
    return driver instanceof Promise ? driver.then(around) : around(driver);
  }

  async #whenReady<T>(sight: Sight, area: Area, answer: () => T): Promise<T> {
    await this.#cluster.interest.ready(sight, area);
    return answer();
  }

  async #coldDriver(sight: Sight, driverId: string): Promise<Driver | undefined> {
    this.#cluster.stats.cold.driver++;
    let positions: readonly Position[];
    try {
      positions = await this.#store.byIds(sight.fleet, [driverId], this.#cluster.staleBefore);
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error;
      const driver = this.#tracker.driver(sight, driverId);
      if (driver === undefined) throw unavailable();
      return driver;
    }
    if (positions.length === 0) return undefined;
    const [position] = positions;
    const { bounds } = sight;
    if (bounds !== undefined && distance(bounds.lat, bounds.lng, position.lat, position.lng) > bounds.radius) {
      return undefined;
    }
    return this.#driverAt(position);
  }

  /** Answers from the store, and has memory hold what was asked about. */
  async #cold<T>(
    kind: 'nearby' | 'within' | 'cells',
    sight: Sight,
    region: Region,
    warm: () => T,
    cold: () => Promise<T>,
  ): Promise<T> {
    this.#cluster.stats.cold[kind]++;
    this.#cluster.interest.warm(sight, region);
    try {
      return await cold();
    } catch (error) {
      const isAway =
        error instanceof StoreUnavailable || (error instanceof DomainError && error.code === 'unavailable');
      // What memory knew once is better than nothing.
      if (isAway && this.#cluster.interest.wasReady(sight, region)) return warm();
      throw isAway ? unavailable() : error;
    }
  }

  #conditions({ bounds }: Sight, { where, maxAge }: Filters): ColdConditions {
    return {
      receivedSince: this.#cluster.staleBefore,
      where: compileWhere(where),
      since: maxAge === undefined ? undefined : this.#now() - maxAge * 1000,
      bounds,
    };
  }

  #driverAt(position: Position): Driver {
    return new Driver(NO_SLOT, position, this.#encode);
  }
}

/** What a page is asked for: everywhere is no region. */
function bounded(region: Region): Region | undefined {
  return region === EVERYWHERE ? undefined : region;
}
