import { BASE_CELLS, baseCell, digitAt, MAX_RESOLUTION } from '../spatial/cell.ts';
import type { Cover } from '../spatial/cover.ts';
import type { Subscription } from './subscription.ts';

const NONE = -1;
const CHILDREN = 7;

/** The subscriptions registered at one cell. */
interface Watchers {
  /** Those that hold every position of the cell. */
  readonly inside: Set<Subscription>;
  /** Those whose edge crosses the cell: the position itself must be tested. */
  readonly edge: Set<Subscription>;
}

/**
 * Which subscriptions watch a place: a tree over H3 digits whose nodes, at mixed resolutions, carry the subscriptions
 * whose cover has that cell. A look-up walks the one path of the position's index, so it costs what is watched there and
 * at most one step a resolution, however many watch elsewhere.
 */
export class WatchTree {
  #capacity = 32;
  #children = new Int32Array(CHILDREN * this.#capacity);
  #watchers: (Watchers | undefined)[] = [];
  #nextNode = 0;
  readonly #freeNodes: number[] = [];
  readonly #base = new Int32Array(BASE_CELLS).fill(NONE);

  /** Registers a subscription at every cell of its cover. */
  add(subscription: Subscription, cover: Cover): void {
    for (let i = 0; i < cover.high.length; i++) {
      const node = this.#make(cover.high[i], cover.low[i], cover.resolution[i]);
      this.#watchers[node] ??= { inside: new Set(), edge: new Set() };
      const watchers = this.#watchers[node];
      (cover.inside[i] ? watchers.inside : watchers.edge).add(subscription);
    }
  }

  /** Undoes {@link add} with the same cover; cells that nobody watches any more are given back. */
  remove(subscription: Subscription, cover: Cover): void {
    for (let i = 0; i < cover.high.length; i++) {
      this.#drop(subscription, cover.high[i], cover.low[i], cover.resolution[i]);
    }
  }

  /**
   * Calls `visit` for each subscription that may hold a position, with whether it surely does. The position is given by
   * the two halves of its H3 index at resolution 15.
   */
  visit(high: number, low: number, visit: (subscription: Subscription, inside: boolean) => void): void {
    let node = this.#base[baseCell(high)];
    for (let resolution = 1; node !== NONE; resolution++) {
      const watchers = this.#watchers[node];
      if (watchers !== undefined) {
        for (const subscription of watchers.inside) visit(subscription, true);
        for (const subscription of watchers.edge) visit(subscription, false);
      }
      if (resolution > MAX_RESOLUTION) return;
      node = this.#children[CHILDREN * node + digitAt(high, low, resolution)];
    }
  }

  /** Nodes in use. */
  get nodes(): number {
    return this.#nextNode - this.#freeNodes.length;
  }

  #make(high: number, low: number, resolution: number): number {
    const base = baseCell(high);
    if (this.#base[base] === NONE) this.#base[base] = this.#takeNode();
    let node = this.#base[base];
    for (let r = 1; r <= resolution; r++) {
      const digit = digitAt(high, low, r);
      let child = this.#children[CHILDREN * node + digit];
      if (child === NONE) {
        child = this.#takeNode();
        this.#children[CHILDREN * node + digit] = child;
      }
      node = child;
    }
    return node;
  }

  #drop(subscription: Subscription, high: number, low: number, resolution: number): void {
    const path = [this.#base[baseCell(high)]];
    for (let r = 1; r <= resolution; r++) path.push(this.#children[CHILDREN * path[r - 1] + digitAt(high, low, r)]);
    const last = path[resolution];
    const watchers = this.#watchers[last] as Watchers;
    watchers.inside.delete(subscription);
    watchers.edge.delete(subscription);
    if (watchers.inside.size + watchers.edge.size === 0) this.#watchers[last] = undefined;
    for (let r = resolution; r >= 0 && this.#isEmpty(path[r]); r--) {
      this.#freeNodes.push(path[r]);
      if (r === 0) this.#base[baseCell(high)] = NONE;
      else this.#children[CHILDREN * path[r - 1] + digitAt(high, low, r)] = NONE;
    }
  }

  #isEmpty(node: number): boolean {
    if (this.#watchers[node] !== undefined) return false;
    for (let digit = 0; digit < CHILDREN; digit++) {
      if (this.#children[CHILDREN * node + digit] !== NONE) return false;
    }
    return true;
  }

  #takeNode(): number {
    let node = this.#freeNodes.pop();
    if (node === undefined) {
      if (this.#nextNode === this.#capacity) {
        this.#capacity *= 2;
        const children = new Int32Array(CHILDREN * this.#capacity);
        children.set(this.#children);
        this.#children = children;
      }
      node = this.#nextNode++;
    }
    this.#children.fill(NONE, CHILDREN * node, CHILDREN * (node + 1));
    this.#watchers[node] = undefined;
    return node;
  }
}
