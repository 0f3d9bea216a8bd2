// The WGS84 ellipsoid (NIMA TR8350.2, tables 3.1 and 3.3); metres.

/** Equatorial radius. */
export const A = 6378137;
/** Flattening. */
export const F = 1 / 298.257223563;
/** Polar radius. */
export const B = A * (1 - F);
/** First eccentricity, squared. */
export const E2 = F * (2 - F);

/** Smallest radius of curvature anywhere on the ellipsoid: b²/a, of the meridian at the equator. */
export const MIN_CURVATURE_RADIUS = (B * B) / A;
/** Largest radius of curvature anywhere on the ellipsoid: a²/b, of every direction at the poles. */
export const MAX_CURVATURE_RADIUS = (A * A) / B;

/** No two places are further apart than this: half a meridian (20,003,931.46 m), rounded up. */
export const MAX_DISTANCE = 20_003_932;
