import type { Fix } from './wire.ts';

/** A fix that waits for its verdict. */
export interface Entry {
  /** Its place in the order in which fixes were sent. */
  readonly place: number;
  readonly fix: Fix;
}

/** The fixes of a track that have no verdict yet, in the order in which they were sent; bounded. */
export class FixQueue {
  readonly #capacity: number;
  /** Not on their way to the server. */
  #waiting: Entry[] = [];
  /** On their way. */
  readonly #flying = new Set<Entry>();
  #lastPlace = 0;

  /** @param capacity how many fixes may be without a verdict */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Fixes without a verdict. */
  get size(): number {
    return this.#waiting.length + this.#flying.size;
  }

  /** Those of them that are not on their way. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Those of them that are on their way. */
  get flying(): number {
    return this.#flying.size;
  }

  /** The place of the newest. */
  get lastPlace(): number {
    return this.#lastPlace;
  }

  /** The place of the oldest; infinite when there is none. O(number on their way). */
  get firstPlace(): number {
    let first = this.#waiting[0]?.place ?? Number.POSITIVE_INFINITY;
    for (const { place } of this.#flying) first = Math.min(first, place);
    return first;
  }

  /** Adds a fix behind all others. @returns those that gave way: the oldest that are not on their way */
  push(fix: Fix): Entry[] {
    this.#waiting.push({ place: ++this.#lastPlace, fix });
    return this.#cut();
  }

  /** Puts fixes before all others, as they were kept from an earlier time. @returns those that gave way */
  restore(fixes: readonly Fix[]): Entry[] {
    const first = Math.min(0, this.firstPlace) - fixes.length;
    this.#waiting.unshift(...fixes.map((fix, index) => ({ place: first + index, fix })));
    return this.#cut();
  }

  /** Takes the oldest that wait, and has them on their way: at most so many, and so many characters of JSON. */
  take(count: number, characters: number): { entries: Entry[]; encoded: string[] } {
    const entries: Entry[] = [];
    const encoded: string[] = [];
    let size = 0;
    for (const entry of this.#waiting) {
      if (entries.length === count) break;
      const json = JSON.stringify(entry.fix);
      size += json.length;
      if (size > characters && entries.length > 0) break;
      entries.push(entry);
      encoded.push(json);
      this.#flying.add(entry);
    }
    this.#waiting.splice(0, entries.length);
    return { entries, encoded };
  }

  /** They came to nothing, and wait again, in their places. */
  giveBack(entries: Iterable<Entry>): void {
    const back: Entry[] = [];
    for (const entry of entries) if (this.#flying.delete(entry)) back.push(entry);
    if (back.length > 0) this.#waiting = [...back, ...this.#waiting].sort((a, b) => a.place - b.place);
  }

  /** All that are on their way wait again. */
  giveAllBack(): void {
    this.giveBack([...this.#flying]);
  }

  /** Has its verdict, and is done with. */
  settle(entry: Entry): void {
    this.#flying.delete(entry);
  }

  /** All of them, in order. */
  fixes(): Fix[] {
    const entries = [...this.#flying, ...this.#waiting].sort((a, b) => a.place - b.place);
    return entries.map(({ fix }) => fix);
  }

  #cut(): Entry[] {
    const excess = Math.min(this.size - this.#capacity, this.#waiting.length);
    return excess > 0 ? this.#waiting.splice(0, excess) : [];
  }
}
