import { MAX_CORRECTED_CHORD } from '../geo/distance.ts';
import { MAX_CURVATURE_RADIUS, MIN_CURVATURE_RADIUS } from '../geo/ellipsoid.ts';
import { resized } from './resized.ts';

/** Room for rounding in a comparison of squares. */
const HAIR = 1e-12;
/**
 * By how much, relative to its square and per square metre, a chord may exceed another and still be of the shorter way:
 * to first order a way is c + c³κ²/24 with curvatures κ between 1/max and 1/min of the ellipsoid; doubled for the square.
 * A tenth is added for the higher orders up to 500 km.
 */
const SLACK = (1.1 * 2 * (1 / MIN_CURVATURE_RADIUS ** 2 - 1 / MAX_CURVATURE_RADIUS ** 2)) / 24;

/** Up to this many entries are moved up one by one; more are searched by halves and moved in one go. */
const FEW = 40;

/**
 * The best `limit` candidates of a search so far, in order; the last is the one to beat. Kept and used again for every
 * search, so that none allocates. A sorted list, not a heap: most searches want few, and then moving up half of them
 * takes less than the comparisons of a heap, and nothing is left to be sorted in the end.
 *
 * A candidate's key is the square of its chord, or of its exact distance when the search has to be exact from the start.
 * Chords put candidates in the right order except where two differ by next to nothing (2·10⁻⁸ m at 1 km) in directions of
 * different curvature. So whoever is left out by so little is taken note of, and {@link decided} then says that the search
 * is to be done again by exact distances: about never, but for points that are laid out in a lattice.
 */
export class Best {
  /** How many there are. */
  size = 0;
  /** A candidate whose squared chord is more than this cannot get in. */
  reach2 = 0;
  /** The root of `reach2`: nothing further away than this (metres) can get in. */
  reach = 0;
  /** The places, best first. */
  places = new Int32Array(64);
  #keys = new Float64Array(64);
  #limit = 0;
  #exact = false;
  /** The least key of those left out in favour of others. */
  #leftOut = 0;
  readonly #order: (a: number, b: number) => number;
  readonly #same: (a: number, b: number) => boolean;

  /**
   * @param order decides between places with the same key: negative when `a` comes first
   * @param same whether two places have the same coordinates
   */
  constructor(order: (a: number, b: number) => number, same: (a: number, b: number) => boolean) {
    this.#order = order;
    this.#same = same;
  }

  /** Starts anew. @param limit at least 1 @param exact the keys will be squares of distances, not of chords */
  clear(limit: number, radius: number, exact: boolean): void {
    this.size = 0;
    this.#limit = limit;
    this.#exact = exact;
    this.#leftOut = Number.POSITIVE_INFINITY;
    this.reach2 = radius * radius * (1 + HAIR);
    this.reach = Math.sqrt(this.reach2);
  }

  /** Whether a place would get in. To be asked before {@link add}, only of keys up to `reach2`. */
  admits(place: number, key: number): boolean {
    if (this.size < this.#limit) return true;
    const last = this.size - 1;
    const worst = this.#keys[last];
    if (key < worst) return true;
    // At one and the same point the distance is the same too, and the order decides for good.
    if (key === worst && (this.#exact || this.#same(place, this.places[last]))) {
      return this.#order(place, this.places[last]) < 0;
    }
    if (key < this.#leftOut) this.#leftOut = key;
    return false;
  }

  /** Takes in a place that {@link admits} admitted; the last one gives way when there are too many. */
  add(place: number, key: number): void {
    if (this.size < this.#limit) {
      if (this.size === this.places.length) this.#grow();
      this.#put(place, key, this.size++);
      if (this.size === this.#limit) this.#lower();
      return;
    }
    const last = this.size - 1;
    const worst = this.#keys[last];
    const evicted = this.places[last];
    this.#put(place, key, last);
    const decided = this.#keys[last] === worst && this.#same(evicted, this.places[last]);
    if (worst < this.#leftOut && !decided) this.#leftOut = worst;
    this.#lower();
  }

  /** Whether it is certain that those left out are worse than those within. */
  decided(): boolean {
    if (this.#exact || this.size < this.#limit) return true;
    return this.#leftOut > this.reach2 && this.reach <= MAX_CORRECTED_CHORD;
  }

  /** Puts an entry where it belongs among the first `size`; the one after these is overwritten. */
  #put(place: number, key: number, size: number): void {
    const keys = this.#keys;
    const places = this.places;
    let at = size;
    if (size <= FEW) {
      for (; at > 0 && keys[at - 1] > key; at--) {
        keys[at] = keys[at - 1];
        places[at] = places[at - 1];
      }
      // Those with the same key, of whom there is hardly ever one, are left.
      for (; at > 0 && keys[at - 1] === key && this.#order(places[at - 1], place) > 0; at--) {
        keys[at] = key;
        places[at] = places[at - 1];
      }
    } else {
      let low = 0;
      while (low < at) {
        const middle = (low + at) >> 1;
        const own = keys[middle];
        if (own > key || (own === key && this.#order(places[middle], place) > 0)) at = middle;
        else low = middle + 1;
      }
      keys.copyWithin(at + 1, at, size);
      places.copyWithin(at + 1, at, size);
    }
    keys[at] = key;
    places[at] = place;
  }

  #lower(): void {
    const worst = this.#keys[this.size - 1];
    const reach2 = worst * (1 + HAIR + (this.#exact ? 0 : SLACK * worst));
    if (reach2 >= this.reach2) return;
    this.reach2 = reach2;
    this.reach = Math.sqrt(reach2);
  }

  #grow(): void {
    this.#keys = resized(this.#keys, 2 * this.size);
    this.places = resized(this.places, 2 * this.size);
  }
}
