import type { Place, Streets } from './streets.ts';

/** What the search must know of the streets. */
type Network = Pick<Streets, 'ways' | 'way' | 'from' | 'to' | 'back' | 'length' | 'place'> & {
  readonly crossings: number;
};

/**
 * The shortest way from crossing to crossing: A*, guided by the distance as the crow flies.
 *
 * Source: P. Hart, N. Nilsson, B. Raphael, *A Formal Basis for the Heuristic Determination of Minimum Cost Paths*, 1968.
 */
export class ShortestPath {
  readonly #network: Network;
  readonly #x: Float64Array;
  readonly #y: Float64Array;
  /** Of each crossing: metres to it, the street by which it was reached, and in which search that was. */
  readonly #metres: Float64Array;
  readonly #by: Int32Array;
  readonly #search: Int32Array;
  #searches = 0;
  /** A heap of crossings by the metres of the whole way through them, at the least. */
  readonly #heap: number[] = [];
  readonly #keys: number[] = [];

  constructor(network: Network) {
    this.#network = network;
    const { crossings } = network;
    this.#x = new Float64Array(crossings);
    this.#y = new Float64Array(crossings);
    this.#metres = new Float64Array(crossings);
    this.#by = new Int32Array(crossings);
    this.#search = new Int32Array(crossings);
    const place: Place = { x: 0, y: 0, bearing: 0 };
    for (let crossing = 0; crossing < crossings; crossing++) {
      network.place(network.way(crossing, 0), 0, place);
      this.#x[crossing] = place.x;
      this.#y[crossing] = place.y;
    }
  }

  /**
   * The streets to take after one to drive another in the end, the last first. Back at once it goes only where no other
   * way leads there but through here.
   */
  find(street: number, target: number): number[] {
    const network = this.#network;
    const start = network.to(street);
    const goal = network.from(target);
    const back = network.ways(start) > 1 ? network.back(street) : -1;
    const route = [target];
    if (start === goal && target !== back) return route;
    this.#searches++;
    this.#heap.length = 0;
    this.#keys.length = 0;
    this.#leave(start, 0, goal, back);
    for (let crossing = this.#pop(); crossing !== goal; crossing = this.#pop()) {
      if (crossing === undefined) {
        const around = this.find(back, target);
        around.push(back);
        return around;
      }
      if (crossing !== start) this.#leave(crossing, this.#metres[crossing], goal, -1);
    }
    let at = goal;
    do {
      const by = this.#by[at];
      route.push(by);
      at = network.from(by);
    } while (at !== start);
    return route;
  }

  #leave(crossing: number, metres: number, goal: number, without: number): void {
    const network = this.#network;
    for (let n = network.ways(crossing) - 1; n >= 0; n--) {
      const street = network.way(crossing, n);
      if (street === without) continue;
      const to = network.to(street);
      const length = metres + network.length(street);
      if (this.#search[to] === this.#searches && this.#metres[to] <= length) continue;
      this.#search[to] = this.#searches;
      this.#metres[to] = length;
      this.#by[to] = street;
      this.#push(to, length + Math.hypot(this.#x[to] - this.#x[goal], this.#y[to] - this.#y[goal]));
    }
  }

  #push(crossing: number, key: number): void {
    const heap = this.#heap;
    const keys = this.#keys;
    let at = heap.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (keys[parent] <= key) break;
      heap[at] = heap[parent];
      keys[at] = keys[parent];
      at = parent;
    }
    heap[at] = crossing;
    keys[at] = key;
  }

  #pop(): number | undefined {
    const heap = this.#heap;
    const keys = this.#keys;
    const first = heap[0];
    const last = heap.pop();
    const key = keys.pop();
    if (last === undefined || key === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && keys[child + 1] < keys[child]) child++;
      if (keys[child] >= key) break;
      heap[at] = heap[child];
      keys[at] = keys[child];
      at = child;
    }
    heap[at] = last;
    keys[at] = key;
    return first;
  }
}
