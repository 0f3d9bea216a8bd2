/** What a search found: slots, nearest first, and how far away each is in metres. */
export interface Nearest {
  readonly slots: number[];
  readonly distances: number[];
}

/** The best `limit` slots so far: a heap whose root is the worst of them, which is the one to beat. */
export class Best {
  /** Nothing further away than this (metres) can get in. */
  reach: number;
  /** The square of `reach`, a hair wide, so that rounding keeps nobody out who is just within. */
  reach2: number;
  readonly #limit: number;
  readonly #order: (a: number, b: number) => number;
  readonly #slots: number[] = [];
  readonly #distances: number[] = [];

  constructor(limit: number, radius: number, order: (a: number, b: number) => number) {
    this.#limit = limit;
    this.#order = order;
    this.reach = radius;
    this.reach2 = radius * radius * (1 + 1e-12);
  }

  offer(slot: number, distance: number): void {
    if (this.#slots.length < this.#limit) {
      this.#slots.push(slot);
      this.#distances.push(distance);
      this.#siftUp(this.#slots.length - 1);
      if (this.#slots.length === this.#limit) this.#lower();
    } else if (this.#worse(0, slot, distance)) {
      this.#slots[0] = slot;
      this.#distances[0] = distance;
      this.#siftDown(0, this.#slots.length);
      this.#lower();
    }
  }

  /** Heapsort in place: the worst goes last. The heap is spent. */
  sorted(): Nearest {
    for (let end = this.#slots.length - 1; end > 0; end--) {
      this.#swap(0, end);
      this.#siftDown(0, end);
    }
    return { slots: this.#slots, distances: this.#distances };
  }

  #lower(): void {
    this.reach = this.#distances[0];
    this.reach2 = this.reach * this.reach * (1 + 1e-12);
  }

  /** Whether the entry at `index` comes after the given one. */
  #worse(index: number, slot: number, distance: number): boolean {
    const own = this.#distances[index];
    return own > distance || (own === distance && this.#order(this.#slots[index], slot) > 0);
  }

  #siftUp(index: number): void {
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!this.#worse(index, this.#slots[parent], this.#distances[parent])) return;
      this.#swap(index, parent);
      index = parent;
    }
  }

  #siftDown(index: number, end: number): void {
    for (;;) {
      let worst = index;
      for (let child = 2 * index + 1; child <= 2 * index + 2 && child < end; child++) {
        if (this.#worse(child, this.#slots[worst], this.#distances[worst])) worst = child;
      }
      if (worst === index) return;
      this.#swap(index, worst);
      index = worst;
    }
  }

  #swap(a: number, b: number): void {
    const slot = this.#slots[a];
    this.#slots[a] = this.#slots[b];
    this.#slots[b] = slot;
    const distance = this.#distances[a];
    this.#distances[a] = this.#distances[b];
    this.#distances[b] = distance;
  }
}
