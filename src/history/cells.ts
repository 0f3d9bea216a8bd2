import { toNormal } from '../geo/ecef.ts';
import type { Region } from '../geo/region.ts';
import { ancestor, cellName, childCell, isPentagon } from '../spatial/cell.ts';
import { cover } from '../spatial/cover.ts';
import { indexOf } from '../spatial/point-index.ts';
import { HISTORY_RESOLUTION } from './replay-source.ts';

const normal = new Float64Array(3);
const halves = new Uint32Array(2);

/**
 * The cell of {@link HISTORY_RESOLUTION} under which a fix at a place is kept: the one that its index at resolution 15
 * descends from. That is not always the cell that H3 finds for the place: near an edge its cells overlap.
 */
export function historyCell(lat: number, lng: number): string {
  toNormal(lat, lng, normal, 0);
  indexOf(normal[0], normal[1], normal[2], halves, 0);
  ancestor(halves[0], halves[1], HISTORY_RESOLUTION, halves);
  return cellName(halves[0], halves[1]);
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
  for (let i = 0; i < high.length; i++) descend(high[i], low[i], resolution[i], cells);
  return cells;
}

/** Adds what descends from a cell. */
function descend(high: number, low: number, resolution: number, cells: string[]): void {
  if (resolution === HISTORY_RESOLUTION) {
    cells.push(cellName(high, low));
    return;
  }
  const pentagon = isPentagon(high, low, resolution);
  for (let digit = 0; digit < 7; digit++) {
    if (pentagon && digit === 1) continue;
    childCell(high, low, resolution + 1, digit, halves);
    descend(halves[0], halves[1], resolution + 1, cells);
  }
}
