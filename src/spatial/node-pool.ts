import { BASE_CELLS, baseCentres } from './cell.ts';
import { resized } from './resized.ts';

/** Children of a cell: digits 0 … 6. */
export const SIBLINGS = 7;
/** The base cells are the first nodes, numbered as H3 does; their families are never given back. */
export const BASE_FAMILIES = Math.ceil(BASE_CELLS / SIBLINGS);
const INITIAL_FAMILIES = BASE_FAMILIES + 14;
const NONE = -1;
/** What a node without points links to. */
export const EMPTY = -1;

/** Numbers of a node in {@link NodePool.floats}: the cell's centre, and room for two integers. */
export const FLOATS = 4;
/** Integers of a node in {@link NodePool.ints}: the centre's room, then link and count. */
export const INTS = 2 * FLOATS;
export const LINK = 6;
export const COUNT = 7;

/**
 * The nodes of a cell tree: cells of H3, kept in families of siblings. A search finds all that it needs of the seven
 * children of a cell side by side in memory, 32 bytes each. A node that is there may be without points.
 *
 * Fields are open to the tree, which reads them in its hot loops.
 */
export class NodePool {
  /** Of each node, from {@link FLOATS} · node: the cell's centre, ECEF metres; NaN until it is first needed. */
  floats = new Float64Array(FLOATS * SIBLINGS * INITIAL_FAMILIES);
  /**
   * The same memory. Of each node, at {@link INTS} · node + {@link LINK}: of a leaf the first block of its points, 0 or
   * more, or {@link EMPTY}; of an inner node its children's family, as {@link inner} writes it. At + {@link COUNT}: the
   * points in the node and below.
   */
  ints = new Int32Array(this.floats.buffer);
  /** The parent of a family; of a free family, the next free one. */
  parents = new Int32Array(INITIAL_FAMILIES).fill(NONE);
  /** The resolution of a family. */
  resolutions = new Uint8Array(INITIAL_FAMILIES);
  /** Families in use, those of the base cells included. */
  used = BASE_FAMILIES;
  #fresh = BASE_FAMILIES;
  #free = NONE;

  constructor() {
    for (let base = 0; base < SIBLINGS * BASE_FAMILIES; base++) {
      this.#clear(base);
      if (base < BASE_CELLS) this.floats.set(baseCentres.subarray(3 * base, 3 * base + 3), FLOATS * base);
    }
  }

  /** Families that there is room for. */
  get capacity(): number {
    return this.parents.length;
  }

  /** Bytes held. */
  get bytes(): number {
    return this.floats.byteLength + this.parents.byteLength + this.resolutions.byteLength;
  }

  /** The node above, or −1 for a base cell. */
  parent(node: number): number {
    return this.parents[(node / SIBLINGS) | 0];
  }

  resolution(node: number): number {
    return this.resolutions[(node / SIBLINGS) | 0];
  }

  /** Takes a family of empty leaves below a node and returns the first of them. */
  take(parent: number): number {
    let family = this.#free;
    if (family !== NONE) this.#free = this.parents[family];
    else {
      if (this.#fresh === this.capacity) this.#resize(Math.ceil(1.5 * this.capacity));
      family = this.#fresh++;
    }
    this.used++;
    this.parents[family] = parent;
    this.resolutions[family] = this.resolution(parent) + 1;
    const first = SIBLINGS * family;
    for (let node = first; node < first + SIBLINGS; node++) this.#clear(node);
    return first;
  }

  /** Gives back the family that starts with a node. */
  giveBack(first: number): void {
    const family = first / SIBLINGS;
    this.used--;
    this.parents[family] = this.#free;
    this.#free = family;
  }

  #clear(node: number): void {
    this.floats[FLOATS * node] = Number.NaN;
    this.ints[INTS * node + LINK] = EMPTY;
    this.ints[INTS * node + COUNT] = 0;
  }

  #resize(families: number): void {
    this.floats = resized(this.floats, FLOATS * SIBLINGS * families);
    this.ints = new Int32Array(this.floats.buffer);
    this.parents = resized(this.parents, families);
    this.resolutions = resized(this.resolutions, families);
  }
}

/** The link of an inner node to its children, and back: every number below {@link EMPTY} is one. */
export function inner(firstChild: number): number {
  return -2 - firstChild;
}
