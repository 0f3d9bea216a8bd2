import { normalToEcef, toNormal } from '../geo/ecef.ts';
import type { Region } from '../geo/region.ts';
import { ancestor, BASE_CELLS, baseCell, cellCentre, digitAt, MAX_RESOLUTION, sharedResolution } from './cell.ts';
import { type Census, takeCensus } from './census.ts';
import { Layout } from './layout.ts';
import { type Accept, type Nearest, NearestSearch } from './nearest.ts';
import { BASE_FAMILIES, EMPTY, inner, SIBLINGS } from './node-pool.ts';
import { indexOf } from './point-index.ts';
import { BLOCK_SHIFT, ecefAt, slotAt } from './point-pool.ts';
import { resized } from './resized.ts';

/** A leaf that holds more points than this is split, unless it is at the finest resolution. */
const LEAF_CAPACITY = 64;
/** A node whose points have become fewer than this is made a leaf again; well below the capacity, so that it does not flap. */
const MERGE_BELOW = 24;
/** Room for slots at first. A fleet of one driver should cost little. */
const INITIAL_SLOTS = 32;
const NONE = -1;

/**
 * Points on the ellipsoid in a tree of H3 cells: base cell, then one digit a level. A leaf is any cell that holds few
 * points, so the depth follows the density. All is in flat typed arrays; a point is a slot, a small integer that is
 * used again once the point is removed.
 *
 * A search descends best-first by what each cell's bound (see `cellBounds`) proves of its points, so any radius from a
 * metre to the whole planet, the poles, the antimeridian and the pentagons need no special case.
 *
 * Just above 300 lines: to add, move and remove, to split and to join all turn on the same counts and links.
 */
export class CellTree {
  /** Number of points. */
  size = 0;

  /** Of a slot, the place of its point; of a free slot, the next free one. */
  #places = new Int32Array(INITIAL_SLOTS);
  #freeSlot = NONE;
  #freshSlot = 0;
  readonly #layout = new Layout();
  /** The base cells that hold points. */
  readonly #tops: number[] = [];
  readonly #nearest: NearestSearch;

  readonly #normal = new Float64Array(3);
  readonly #cell = new Uint32Array(2);
  readonly #ancestor = new Uint32Array(2);
  readonly #leafCentre = new Float64Array(3);

  /**
   * @param order decides between slots at the same distance: negative when `a` comes first; must be a total order
   */
  constructor(order: (a: number, b: number) => number) {
    this.#nearest = new NearestSearch(this.#layout, order);
  }

  /** Adds a point and returns its slot. O(depth). @param lat degrees, −90 … 90 @param lng degrees, −180 … 180 */
  add(lat: number, lng: number): number {
    const slot = this.#takeSlot();
    this.#locate(lat, lng);
    this.#insert(NONE, slot, lat, lng);
    this.size++;
    return slot;
  }

  /** Moves a point. O(1) while it stays in its leaf, otherwise O(levels up to the cell that holds both places). */
  move(slot: number, lat: number, lng: number): void {
    const points = this.#layout.points;
    const place = this.#places[slot];
    this.#locate(lat, lng);
    const high = points.cells[2 * place];
    const low = points.cells[2 * place + 1];
    const shared = sharedResolution(high, low, this.#cell[0], this.#cell[1]);
    const leaf = points.leaf(place);
    if (shared >= this.#layout.nodes.resolution(leaf)) this.#write(place, slot, lat, lng);
    else this.#insert(this.#detach(place, shared), slot, lat, lng);
  }

  /** Removes a point; its slot may be given out again. O(depth). */
  remove(slot: number): void {
    this.#detach(this.#places[slot], NONE);
    this.#places[slot] = this.#freeSlot;
    this.#freeSlot = slot;
    this.size--;
    if (this.size === 0) {
      this.#places = new Int32Array(INITIAL_SLOTS);
      this.#freeSlot = NONE;
      this.#freshSlot = 0;
    }
    if (this.#layout.points.isSparse) this.compact();
  }

  /** Cells below the base cells that there are nodes for: those that hold points, and their siblings. */
  get nodes(): number {
    return SIBLINGS * (this.#layout.nodes.used - BASE_FAMILIES);
  }

  /**
   * Bytes held. At most a small multiple of what the points need, and four for every slot that was in use since the tree
   * was last empty.
   */
  get bytes(): number {
    return this.#places.byteLength + this.#layout.bytes;
  }

  /** The upper half of a point's H3 index at resolution 15. */
  cellHigh(slot: number): number {
    return this.#layout.points.cells[2 * this.#places[slot]];
  }

  /** The lower half of a point's H3 index at resolution 15. */
  cellLow(slot: number): number {
    return this.#layout.points.cells[2 * this.#places[slot] + 1];
  }

  /** Whether a region holds a point. */
  isIn(region: Region, slot: number): boolean {
    return this.#layout.holds(region, this.#places[slot]);
  }

  /**
   * The points no further than `radius` metres from a place along the ellipsoid (closed), nearest first, at most
   * `limit` of them; among equally far ones the constructor's order decides, also about who is cut off.
   *
   * @param accept is asked of every point that could still get into the answer; others cost nothing. It must not search
   * or change the tree.
   */
  nearest(lat: number, lng: number, radius: number, limit: number, accept?: Accept): Nearest {
    if (this.size === 0 || limit < 1) return { slots: [], distances: [] };
    // Room for one more than there are tells the search that nobody is left out.
    const most = Math.min(limit, this.size + 1);
    return this.#nearest.run(this.#tops, lat, lng, radius, most, accept);
  }

  /**
   * Calls `visit` for every point in a region, in no stated order. Cells that are surely inside are taken whole, those
   * surely outside are passed by. `visit` must not search or change the tree.
   */
  within(region: Region, visit: (slot: number) => void): void {
    const layout = this.#layout;
    for (const base of this.#tops) layout.places(base, region, (place) => visit(layout.points.slot(place)));
  }

  /** Calls `visit` for every point whose index descends from a cell of a resolution, which is given in two halves. */
  descendants(high: number, low: number, resolution: number, visit: (slot: number) => void): void {
    this.#layout.descendants(high, low, resolution, (place) => visit(this.#layout.points.slot(place)));
  }

  /**
   * A number of points that is not less than there are in a region, and hardly more; at `enough` it stops counting.
   * Counts whole cells wherever it can, so it costs far less than to visit the points.
   */
  atMost(region: Region, enough: number): number {
    let sum = 0;
    for (const base of this.#tops) sum += this.#layout.atMost(base, region, enough - sum);
    return sum;
  }

  /**
   * Counts the points by the cell that holds them (that their index descends from) at a resolution, in the order of the
   * cells' indexes. See {@link Census}.
   */
  census(census: Census): void {
    takeCensus(this.#layout, census);
  }

  /** Works out the normal and the cell of a place, for {@link #write}. */
  #locate(lat: number, lng: number): void {
    const normal = this.#normal;
    toNormal(lat, lng, normal, 0);
    indexOf(normal[0], normal[1], normal[2], this.#cell, 0);
  }

  /** Puts the point that {@link #locate} looked at to a place. */
  #write(place: number, slot: number, lat: number, lng: number): void {
    const points = this.#layout.points;
    const normal = this.#normal;
    normalToEcef(normal[0], normal[1], normal[2], points.ecef, ecefAt(place));
    points.degrees[2 * place] = lat;
    points.degrees[2 * place + 1] = lng;
    points.cells[2 * place] = this.#cell[0];
    points.cells[2 * place + 1] = this.#cell[1];
    points.ints[slotAt(place)] = slot;
    this.#places[slot] = place;
  }

  /** Puts the point that {@link #locate} looked at into the tree, below a node that holds it, or from the top. */
  #insert(above: number, slot: number, lat: number, lng: number): void {
    const nodes = this.#layout.nodes;
    const high = this.#cell[0];
    const low = this.#cell[1];
    let node = above === NONE ? baseCell(high) : this.#childOf(above, high, low);
    while (nodes.link(node) < EMPTY) {
      nodes.counts[node]++;
      node = this.#childOf(node, high, low);
    }
    if (nodes.link(node) === EMPTY && node < BASE_CELLS) this.#tops.push(node);
    this.#write(this.#append(node, high, low), slot, lat, lng);
    while (nodes.counts[node] > LEAF_CAPACITY && nodes.resolution(node) < MAX_RESOLUTION) {
      this.#split(node);
      // Only the child that got everything can still be too full.
      node = this.#childOf(node, high, low);
    }
  }

  /** The child of an inner node that an index descends to. */
  #childOf(node: number, high: number, low: number): number {
    const nodes = this.#layout.nodes;
    return inner(nodes.link(node)) + digitAt(high, low, nodes.resolution(node) + 1);
  }

  /** Counts one point more in a leaf, to which its index descends, and returns the place for it. */
  #append(leaf: number, high: number, low: number): number {
    const nodes = this.#layout.nodes;
    if (!nodes.hasCentre(leaf)) {
      ancestor(high, low, nodes.resolution(leaf), this.#ancestor);
      cellCentre(this.#ancestor[0], this.#ancestor[1], this.#leafCentre, 0);
      nodes.setCentre(leaf, this.#leafCentre, 0);
    }
    nodes.counts[leaf]++;
    const place = this.#layout.points.take(leaf, nodes.link(leaf));
    nodes.setLink(leaf, place >> BLOCK_SHIFT);
    return place;
  }

  /** Makes a leaf an inner node, its points' new leaves below it. */
  #split(node: number): void {
    const nodes = this.#layout.nodes;
    const points = this.#layout.points;
    let block = nodes.link(node);
    nodes.setLink(node, inner(nodes.take(node)));
    while (block !== NONE) {
      const end = points.end(block);
      for (let place = block << BLOCK_SHIFT; place < end; place++) {
        const high = points.cells[2 * place];
        const low = points.cells[2 * place + 1];
        this.#moveTo(this.#append(this.#childOf(node, high, low), high, low), place);
      }
      block = points.giveBackBlock(block);
    }
  }

  #moveTo(to: number, from: number): void {
    this.#layout.points.copy(this.#layout.points, from, to);
    this.#places[this.#layout.points.slot(to)] = to;
  }

  /**
   * Takes a point out of its leaf and out of the counts above it, as far as the cells that do not hold its new index: it
   * shares the digits up to resolution `shared` (−1: nothing). Nodes left sparse are made leaves. Returns the node where
   * the new index is to descend from, or −1 for the top.
   */
  #detach(place: number, shared: number): number {
    const points = this.#layout.points;
    const nodes = this.#layout.nodes;
    const leaf = points.leaf(place);
    const base = baseCell(points.cells[2 * place]);
    const head = nodes.link(leaf);
    const last = points.end(head) - 1;
    if (place !== last) this.#moveTo(place, last);
    nodes.setLink(leaf, points.giveBack(head));
    nodes.counts[leaf]--;
    let sparse = NONE;
    let node = nodes.parent(leaf);
    while (node !== NONE && nodes.resolution(node) > shared) {
      if (--nodes.counts[node] < MERGE_BELOW) sparse = node;
      node = nodes.parent(node);
    }
    if (sparse !== NONE) this.#merge(sparse);
    if (nodes.link(base) === EMPTY) this.#tops.splice(this.#tops.indexOf(base), 1);
    return node;
  }

  /** Makes an inner node a leaf that holds all the points below it. */
  #merge(node: number): void {
    const first = inner(this.#layout.nodes.link(node));
    this.#layout.nodes.setLink(node, EMPTY);
    this.#layout.nodes.counts[node] = 0;
    this.#gather(first, node);
  }

  /** Moves all that is in and below a family to a leaf, and gives the family back. */
  #gather(first: number, leaf: number): void {
    const nodes = this.#layout.nodes;
    const points = this.#layout.points;
    for (let node = first; node < first + SIBLINGS; node++) {
      let block = nodes.link(node);
      if (block < EMPTY) {
        this.#gather(inner(block), leaf);
        continue;
      }
      while (block !== NONE) {
        const end = points.end(block);
        for (let place = block << BLOCK_SHIFT; place < end; place++) this.#moveTo(this.#append(leaf, 0, 0), place);
        block = points.giveBackBlock(block);
      }
    }
    nodes.giveBack(first);
  }

  #takeSlot(): number {
    if (this.#freeSlot !== NONE) {
      const slot = this.#freeSlot;
      this.#freeSlot = this.#places[slot];
      return slot;
    }
    if (this.#freshSlot === this.#places.length) this.#places = resized(this.#places, 2 * this.#freshSlot);
    return this.#freshSlot++;
  }

  /**
   * Lays everything out anew, without gaps, node by node: for less memory, and for quicker searches where points came in
   * no order of place. O(n). The tree does it itself when most points have left.
   */
  compact(): void {
    this.#layout.compact((slot, place) => {
      this.#places[slot] = place;
    });
  }
}
