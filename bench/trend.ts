/** How much something may grow. */
export interface Tolerance {
  /** Part of its mean … */
  readonly share: number;
  /** … or so much, in its own unit, whichever is more. */
  readonly least: number;
}

/** What became of something that should stay as it is. */
export interface Trend {
  readonly first: number;
  readonly last: number;
  readonly mean: number;
  /** By the line of least squares, over all of the time looked at. */
  readonly growth: number;
  /** What chance alone gives it: twice the standard error of the growth. */
  readonly noise: number;
  readonly allowed: number;
  /** It grew by more than is allowed, and by more than chance. */
  readonly grows: boolean;
}

/**
 * Whether a series grows: its slope by least squares. What falls, or jumps about without a direction, is flat.
 *
 * @param points pairs of a time and a value, in order of time; at least three
 */
export function trendOf(points: readonly (readonly [at: number, value: number])[], tolerance: Tolerance): Trend {
  const n = points.length;
  const mean = points.reduce((sum, [, value]) => sum + value, 0) / n;
  const middle = points.reduce((sum, [at]) => sum + at, 0) / n;
  let spread = 0;
  let product = 0;
  for (const [at, value] of points) {
    spread += (at - middle) ** 2;
    product += (at - middle) * (value - mean);
  }
  const slope = product / spread;
  const rest = points.reduce((sum, [at, value]) => sum + (value - mean - slope * (at - middle)) ** 2, 0);
  const span = points[n - 1][0] - points[0][0];
  const growth = slope * span;
  const noise = 2 * Math.sqrt(rest / Math.max(1, n - 2) / spread) * span;
  const allowed = Math.max(tolerance.share * Math.abs(mean), tolerance.least);
  return {
    first: points[0][1],
    last: points[n - 1][1],
    mean,
    growth,
    noise,
    allowed,
    grows: growth > allowed && growth > noise,
  };
}
