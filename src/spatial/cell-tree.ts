import { distanceBetween } from '../geo/distance.ts';
import { toEcef } from '../geo/ecef.ts';
import { INSIDE, OUTSIDE, type Region } from '../geo/region.ts';
import { Best, type Nearest } from './best.ts';
import {
  BASE_CELLS,
  baseCell,
  baseCells,
  baseCentres,
  cellBounds,
  cellCentre,
  cellOf,
  childCell,
  digitAt,
  MAX_RESOLUTION,
  splitCell,
} from './cell.ts';
import { NodeQueue } from './node-queue.ts';

/** A leaf that holds more points than this is split, unless it is at the finest resolution. */
const LEAF_CAPACITY = 32;
/** A node whose points have become fewer than this is made a leaf again; well below the capacity, so that it does not flap. */
const MERGE_BELOW = 12;
/** Room at first, in slots and in nodes; doubled when it is full. A fleet of one driver should cost little. */
const INITIAL = 32;
const NONE = -1;
const CHILDREN = 7;

/**
 * Points on the ellipsoid in a tree of H3 cells: base cell, then one digit a level. A leaf is any cell that holds few
 * points, so the depth follows the density. All is in flat typed arrays; a point is a slot, a small integer that is
 * used again once the point is removed.
 *
 * A search descends best-first by what each cell's bound (see `cellBounds`) proves of its points, so any radius from a
 * metre to the whole planet, the poles, the antimeridian and the pentagons need no special case.
 *
 * Long for one file: every part of it works on the same arrays.
 */
export class CellTree {
  /** Number of points. */
  size = 0;

  readonly #order: (a: number, b: number) => number;

  // Points, by slot.
  #slots = INITIAL;
  #freeSlot = NONE;
  #nextSlot = 0;
  #ecef = new Float64Array(3 * this.#slots);
  #degrees = new Float64Array(2 * this.#slots);
  #cells = new Uint32Array(2 * this.#slots);
  #leafOf = new Int32Array(this.#slots);
  /** The next and the previous slot of the same leaf; of a free slot, `next` is the next free one. */
  #next = new Int32Array(this.#slots);
  #previous = new Int32Array(this.#slots);

  // Nodes.
  #nodes = INITIAL;
  #freeNode = NONE;
  #nextNode = 0;
  #nodesInUse = 0;
  #children = new Int32Array(CHILDREN * this.#nodes);
  #parent = new Int32Array(this.#nodes);
  #resolution = new Uint8Array(this.#nodes);
  #isLeaf = new Uint8Array(this.#nodes);
  /** Points in the node and below. */
  #count = new Int32Array(this.#nodes);
  /** First slot of a leaf. */
  #head = new Int32Array(this.#nodes);
  #centre = new Float64Array(3 * this.#nodes);
  #nodeCell = new Uint32Array(2 * this.#nodes);
  readonly #base = new Int32Array(BASE_CELLS).fill(NONE);

  readonly #halves = new Uint32Array(2);
  readonly #queue = new NodeQueue();

  /**
   * @param order decides between slots at the same distance: negative when `a` comes first; must be a total order
   */
  constructor(order: (a: number, b: number) => number) {
    this.#order = order;
  }

  /** Adds a point and returns its slot. O(depth). @param lat degrees, −90 … 90 @param lng degrees, −180 … 180 */
  add(lat: number, lng: number): number {
    const slot = this.#takeSlot();
    this.#place(slot, lat, lng);
    this.#insert(slot);
    this.size++;
    return slot;
  }

  /** Moves a point. O(1) while it stays in its leaf, otherwise O(depth). */
  move(slot: number, lat: number, lng: number): void {
    if (this.#degrees[2 * slot] === lat && this.#degrees[2 * slot + 1] === lng) return;
    this.#place(slot, lat, lng);
    const leaf = this.#leafOf[slot];
    if (this.#covers(leaf, slot)) return;
    this.#detach(slot, leaf);
    this.#insert(slot);
  }

  /** Removes a point; its slot may be given out again. O(depth). */
  remove(slot: number): void {
    this.#detach(slot, this.#leafOf[slot]);
    this.#next[slot] = this.#freeSlot;
    this.#freeSlot = slot;
    this.size--;
  }

  /** Nodes in use. */
  get nodes(): number {
    return this.#nodesInUse;
  }

  /** The upper half of a point's H3 index at resolution 15. */
  cellHigh(slot: number): number {
    return this.#cells[2 * slot];
  }

  /** The lower half of a point's H3 index at resolution 15. */
  cellLow(slot: number): number {
    return this.#cells[2 * slot + 1];
  }

  /** One ECEF coordinate of a point in metres: `axis` 0 is x, 1 is y, 2 is z. */
  ecef(slot: number, axis: 0 | 1 | 2): number {
    return this.#ecef[3 * slot + axis];
  }

  /**
   * The points no further than `radius` metres from a place along the ellipsoid (closed), nearest first, at most
   * `limit` of them; among equally far ones the constructor's order decides, also about who is cut off.
   *
   * @param accept is asked of every point that could still get into the answer; others cost nothing
   */
  nearest(lat: number, lng: number, radius: number, limit: number, accept?: (slot: number) => boolean): Nearest {
    const at = new Float64Array(3);
    toEcef(lat, lng, at, 0);
    const [x, y, z] = at as unknown as [number, number, number];
    const best = new Best(limit, radius, this.#order);
    const queue = this.#queue;
    queue.clear();
    for (let base = 0; base < BASE_CELLS; base++) {
      const node = this.#base[base];
      if (node !== NONE) this.#offer(node, x, y, z, best.reach);
    }
    while (queue.size > 0 && queue.least <= best.reach) {
      const node = queue.pop();
      if (this.#isLeaf[node] === 0) {
        for (let digit = 0; digit < CHILDREN; digit++) {
          const child = this.#children[CHILDREN * node + digit];
          if (child !== NONE) this.#offer(child, x, y, z, best.reach);
        }
        continue;
      }
      for (let slot = this.#head[node]; slot !== NONE; slot = this.#next[slot]) {
        const px = this.#ecef[3 * slot];
        const py = this.#ecef[3 * slot + 1];
        const pz = this.#ecef[3 * slot + 2];
        // The chord is never longer than the way along the ellipsoid.
        const c2 = (px - x) ** 2 + (py - y) ** 2 + (pz - z) ** 2;
        if (c2 > best.reach2) continue;
        const slotLat = this.#degrees[2 * slot];
        const slotLng = this.#degrees[2 * slot + 1];
        const distance = distanceBetween(x, y, z, lat, lng, px, py, pz, slotLat, slotLng);
        if (distance <= best.reach && (accept === undefined || accept(slot))) best.offer(slot, distance);
      }
    }
    return best.sorted();
  }

  /**
   * Calls `visit` for every point in a region, in no stated order. Cells that are surely inside are taken whole, those
   * surely outside are passed by.
   */
  within(region: Region, visit: (slot: number) => void): void {
    for (const node of this.#base) if (node !== NONE) this.#visitWithin(node, region, visit, false);
  }

  #visitWithin(node: number, region: Region, visit: (slot: number) => void, whole: boolean): void {
    let inside = whole;
    if (!inside) {
      const bound = cellBounds[this.#resolution[node]];
      const side = region.side(this.#centre[3 * node], this.#centre[3 * node + 1], this.#centre[3 * node + 2], bound);
      if (side === OUTSIDE) return;
      inside = side === INSIDE;
    }
    if (this.#isLeaf[node] === 0) {
      for (let digit = 0; digit < CHILDREN; digit++) {
        const child = this.#children[CHILDREN * node + digit];
        if (child !== NONE) this.#visitWithin(child, region, visit, inside);
      }
      return;
    }
    for (let slot = this.#head[node]; slot !== NONE; slot = this.#next[slot]) {
      if (inside || this.#isIn(region, slot)) visit(slot);
    }
  }

  #isIn(region: Region, slot: number): boolean {
    return region.contains(
      this.#ecef[3 * slot],
      this.#ecef[3 * slot + 1],
      this.#ecef[3 * slot + 2],
      this.#degrees[2 * slot],
      this.#degrees[2 * slot + 1],
    );
  }

  /** Queues a node unless nothing in it can be within reach. */
  #offer(node: number, x: number, y: number, z: number, reach: number): void {
    const dx = this.#centre[3 * node] - x;
    const dy = this.#centre[3 * node + 1] - y;
    const dz = this.#centre[3 * node + 2] - z;
    const least = Math.sqrt(dx * dx + dy * dy + dz * dz) - cellBounds[this.#resolution[node]];
    if (least <= reach) this.#queue.push(node, least);
  }

  #place(slot: number, lat: number, lng: number): void {
    toEcef(lat, lng, this.#ecef, 3 * slot);
    this.#degrees[2 * slot] = lat;
    this.#degrees[2 * slot + 1] = lng;
    splitCell(cellOf(lat, lng), this.#halves);
    this.#cells.set(this.#halves, 2 * slot);
  }

  /** Whether a slot's index descends from a node's cell. */
  #covers(node: number, slot: number): boolean {
    const high = this.#cells[2 * slot];
    const low = this.#cells[2 * slot + 1];
    const nodeHigh = this.#nodeCell[2 * node];
    const nodeLow = this.#nodeCell[2 * node + 1];
    const unused = (MAX_RESOLUTION - this.#resolution[node]) * 3;
    // The bits of base cell and used digits are compared; mode and resolution, above bit 19, are not.
    if (unused >= 32) return ((high ^ nodeHigh) & 0xfffff) >>> (unused - 32) === 0;
    return ((high ^ nodeHigh) & 0xfffff) === 0 && (low ^ nodeLow) >>> unused === 0;
  }

  #insert(slot: number): void {
    const high = this.#cells[2 * slot];
    const low = this.#cells[2 * slot + 1];
    const base = baseCell(high);
    let node = this.#base[base];
    if (node === NONE) {
      node = this.#takeNode(NONE, 0, baseCells[2 * base], baseCells[2 * base + 1]);
      this.#centre.set(baseCentres.subarray(3 * base, 3 * base + 3), 3 * node);
      this.#base[base] = node;
    }
    this.#count[node]++;
    while (this.#isLeaf[node] === 0) {
      node = this.#childFor(node, high, low);
      this.#count[node]++;
    }
    this.#link(slot, node);
    while (this.#count[node] > LEAF_CAPACITY && this.#resolution[node] < MAX_RESOLUTION) {
      this.#split(node);
      // Only a child that got everything can still be too full.
      node = this.#childFor(node, high, low);
    }
  }

  /** The child of an inner node that a cell descends to; made if it is not there. */
  #childFor(node: number, high: number, low: number): number {
    const resolution = this.#resolution[node] + 1;
    const digit = digitAt(high, low, resolution);
    const known = this.#children[CHILDREN * node + digit];
    if (known !== NONE) return known;
    const halves = this.#halves;
    childCell(this.#nodeCell[2 * node], this.#nodeCell[2 * node + 1], resolution, digit, halves);
    const child = this.#takeNode(node, resolution, halves[0], halves[1]);
    cellCentre(halves[0], halves[1], this.#centre, 3 * child);
    this.#children[CHILDREN * node + digit] = child;
    return child;
  }

  #split(node: number): void {
    let slot = this.#head[node];
    this.#head[node] = NONE;
    this.#isLeaf[node] = 0;
    while (slot !== NONE) {
      const next = this.#next[slot];
      const child = this.#childFor(node, this.#cells[2 * slot], this.#cells[2 * slot + 1]);
      this.#count[child]++;
      this.#link(slot, child);
      slot = next;
    }
  }

  #link(slot: number, leaf: number): void {
    const head = this.#head[leaf];
    this.#next[slot] = head;
    this.#previous[slot] = NONE;
    if (head !== NONE) this.#previous[head] = slot;
    this.#head[leaf] = slot;
    this.#leafOf[slot] = leaf;
  }

  /** Takes a slot out of its leaf; nodes left empty are given back, and the topmost that became sparse is made a leaf. */
  #detach(slot: number, leaf: number): void {
    const next = this.#next[slot];
    const previous = this.#previous[slot];
    if (next !== NONE) this.#previous[next] = previous;
    if (previous !== NONE) this.#next[previous] = next;
    else this.#head[leaf] = next;

    let sparse = NONE;
    for (let node = leaf; node !== NONE; ) {
      const parent = this.#parent[node];
      if (--this.#count[node] === 0) this.#giveBack(node);
      else if (this.#isLeaf[node] === 0 && this.#count[node] < MERGE_BELOW) sparse = node;
      node = parent;
    }
    if (sparse !== NONE) {
      this.#gather(sparse, sparse);
      this.#isLeaf[sparse] = 1;
    }
  }

  /** Links every point below `node` to `leaf`, and gives the nodes below back. */
  #gather(node: number, leaf: number): void {
    for (let digit = 0; digit < CHILDREN; digit++) {
      const child = this.#children[CHILDREN * node + digit];
      if (child === NONE) continue;
      this.#gather(child, leaf);
      for (let slot = this.#head[child]; slot !== NONE; ) {
        const next = this.#next[slot];
        this.#link(slot, leaf);
        slot = next;
      }
      this.#giveBack(child);
    }
  }

  #takeSlot(): number {
    if (this.#freeSlot !== NONE) {
      const slot = this.#freeSlot;
      this.#freeSlot = this.#next[slot];
      return slot;
    }
    if (this.#nextSlot === this.#slots) {
      this.#slots *= 2;
      this.#ecef = grown(this.#ecef);
      this.#degrees = grown(this.#degrees);
      this.#cells = grown(this.#cells);
      this.#leafOf = grown(this.#leafOf);
      this.#next = grown(this.#next);
      this.#previous = grown(this.#previous);
    }
    return this.#nextSlot++;
  }

  #takeNode(parent: number, resolution: number, high: number, low: number): number {
    this.#nodesInUse++;
    let node: number;
    if (this.#freeNode !== NONE) {
      node = this.#freeNode;
      this.#freeNode = this.#parent[node];
    } else {
      if (this.#nextNode === this.#nodes) {
        this.#nodes *= 2;
        this.#children = grown(this.#children);
        this.#parent = grown(this.#parent);
        this.#resolution = grown(this.#resolution);
        this.#isLeaf = grown(this.#isLeaf);
        this.#count = grown(this.#count);
        this.#head = grown(this.#head);
        this.#centre = grown(this.#centre);
        this.#nodeCell = grown(this.#nodeCell);
      }
      node = this.#nextNode++;
    }
    this.#children.fill(NONE, CHILDREN * node, CHILDREN * (node + 1));
    this.#parent[node] = parent;
    this.#resolution[node] = resolution;
    this.#isLeaf[node] = 1;
    this.#count[node] = 0;
    this.#head[node] = NONE;
    this.#nodeCell[2 * node] = high;
    this.#nodeCell[2 * node + 1] = low;
    return node;
  }

  #giveBack(node: number): void {
    const parent = this.#parent[node];
    const resolution = this.#resolution[node];
    const high = this.#nodeCell[2 * node];
    if (parent === NONE) this.#base[baseCell(high)] = NONE;
    else {
      const digit = digitAt(high, this.#nodeCell[2 * node + 1], resolution);
      this.#children[CHILDREN * parent + digit] = NONE;
    }
    this.#parent[node] = this.#freeNode;
    this.#freeNode = node;
    this.#nodesInUse--;
  }
}

/** A copy of twice the length. */
function grown<T extends Float64Array | Int32Array | Uint32Array | Uint8Array>(array: T): T {
  const copy = new (array.constructor as new (length: number) => T)(2 * array.length);
  copy.set(array);
  return copy;
}
