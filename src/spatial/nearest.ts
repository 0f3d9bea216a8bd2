import { chordDistance, geodesicDistance, isCorrectable } from '../geo/distance.ts';
import { toEcef } from '../geo/ecef.ts';
import { Best } from './best.ts';
import { type Layout, reaches } from './layout.ts';
import { EMPTY, inner, LINK, SIBLINGS, WORDS } from './node-pool.ts';
import { NodeQueue } from './node-queue.ts';
import { BLOCK_SHIFT, ecefAt } from './point-pool.ts';

const NONE = -1;

/** What a search found: slots, nearest first, and how far away each is in metres. */
export interface Nearest {
  readonly slots: number[];
  readonly distances: number[];
}

/** Whether a point is wanted. It must not search or change the tree. */
export type Accept = (slot: number) => boolean;

/**
 * The search for the nearest points of a tree, with all that it needs kept from one search to the next, so that none
 * allocates but its answer.
 */
export class NearestSearch {
  readonly #layout: Layout;
  readonly #order: (a: number, b: number) => number;
  readonly #centre = new Float64Array(3);
  readonly #queue = new NodeQueue();
  readonly #best: Best;

  /** @param order of slots at the same distance: negative when `a` comes first; must be a total order */
  constructor(layout: Layout, order: (a: number, b: number) => number) {
    this.#layout = layout;
    this.#order = order;
    this.#best = new Best(
      (a, b) => order(layout.points.slot(a), layout.points.slot(b)),
      (a, b) => this.#samePoint(a, b),
    );
  }

  /**
   * See `CellTree.nearest`.
   *
   * @param tops the base cells that hold points
   * @param limit at least 1
   */
  run(
    tops: readonly number[],
    lat: number,
    lng: number,
    radius: number,
    limit: number,
    accept: Accept | undefined,
  ): Nearest {
    toEcef(lat, lng, this.#centre, 0);
    this.#search(tops, lat, lng, radius, limit, accept, false);
    if (!this.#best.decided()) this.#search(tops, lat, lng, radius, limit, accept, true);
    return this.#answer(lat, lng, radius);
  }

  /** Fills `#best` with the nearest. @param exact compares exact distances, not chords: slow; see `Best` */
  #search(
    tops: readonly number[],
    lat: number,
    lng: number,
    radius: number,
    limit: number,
    accept: Accept | undefined,
    exact: boolean,
  ): void {
    const x = this.#centre[0];
    const y = this.#centre[1];
    const z = this.#centre[2];
    const { points } = this.#layout;
    const { ecef } = points;
    const { centres, ints, resolutions } = this.#layout.nodes;
    const best = this.#best;
    const queue = this.#queue;
    best.clear(limit, radius, exact);
    queue.clear();
    const furthest = (best.reach + reaches[0]) ** 2;
    for (let i = 0; i < tops.length; i++) {
      const base = tops[i];
      const dx = centres[WORDS * base] - x;
      const dy = centres[WORDS * base + 1] - y;
      const dz = centres[WORDS * base + 2] - z;
      const c2 = dx * dx + dy * dy + dz * dz;
      if (c2 <= furthest) queue.push(base, Math.sqrt(c2) - reaches[0]);
    }
    // A node's nearest child is gone into at once while nothing in the queue is nearer; it need not pass through.
    let node = NONE;
    for (;;) {
      if (node === NONE) {
        if (queue.size === 0 || queue.least > best.reach) return;
        node = queue.pop();
      }
      const link = ints[WORDS * node + LINK];
      if (link < EMPTY) {
        const first = inner(link);
        const bound = reaches[resolutions[(first / SIBLINGS) | 0]];
        const furthest = (best.reach + bound) ** 2;
        node = NONE;
        let nodeLeast = 0;
        for (let child = first; child < first + SIBLINGS; child++) {
          const dx = centres[WORDS * child] - x;
          const dy = centres[WORDS * child + 1] - y;
          const dz = centres[WORDS * child + 2] - z;
          const c2 = dx * dx + dy * dy + dz * dz;
          // Not the other way round: a child that never held a point has no centre, and no distance is NaN.
          if (!(c2 <= furthest)) continue;
          const least = Math.sqrt(c2) - bound;
          if (node === NONE) {
            node = child;
            nodeLeast = least;
          } else if (least < nodeLeast) {
            queue.push(node, nodeLeast);
            node = child;
            nodeLeast = least;
          } else queue.push(child, least);
        }
        if (node !== NONE && queue.size > 0 && queue.least < nodeLeast) {
          queue.push(node, nodeLeast);
          node = NONE;
        }
        continue;
      }
      node = NONE;
      for (let block = link; block !== NONE; block = points.next(block)) {
        const end = points.end(block);
        let at = ecefAt(block << BLOCK_SHIFT);
        for (let place = block << BLOCK_SHIFT; place < end; place++, at += 3) {
          const dx = ecef[at] - x;
          const dy = ecef[at + 1] - y;
          const dz = ecef[at + 2] - z;
          // The chord is never longer than the way along the ellipsoid.
          let key = dx * dx + dy * dy + dz * dz;
          if (key > best.reach2) continue;
          if (exact) {
            const far = this.#distanceTo(lat, lng, place);
            if (far > radius) continue;
            key = far * far;
          }
          if (!best.admits(place, key)) continue;
          if (accept === undefined || accept(points.slot(place))) best.add(place, key);
        }
      }
    }
  }

  /** What `#best` holds, by exact distance and the order; those whose chord is within the radius but not their way are left out. */
  #answer(lat: number, lng: number, radius: number): Nearest {
    const { places, size } = this.#best;
    const slots: number[] = [];
    const distances: number[] = [];
    let last = -1;
    for (let i = 0; i < size; i++) {
      const distance = this.#distanceTo(lat, lng, places[i]);
      if (distance > radius) continue;
      slots.push(this.#layout.points.slot(places[i]));
      distances.push(distance);
      // Chords have them in order already, but for a few that differ by a hair.
      if (distance <= last) this.#sink(slots, distances);
      else last = distance;
    }
    return { slots, distances };
  }

  /** Moves the last entry of a list forward to where it belongs. */
  #sink(slots: number[], distances: number[]): void {
    const slot = slots[slots.length - 1];
    const distance = distances[slots.length - 1];
    let at = slots.length - 1;
    for (; at > 0; at--) {
      const before = distances[at - 1];
      if (before < distance || (before === distance && this.#order(slots[at - 1], slot) < 0)) break;
      slots[at] = slots[at - 1];
      distances[at] = before;
    }
    slots[at] = slot;
    distances[at] = distance;
  }

  /** Metres along the ellipsoid from the place that is searched around. */
  #distanceTo(lat: number, lng: number, place: number): number {
    const centre = this.#centre;
    const { ecef, degrees } = this.#layout.points;
    const at = ecefAt(place);
    const x = ecef[at];
    const y = ecef[at + 1];
    const z = ecef[at + 2];
    // Degrees are elsewhere in memory, and are looked at for far points only.
    if (isCorrectable(centre[0], centre[1], centre[2], x, y, z)) {
      return chordDistance(centre[0], centre[1], centre[2], x, y, z);
    }
    return geodesicDistance(lat, lng, degrees[2 * place], degrees[2 * place + 1]);
  }

  #samePoint(a: number, b: number): boolean {
    const { ecef } = this.#layout.points;
    const i = ecefAt(a);
    const j = ecefAt(b);
    return ecef[i] === ecef[j] && ecef[i + 1] === ecef[j + 1] && ecef[i + 2] === ecef[j + 2];
  }
}
