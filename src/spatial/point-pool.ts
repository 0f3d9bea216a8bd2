import { resized } from './resized.ts';

/** log₂ of the places in a block. */
export const BLOCK_SHIFT = 3;
const BLOCK = 1 << BLOCK_SHIFT;
export const BLOCK_MASK = BLOCK - 1;
const INITIAL_BLOCKS = 4;
const NONE = -1;

/** Numbers of a block in {@link PointPool.floats}: three coordinates a place, and room for integers. 256 bytes. */
const FLOATS = 4 * BLOCK;
/** Integers of a block in {@link PointPool.ints}: the coordinates' room, then whose places they are, then next and leaf. */
const INTS = 2 * FLOATS;
const SLOTS = 6 * BLOCK;
const NEXT = SLOTS + BLOCK;
const LEAF = NEXT + 1;

/**
 * The points of all leaves, in blocks of 8 places. A leaf owns a chain of blocks, all full but its head; a block that
 * becomes empty is given back. All of a block that a search reads lies together, in four cache lines: with many points,
 * most of a search's time is waiting for memory.
 *
 * Arrays are open to the tree, which reads them in its hot loops.
 */
export class PointPool {
  /** ECEF metres of a place, three numbers from {@link ecefAt}. */
  floats = new Float64Array(FLOATS * INITIAL_BLOCKS);
  /** The same memory. The slot of a place at {@link slotAt}. */
  ints = new Int32Array(this.floats.buffer);
  /** Latitude and longitude of a place, from twice its number. */
  degrees = new Float64Array(2 * BLOCK * INITIAL_BLOCKS);
  /** The two halves of the H3 index at resolution 15, from twice the place's number. */
  cells = new Uint32Array(2 * BLOCK * INITIAL_BLOCKS);
  /** Blocks in use. */
  used = 0;
  #fresh = 0;
  #free = NONE;

  /** Blocks that there is room for. */
  get capacity(): number {
    return this.floats.length / FLOATS;
  }

  /** Bytes held. */
  get bytes(): number {
    return this.floats.byteLength + this.degrees.byteLength + this.cells.byteLength;
  }

  /** The block after this one in its leaf's chain, or −1. */
  next(block: number): number {
    return this.ints[INTS * block + NEXT];
  }

  /** The leaf whose place it is. */
  leaf(place: number): number {
    return this.ints[INTS * (place >> BLOCK_SHIFT) + LEAF];
  }

  /** Takes a block for a leaf and puts it before `next` in its chain. Its places hold what was left in them. */
  take(leaf: number, next: number): number {
    let block = this.#free;
    if (block !== NONE) this.#free = this.next(block);
    else {
      if (this.#fresh === this.capacity) this.#resize(Math.ceil(1.5 * this.capacity));
      block = this.#fresh++;
    }
    this.used++;
    this.ints[INTS * block + NEXT] = next;
    this.ints[INTS * block + LEAF] = leaf;
    return block;
  }

  /** Gives a block back and returns the one that came after it. */
  giveBack(block: number): number {
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
    this.floats[b] = from.floats[a];
    this.floats[b + 1] = from.floats[a + 1];
    this.floats[b + 2] = from.floats[a + 2];
    this.ints[slotAt(target)] = from.ints[slotAt(source)];
    this.degrees[2 * target] = from.degrees[2 * source];
    this.degrees[2 * target + 1] = from.degrees[2 * source + 1];
    this.cells[2 * target] = from.cells[2 * source];
    this.cells[2 * target + 1] = from.cells[2 * source + 1];
  }

  #resize(blocks: number): void {
    this.floats = resized(this.floats, FLOATS * blocks);
    this.ints = new Int32Array(this.floats.buffer);
    this.degrees = resized(this.degrees, 2 * BLOCK * blocks);
    this.cells = resized(this.cells, 2 * BLOCK * blocks);
  }
}

/** Where the coordinates of a place begin. */
export function ecefAt(place: number): number {
  return 3 * place + BLOCK * (place >> BLOCK_SHIFT);
}

/** Where the slot of a place is. */
export function slotAt(place: number): number {
  return INTS * (place >> BLOCK_SHIFT) + SLOTS + (place & BLOCK_MASK);
}

/** The place after the last of a leaf's head block. @param count points of the leaf, at least 1 */
export function headEnd(head: number, count: number): number {
  return (head << BLOCK_SHIFT) + ((count - 1) & BLOCK_MASK) + 1;
}

/** The place after the last of any other block: those are full. */
export function blockEnd(block: number): number {
  return (block + 1) << BLOCK_SHIFT;
}
