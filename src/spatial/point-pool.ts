import { resized } from './resized.ts';

/** log₂ of the places in a block. */
export const BLOCK_SHIFT = 4;
/** Places in a block. */
export const BLOCK = 1 << BLOCK_SHIFT;
const INITIAL_BLOCKS = 4;
const NONE = -1;

/**
 * Integers of a block in {@link PointPool.ints}: the next block of its chain, its leaf, and how many of its places are
 * taken; then room for three coordinates a place; then whose places they are. 512 bytes, with those left over.
 */
const INTS = 8 * BLOCK;
const NEXT = 0;
const LEAF = 1;
const TAKEN = 2;
const SLOTS = 4 + 6 * BLOCK;

/**
 * The points of all leaves, in blocks of places. A leaf owns a chain of blocks, all full but its head; a block that
 * becomes empty is given back. All of a block that a search reads lies together, since with many points most of a
 * search's time is waiting for memory.
 *
 * Arrays are open to the tree, which reads them in its hot loops.
 */
export class PointPool {
  /** ECEF metres of a place, three numbers from {@link ecefAt}. */
  ecef: Float64Array<ArrayBuffer>;
  /** The same memory, for the rest of a block. */
  ints: Int32Array<ArrayBuffer>;
  /** Latitude and longitude of a place, from twice its number. */
  degrees: Float64Array;
  /** The two halves of the H3 index at resolution 15, from twice the place's number. */
  cells: Uint32Array;
  /** Blocks in use. */
  used = 0;
  #fresh = 0;
  #free = NONE;

  /** @param expected blocks to have room for; a pool grows as it needs */
  constructor(expected = 0) {
    const blocks = Math.max(INITIAL_BLOCKS, expected);
    this.ecef = new Float64Array((INTS / 2) * blocks);
    this.ints = new Int32Array(this.ecef.buffer);
    this.degrees = new Float64Array(2 * BLOCK * blocks);
    this.cells = new Uint32Array(2 * BLOCK * blocks);
  }

  /** Blocks that there is room for. */
  get capacity(): number {
    return this.ints.length / INTS;
  }

  /** Whether most of the room is not used, and more than at first. */
  get isSparse(): boolean {
    return 4 * this.used < this.capacity && this.capacity > INITIAL_BLOCKS;
  }

  /** Bytes held. */
  get bytes(): number {
    return this.ecef.byteLength + this.degrees.byteLength + this.cells.byteLength;
  }

  /** The block after this one in its leaf's chain, or −1. */
  next(block: number): number {
    return this.ints[INTS * block + NEXT];
  }

  /** The place after the last one taken in a block; those taken come first. */
  end(block: number): number {
    return (block << BLOCK_SHIFT) + this.ints[INTS * block + TAKEN];
  }

  /** The leaf whose place it is. */
  leaf(place: number): number {
    return this.ints[INTS * (place >> BLOCK_SHIFT) + LEAF];
  }

  /** Whose place it is. */
  slot(place: number): number {
    return this.ints[slotAt(place)];
  }

  /** Takes one place more for a leaf, in the first block of its chain or a new one before it. */
  take(leaf: number, head: number): number {
    const isFull = head === NONE || this.ints[INTS * head + TAKEN] === BLOCK;
    const block = isFull ? this.#takeBlock(leaf, head) : head;
    return (block << BLOCK_SHIFT) + this.ints[INTS * block + TAKEN]++;
  }

  /** Gives the last place taken in a chain's first block back. Returns the first block that is left, or −1. */
  giveBack(head: number): number {
    return --this.ints[INTS * head + TAKEN] === 0 ? this.giveBackBlock(head) : head;
  }

  /** Gives a whole block back and returns the one that came after it. */
  giveBackBlock(block: number): number {
    const next = this.next(block);
    this.used--;
    this.ints[INTS * block + NEXT] = this.#free;
    this.#free = block;
    return next;
  }

  /** Copies a place of a pool, this one or another, to a place of this one. */
  copy(from: PointPool, source: number, target: number): void {
    const a = ecefAt(source);
    const b = ecefAt(target);
    this.ecef[b] = from.ecef[a];
    this.ecef[b + 1] = from.ecef[a + 1];
    this.ecef[b + 2] = from.ecef[a + 2];
    this.ints[slotAt(target)] = from.ints[slotAt(source)];
    this.degrees[2 * target] = from.degrees[2 * source];
    this.degrees[2 * target + 1] = from.degrees[2 * source + 1];
    this.cells[2 * target] = from.cells[2 * source];
    this.cells[2 * target + 1] = from.cells[2 * source + 1];
  }

  #takeBlock(leaf: number, next: number): number {
    let block = this.#free;
    if (block !== NONE) this.#free = this.next(block);
    else {
      if (this.#fresh === this.capacity) this.#resize(Math.ceil(1.25 * this.capacity));
      block = this.#fresh++;
    }
    this.used++;
    this.ints[INTS * block + NEXT] = next;
    this.ints[INTS * block + LEAF] = leaf;
    this.ints[INTS * block + TAKEN] = 0;
    return block;
  }

  #resize(blocks: number): void {
    this.ecef = resized(this.ecef, (INTS / 2) * blocks);
    this.ints = new Int32Array(this.ecef.buffer);
    this.degrees = resized(this.degrees, 2 * BLOCK * blocks);
    this.cells = resized(this.cells, 2 * BLOCK * blocks);
  }
}

/** Where the coordinates of a place begin in {@link PointPool.ecef}. */
export function ecefAt(place: number): number {
  return 2 + 3 * place + BLOCK * (place >> BLOCK_SHIFT);
}

/** Where the slot of a place is in {@link PointPool.ints}. */
export function slotAt(place: number): number {
  return SLOTS + INTS * (place >> BLOCK_SHIFT) + (place & (BLOCK - 1));
}
