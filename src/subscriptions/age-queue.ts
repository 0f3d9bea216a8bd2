import type { Driver } from './driver.ts';

/** How many who are inside no more may stay, at the least. */
const SPARE = 64;

/** A driver in the queue, and the timestamp by which it stands there: its own, or an older one of its. */
interface Entry {
  readonly driver: Driver;
  readonly timestamp: number;
}

/**
 * The drivers of one subscription by the age of their positions, so that those that have grown too old are found without
 * looking at the others. A binary heap in which a driver stays where it is when it gets a newer position, and is
 * only put into its new place when its turn comes: so it costs O(log n) once in `maxAge` a driver, not with every fix.
 */
export class AgeQueue {
  readonly #inside: ReadonlySet<Driver>;
  #heap: Entry[] = [];
  #queued = new Set<Driver>();

  /** @param inside who is inside; others may stay in the queue for a while */
  constructor(inside: ReadonlySet<Driver>) {
    this.#inside = inside;
  }

  /** Takes in a driver that is inside, unless it is here already. */
  add(driver: Driver): void {
    if (this.#queued.has(driver)) return;
    // Where drivers come and go, those that went must not pile up until they are too old.
    if (this.#heap.length > 2 * this.#inside.size + SPARE) this.#clear();
    if (this.#queued.has(driver)) return;
    this.#queued.add(driver);
    this.#push({ driver, timestamp: driver.position.timestamp });
  }

  /** Takes out the drivers whose positions are older than `since`, epoch milliseconds. */
  takeOlder(since: number, visit: (driver: Driver) => void): void {
    for (;;) {
      const first = this.#heap[0];
      if (first === undefined || first.timestamp >= since) return;
      this.#pop();
      const { driver } = first;
      const { timestamp } = driver.position;
      if (timestamp >= since) this.#push({ driver, timestamp });
      else {
        this.#queued.delete(driver);
        visit(driver);
      }
    }
  }

  #clear(): void {
    this.#heap = [];
    this.#queued = new Set(this.#inside);
    for (const driver of this.#inside) this.#push({ driver, timestamp: driver.position.timestamp });
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let at = heap.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (heap[parent].timestamp <= entry.timestamp) break;
      heap[at] = heap[parent];
      at = parent;
    }
    heap[at] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop() as Entry;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1].timestamp < heap[child].timestamp) child++;
      if (heap[child].timestamp >= last.timestamp) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = last;
  }
}
