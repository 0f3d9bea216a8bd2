import { toEcef } from '../geo/ecef.ts';
import type { Region } from '../geo/region.ts';
import type { CellPage } from '../pages.ts';
import { ALL_CELLS, from, rangeOf, rangesOf } from './cell-ranges.ts';
import type { ColdConditions } from './cold-positions.ts';
import type { Read } from './fleet-reader.ts';
import { scanRanges } from './range-scan.ts';

/** Cells that a region is covered with. */
const MAX_CELLS = 300;
/** The most drivers that are tested one by one for a page, and the most that are counted. */
const MAX_LOOKS = 20_000;
const MAX_COUNTED = 200_000;

/**
 * How many are in each cell of a resolution, at most `limit` cells, after a cell. No more cells are begun once
 * {@link MAX_LOOKS} drivers were looked at, so a page may have fewer than `limit`, even none, and another after it.
 *
 * @param area within the bounds of the conditions, if there are any; absent: everywhere
 */
export async function countCells(
  read: Read,
  fleet: string,
  area: Region | undefined,
  resolution: number,
  limit: number,
  conditions: ColdConditions,
  after?: string,
): Promise<CellPage> {
  const { where, bounds } = conditions;
  const all = area === undefined ? ALL_CELLS : rangesOf(area, MAX_CELLS);
  const left = after === undefined ? all : from(all, rangeOf(after).high + 1n);
  // With a condition on attributes each has to be looked at.
  const ranges = where === undefined ? left : left.map((range) => ({ ...range, inside: false }));
  const counts = new Map<string, number>();
  const count = (cell: string, number: number) => void counts.set(cell, (counts.get(cell) ?? 0) + number);
  const place = new Float64Array(3);
  let tested = 0;
  let seen = 0;
  let last: string | undefined;
  for await (const page of scanRanges(read, fleet, ranges, conditions, resolution)) {
    seen += page.seen;
    tested += page.positions.length;
    for (const [cell, number] of page.counts) count(cell, number);
    for (const [i, { lat, lng, attributes }] of page.positions.entries()) {
      if (where !== undefined && !where(attributes)) continue;
      toEcef(lat, lng, place, 0);
      if (area === undefined || area.contains(place[0], place[1], place[2], lat, lng)) count(page.cells[i], 1);
    }
    // The cell that was looked at last may go on.
    const whole = [...counts.keys()].filter((cell) => cell !== page.last).sort();
    if (whole.length > limit) return pageOf(counts, whole, limit);
    if (tested > MAX_LOOKS || seen > MAX_COUNTED) {
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
