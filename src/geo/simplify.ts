import { toEcef } from './ecef.ts';
import { A, B, MIN_CURVATURE_RADIUS } from './ellipsoid.ts';

/** A point in degrees. */
interface Place {
  readonly lat: number;
  readonly lng: number;
}

/**
 * Chord (metres) above which a line is cut in two unasked: up to it a geodesic is where its plane is (see {@link
 * LEAVES_PLANE}), and no point that is near in that plane is on the other side of the earth.
 */
const MAX_CHORD = 100_000;

/**
 * A geodesic of c metres leaves the plane through its ends that is upright at its middle by at most this times c³ (0.7e-18
 * is the most of 40,000 lines of each of four lengths against GeographicLib), and of what is d metres from it, the distance
 * from that plane is less by at most this times 10·c·d² (8e-18), as the ground leans. A millimetre in 100 km.
 */
const LEAVES_PLANE = 1e-18;

/** Metres that rounding may take from a distance: coordinates of 6,378 km are right to a nanometre. */
const ROUNDING = 1e-8;

/** A curve's bow between the places at which it is measured, as a part of the greatest that is. */
const BETWEEN = 1.1;

/**
 * Which points of a line to keep so that none is further than `tolerance` metres along the ellipsoid from the line through
 * those that are kept, whether that is drawn along the ground (geodesics) or straight in degrees (RFC 7946, 3.1.1; the
 * shorter way round, across the antimeridian as well). Indexes in order; the first and the last point are always kept.
 *
 * Douglas and Peucker's algorithm (*Cartographica* 10, 1973), which keeps the point that is furthest from a line and goes
 * on with both parts. Points that zigzag would make it take n²/2 looks; so lines that are cut more often than is to be
 * expected are cut in the middle instead. It takes O(n log n), whatever the points.
 */
export function simplify(points: readonly Place[], tolerance: number): number[] {
  const n = points.length;
  const ecef = new Float64Array(3 * n);
  for (let i = 0; i < n; i++) toEcef(points[i].lat, points[i].lng, ecef, 3 * i);
  const kept = new Uint8Array(n);
  if (n > 0) kept[0] = kept[n - 1] = 1;
  // Cut in the middle from there on, a line of n points is cut at most log2 n times more.
  const patience = 2 * Math.ceil(Math.log2(n + 1));
  const open = [{ from: 0, to: n - 1, depth: 0 }];
  for (let line = open.pop(); line !== undefined; line = open.pop()) {
    const { from, to, depth } = line;
    if (to - from < 2) continue;
    const furthest = furthestFrom(ecef, from, to, tolerance);
    const room = tolerance - furthest.distance;
    if (room >= 0 && bow(points[from], points[to], ecef, from, to) <= room) continue;
    // When it is the line itself that is bent too much, no point is of more use than another.
    const cut = depth < patience && room < 0 && furthest.index > from ? furthest.index : (from + to) >>> 1;
    kept[cut] = 1;
    open.push({ from: cut, to, depth: depth + 1 }, { from, to: cut, depth: depth + 1 });
  }
  const indexes: number[] = [];
  for (let i = 0; i < n; i++) if (kept[i] === 1) indexes.push(i);
  return indexes;
}

/** The plane that a line lies in, as far as it does; see {@link lay}. */
const plane = new Float64Array(3);

/**
 * Writes the unit normal of the plane through two points (ECEF metres) that is upright at their middle to {@link plane};
 * zeros when they are one point.
 */
function lay(x: number, y: number, z: number, dx: number, dy: number, dz: number): void {
  const upX = (x + dx / 2) / (A * A);
  const upY = (y + dy / 2) / (A * A);
  const upZ = (z + dz / 2) / (B * B);
  const nx = dy * upZ - dz * upY;
  const ny = dz * upX - dx * upZ;
  const nz = dx * upY - dy * upX;
  const length = Math.sqrt(nx * nx + ny * ny + nz * nz);
  const scale = length === 0 ? 0 : 1 / length;
  plane[0] = nx * scale;
  plane[1] = ny * scale;
  plane[2] = nz * scale;
}

/**
 * The point between two others that is furthest from the geodesic between these, and how far it is at most (metres).
 * Infinitely far, and without a point, when the line is too long to tell.
 */
function furthestFrom(
  ecef: Float64Array,
  from: number,
  to: number,
  tolerance: number,
): { readonly index: number; readonly distance: number } {
  const [ax, ay, az] = [ecef[3 * from], ecef[3 * from + 1], ecef[3 * from + 2]];
  const [bx, by, bz] = [ecef[3 * to], ecef[3 * to + 1], ecef[3 * to + 2]];
  const ux = bx - ax;
  const uy = by - ay;
  const uz = bz - az;
  const c2 = ux * ux + uy * uy + uz * uz;
  if (c2 > MAX_CHORD * MAX_CHORD) return { index: from, distance: Number.POSITIVE_INFINITY };
  lay(ax, ay, az, ux, uy, uz);
  const [nx, ny, nz] = plane;
  const c = Math.sqrt(c2);
  // Who is further from an end than this is not within the tolerance, and may be anywhere.
  const reach2 = (1.001 * c + 1.001 * tolerance) ** 2;
  let greatest = -1;
  let index = from;
  for (let i = from + 1, at = 3 * i; i < to; i++, at += 3) {
    const x = ecef[at] - ax;
    const y = ecef[at + 1] - ay;
    const z = ecef[at + 2] - az;
    const along = x * ux + y * uy + z * uz;
    let square = x * x + y * y + z * z;
    if (along > 0 && square <= reach2) {
      if (along < c2) {
        const across = x * nx + y * ny + z * nz;
        square = across * across;
      } else square = (x - ux) ** 2 + (y - uy) ** 2 + (z - uz) ** 2;
    }
    if (square > greatest) {
      greatest = square;
      index = i;
    }
  }
  // Across a plane and along a chord alike, the way over the ground is less than over a ball that is bent the most.
  const sine = Math.min(1, Math.sqrt(greatest) / MIN_CURVATURE_RADIUS);
  const slack = LEAVES_PLANE * c * (c2 + 10 * tolerance * tolerance) + ROUNDING;
  return { index, distance: MIN_CURVATURE_RADIUS * Math.asin(sine) + slack };
}

const place = new Float64Array(3);

/** How far (metres) the line that is straight in degrees is from the geodesic, at the most. */
function bow(a: Place, b: Place, ecef: Float64Array, from: number, to: number): number {
  const [ax, ay, az] = [ecef[3 * from], ecef[3 * from + 1], ecef[3 * from + 2]];
  lay(ax, ay, az, ecef[3 * to] - ax, ecef[3 * to + 1] - ay, ecef[3 * to + 2] - az);
  const turn = b.lng - a.lng;
  const width = turn > 180 ? turn - 360 : turn < -180 ? turn + 360 : turn;
  let greatest = 0;
  for (let part = 1; part < 8; part++) {
    const share = part / 8;
    toEcef(a.lat + share * (b.lat - a.lat), a.lng + share * width, place, 0);
    const across = (place[0] - ax) * plane[0] + (place[1] - ay) * plane[1] + (place[2] - az) * plane[2];
    greatest = Math.max(greatest, Math.abs(across));
  }
  return greatest * BETWEEN;
}
