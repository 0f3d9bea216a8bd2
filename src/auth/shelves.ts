import sortedBtree from 'sorted-btree';
import { compareIds } from '../compare-ids.ts';

/** A part of a list. */
export interface Page<T> {
  readonly items: readonly T[];
  /** The key of the last, where there are more. */
  readonly next?: string;
}

/** Things by their owner and, of each owner, in the order of their keys, to be looked through a page at a time. */
export class Shelves<T> {
  readonly #shelves = new Map<string, sortedBtree.default<string, T>>();

  get(owner: string, key: string): T | undefined {
    return this.#shelves.get(owner)?.get(key);
  }

  /** How many an owner has. */
  count(owner: string): number {
    return this.#shelves.get(owner)?.size ?? 0;
  }

  set(owner: string, key: string, value: T): void {
    let shelf = this.#shelves.get(owner);
    if (shelf === undefined) {
      shelf = new sortedBtree.default<string, T>(undefined, compareIds);
      this.#shelves.set(owner, shelf);
    }
    shelf.set(key, value);
  }

  delete(owner: string, key: string): void {
    const shelf = this.#shelves.get(owner);
    shelf?.delete(key);
    if (shelf?.size === 0) this.#shelves.delete(owner);
  }

  /** Takes away what is over, of all owners. */
  prune(isOver: (value: T) => boolean): void {
    for (const [owner, shelf] of this.#shelves) {
      for (const [key, value] of [...shelf.entries()]) if (isOver(value)) this.delete(owner, key);
    }
  }

  /** All that an owner has, for whoever takes some of it away meanwhile. */
  all(owner: string): T[] {
    return [...(this.#shelves.get(owner)?.values() ?? [])];
  }

  /**
   * What comes after a key in an owner's order.
   *
   * @param after absent: from the first
   * @param isListed false: it is passed over
   */
  page(owner: string, after: string | undefined, limit: number, isListed: (value: T) => boolean): Page<T> {
    const items: T[] = [];
    let last: string | undefined;
    for (const [key, value] of this.#shelves.get(owner)?.entries(after) ?? []) {
      if (key === after || !isListed(value)) continue;
      if (items.length === limit) return { items, next: last };
      items.push(value);
      last = key;
    }
    return { items };
  }
}
