import { compareIds } from './compare-ids.ts';
import { BoundedRegion, TOO_MUCH_WORK } from './geo/bounded.ts';
import type { Region } from './geo/region.ts';
import type { Roster } from './roster.ts';
import { cellName, splitCell } from './spatial/cell.ts';
import type { CellTree } from './spatial/cell-tree.ts';
import type { Accept } from './spatial/nearest.ts';
import type { Driver } from './subscriptions/driver.ts';

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

/** Lists of a fleet's drivers and of the cells that they are in, a page at a time, with bounded work for each. */
export class Pages {
  readonly #tree: CellTree;
  readonly #roster: Roster;
  readonly #at: (slot: number) => Driver;

  /** @param at the driver in a slot of the tree */
  constructor(tree: CellTree, roster: Roster, at: (slot: number) => Driver) {
    this.#tree = tree;
    this.#roster = roster;
    this.#at = at;
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
   * as much, as it will where hardly anybody is accepted.
   *
   * @param bounds within which the region is; nobody outside of them is named, as the last that was looked at neither
   */
  drivers(
    region: Region | undefined,
    accept: Accept | undefined,
    limit: number,
    after?: string,
    bounds?: Region,
  ): Page {
    const inside = region === undefined ? Number.POSITIVE_INFINITY : this.#estimate(region);
    if (region !== undefined && inside <= MAX_LOOKS) {
      if (inside * inside > limit * this.#roster.size) {
        const page = this.#walk(this.#roster.after(after), region, accept, limit, inside);
        if (!page.gaveUp) return page;
      }
      const page = this.#gather(region, accept, limit, after);
      if (page !== undefined) return page;
    }
    const page = this.#walk(this.#roster.after(after), region, accept, limit, MAX_LOOKS, bounds);
    if (!page.gaveUp || page.next !== undefined || bounds === undefined) return page;
    // None of so many is within the bounds, and it takes longer than to ask who is.
    const next = this.#gather(bounds, undefined, 1, after)?.drivers[0];
    if (next === undefined) return { drivers: [] };
    return this.#walk(startingWith(next, this.#roster.after(next.id)), region, accept, limit, MAX_LOOKS, bounds);
  }

  /** How many drivers a region holds, or somewhat more; when that takes too much work, more than can be looked at. */
  #estimate(region: Region): number {
    return unlessTooMuch(() => this.#tree.atMost(new BoundedRegion(region, MAX_WORK), MAX_LOOKS + 1)) ?? MAX_LOOKS + 1;
  }

  /**
   * How many drivers of a region, or of everywhere, are in each H3 cell of a resolution: the first `limit` cells, by index,
   * after the given one. A driver is in the cell that its index at resolution 15 descends from.
   *
   * When not all count, no more cells are begun once {@link MAX_LOOKS} drivers were looked at, so a page may have fewer than
   * `limit`, even none, and another after it.
   */
  cells(
    region: Region | undefined,
    accept: Accept | undefined,
    resolution: number,
    limit: number,
    after?: string,
  ): CellPage {
    const cells: CellCount[] = [];
    let looks = 0;
    let paused: string | undefined;
    this.#tree.census({
      resolution,
      region,
      accept: accept === undefined ? undefined : (slot) => ++looks > 0 && accept(slot),
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

  /**
   * A page found by walking along drivers. It is given up, to be gone on with by another page, after `looks` of them, or as
   * many outside of the bounds; then `next` is absent where nobody was within them.
   */
  #walk(
    along: Iterable<Driver>,
    region: Region | undefined,
    accept: Accept | undefined,
    limit: number,
    looks: number,
    bounds?: Region,
  ): Page & { readonly gaveUp?: true } {
    const drivers: Driver[] = [];
    const within = region === undefined ? undefined : new BoundedRegion(region, MAX_WORK);
    let left = looks;
    let outside = looks;
    let last: string | undefined;
    const page = unlessTooMuch(() => {
      for (const driver of along) {
        const { slot } = driver;
        if (bounds !== undefined && !this.#tree.isIn(bounds, slot)) {
          if (outside-- === 0) return undefined;
          continue;
        }
        if (left-- === 0) return undefined;
        if ((accept === undefined || accept(slot)) && (within === undefined || this.#tree.isIn(within, slot))) {
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
  #gather(region: Region, accept: Accept | undefined, limit: number, after: string | undefined): Page | undefined {
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
      const driver = this.#at(slot);
      if (after !== undefined && compareIds(driver.id, after) <= 0) return;
      if (last !== undefined && compareIds(driver.id, last) > 0) return;
      if (accept !== undefined && !accept(slot)) return;
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
}

function* startingWith(first: Driver, others: Iterable<Driver>): Iterable<Driver> {
  yield first;
  yield* others;
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
