import type { Footprint } from './footprint.ts';

/** No edge meets the footprint. */
export const CLEAR = 0;
/** Edges meet it, but all of them lie where the plane of degrees ends and the surface goes on: at ±180° or ±90°. */
export const SEAM = 1;
/** An edge meets it. */
export const CROSSED = 2;
/** How edges lie to a footprint. */
export type Meeting = typeof CLEAR | typeof SEAM | typeof CROSSED;

/** How many edges a leaf has, and how many children a node. */
const FAN_OUT = 8;

/**
 * Relative error of the orientation of three points in floating point.
 * Source: J. R. Shewchuk, *Adaptive precision floating-point arithmetic and fast robust geometric predicates*, Discrete &
 * Computational Geometry 18 (1997), 305–363: `ccwerrboundA`.
 */
const ORIENTATION_ERROR = (3 + 16 * 2 ** -53) * 2 ** -53;

/**
 * The edges of many polygons, straight in the plane of degrees, under a packed tree of rectangles over consecutive edges:
 * rings are drawn in order, so edges that follow each other are near each other. All is in flat typed arrays; a search is one
 * pass over the nodes in preorder that skips what it need not see, so it needs neither stack nor memory.
 */
export class Edges {
  /** Degrees; the rectangle of everything. */
  readonly south: number;
  readonly north: number;
  readonly west: number;
  readonly east: number;

  /** Each vertex's latitude and longitude. An edge goes from each vertex to the next, but from the last of its ring. */
  readonly #vertices: Float64Array;
  /** South, north, west and east of each node. */
  readonly #boxes: Float64Array;
  /** The node that follows when a node and all below it are passed by; the very next one after a leaf. */
  readonly #skip: Int32Array;
  /** The vertices that a node's edges lead from and to; twice the same when they are whole rings, −1 when they are neither. */
  readonly #from: Int32Array;
  readonly #to: Int32Array;
  /** The polygon of a node's edges, where they are of one. */
  readonly #polygon: Int32Array;

  /** @param polygons as {@link Polygon} takes them. O(n). */
  constructor(polygons: readonly (readonly ArrayLike<number>[])[]) {
    const vertices = new Float64Array(polygons.flat().reduce((sum, ring) => sum + ring.length, 0));
    // Each ring's first and last vertex, and its polygon.
    const rings: { first: number; last: number; polygon: number }[] = [];
    // Each leaf's first and last vertex, and its ring.
    const leaves: { from: number; to: number; ring: number }[] = [];
    let first = 0;
    for (const [polygon, ofPolygon] of polygons.entries()) {
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

    const boxes: number[] = [];
    const skip: number[] = [];
    const froms: number[] = [];
    const tos: number[] = [];
    const polygon: number[] = [];
    /** Lays the node of some consecutive leaves and all below it. */
    const lay = (begin: number, end: number): number => {
      const node = skip.length;
      const { from, ring } = leaves[begin];
      const { to, ring: lastRing } = leaves[end - 1];
      const wholeRings = from === rings[ring].first && to === rings[lastRing].last;
      const traced = ring === lastRing || wholeRings;
      froms.push(traced ? from : -1);
      tos.push(traced ? (ring === lastRing ? to : from) : -1);
      polygon.push(rings[ring].polygon);
      skip.push(0);
      const box = [
        Number.POSITIVE_INFINITY,
        Number.NEGATIVE_INFINITY,
        Number.POSITIVE_INFINITY,
        Number.NEGATIVE_INFINITY,
      ];
      boxes.push(...box);
      const widen = (south: number, north: number, west: number, east: number) => {
        box[0] = Math.min(box[0], south);
        box[1] = Math.max(box[1], north);
        box[2] = Math.min(box[2], west);
        box[3] = Math.max(box[3], east);
      };
      if (end - begin === 1) {
        for (let i = from; i <= to; i++) {
          widen(vertices[2 * i], vertices[2 * i], vertices[2 * i + 1], vertices[2 * i + 1]);
        }
      } else {
        let step = 1;
        while (step * FAN_OUT < end - begin) step *= FAN_OUT;
        for (let at = begin; at < end; at += step) {
          const child = 4 * lay(at, Math.min(at + step, end));
          widen(boxes[child], boxes[child + 1], boxes[child + 2], boxes[child + 3]);
        }
      }
      for (let i = 0; i < 4; i++) boxes[4 * node + i] = box[i];
      skip[node] = skip.length;
      return node;
    };
    lay(0, leaves.length);

    this.#vertices = vertices;
    this.#boxes = Float64Array.from(boxes);
    this.#skip = Int32Array.from(skip);
    this.#from = Int32Array.from(froms);
    this.#to = Int32Array.from(tos);
    this.#polygon = Int32Array.from(polygon);
    [this.south, this.north, this.west, this.east] = boxes;
  }

  /**
   * Whether a point is in a polygon or on an edge. A ray goes east from it and counts, for each polygon by itself, the
   * edges that it crosses. Consecutive edges that are all to the east cross it an odd number of times when the first
   * begins on one side of it and the last ends on the other: so only rectangles around the point itself are looked into.
   *
   * @param slack degrees of longitude within which a point is on an edge, beside what the orientation's error allows
   */
  hold(lat: number, lng: number, slack: number): boolean {
    const vertices = this.#vertices;
    const boxes = this.#boxes;
    const nodes = this.#skip.length;
    let polygon = -1;
    let odd = false;
    let node = 0;
    while (node < nodes) {
      const box = 4 * node;
      const after = this.#skip[node];
      if (boxes[box] > lat || boxes[box + 1] < lat || boxes[box + 3] < lng - slack) {
        node = after;
        continue;
      }
      const from = this.#from[node];
      const to = this.#to[node];
      let crossed = false;
      if (from >= 0 && boxes[box + 2] > lng + slack) {
        crossed = vertices[2 * from] > lat !== vertices[2 * to] > lat;
      } else if (after > node + 1) {
        node++;
        continue;
      } else {
        let lat1 = vertices[2 * from];
        for (let i = from + 1; i <= to; i++) {
          const lat2 = vertices[2 * i];
          if (lat1 > lat !== lat2 > lat) {
            // Degrees of longitude from the point.
            const x1 = vertices[2 * i - 1] - lng;
            const x2 = vertices[2 * i + 1] - lng;
            if (x1 > slack && x2 > slack) crossed = !crossed;
            else if (x1 >= -slack || x2 >= -slack) {
              const left = x1 * (lat2 - lat);
              const right = x2 * (lat1 - lat);
              const error = ORIENTATION_ERROR * (Math.abs(left) + Math.abs(right)) + slack * Math.abs(lat2 - lat1);
              if (Math.abs(left - right) <= error) return true;
              if (left > right === lat2 > lat) crossed = !crossed;
            }
          } else if (lat1 === lat) {
            // The edge begins at the point's latitude, and perhaps lies on it.
            const x1 = vertices[2 * i - 1] - lng;
            const x2 = lat2 === lat ? vertices[2 * i + 1] - lng : x1;
            if (Math.min(x1, x2) <= slack && Math.max(x1, x2) >= -slack) return true;
          }
          lat1 = lat2;
        }
      }
      if (crossed) {
        if (this.#polygon[node] !== polygon) {
          if (odd) return true;
          polygon = this.#polygon[node];
          odd = false;
        }
        odd = !odd;
      }
      node = after;
    }
    return odd;
  }

  /** How the edges lie to a footprint whose longitudes are reckoned `shift` degrees further. */
  meet(footprint: Footprint, shift: number): Meeting {
    const vertices = this.#vertices;
    const boxes = this.#boxes;
    const { lat, south, north, everyLongitude, perLat, perLng } = footprint;
    const lng = footprint.lng + shift;
    const west = everyLongitude ? Number.NEGATIVE_INFINITY : lng - footprint.halfWidth;
    const east = everyLongitude ? Number.POSITIVE_INFINITY : lng + footprint.halfWidth;
    const nodes = this.#skip.length;
    let meeting: Meeting = CLEAR;
    let node = 0;
    while (node < nodes) {
      const box = 4 * node;
      const after = this.#skip[node];
      if (boxes[box] > north || boxes[box + 1] < south || boxes[box + 2] > east || boxes[box + 3] < west) {
        node = after;
        continue;
      }
      node++;
      if (after > node) continue;
      const to = this.#to[node - 1];
      for (let i = this.#from[node - 1]; i < to; i++) {
        const lat1 = vertices[2 * i];
        const lng1 = vertices[2 * i + 1];
        const lat2 = vertices[2 * i + 2];
        const lng2 = vertices[2 * i + 3];
        if ((lat1 > north && lat2 > north) || (lat1 < south && lat2 < south)) continue;
        if ((lng1 > east && lng2 > east) || (lng1 < west && lng2 < west)) continue;
        if (!everyLongitude) {
          // The edge's nearest point to the centre, where the ellipse is the unit circle.
          const x = (lng1 - lng) * perLng;
          const y = (lat1 - lat) * perLat;
          const dx = (lng2 - lng1) * perLng;
          const dy = (lat2 - lat1) * perLat;
          const length2 = dx * dx + dy * dy;
          const along = length2 === 0 ? 0 : Math.max(0, Math.min(1, -(x * dx + y * dy) / length2));
          if ((x + along * dx) ** 2 + (y + along * dy) ** 2 > 1) continue;
        }
        if ((lng1 === lng2 && Math.abs(lng1) === 180) || (lat1 === lat2 && Math.abs(lat1) === 90)) meeting = SEAM;
        else return CROSSED;
      }
    }
    return meeting;
  }
}
