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

/** Numbers of a node in {@link NodePool.centres}, and in {@link NodePool.ints} as well. */
export const WORDS = 4;
/** Where a node's link is in {@link NodePool.ints}: behind the centre's three coordinates. */
export const LINK = 3;
/** The most that the rounding of a centre to single precision moves it, metres: half a unit of 0.5 m along each axis. */
export const CENTRE_ERROR = 0.45;

/**
 * The nodes of a cell tree: cells of H3, kept in families of siblings. A search finds all that it needs of the seven
 * children of a cell side by side in memory, 16 bytes each. A node that is there may be without points.
 *
 * Arrays are open to the tree, which reads them in its hot loops.
 */
export class NodePool {
  /** Of each node, from {@link WORDS} · node: the cell's centre, ECEF metres, rounded; NaN until it is first needed. */
  centres: Float32Array<ArrayBuffer>;
  /**
   * The same memory. At {@link WORDS} · node + {@link LINK}: of a leaf the first block of its points, 0 or more, or
   * {@link EMPTY}; of an inner node its children's family, as {@link inner} writes it.
   */
  ints: Int32Array<ArrayBuffer>;
  /** Points in a node and below. */
  counts: Int32Array;
  /** The parent of a family; of a free family, the next free one. */
  parents: Int32Array;
  /** The resolution of a family. */
  resolutions: Uint8Array;
  /** Families in use, those of the base cells included. */
  used = BASE_FAMILIES;
  #fresh = BASE_FAMILIES;
  #free = NONE;

  /** @param expected families to have room for; a pool grows as it needs */
  constructor(expected = 0) {
    const families = Math.max(INITIAL_FAMILIES, expected);
    this.centres = new Float32Array(WORDS * SIBLINGS * families);
    this.ints = new Int32Array(this.centres.buffer);
    this.counts = new Int32Array(SIBLINGS * families);
    this.parents = new Int32Array(families).fill(NONE);
    this.resolutions = new Uint8Array(families);
    for (let base = 0; base < SIBLINGS * BASE_FAMILIES; base++) {
      this.#clear(base);
      if (base < BASE_CELLS) this.centres.set(baseCentres.subarray(3 * base, 3 * base + 3), WORDS * base);
    }
  }

  /** Families that there is room for. */
  get capacity(): number {
    return this.parents.length;
  }

  /** Bytes held. */
  get bytes(): number {
    const { centres, counts, parents, resolutions } = this;
    return centres.byteLength + counts.byteLength + parents.byteLength + resolutions.byteLength;
  }

  link(node: number): number {
    return this.ints[WORDS * node + LINK];
  }

  setLink(node: number, link: number): void {
    this.ints[WORDS * node + LINK] = link;
  }

  /** The node above, or −1 for a base cell. */
  parent(node: number): number {
    return this.parents[(node / SIBLINGS) | 0];
  }

  resolution(node: number): number {
    return this.resolutions[(node / SIBLINGS) | 0];
  }

  /** Whether the centre was set. */
  hasCentre(node: number): boolean {
    return !Number.isNaN(this.centres[WORDS * node]);
  }

  /** Sets the centre to the three numbers of a list from `offset`. */
  setCentre(node: number, from: ArrayLike<number>, offset: number): void {
    this.centres[WORDS * node] = from[offset];
    this.centres[WORDS * node + 1] = from[offset + 1];
    this.centres[WORDS * node + 2] = from[offset + 2];
  }

  /** Takes a family of empty leaves below a node and returns the first of them. */
  take(parent: number): number {
    let family = this.#free;
    if (family !== NONE) this.#free = this.parents[family];
    else {
      if (this.#fresh === this.capacity) this.#resize(Math.ceil(1.25 * this.capacity));
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
    this.centres[WORDS * node] = Number.NaN;
    this.setLink(node, EMPTY);
    this.counts[node] = 0;
  }

  #resize(families: number): void {
    this.centres = resized(this.centres, WORDS * SIBLINGS * families);
    this.ints = new Int32Array(this.centres.buffer);
    this.counts = resized(this.counts, SIBLINGS * families);
    this.parents = resized(this.parents, families);
    this.resolutions = resized(this.resolutions, families);
  }
}

/** The link of an inner node to its children, and back: every number below {@link EMPTY} is one. */
export function inner(firstChild: number): number {
  return -2 - firstChild;
}
