/** How many edges a leaf has, and how many children a node: of 4, 8 and 16 none is better everywhere. */
const FAN_OUT = 8;
/** How many numbers bound a node. */
export const SPANS = 8;
/** Degrees by which the spans of sums and differences are widened for rounding (a sum is at most 540). */
const SUM_ROUNDING = 1e-12;

/**
 * The edges of many polygons, straight in the plane of degrees, under a packed tree of octagons over consecutive
 * edges. Rings are drawn in order, so edges that follow each other are near each other. Nodes are in preorder, so
 * that a search is one pass that skips what it need not see, without a stack, and comes to each polygon's edges in
 * one go.
 */
export interface EdgeTree {
  /** Number of nodes. */
  readonly nodes: number;
  /** Each vertex's latitude and longitude. */
  readonly vertices: Float64Array;
  /**
   * Of each node the least and the greatest latitude, longitude, longitude + latitude, and longitude − latitude: an
   * octagon, as the rectangle of a slanting edge is mostly empty.
   */
  readonly spans: Float64Array;
  /** The node that follows when a node is passed by with all below it. After a leaf, the very next one. */
  readonly skip: Int32Array;
  /**
   * The vertices between which a node's edges are drawn in one go, each leading to the next. Twice the same vertex
   * when the edges are several whole rings, −1 when they are pieces of several. A leaf has edges of one ring.
   */
  readonly from: Int32Array;
  readonly to: Int32Array;
  /** The polygon of a node's edges, where they are of one. */
  readonly polygon: Int32Array;
  /** Edges looked at by all searches until now. Rings that run over themselves can make each look at most of them. */
  work: number;
}

/** Builds the tree of polygons as {@link Polygon} takes them. O(n), and O(m log m) for m rings. */
export function edgeTree(polygons: readonly (readonly ArrayLike<number>[])[]): EdgeTree {
  // Rings and polygons may come in any order; islands that follow each other should be neighbours.
  const sorted = inOrder(
    polygons.map((rings) => inOrder(rings, (ring) => ring)),
    (rings) => rings[0],
  );
  const vertices = new Float64Array(sorted.flat().reduce((sum, ring) => sum + ring.length, 0));
  const rings: { first: number; last: number; polygon: number }[] = [];
  const leaves: { from: number; to: number; ring: number }[] = [];
  let first = 0;
  for (const [polygon, ofPolygon] of sorted.entries()) {
    for (const ring of ofPolygon) {
      vertices.set(ring, 2 * first);
      const last = first + ring.length / 2 - 1;
      for (let from = first; from < last; from += FAN_OUT) {
        leaves.push({ from, to: Math.min(from + FAN_OUT, last), ring: rings.length });
      }
      rings.push({ first, last, polygon });
      first = last + 1;
    }
  }

  const spans: number[] = [];
  const skip: number[] = [];
  const froms: number[] = [];
  const tos: number[] = [];
  const polygon: number[] = [];
  /** Lays the node of some consecutive leaves and all below it; returns its number. */
  const lay = (begin: number, end: number): number => {
    const node = skip.length;
    const { from, ring } = leaves[begin];
    const { to, ring: lastRing } = leaves[end - 1];
    const oneRing = ring === lastRing;
    const wholeRings = from === rings[ring].first && to === rings[lastRing].last;
    froms.push(oneRing || wholeRings ? from : -1);
    tos.push(oneRing ? to : wholeRings ? from : -1);
    polygon.push(rings[ring].polygon);
    skip.push(0);
    for (let i = 0; i < SPANS; i += 2) spans.push(Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY);
    const widen = (span: number, least: number, greatest: number) => {
      const at = SPANS * node + span;
      spans[at] = Math.min(spans[at], least);
      spans[at + 1] = Math.max(spans[at + 1], greatest);
    };
    if (end - begin === 1) {
      for (let i = from; i <= to; i++) {
        const lat = vertices[2 * i];
        const lng = vertices[2 * i + 1];
        widen(0, lat, lat);
        widen(2, lng, lng);
        widen(4, lng + lat - SUM_ROUNDING, lng + lat + SUM_ROUNDING);
        widen(6, lng - lat - SUM_ROUNDING, lng - lat + SUM_ROUNDING);
      }
    } else {
      let step = 1;
      while (step * FAN_OUT < end - begin) step *= FAN_OUT;
      for (let at = begin; at < end; at += step) {
        const child = SPANS * lay(at, Math.min(at + step, end));
        for (let i = 0; i < SPANS; i += 2) widen(i, spans[child + i], spans[child + i + 1]);
      }
    }
    skip[node] = skip.length;
    return node;
  };
  lay(0, leaves.length);

  return {
    nodes: skip.length,
    vertices,
    spans: Float64Array.from(spans),
    skip: Int32Array.from(skip),
    from: Int32Array.from(froms),
    to: Int32Array.from(tos),
    polygon: Int32Array.from(polygon),
    work: 0,
  };
}

/** The same things along a curve that fills the plane, by the first vertex of a ring of each. */
function inOrder<T>(things: readonly T[], ringOf: (thing: T) => ArrayLike<number>): readonly T[] {
  if (things.length < 3) return things;
  return things
    .map((thing) => ({ thing, at: alongCurve(ringOf(thing)[0], ringOf(thing)[1]) }))
    .sort((a, b) => a.at - b.at)
    .map(({ thing }) => thing);
}

/** Where a point is along Morton's curve, which takes the bits of both coordinates in turn (16 of each). */
function alongCurve(lat: number, lng: number): number {
  const y = Math.floor(((lat + 90) / 180) * 65535);
  const x = Math.floor(((lng + 360) / 720) * 65535);
  let at = 0;
  for (let bit = 15; bit >= 0; bit--) at = at * 4 + ((y >> bit) & 1) * 2 + ((x >> bit) & 1);
  return at;
}
