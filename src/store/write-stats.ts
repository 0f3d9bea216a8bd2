import { Histogram } from '../histogram.ts';

/** Ranges of the times of commits, from a millisecond: the last but one ends at 33 s. */
const TIMES = 16;
/** Ranges of the sizes of commits: the last but one ends at 65,536 entries. */
const SIZES = 17;

/** What became of what was written, as plain numbers. */
export class WriteStats {
  /** Milliseconds that commits took, those alone that were made. */
  readonly times = new Histogram(0.001, TIMES);
  /** Entries of those commits. */
  readonly sizes = new Histogram(1, SIZES);
  /** Attempts that did not reach the store, or of which it is not known; each is made again. */
  failures = 0;
  /** Entries that the store will never take. */
  rejected = 0;

  /** Takes note of a commit. */
  committed(entries: number, milliseconds: number): void {
    this.times.record(milliseconds);
    this.sizes.record(entries);
  }
}
