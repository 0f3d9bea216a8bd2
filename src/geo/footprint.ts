import { A, B, E2, MIN_CURVATURE_RADIUS } from './ellipsoid.ts';

const DEGREES = 180 / Math.PI;
const INV_A2 = 1 / (A * A);
const INV_B2 = 1 / (B * B);

/** Metres by which every ball is widened for the rounding of coordinates (6·10⁶ m are good to a nanometre). */
const HAIR_METRES = 1e-6;
/** Degrees by which every footprint is widened for the rounding of degrees and of what is computed from them: 11 µm. */
const HAIR_DEGREES = 1e-10;
/** Two places further apart than π·b²/a along the ellipsoid have a longer chord than this, metres: see `set`. */
const MAX_CHORD = 1.25e7;

/**
 * Where, in the plane of degrees, the points of the surface within a ball can be: in a rectangle and an ellipse
 * around one centre, and in an octagon around both. One object is used again and again, so nothing is allocated.
 */
export class Footprint {
  /** The centre, degrees. */
  lat = 0;
  lng = 0;
  /** Half the rectangle's height, degrees: how far the points' latitudes can be from the centre's. */
  halfHeight = 0;
  /** Half its width: how far their longitudes can be; without end when it can be any. */
  halfWidth = 0;
  /** How far the sum of latitude and longitude, or their difference, can be from the centre's; without end likewise. */
  halfDiagonal = 0;
  /** 1 / the ellipse's semi-axes along the meridian and along the parallel, degrees; 0 likewise. */
  perLat = 0;
  perLng = 0;

  /**
   * Takes the footprint of the ball of `bound` metres around an ECEF point.
   *
   * Why it holds. Scaled to the ellipsoid, the point keeps its latitude and longitude; the way of that is added to
   * the bound. Along a geodesic the normal turns by at most ds/r, r = b²/a being the smallest radius of curvature,
   * and a way of length s ≤ πr has a chord of at least 2r·sin(s/2r) (see `safeChord` in distance.ts; longer ones, up
   * to half a meridian, end at most 101 km nearer than 2r). So the normals of all points within chord c turn by at
   * most δ = 2·asin(c/2r) from the centre's: on the unit sphere of normals, whose coordinates geodetic latitude and
   * longitude are, they are in a cap of radius δ. Such a cap is within latitude φ ± δ, and, unless it holds a pole,
   * within longitude λ ± Δ, sin Δ = sin δ / cos φ (Napier's rule).
   *
   * The ellipse: by the haversine formula, sin²(dφ/2) + cos φ·cos φ′·sin²(dλ/2) ≤ sin²(δ/2) in the cap. There cos φ′ ≥
   * cos(|φ| + δ), and as sin t / t falls, sin(dφ/2) ≥ dφ·sin(δ/2)/δ and sin(dλ/2) ≥ (1 − Δ²/24)·dλ/2. Put in, that is
   * (dφ/δ)² + (dλ/e)² ≤ 1 with e = 2·sin(δ/2) / ((1 − Δ²/24)·√(cos φ·cos(|φ| + δ))).
   */
  set(x: number, y: number, z: number, bound: number): void {
    const p = Math.sqrt(x * x + y * y);
    const scale = Math.sqrt(p * p * INV_A2 + z * z * INV_B2);
    const chord = bound + HAIR_METRES + Math.sqrt(p * p + z * z) * Math.abs(1 - 1 / scale);
    const w = (1 - E2) * p;
    this.lat = Math.atan2(z, w) * DEGREES;
    this.lng = Math.atan2(y, x) * DEGREES;
    // Also when the point is the centre of the earth, where scale is 0 and the chord no number.
    if (!(chord < MAX_CHORD)) {
      this.#anyLongitude(180);
      return;
    }
    const sinHalf = chord / (2 * MIN_CURVATURE_RADIUS);
    const angle = 2 * Math.asin(sinHalf);
    const halfHeight = angle * DEGREES + HAIR_DEGREES;
    const n = Math.sqrt(w * w + z * z);
    const cosLat = w / n;
    // Rounded up, as asin is steep near 1.
    const sinAngle = 2 * sinHalf * Math.sqrt(1 - sinHalf * sinHalf) * (1 + 1e-14);
    // cos(|φ| + δ), rounded down, as it may be the small difference of large numbers. Not positive when a pole is
    // reached.
    const cosFarthest = cosLat * (1 - 2 * sinHalf * sinHalf) - (Math.abs(z) / n) * sinAngle - 1e-15;
    if (cosFarthest <= 0 || sinAngle >= cosLat) {
      this.#anyLongitude(halfHeight);
      return;
    }
    const turn = Math.asin(sinAngle / cosLat);
    const halfWidth = turn * DEGREES + HAIR_DEGREES;
    const semiAxis =
      (2 * sinHalf * DEGREES) / ((1 - (turn * turn) / 24) * Math.sqrt(cosLat * cosFarthest)) + HAIR_DEGREES;
    this.halfHeight = halfHeight;
    this.halfWidth = halfWidth;
    this.halfDiagonal = Math.min(halfHeight + halfWidth, Math.sqrt(halfHeight * halfHeight + semiAxis * semiAxis));
    this.perLat = 1 / halfHeight;
    this.perLng = 1 / semiAxis;
  }

  #anyLongitude(halfHeight: number): void {
    this.halfHeight = halfHeight;
    this.halfWidth = Number.POSITIVE_INFINITY;
    this.halfDiagonal = Number.POSITIVE_INFINITY;
    this.perLat = 0;
    this.perLng = 0;
  }
}
