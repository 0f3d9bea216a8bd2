import type { Region } from '../geo/region.ts';
import { cellName, eachDescendant } from '../spatial/cell.ts';
import { cover } from '../spatial/cover.ts';
import { cellNameAt } from '../spatial/point-index.ts';
import { HISTORY_RESOLUTION } from './replay-source.ts';

/**
 * The cell of {@link HISTORY_RESOLUTION} under which a fix at a place is kept: the one that its index at resolution 15
 * descends from. That is not always the cell that H3 finds for the place: near an edge its cells overlap.
 */
export function historyCell(lat: number, lng: number): string {
  return cellNameAt(lat, lng, HISTORY_RESOLUTION);
}

/**
 * Every cell of {@link HISTORY_RESOLUTION} under which a fix in a region may be kept, and perhaps some more about its edge;
 * `undefined` when there are more than `max`. O(max).
 *
 * @param leeway metres that a fix may be outside of the region
 */
export function historyCells(region: Region, max: number, leeway = 0): string[] | undefined {
  const about = {
    // What is so far from a ball is outside of one that is larger by it.
    side: (x: number, y: number, z: number, bound: number) => region.side(x, y, z, bound + leeway),
  };
  const { high, low, resolution } = cover(about, max, HISTORY_RESOLUTION);
  // A pentagon has fewer children than this, and then there are a few cells less than are counted.
  const count = resolution.reduce((sum, own) => sum + 7 ** (HISTORY_RESOLUTION - own), 0);
  if (count > max) return undefined;
  const cells: string[] = [];
  const add = (high: number, low: number) => void cells.push(cellName(high, low));
  for (let i = 0; i < high.length; i++) eachDescendant(high[i], low[i], resolution[i], HISTORY_RESOLUTION, add);
  return cells;
}
