import { holds, type Region } from '../geo/region.ts';
import type { CellPage } from '../pages.ts';
import { ALL_CELLS, from, rangeOf, rangesOf } from './cell-ranges.ts';
import type { ColdConditions } from './cold-positions.ts';
import type { Read } from './fleet-reader.ts';
import { scanRanges } from './range-scan.ts';

/** Cells that a region is covered with. */
const MAX_CELLS = 300;
/** The database counts so many in the time in which one is handed over and looked at. */
const COUNTED = 10;

/** What to count. */
export interface Count {
  readonly fleet: string;
  /** Within the bounds of the conditions, if there are any; absent: everywhere. */
  readonly area: Region | undefined;
  /** Of the cells. */
  readonly resolution: number;
  /** Cells of a page. */
  readonly limit: number;
  readonly conditions: ColdConditions;
  /** The most drivers that are looked at for a page. */
  readonly looks: number;
}

/**
 * How many are in each cell, after a cell. No more cells are begun once {@link Count.looks} drivers were looked at, so a
 * page may have fewer than its limit, even none, and another after it.
 */
export async function countCells(read: Read, what: Count, after?: string): Promise<CellPage> {
  const { fleet, area, resolution, limit, conditions, looks } = what;
  const { where, bounds } = conditions;
  const all = area === undefined ? ALL_CELLS : rangesOf(area, MAX_CELLS);
  const left = after === undefined ? all : from(all, rangeOf(after).high + 1n);
  // With a condition on attributes each has to be looked at.
  const ranges = where === undefined ? left : left.map((range) => ({ ...range, inside: false }));
  const counts = new Map<string, number>();
  const count = (cell: string, number: number) => void counts.set(cell, (counts.get(cell) ?? 0) + number);
  let tested = 0;
  let seen = 0;
  let last: string | undefined;
  for await (const page of scanRanges(read, fleet, ranges, conditions, resolution, looks)) {
    seen += page.seen;
    tested += page.positions.length;
    for (const [cell, number] of page.counts) count(cell, number);
    for (const [i, { lat, lng, attributes }] of page.positions.entries()) {
      if (where !== undefined && !where(attributes)) continue;
      if (area === undefined || holds(area, lat, lng)) count(page.cells[i], 1);
    }
    // The cell that was looked at last may go on.
    const whole = [...counts.keys()].filter((cell) => cell !== page.last).sort();
    if (whole.length > limit) return pageOf(counts, whole, limit);
    if (tested > looks || seen > COUNTED * looks) {
      // Where there are bounds, none is named that nobody inside is in.
      const next = later(whole.at(-1), bounds === undefined && last !== page.last ? last : undefined);
      if (next !== undefined) return { cells: pageOf(counts, whole, limit).cells, next };
    }
    last = page.last;
  }
  return pageOf(counts, [...counts.keys()].sort(), limit);
}

/** @param cells those that are done with, in order */
function pageOf(counts: ReadonlyMap<string, number>, cells: readonly string[], limit: number): CellPage {
  const page = cells.slice(0, limit).map((cell) => ({ cell, count: counts.get(cell) as number }));
  return cells.length > limit ? { cells: page, next: cells[limit - 1] } : { cells: page };
}

/** The cell that comes last. */
function later(a: string | undefined, b: string | undefined): string | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return a > b ? a : b;
}
