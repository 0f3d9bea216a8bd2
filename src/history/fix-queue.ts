import type { Position } from '../fix.ts';

/** Fixes that were taken and are still held, at the most: beyond it the list is moved up. */
const SPENT = 1_000;

/** What was read and is yet to happen: first in, first out, O(1). */
export class FixQueue {
  #fixes: Position[] = [];
  #front = 0;

  get length(): number {
    return this.#fixes.length - this.#front;
  }

  add(fixes: readonly Position[]): void {
    // Not by spreading them: there may be more than a call takes arguments.
    for (const fix of fixes) this.#fixes.push(fix);
  }

  /** Takes out the first, unless it is dated after `timestamp`. */
  take(timestamp: number): Position | undefined {
    const fix = this.#fixes[this.#front];
    if (fix === undefined || fix.timestamp > timestamp) return undefined;
    this.#front++;
    if (this.#front === this.#fixes.length || (this.#front >= SPENT && 2 * this.#front >= this.#fixes.length)) {
      this.#fixes = this.#fixes.slice(this.#front);
      this.#front = 0;
    }
    return fix;
  }

  clear(): void {
    this.#fixes = [];
    this.#front = 0;
  }
}
