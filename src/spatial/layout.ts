import { INSIDE, OUTSIDE, type Region, type Side } from '../geo/region.ts';
import { BASE_CELLS, baseCell, cellBounds, digitAt, sharedResolution } from './cell.ts';
import { CENTRE_ERROR, EMPTY, inner, NodePool, SIBLINGS, WORDS } from './node-pool.ts';
import { BLOCK_SHIFT, ecefAt, PointPool } from './point-pool.ts';

/** How far from its node's rounded centre a point can be, by resolution, metres. */
export const reaches: Float64Array = cellBounds.map((bound) => bound + CENTRE_ERROR);

/** Nodes of fewer points are not looked into by {@link Layout.atMost}: to be more exact would cost more than it saves. */
const FEW = 256;

/** What a layout has room for when it is laid out anew, over what it needs: so that the next point costs no copy of all. */
const ROOM = 1.125;

/** What a cell tree is laid out in, for all that searches it. Laid out anew, it has other pools. */
export class Layout {
  points = new PointPool();
  nodes = new NodePool();

  /** Bytes held. */
  get bytes(): number {
    return this.points.bytes + this.nodes.bytes;
  }

  /** How a region lies to the points of a node. */
  side(region: Region, node: number): Side {
    const { centres } = this.nodes;
    const at = WORDS * node;
    return region.side(centres[at], centres[at + 1], centres[at + 2], reaches[this.nodes.resolution(node)]);
  }

  /** Whether a region holds the point at a place. */
  holds(region: Region, place: number): boolean {
    const { ecef, degrees } = this.points;
    const at = ecefAt(place);
    return region.contains(ecef[at], ecef[at + 1], ecef[at + 2], degrees[2 * place], degrees[2 * place + 1]);
  }

  /** Calls `visit` with the place of every point in and below a node, or of those that are in a region. */
  places(node: number, region: Region | undefined, visit: (place: number) => void): void {
    const { nodes, points } = this;
    let link = nodes.link(node);
    if (link === EMPTY) return;
    let within = region;
    if (region !== undefined) {
      const side = this.side(region, node);
      if (side === OUTSIDE) return;
      if (side === INSIDE) within = undefined;
    }
    if (link < EMPTY) {
      const first = inner(link);
      for (let child = first; child < first + SIBLINGS; child++) this.places(child, within, visit);
      return;
    }
    for (; link !== EMPTY; link = points.next(link)) {
      const end = points.end(link);
      for (let place = link << BLOCK_SHIFT; place < end; place++) {
        if (within === undefined || this.holds(within, place)) visit(place);
      }
    }
  }

  /** Calls `visit` with the place of every point whose index descends from a cell of a resolution. */
  descendants(high: number, low: number, resolution: number, visit: (place: number) => void): void {
    const { nodes, points } = this;
    let node = baseCell(high);
    while (nodes.link(node) < EMPTY && nodes.resolution(node) < resolution) {
      node = inner(nodes.link(node)) + digitAt(high, low, nodes.resolution(node) + 1);
    }
    // Of a coarser leaf there are others.
    this.places(node, undefined, (place) => {
      const { cells } = points;
      if (sharedResolution(high, low, cells[2 * place], cells[2 * place + 1]) >= resolution) visit(place);
    });
  }

  /** Not less than the points of a node that are in a region, and hardly more; from `enough` on it stops counting. */
  atMost(node: number, region: Region, enough: number): number {
    const link = this.nodes.link(node);
    if (link === EMPTY || enough <= 0) return 0;
    const side = this.side(region, node);
    if (side === OUTSIDE) return 0;
    const count = this.nodes.counts[node];
    if (side === INSIDE || link > EMPTY || count < FEW) return count;
    let sum = 0;
    const first = inner(link);
    for (let child = first; child < first + SIBLINGS; child++) sum += this.atMost(child, region, enough - sum);
    return sum;
  }

  /**
   * Lays everything out anew, without gaps, node by node. O(n).
   *
   * @param moved told the new place of each slot
   */
  compact(moved: (slot: number, place: number) => void): void {
    const points = new PointPool(Math.ceil(ROOM * this.points.used));
    const nodes = new NodePool(Math.ceil(ROOM * this.nodes.used));
    for (let base = 0; base < BASE_CELLS; base++) this.#transfer(base, base, points, nodes, moved);
    this.points = points;
    this.nodes = nodes;
  }

  #transfer(
    from: number,
    to: number,
    points: PointPool,
    nodes: NodePool,
    moved: (slot: number, place: number) => void,
  ): void {
    const link = this.nodes.link(from);
    nodes.counts[to] = this.nodes.counts[from];
    nodes.setCentre(to, this.nodes.centres, WORDS * from);
    if (link < EMPTY) {
      const first = nodes.take(to);
      nodes.setLink(to, inner(first));
      for (let digit = 0; digit < SIBLINGS; digit++) {
        this.#transfer(inner(link) + digit, first + digit, points, nodes, moved);
      }
      return;
    }
    for (let block = link; block !== EMPTY; block = this.points.next(block)) {
      const end = this.points.end(block);
      for (let place = block << BLOCK_SHIFT; place < end; place++) {
        const at = points.take(to, nodes.link(to));
        nodes.setLink(to, at >> BLOCK_SHIFT);
        points.copy(this.points, place, at);
        moved(points.slot(at), at);
      }
    }
  }
}
