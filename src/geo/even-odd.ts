import { type EdgeTree, SPANS } from './edge-tree.ts';
import type { Footprint } from './footprint.ts';
import { EDGE, INSIDE, OUTSIDE, type Side } from './region.ts';

/**
 * Edges meet the footprint, but all of them lie where the plane of degrees ends and the surface goes on: at ±180° or
 * ±90°.
 */
export const SEAM = 3;

/**
 * Relative error of the orientation of three points in floating point.
 * Source: J. R. Shewchuk, *Adaptive precision floating-point arithmetic and fast robust geometric predicates*,
 * Discrete & Computational Geometry 18 (1997), 305–363: `ccwerrboundA`.
 */
const ORIENTATION_ERROR = (3 + 16 * 2 ** -53) * 2 ** -53;

// Both searches send a ray east from a point and count, for each polygon by itself, the edges that it crosses; a
// point from which a polygon's edges are crossed an odd number of times is inside. Consecutive edges that are beyond
// some line east of the point cross the ray an odd number of times when the first begins on one side of it and the
// last ends on the other, and those beyond a line west, north or south of the point cross it no time: so only
// octagons around the point itself are looked into. They differ in what they do with an edge, and are written out
// twice for speed: what is mended in the way of one must be mended in the other.

/**
 * Whether a point is in a polygon or on an edge.
 *
 * @param slack degrees of longitude within which a point is on an edge, beside what the orientation's error allows
 */
export function holds(tree: EdgeTree, lat: number, lng: number, slack: number): boolean {
  const { nodes, vertices, spans, skip } = tree;
  const west = lng - slack;
  const east = lng + slack;
  const sum = lng + lat;
  const difference = lng - lat;
  let polygon = -1;
  let odd = false;
  let node = 0;
  while (node < nodes) {
    const span = SPANS * node;
    const after = skip[node];
    if (
      spans[span] > lat ||
      spans[span + 1] < lat ||
      spans[span + 3] < west ||
      spans[span + 5] < sum ||
      spans[span + 7] < difference
    ) {
      node = after;
      continue;
    }
    const from = tree.from[node];
    const to = tree.to[node];
    let crossed = false;
    if (from >= 0 && (spans[span + 2] > east || spans[span + 4] > sum || spans[span + 6] > difference)) {
      crossed = vertices[2 * from] > lat !== vertices[2 * to] > lat;
    } else if (after > node + 1) {
      node++;
      continue;
    } else {
      tree.work += to - from;
      let lat1 = vertices[2 * from];
      for (let i = from + 1; i <= to; i++) {
        const lat2 = vertices[2 * i];
        if (lat1 > lat !== lat2 > lat) {
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
          // The edge begins at the point's latitude, and perhaps lies along it. Where it ends, the next one begins.
          const x1 = vertices[2 * i - 1] - lng;
          const x2 = lat2 === lat ? vertices[2 * i + 1] - lng : x1;
          if (Math.min(x1, x2) <= slack && Math.max(x1, x2) >= -slack) return true;
        }
        lat1 = lat2;
      }
    }
    if (crossed) {
      if (tree.polygon[node] !== polygon) {
        if (odd) return true;
        polygon = tree.polygon[node];
      }
      odd = !odd;
    }
    node = after;
  }
  return odd;
}

/**
 * How polygons lie to a footprint whose longitudes are reckoned `shift` degrees further: as its centre does when no
 * edge meets it, {@link EDGE} when one does, {@link SEAM} when only such do.
 */
export function sideOf(tree: EdgeTree, footprint: Footprint, shift: number): Side | typeof SEAM {
  const { nodes, vertices, spans, skip } = tree;
  const { lat, halfHeight, halfWidth, halfDiagonal, perLat, perLng } = footprint;
  const lng = footprint.lng + shift;
  const south = lat - halfHeight;
  const north = lat + halfHeight;
  const west = lng - halfWidth;
  const east = lng + halfWidth;
  const leastSum = lng + lat - halfDiagonal;
  const greatestSum = lng + lat + halfDiagonal;
  const leastDifference = lng - lat - halfDiagonal;
  const greatestDifference = lng - lat + halfDiagonal;
  let inside = false;
  let seam = false;
  let polygon = -1;
  let odd = false;
  let node = 0;
  while (node < nodes) {
    const span = SPANS * node;
    const after = skip[node];
    if (
      spans[span] > north ||
      spans[span + 1] < south ||
      spans[span + 3] < west ||
      spans[span + 5] < leastSum ||
      spans[span + 7] < leastDifference
    ) {
      node = after;
      continue;
    }
    const from = tree.from[node];
    const to = tree.to[node];
    let crossed = false;
    if (
      from >= 0 &&
      (spans[span + 2] > east || spans[span + 4] > greatestSum || spans[span + 6] > greatestDifference)
    ) {
      crossed = vertices[2 * from] > lat !== vertices[2 * to] > lat;
    } else if (after > node + 1) {
      node++;
      continue;
    } else {
      tree.work += to - from;
      // Vertices as seen from the centre.
      let y1 = vertices[2 * from] - lat;
      let x1 = vertices[2 * from + 1] - lng;
      for (let i = from + 1; i <= to; i++) {
        const y2 = vertices[2 * i] - lat;
        const x2 = vertices[2 * i + 1] - lng;
        if (meets(x1, y1, x2, y2, halfWidth, halfHeight, perLng, perLat)) {
          if (!onSeam(vertices, i)) return EDGE;
          seam = true;
        } else if (y1 > 0 !== y2 > 0 && x1 * y2 > x2 * y1 === y2 > 0) crossed = !crossed;
        x1 = x2;
        y1 = y2;
      }
    }
    if (crossed) {
      if (tree.polygon[node] !== polygon) {
        inside ||= odd;
        polygon = tree.polygon[node];
        odd = false;
      }
      odd = !odd;
    }
    node = after;
  }
  if (seam) return SEAM;
  return inside || odd ? INSIDE : OUTSIDE;
}

/** Whether an edge meets a rectangle and the ellipse in it, both around the origin. */
function meets(
  x1: number,
  y1: number,
  x2: number,
  y2: number,
  halfWidth: number,
  halfHeight: number,
  perX: number,
  perY: number,
): boolean {
  if ((y1 > halfHeight && y2 > halfHeight) || (y1 < -halfHeight && y2 < -halfHeight)) return false;
  if ((x1 > halfWidth && x2 > halfWidth) || (x1 < -halfWidth && x2 < -halfWidth)) return false;
  // The edge's point that is nearest to the centre where the ellipse is the unit circle.
  const x = x1 * perX;
  const y = y1 * perY;
  const dx = (x2 - x1) * perX;
  const dy = (y2 - y1) * perY;
  const length2 = dx * dx + dy * dy;
  const along = length2 === 0 ? 0 : Math.max(0, Math.min(1, -(x * dx + y * dy) / length2));
  return (x + along * dx) ** 2 + (y + along * dy) ** 2 <= 1;
}

/** Whether the edge that ends at vertex `i` lies along ±180° or a pole. */
function onSeam(vertices: Float64Array, i: number): boolean {
  const lat = vertices[2 * i];
  const lng = vertices[2 * i + 1];
  return (
    (vertices[2 * i - 1] === lng && Math.abs(lng) === 180) || (vertices[2 * i - 2] === lat && Math.abs(lat) === 90)
  );
}
