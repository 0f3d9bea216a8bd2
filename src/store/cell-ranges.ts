import type { Region } from '../geo/region.ts';
import { cellName } from '../spatial/cell.ts';
import { cover } from '../spatial/cover.ts';

/** Indexes at resolution 15, as the numbers in the column `cell`, from `low` to `high`, both included. */
export interface CellRange {
  readonly low: bigint;
  readonly high: bigint;
  /** Whether every position of them is wanted, so that none needs to be tested. */
  readonly inside: boolean;
}

const FINEST = 15;
/** Where an index says its resolution. https://h3geo.org/docs/core-library/h3Indexing */
const RESOLUTION_SHIFT = 52n;
const RESOLUTION_BITS = 15n << RESOLUTION_SHIFT;

/** All that there is. */
export const ALL_CELLS: readonly CellRange[] = [{ low: 0n, high: (1n << 63n) - 1n, inside: true }];

/** The digits that an index of a resolution does not use, all set. */
function unused(resolution: number): bigint {
  return (1n << (3n * BigInt(FINEST - resolution))) - 1n;
}

/** The indexes that descend from a cell. @param cell as h3-js writes it, of any resolution */
export function rangeOf(cell: string, inside = true): CellRange {
  const index = BigInt(`0x${cell}`);
  const digits = unused(Number((index & RESOLUTION_BITS) >> RESOLUTION_SHIFT));
  const finest = index | RESOLUTION_BITS;
  return { low: finest & ~digits, high: finest | digits, inside };
}

/** The ancestor at a resolution of an index at resolution 15 is `(index & keep) | set`. */
export function ancestorBits(resolution: number): {
  readonly keep: bigint;
  readonly set: bigint;
  readonly rest: bigint;
} {
  const rest = unused(resolution);
  return { keep: ~RESOLUTION_BITS, set: (BigInt(resolution) << RESOLUTION_SHIFT) | rest, rest };
}

/** Ranges that hold whatever position is in a region, in order. See `cover` in spatial/cover.ts. */
export function rangesOf(region: Pick<Region, 'side'>, maxCells: number): CellRange[] {
  const { high, low, inside } = cover(region, maxCells, FINEST);
  return joined(high.map((_, i) => rangeOf(cellName(high[i], low[i]), inside[i])));
}

/** Ranges in order, those joined that overlap or have nothing between them. Only ranges of the same kind are to overlap. */
export function joined(ranges: readonly CellRange[]): CellRange[] {
  const result: CellRange[] = [];
  for (const range of [...ranges].sort((a, b) => (a.low < b.low ? -1 : 1))) {
    const last = result.at(-1);
    if (last !== undefined && last.inside === range.inside && range.low <= last.high + 1n) {
      result[result.length - 1] = { ...last, high: range.high > last.high ? range.high : last.high };
    } else result.push(range);
  }
  return result;
}

/** What of some ranges is in none of others, both in order. */
export function without(ranges: readonly CellRange[], others: readonly CellRange[]): CellRange[] {
  const result: CellRange[] = [];
  let from = 0;
  for (const { low, high, inside } of ranges) {
    while (from < others.length && others[from].high < low) from++;
    let start = low;
    for (let i = from; i < others.length && others[i].low <= high; i++) {
      if (others[i].low > start) result.push({ low: start, high: others[i].low - 1n, inside });
      start = others[i].high + 1n;
    }
    if (start <= high) result.push({ low: start, high, inside });
  }
  return result;
}

/** What of ranges is not before an index. */
export function from(ranges: readonly CellRange[], index: bigint): CellRange[] {
  return ranges.flatMap((it) => (it.high < index ? [] : it.low < index ? { ...it, low: index } : it));
}
