import { INSIDE, OUTSIDE, type Region, type Side } from '../geo/region.ts';
import { cellBounds } from './cell.ts';
import { CENTRE_ERROR, EMPTY, inner, NodePool, SIBLINGS, WORDS } from './node-pool.ts';
import { BLOCK_SHIFT, ecefAt, PointPool } from './point-pool.ts';

/** How far from its node's rounded centre a point can be, by resolution, metres. */
export const reaches: Float64Array = cellBounds.map((bound) => bound + CENTRE_ERROR);

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
}
