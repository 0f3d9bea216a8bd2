import { cellToLatLng } from 'h3-js';
import { Circle } from '../geo/circle.ts';
import { cellBounds, cellName } from '../spatial/cell.ts';
import { cellAt } from '../spatial/point-index.ts';
import { leasesOf } from './lease-cells.ts';

/** Circles are taken for those around the centre of their centre's cell at this resolution, some kilometres across. */
const RESOLUTION = 6;
/** Then all are forgotten: a megabyte, or twenty where circles are as large as can be. */
const MAX_REMEMBERED = 5_000;

const coarse = new Uint32Array(2);

/**
 * The leases of circles, remembered: to find those of one takes longer than to find who is near. They are those of a wider circle
 * that holds all that begin in the same cell and are about as large, so hardly more.
 */
export class NearbyCells {
  readonly #known = new Map<string, readonly number[] | undefined>();

  /** See {@link leasesOf}. */
  cellsOf({ lat, lng, radius }: Circle): readonly number[] | undefined {
    const size = Math.max(8, Math.ceil(Math.log2(radius + 1)));
    cellAt(lat, lng, RESOLUTION, coarse);
    const key = `${coarse[0]} ${coarse[1]} ${size}`;
    let cells = this.#known.get(key);
    if (cells === undefined && !this.#known.has(key)) {
      if (this.#known.size >= MAX_REMEMBERED) this.#known.clear();
      const [centreLat, centreLng] = cellToLatLng(cellName(coarse[0], coarse[1]));
      // A chord of some kilometres is shorter than the way along the ground by less than a millionth.
      cells = leasesOf(new Circle(centreLat, centreLng, 2 ** size + 1.001 * cellBounds[RESOLUTION]));
      this.#known.set(key, cells);
    }
    return cells;
  }
}
