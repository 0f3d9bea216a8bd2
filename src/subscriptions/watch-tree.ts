import { BASE_CELLS, baseCell, digitAt, MAX_RESOLUTION } from '../spatial/cell.ts';
import type { Cover } from '../spatial/cover.ts';
import { IntPool } from './int-pool.ts';
import type { Subscription } from './subscription.ts';

const NONE = -1;
const SIBLINGS = 7;

/** A node, that is a cell: the family of its children, the first entry of its list, and its parent or `~base`. */
const NODE = 3;
const FAMILY = 0;
const FIRST = 1;
const PARENT = 2;

/**
 * An entry, that is a subscription at a cell: its neighbours in the cell's list, its cell, the next entry of the same
 * subscription, and twice the subscription's number, plus one where all of the cell is in its area.
 */
const ENTRY = 5;
const NEXT = 0;
const PREVIOUS = 1;
const CELL = 2;
const SIBLING = 3;
const WHO = 4;

/**
 * Which subscriptions watch a place: a tree over H3 digits whose nodes, at mixed resolutions, carry the subscriptions
 * whose cover has that cell. A look-up walks the one path of the position's index, so it costs what is watched there and
 * at most one step a resolution, however many watch elsewhere.
 */
export class WatchTree {
  readonly #nodes = new IntPool(NODE);
  readonly #families = new IntPool(SIBLINGS);
  readonly #entries = new IntPool(ENTRY);
  readonly #base = new Int32Array(BASE_CELLS).fill(NONE);
  readonly #subscriptions: (Subscription | undefined)[] = [];
  readonly #freeNumbers: number[] = [];

  /**
   * Registers a subscription at every cell of its cover.
   *
   * @returns what {@link remove} takes
   */
  add(subscription: Subscription, { high, low, resolution, inside }: Cover): number {
    const number = this.#freeNumbers.pop() ?? this.#subscriptions.length;
    this.#subscriptions[number] = subscription;
    let last = NONE;
    for (let i = 0; i < high.length; i++) {
      const node = this.#make(high[i], low[i], resolution[i]);
      const entry = this.#entries.take();
      const { words } = this.#entries;
      const nodes = this.#nodes.words;
      const next = nodes[NODE * node + FIRST];
      words[ENTRY * entry + NEXT] = next;
      words[ENTRY * entry + CELL] = node;
      words[ENTRY * entry + SIBLING] = last;
      words[ENTRY * entry + WHO] = 2 * number + Number(inside[i]);
      if (next !== NONE) words[ENTRY * next + PREVIOUS] = entry;
      nodes[NODE * node + FIRST] = entry;
      last = entry;
    }
    // Nobody is registered nowhere but by a cover of nothing, which leaves nothing to remove.
    if (last === NONE) this.#forget(number);
    return last;
  }

  /** Undoes {@link add}; cells that nobody watches any more are given back. */
  remove(registration: number): void {
    const { words } = this.#entries;
    if (registration !== NONE) this.#forget(words[ENTRY * registration + WHO] >> 1);
    for (let entry = registration; entry !== NONE; ) {
      const at = ENTRY * entry;
      const next = words[at + NEXT];
      const previous = words[at + PREVIOUS];
      const node = words[at + CELL];
      const sibling = words[at + SIBLING];
      if (next !== NONE) words[ENTRY * next + PREVIOUS] = previous;
      if (previous !== NONE) words[ENTRY * previous + NEXT] = next;
      else this.#nodes.words[NODE * node + FIRST] = next;
      this.#entries.give(entry);
      this.#prune(node);
      entry = sibling;
    }
  }

  /**
   * Calls `visit` for each subscription that may hold a position, with whether it surely does. The position is given by
   * the two halves of its H3 index at resolution 15.
   */
  visit(high: number, low: number, visit: (subscription: Subscription, inside: boolean) => void): void {
    const nodes = this.#nodes.words;
    const families = this.#families.words;
    const entries = this.#entries.words;
    let node = this.#base[baseCell(high)];
    for (let resolution = 1; node !== NONE; resolution++) {
      for (let entry = nodes[NODE * node + FIRST]; entry !== NONE; entry = entries[ENTRY * entry + NEXT]) {
        const who = entries[ENTRY * entry + WHO];
        visit(this.#subscriptions[who >> 1] as Subscription, (who & 1) === 1);
      }
      const family = nodes[NODE * node + FAMILY];
      if (family === NONE || resolution > MAX_RESOLUTION) return;
      node = families[SIBLINGS * family + digitAt(high, low, resolution)];
    }
  }

  /** Nodes in use. */
  get nodes(): number {
    return this.#nodes.used;
  }

  #make(high: number, low: number, resolution: number): number {
    const base = baseCell(high);
    if (this.#base[base] === NONE) this.#base[base] = this.#child(~base);
    let node = this.#base[base];
    for (let r = 1; r <= resolution; r++) {
      let family = this.#nodes.words[NODE * node + FAMILY];
      if (family === NONE) {
        family = this.#families.take();
        this.#nodes.words[NODE * node + FAMILY] = family;
      }
      const at = SIBLINGS * family + digitAt(high, low, r);
      if (this.#families.words[at] === NONE) this.#families.words[at] = this.#child(node);
      node = this.#families.words[at];
    }
    return node;
  }

  #child(parent: number): number {
    const node = this.#nodes.take();
    this.#nodes.words[NODE * node + PARENT] = parent;
    return node;
  }

  /** Gives back a node that nobody watches and that has no children, and then its parent, if that is like it. */
  #prune(node: number): void {
    const nodes = this.#nodes.words;
    const families = this.#families.words;
    while (nodes[NODE * node + FIRST] === NONE && nodes[NODE * node + FAMILY] === NONE) {
      const parent = nodes[NODE * node + PARENT];
      this.#nodes.give(node);
      if (parent < 0) {
        this.#base[~parent] = NONE;
        return;
      }
      const family = nodes[NODE * parent + FAMILY];
      let others = false;
      for (let at = SIBLINGS * family; at < SIBLINGS * (family + 1); at++) {
        if (families[at] === node) families[at] = NONE;
        else if (families[at] !== NONE) others = true;
      }
      if (others) return;
      this.#families.give(family);
      nodes[NODE * parent + FAMILY] = NONE;
      node = parent;
    }
  }

  #forget(number: number): void {
    this.#subscriptions[number] = undefined;
    this.#freeNumbers.push(number);
  }
}
