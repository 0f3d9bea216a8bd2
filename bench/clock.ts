/**
 * A clock that all processes of this machine read alike, to the microsecond: milliseconds since some moment of the past.
 * `Date.now()` has whole milliseconds, and `performance.now()` starts at each process's own beginning.
 */
export function machineTime(): number {
  return BEGINNING + performance.now();
}

/** Looks at both clocks. */
const LOOKS = 100;

// Both are of the same clock, which runs steadily and starts with the machine. A process that is kept waiting between the
// two looks gets a beginning that is too early, so the latest of many is right to a microsecond.
const BEGINNING = Math.max(
  ...Array.from({ length: LOOKS }, () => Number(process.hrtime.bigint()) / 1e6 - performance.now()),
);
