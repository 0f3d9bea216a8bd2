import { EDGE, INSIDE, OUTSIDE, type Region } from '../geo/region.ts';
import { ancestor, BASE_CELLS, baseCells, childCell } from './cell.ts';
import type { Layout } from './layout.ts';
import type { Accept } from './nearest.ts';
import { EMPTY, inner, SIBLINGS } from './node-pool.ts';

/** What to count, and whom to tell. */
export interface Census {
  /** Of the cells, 0 … 15. */
  readonly resolution: number;
  /** Only points inside count; absent: all. */
  readonly region?: Region;
  /** Only points that it accepts count. It must not search or change the tree. */
  readonly accept?: Accept;
  /** Only cells whose index comes after this one count: the two halves of an index at the resolution. */
  readonly after?: readonly [high: number, low: number];
  /** Called with a cell's index, in two halves, and the number of its points, at least 1. `false` ends the census. */
  readonly visit: (high: number, low: number, count: number) => boolean;
  /**
   * Asked after every step with the index of the last cell that is done with, whether or not it has points that count: to
   * end a census that takes too long. `true` ends it; another one may go on after that cell.
   */
  readonly pause?: (high: number, low: number) => boolean;
}

/**
 * Counts points by cell, in the order of the cells' indexes, which is that of the tree. A cell that is surely inside the
 * region is not looked into unless every point is to be accepted. O(cells + points looked at).
 */
export function takeCensus(layout: Layout, census: Census): void {
  new Walk(layout, census).run();
}

/** One census on its way through the tree. */
class Walk {
  readonly #layout: Layout;
  readonly #census: Census;
  readonly #resolution: number;
  /** `after`, cut to each resolution. */
  readonly #after: Uint32Array | undefined;
  readonly #cell = new Uint32Array(2);

  constructor(layout: Layout, census: Census) {
    this.#layout = layout;
    this.#census = census;
    this.#resolution = census.resolution;
    if (census.after === undefined) return;
    const [high, low] = census.after;
    this.#after = new Uint32Array(2 * (census.resolution + 1));
    for (let resolution = 0; resolution <= census.resolution; resolution++) {
      ancestor(high, low, resolution, this.#cell);
      this.#after.set(this.#cell, 2 * resolution);
    }
  }

  run(): void {
    for (let base = 0; base < BASE_CELLS; base++) {
      if (!this.#visit(base, 0, baseCells[2 * base], baseCells[2 * base + 1], this.#census.region)) return;
    }
  }

  /** Counts in a node, whose cell is given. Returns whether to go on. */
  #visit(node: number, resolution: number, high: number, low: number, region: Region | undefined): boolean {
    const { nodes } = this.#layout;
    const link = nodes.link(node);
    if (link === EMPTY || this.#isPast(high, low, resolution)) return true;
    const side = region === undefined ? INSIDE : this.#layout.side(region, node);
    if (side === OUTSIDE) return true;
    const within = side === EDGE ? region : undefined;
    if (resolution === this.#resolution) {
      return this.#tell(high, low, this.#count(node, within)) && !this.#census.pause?.(high, low);
    }
    if (link > EMPTY) return this.#sort(node, within) && this.#goesOn(high, low, resolution);
    const first = inner(link);
    for (let digit = 0; digit < SIBLINGS; digit++) {
      childCell(high, low, resolution + 1, digit, this.#cell);
      if (!this.#visit(first + digit, resolution + 1, this.#cell[0], this.#cell[1], within)) return false;
    }
    return true;
  }

  /** Whether every cell in and below one comes before, or is, the one to begin after. */
  #isPast(high: number, low: number, resolution: number): boolean {
    const after = this.#after;
    if (after === undefined) return false;
    const afterHigh = after[2 * resolution];
    const afterLow = after[2 * resolution + 1];
    if (high !== afterHigh) return high < afterHigh;
    return resolution === this.#resolution ? low <= afterLow : low < afterLow;
  }

  #tell(high: number, low: number, count: number): boolean {
    return count === 0 || this.#census.visit(high, low, count);
  }

  /** Whether to go on after all the cells below a node. */
  #goesOn(high: number, low: number, resolution: number): boolean {
    const { pause } = this.#census;
    if (pause === undefined) return true;
    this.#cell[0] = high;
    this.#cell[1] = low;
    for (let r = resolution + 1; r <= this.#resolution; r++) childCell(this.#cell[0], this.#cell[1], r, 6, this.#cell);
    return !pause(this.#cell[0], this.#cell[1]);
  }

  #count(node: number, region: Region | undefined): number {
    const { accept } = this.#census;
    if (region === undefined && accept === undefined) return this.#layout.nodes.counts[node];
    let count = 0;
    this.#layout.places(node, region, (place) => {
      if (accept === undefined || accept(this.#layout.points.slot(place))) count++;
    });
    return count;
  }

  /** Counts the points of a leaf that is coarser than the cells. */
  #sort(leaf: number, region: Region | undefined): boolean {
    const { accept } = this.#census;
    const { cells } = this.#layout.points;
    const found: { high: number; low: number }[] = [];
    this.#layout.places(leaf, region, (place) => {
      if (accept !== undefined && !accept(this.#layout.points.slot(place))) return;
      ancestor(cells[2 * place], cells[2 * place + 1], this.#resolution, this.#cell);
      found.push({ high: this.#cell[0], low: this.#cell[1] });
    });
    found.sort((a, b) => a.high - b.high || a.low - b.low);
    for (let from = 0, to = 0; from < found.length; from = to) {
      const { high, low } = found[from];
      while (to < found.length && found[to].high === high && found[to].low === low) to++;
      if (!this.#isPast(high, low, this.#resolution) && !this.#tell(high, low, to - from)) return false;
    }
    return true;
  }
}
