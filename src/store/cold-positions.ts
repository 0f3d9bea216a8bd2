import type { Position } from '../fix.ts';
import type { Circle } from '../geo/circle.ts';
import type { Region } from '../geo/region.ts';
import type { CellPage } from '../pages.ts';
import type { Test } from '../subscriptions/where.ts';

/** What to leave out of an answer, as in memory (see `Conditions` of fleet.ts). */
export interface ColdConditions {
  /** Positions received before (epoch milliseconds) are of drivers that are stale, and left out. */
  readonly receivedSince: number;
  readonly where?: Test;
  /** Positions with an older timestamp (epoch milliseconds) are left out. */
  readonly since?: number;
  /** Whoever is outside is left out. */
  readonly bounds?: Circle;
}

/** The drivers near a place, nearest first, with their distances in metres. */
export interface ColdNearby {
  readonly positions: readonly Position[];
  readonly distances: readonly number[];
  /** More were within the radius than asked for. */
  readonly truncated: boolean;
}

/** Some of the drivers within a region, by driverId. */
export interface ColdPage {
  readonly positions: readonly Position[];
  /** The next page is of those after this id; absent on the last one. */
  readonly next?: string;
}

/**
 * Reads the latest positions of one fleet from the store, where memory does not hold them: with the same members, order and
 * distances as memory would give. Every implementation passes the same contract suite (`test/store/cold-contract.ts`), and
 * it is that of memory.
 *
 * All reject with {@link StoreUnavailable} where the store does not answer.
 */
export interface ColdPositions {
  /** Of these drivers those that are held and were received at or after `receivedSince`, in no stated order. */
  byIds(fleet: string, driverIds: readonly string[], receivedSince: number): Promise<readonly Position[]>;
  /**
   * Every position in some cells, received at or after `receivedSince`, in batches of some hundreds, in no stated order.
   * what is committed before this is called is in it.
   *
   * @param cells H3 indexes of any resolution, as h3-js writes them: the positions whose index at resolution 15 descends
   * from one of them
   */
  inCells(fleet: string, cells: readonly string[], receivedSince: number): AsyncIterable<readonly Position[]>;
  /** The cells of a resolution in which somebody was received at or after `receivedSince`, as h3-js writes them. */
  occupied(fleet: string, resolution: number, receivedSince: number): Promise<readonly string[]>;
  /** The nearest `limit` within a circle. */
  nearby(fleet: string, circle: Circle, limit: number, conditions: ColdConditions): Promise<ColdNearby>;
  /** Some of those within a region (absent: everywhere), at most `limit`, after a driverId. */
  within(
    fleet: string,
    region: Region | undefined,
    limit: number,
    conditions: ColdConditions,
    after?: string,
  ): Promise<ColdPage>;
  /** How many of a region are in each cell of a resolution, at most `limit` cells, after a cell; see `Pages.cells`. */
  cells(
    fleet: string,
    region: Region | undefined,
    resolution: number,
    limit: number,
    conditions: ColdConditions,
    after?: string,
  ): Promise<CellPage>;
}
