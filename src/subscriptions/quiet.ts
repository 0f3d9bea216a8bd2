import type { Driver } from './driver.ts';

/** Milliseconds of each group. */
const STEP = 1_000;

/**
 * Drivers of whom was learnt (from the store, or another instance) that they were last heard at some time past, and who were
 * not heard since: grouped by that time, as they are learnt of in no order.
 */
export class Quiet {
  readonly #groups = new Map<number, Set<Driver>>();

  /** Takes in a driver, by its `heardAt`. */
  add(driver: Driver): void {
    const step = stepOf(driver);
    let group = this.#groups.get(step);
    if (group === undefined) {
      group = new Set();
      this.#groups.set(step, group);
    }
    group.add(driver);
    driver.quiet = true;
  }

  /** Takes out a driver that is in, before its `heardAt` changes. */
  delete(driver: Driver): void {
    driver.quiet = false;
    const group = this.#groups.get(stepOf(driver));
    group?.delete(driver);
    if (group?.size === 0) this.#groups.delete(stepOf(driver));
  }

  /** Some driver last heard before `since`, epoch milliseconds; O(groups), and those of one group. */
  before(since: number): Driver | undefined {
    const step = Math.floor(since / STEP);
    for (const [key, group] of this.#groups) {
      if (key > step) continue;
      for (const driver of group) if (key < step || driver.heardAt < since) return driver;
    }
    return undefined;
  }
}

function stepOf({ heardAt }: Driver): number {
  return Math.floor(heardAt / STEP);
}
