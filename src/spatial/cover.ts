import { INSIDE, OUTSIDE, type Region } from '../geo/region.ts';
import { BASE_CELLS, baseCells, baseCentres, cellBounds, cellCentre, childCell, isPentagon } from './cell.ts';

/** Cells that together hold every position that can be in a region. */
export interface Cover {
  /** The upper halves of the cells' indexes. */
  readonly high: number[];
  /** The lower halves. */
  readonly low: number[];
  /** The cells' resolutions, mixed. */
  readonly resolution: number[];
  /** Whether every position of the cell is in the region, so that none needs the exact test. */
  readonly inside: boolean[];
}

/** A cell on its way into a cover. */
interface Candidate {
  readonly high: number;
  readonly low: number;
  readonly resolution: number;
}

/**
 * Covers a region with cells of mixed resolution. Never too small: whatever position is in the region, its index at
 * resolution 15 descends from one of the cells, exactly one. Cells on the region's edge are refined, coarsest first, until
 * there would be more than `maxCells` or they are at `maxResolution`. Cells are tested by centre and bound (see
 * `cellBounds`), so it costs O(maxCells) and works at any size and place.
 *
 * @param maxCells how many cells are enough; where the coarsest cover has more (at most 122), it is kept
 */
export function cover(region: Pick<Region, 'side'>, maxCells: number, maxResolution: number): Cover {
  const result: Cover = { high: [], low: [], resolution: [], inside: [] };
  const add = (cell: Candidate, inside: boolean) => {
    result.high.push(cell.high);
    result.low.push(cell.low);
    result.resolution.push(cell.resolution);
    result.inside.push(inside);
  };
  const centre = new Float64Array(3);
  const halves = new Uint32Array(2);

  // Breadth first, so the coarsest are refined first. `edge` is a queue; `from` is its front.
  const edge: Candidate[] = [];
  let from = 0;
  for (let base = 0; base < BASE_CELLS; base++) {
    const cell = { high: baseCells[2 * base], low: baseCells[2 * base + 1], resolution: 0 };
    const side = region.side(
      baseCentres[3 * base],
      baseCentres[3 * base + 1],
      baseCentres[3 * base + 2],
      cellBounds[0],
    );
    if (side === INSIDE) add(cell, true);
    else if (side !== OUTSIDE) edge.push(cell);
  }
  while (from < edge.length && edge[from].resolution < maxResolution) {
    const parent = edge[from];
    const resolution = parent.resolution + 1;
    const bound = cellBounds[resolution];
    const pentagon = isPentagon(parent.high, parent.low, parent.resolution);
    const edgeBefore = edge.length;
    const insideBefore = result.high.length;
    for (let digit = 0; digit < 7; digit++) {
      if (pentagon && digit === 1) continue;
      childCell(parent.high, parent.low, resolution, digit, halves);
      const child = { high: halves[0], low: halves[1], resolution };
      cellCentre(child.high, child.low, centre, 0);
      const side = region.side(centre[0], centre[1], centre[2], bound);
      if (side === INSIDE) add(child, true);
      else if (side !== OUTSIDE) edge.push(child);
    }
    const after = edge.length - from - 1 + result.high.length;
    const before = edgeBefore - from + insideBefore;
    if (after > maxCells && after > before) {
      // Too many: this parent stays as it is, and so do all that wait behind it.
      edge.length = edgeBefore;
      for (const list of [result.high, result.low, result.resolution, result.inside]) list.length = insideBefore;
      break;
    }
    from++;
  }
  for (; from < edge.length; from++) add(edge[from], false);
  return result;
}
