/**
 * How often a measure was in which range: up to 1, 2, 4, 8 … of its units, and above. To record is a few additions, so it
 * can be done where nothing may be allocated; the ranges double, so the error of a quantile is at most that.
 */
export class Histogram {
  /** How much one unit is in that which is shown, such as 0.001 for milliseconds shown as seconds. */
  readonly unit: number;
  /** How many were within a range; the last is open. */
  readonly counts: Float64Array;
  /** Units, of all together. */
  sum = 0;

  /** @param ranges that have an upper end: 1, 2, … 2^(ranges − 1) units */
  constructor(unit: number, ranges: number) {
    this.unit = unit;
    this.counts = new Float64Array(ranges + 1);
  }

  /** The upper ends of the ranges that have one, in that which is shown. */
  get bounds(): number[] {
    // Without the digits that come of 0.001 being none of a binary number.
    return Array.from({ length: this.counts.length - 1 }, (_, i) => Number((this.unit * 2 ** i).toPrecision(12)));
  }

  /** Takes in a measure, in units; one below 0, as when a clock was set back, counts as 0. */
  record(units: number): void {
    const range = units > 1 ? 32 - Math.clz32(Math.min(Math.ceil(units), 2 ** 31) - 1) : 0;
    this.counts[Math.min(range, this.counts.length - 1)]++;
    if (units > 0) this.sum += units;
  }
}
