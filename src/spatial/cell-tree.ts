import { chordDistance, geodesicDistance, isCorrectable } from '../geo/distance.ts';
import { normalToEcef, toNormal } from '../geo/ecef.ts';
import { INSIDE, OUTSIDE, type Region } from '../geo/region.ts';
import { Best } from './best.ts';
import {
  ancestor,
  BASE_CELLS,
  baseCell,
  cellBounds,
  cellCentre,
  digitAt,
  MAX_RESOLUTION,
  sharedResolution,
} from './cell.ts';
import { BASE_FAMILIES, CENTRE_ERROR, EMPTY, inner, LINK, NodePool, SIBLINGS, WORDS } from './node-pool.ts';
import { NodeQueue } from './node-queue.ts';
import { indexOf } from './point-index.ts';
import { BLOCK_SHIFT, ecefAt, PointPool, slotAt } from './point-pool.ts';
import { resized } from './resized.ts';

/** A leaf that holds more points than this is split, unless it is at the finest resolution. */
const LEAF_CAPACITY = 64;
/** A node whose points have become fewer than this is made a leaf again; well below the capacity, so that it does not flap. */
const MERGE_BELOW = 24;
/** Room for slots at first. A fleet of one driver should cost little. */
const INITIAL_SLOTS = 32;
const NONE = -1;

/** How far from its node's rounded centre a point can be, by resolution, metres. */
const reachOf = cellBounds.map((bound) => bound + CENTRE_ERROR);

/** What a search found: slots, nearest first, and how far away each is in metres. */
export interface Nearest {
  readonly slots: number[];
  readonly distances: number[];
}

/**
 * Points on the ellipsoid in a tree of H3 cells: base cell, then one digit a level. A leaf is any cell that holds few
 * points, so the depth follows the density. All is in flat typed arrays; a point is a slot, a small integer that is
 * used again once the point is removed.
 *
 * A search descends best-first by what each cell's bound (see `cellBounds`) proves of its points, so any radius from a
 * metre to the whole planet, the poles, the antimeridian and the pentagons need no special case.
 */
export class CellTree {
  /** Number of points. */
  size = 0;

  readonly #order: (a: number, b: number) => number;
  /** Of a slot, the place of its point; of a free slot, the next free one. */
  #places = new Int32Array(INITIAL_SLOTS);
  #freeSlot = NONE;
  #freshSlot = 0;
  #points = new PointPool();
  #nodes = new NodePool();

  /** The base cells that hold points. */
  readonly #bases: number[] = [];

  readonly #normal = new Float64Array(3);
  readonly #centre = new Float64Array(3);
  readonly #cell = new Uint32Array(2);
  readonly #ancestor = new Uint32Array(2);
  readonly #leafCentre = new Float64Array(3);
  readonly #queue = new NodeQueue();
  readonly #best: Best;

  /**
   * @param order decides between slots at the same distance: negative when `a` comes first; must be a total order
   */
  constructor(order: (a: number, b: number) => number) {
    this.#order = order;
    this.#best = new Best(
      (a, b) => order(this.#points.slot(a), this.#points.slot(b)),
      (a, b) => this.#samePoint(a, b),
    );
  }

  /** Adds a point and returns its slot. O(depth). @param lat degrees, −90 … 90 @param lng degrees, −180 … 180 */
  add(lat: number, lng: number): number {
    const slot = this.#takeSlot();
    this.#locate(lat, lng);
    this.#insert(NONE, slot, lat, lng);
    this.size++;
    return slot;
  }

  /** Moves a point. O(1) while it stays in its leaf, otherwise O(levels up to the cell that holds both places). */
  move(slot: number, lat: number, lng: number): void {
    const points = this.#points;
    const place = this.#places[slot];
    this.#locate(lat, lng);
    const high = points.cells[2 * place];
    const low = points.cells[2 * place + 1];
    const shared = sharedResolution(high, low, this.#cell[0], this.#cell[1]);
    const leaf = points.leaf(place);
    if (shared >= this.#nodes.resolution(leaf)) this.#write(place, slot, lat, lng);
    else this.#insert(this.#detach(place, shared), slot, lat, lng);
  }

  /** Removes a point; its slot may be given out again. O(depth). */
  remove(slot: number): void {
    this.#detach(this.#places[slot], NONE);
    this.#places[slot] = this.#freeSlot;
    this.#freeSlot = slot;
    this.size--;
    if (4 * this.#points.used < this.#points.capacity) this.compact();
  }

  /** Cells below the base cells that there are nodes for: those that hold points, and their siblings. */
  get nodes(): number {
    return SIBLINGS * (this.#nodes.used - BASE_FAMILIES);
  }

  /** Bytes held. At most a small multiple of what the points need, and four for every slot that was ever in use. */
  get bytes(): number {
    return this.#places.byteLength + this.#points.bytes + this.#nodes.bytes;
  }

  /** The upper half of a point's H3 index at resolution 15. */
  cellHigh(slot: number): number {
    return this.#points.cells[2 * this.#places[slot]];
  }

  /** The lower half of a point's H3 index at resolution 15. */
  cellLow(slot: number): number {
    return this.#points.cells[2 * this.#places[slot] + 1];
  }

  /** Whether a region holds a point. */
  isIn(region: Region, slot: number): boolean {
    return this.#holds(region, this.#places[slot]);
  }

  /**
   * The points no further than `radius` metres from a place along the ellipsoid (closed), nearest first, at most
   * `limit` of them; among equally far ones the constructor's order decides, also about who is cut off.
   *
   * @param accept is asked of every point that could still get into the answer; others cost nothing. It must not search
   * or change the tree.
   */
  nearest(lat: number, lng: number, radius: number, limit: number, accept?: (slot: number) => boolean): Nearest {
    toNormal(lat, lng, this.#normal, 0);
    normalToEcef(this.#normal[0], this.#normal[1], this.#normal[2], this.#centre, 0);
    const most = Math.min(limit, this.size);
    if (most === 0) return { slots: [], distances: [] };
    this.#search(lat, lng, radius, most, accept, false);
    if (!this.#best.decided()) this.#search(lat, lng, radius, most, accept, true);
    return this.#sorted(lat, lng, radius);
  }

  /** Fills `#best` with the nearest. @param exact compares exact distances, not chords: slow; see `Best` */
  #search(
    lat: number,
    lng: number,
    radius: number,
    limit: number,
    accept: ((slot: number) => boolean) | undefined,
    exact: boolean,
  ): void {
    const x = this.#centre[0];
    const y = this.#centre[1];
    const z = this.#centre[2];
    const points = this.#points;
    const ecef = points.ecef;
    const { centres, ints, resolutions } = this.#nodes;
    const best = this.#best;
    const queue = this.#queue;
    best.clear(limit, radius, exact);
    queue.clear();
    for (const base of this.#bases) {
      const dx = centres[WORDS * base] - x;
      const dy = centres[WORDS * base + 1] - y;
      const dz = centres[WORDS * base + 2] - z;
      const least = Math.sqrt(dx * dx + dy * dy + dz * dz) - reachOf[0];
      if (least <= best.reach) queue.push(base, least);
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
        const bound = reachOf[resolutions[(first / SIBLINGS) | 0]];
        const reach = best.reach;
        node = NONE;
        let nodeLeast = 0;
        for (let child = first; child < first + SIBLINGS; child++) {
          if (ints[WORDS * child + LINK] === EMPTY) continue;
          const dx = centres[WORDS * child] - x;
          const dy = centres[WORDS * child + 1] - y;
          const dz = centres[WORDS * child + 2] - z;
          const least = Math.sqrt(dx * dx + dy * dy + dz * dz) - bound;
          if (least > reach) continue;
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
  #sorted(lat: number, lng: number, radius: number): Nearest {
    const { places, size } = this.#best;
    const slots: number[] = [];
    const distances: number[] = [];
    let last = -1;
    for (let i = 0; i < size; i++) {
      const distance = this.#distanceTo(lat, lng, places[i]);
      if (distance > radius) continue;
      slots.push(this.#points.slot(places[i]));
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
    const { ecef, degrees } = this.#points;
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

  /**
   * Calls `visit` for every point in a region, in no stated order. Cells that are surely inside are taken whole, those
   * surely outside are passed by.
   */
  within(region: Region, visit: (slot: number) => void): void {
    for (let base = 0; base < BASE_CELLS; base++) this.#visitWithin(base, region, visit, false);
  }

  #visitWithin(node: number, region: Region, visit: (slot: number) => void, whole: boolean): void {
    const nodes = this.#nodes;
    const link = nodes.link(node);
    if (link === EMPTY) return;
    let inside = whole;
    if (!inside) {
      const side = this.#side(node, region);
      if (side === OUTSIDE) return;
      inside = side === INSIDE;
    }
    if (link < EMPTY) {
      const first = inner(link);
      for (let child = first; child < first + SIBLINGS; child++) this.#visitWithin(child, region, visit, inside);
      return;
    }
    const points = this.#points;
    for (let block = link; block !== NONE; block = points.next(block)) {
      const end = points.end(block);
      for (let place = block << BLOCK_SHIFT; place < end; place++) {
        if (inside || this.#holds(region, place)) visit(points.slot(place));
      }
    }
  }

  #side(node: number, region: Region): ReturnType<Region['side']> {
    const { centres } = this.#nodes;
    const at = WORDS * node;
    return region.side(centres[at], centres[at + 1], centres[at + 2], reachOf[this.#nodes.resolution(node)]);
  }

  #holds(region: Region, place: number): boolean {
    const { ecef, degrees } = this.#points;
    const at = ecefAt(place);
    return region.contains(ecef[at], ecef[at + 1], ecef[at + 2], degrees[2 * place], degrees[2 * place + 1]);
  }

  #samePoint(a: number, b: number): boolean {
    const { ecef } = this.#points;
    const i = ecefAt(a);
    const j = ecefAt(b);
    return ecef[i] === ecef[j] && ecef[i + 1] === ecef[j + 1] && ecef[i + 2] === ecef[j + 2];
  }

  /** Works out the normal and the cell of a place, for {@link #write}. */
  #locate(lat: number, lng: number): void {
    const normal = this.#normal;
    toNormal(lat, lng, normal, 0);
    indexOf(normal[0], normal[1], normal[2], this.#cell, 0);
  }

  /** Puts the point that {@link #locate} looked at to a place. */
  #write(place: number, slot: number, lat: number, lng: number): void {
    const points = this.#points;
    const normal = this.#normal;
    normalToEcef(normal[0], normal[1], normal[2], points.ecef, ecefAt(place));
    points.degrees[2 * place] = lat;
    points.degrees[2 * place + 1] = lng;
    points.cells[2 * place] = this.#cell[0];
    points.cells[2 * place + 1] = this.#cell[1];
    points.ints[slotAt(place)] = slot;
    this.#places[slot] = place;
  }

  /** Puts the point that {@link #locate} looked at into the tree, below a node that holds it, or from the top. */
  #insert(above: number, slot: number, lat: number, lng: number): void {
    const nodes = this.#nodes;
    const high = this.#cell[0];
    const low = this.#cell[1];
    let node = above === NONE ? baseCell(high) : this.#childOf(above, high, low);
    while (nodes.link(node) < EMPTY) {
      nodes.counts[node]++;
      node = this.#childOf(node, high, low);
    }
    if (nodes.link(node) === EMPTY && node < BASE_CELLS) this.#bases.push(node);
    this.#write(this.#append(node, high, low), slot, lat, lng);
    while (nodes.counts[node] > LEAF_CAPACITY && nodes.resolution(node) < MAX_RESOLUTION) {
      this.#split(node);
      // Only the child that got everything can still be too full.
      node = this.#childOf(node, high, low);
    }
  }

  /** The child of an inner node that an index descends to. */
  #childOf(node: number, high: number, low: number): number {
    const nodes = this.#nodes;
    return inner(nodes.link(node)) + digitAt(high, low, nodes.resolution(node) + 1);
  }

  /** Counts one point more in a leaf, to which its index descends, and returns the place for it. */
  #append(leaf: number, high: number, low: number): number {
    const nodes = this.#nodes;
    if (!nodes.hasCentre(leaf)) {
      ancestor(high, low, nodes.resolution(leaf), this.#ancestor);
      cellCentre(this.#ancestor[0], this.#ancestor[1], this.#leafCentre, 0);
      nodes.setCentre(leaf, this.#leafCentre, 0);
    }
    nodes.counts[leaf]++;
    const place = this.#points.take(leaf, nodes.link(leaf));
    nodes.setLink(leaf, place >> BLOCK_SHIFT);
    return place;
  }

  /** Makes a leaf an inner node, its points' new leaves below it. */
  #split(node: number): void {
    const nodes = this.#nodes;
    const points = this.#points;
    let block = nodes.link(node);
    nodes.setLink(node, inner(nodes.take(node)));
    while (block !== NONE) {
      const end = points.end(block);
      for (let place = block << BLOCK_SHIFT; place < end; place++) {
        const high = points.cells[2 * place];
        const low = points.cells[2 * place + 1];
        this.#moveTo(this.#append(this.#childOf(node, high, low), high, low), place);
      }
      block = points.giveBackBlock(block);
    }
  }

  #moveTo(to: number, from: number): void {
    this.#points.copy(this.#points, from, to);
    this.#places[this.#points.slot(to)] = to;
  }

  /**
   * Takes a point out of its leaf and out of the counts above it, as far as the cells that do not hold its new index: it
   * shares the digits up to resolution `shared` (−1: nothing). Nodes left sparse are made leaves. Returns the node where
   * the new index is to descend from, or −1 for the top.
   */
  #detach(place: number, shared: number): number {
    const points = this.#points;
    const nodes = this.#nodes;
    const leaf = points.leaf(place);
    const base = baseCell(points.cells[2 * place]);
    const head = nodes.link(leaf);
    const last = points.end(head) - 1;
    if (place !== last) this.#moveTo(place, last);
    nodes.setLink(leaf, points.giveBack(head));
    nodes.counts[leaf]--;
    let sparse = NONE;
    let node = nodes.parent(leaf);
    while (node !== NONE && nodes.resolution(node) > shared) {
      if (--nodes.counts[node] < MERGE_BELOW) sparse = node;
      node = nodes.parent(node);
    }
    if (sparse !== NONE) this.#merge(sparse);
    if (nodes.link(base) === EMPTY) this.#bases.splice(this.#bases.indexOf(base), 1);
    return node;
  }

  /** Makes an inner node a leaf that holds all the points below it. */
  #merge(node: number): void {
    const first = inner(this.#nodes.link(node));
    this.#nodes.setLink(node, EMPTY);
    this.#nodes.counts[node] = 0;
    this.#gather(first, node);
  }

  /** Moves all that is in and below a family to a leaf, and gives the family back. */
  #gather(first: number, leaf: number): void {
    const nodes = this.#nodes;
    const points = this.#points;
    for (let node = first; node < first + SIBLINGS; node++) {
      let block = nodes.link(node);
      if (block < EMPTY) {
        this.#gather(inner(block), leaf);
        continue;
      }
      while (block !== NONE) {
        const end = points.end(block);
        for (let place = block << BLOCK_SHIFT; place < end; place++) this.#moveTo(this.#append(leaf, 0, 0), place);
        block = points.giveBackBlock(block);
      }
    }
    nodes.giveBack(first);
  }

  #takeSlot(): number {
    if (this.#freeSlot !== NONE) {
      const slot = this.#freeSlot;
      this.#freeSlot = this.#places[slot];
      return slot;
    }
    if (this.#freshSlot === this.#places.length) this.#places = resized(this.#places, 2 * this.#freshSlot);
    return this.#freshSlot++;
  }

  /** Lays everything out anew, without gaps, node by node. O(n), paid for by the removals since the last time. */
  compact(): void {
    const points = new PointPool();
    const nodes = new NodePool();
    for (let base = 0; base < BASE_CELLS; base++) this.#transfer(base, base, points, nodes);
    this.#points = points;
    this.#nodes = nodes;
  }

  #transfer(from: number, to: number, points: PointPool, nodes: NodePool): void {
    const old = this.#nodes;
    const link = old.link(from);
    nodes.counts[to] = old.counts[from];
    nodes.setCentre(to, old.centres, WORDS * from);
    if (link < EMPTY) {
      const first = nodes.take(to);
      nodes.setLink(to, inner(first));
      for (let digit = 0; digit < SIBLINGS; digit++) this.#transfer(inner(link) + digit, first + digit, points, nodes);
      return;
    }
    for (let block = link; block !== NONE; block = this.#points.next(block)) {
      const end = this.#points.end(block);
      for (let place = block << BLOCK_SHIFT; place < end; place++) {
        const at = points.take(to, nodes.link(to));
        nodes.setLink(to, at >> BLOCK_SHIFT);
        points.copy(this.#points, place, at);
        this.#places[points.slot(at)] = at;
      }
    }
  }
}
