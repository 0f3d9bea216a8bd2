/** Milliseconds: what is less counts as this. */
const LEAST = 0.001;
/** Each bucket ends so much higher than the one before: what is asked is known to half a percent. */
const GROWTH = 1.01;
/** 0.001 ms × 1.01^2048 is 12 days. */
const BUCKETS = 2048;
const PER_LOG = 1 / Math.log(GROWTH);

/** How often which times were seen, in buckets of 1 %: of a size that does not grow, and to be added up over processes. */
export class Histogram {
  readonly counts: Uint32Array;

  constructor(counts: Uint32Array = new Uint32Array(BUCKETS)) {
    this.counts = counts;
  }

  get count(): number {
    let sum = 0;
    for (const count of this.counts) sum += count;
    return sum;
  }

  /** @param milliseconds below nothing when clocks differ, and then taken for nothing */
  add(milliseconds: number): void {
    const bucket = milliseconds > LEAST ? Math.ceil(Math.log(milliseconds / LEAST) * PER_LOG) : 0;
    this.counts[Math.min(bucket, BUCKETS - 1)]++;
  }

  merge(other: Histogram): void {
    for (const [i, count] of other.counts.entries()) this.counts[i] += count;
  }

  /** The time that at least this share of all do not exceed, for each share; NaN when empty. */
  percentiles(...shares: readonly number[]): number[] {
    const all = this.count;
    return shares.map((share) => {
      const rank = Math.max(1, Math.ceil(share * all));
      let seen = 0;
      for (let i = 0; i < BUCKETS; i++) {
        seen += this.counts[i];
        if (all > 0 && seen >= rank) return LEAST * GROWTH ** (i - 0.5);
      }
      return Number.NaN;
    });
  }
}
