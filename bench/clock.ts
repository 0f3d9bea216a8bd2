/**
 * A clock that all processes of this machine read alike, to the microsecond: milliseconds since some moment of the past.
 * `Date.now()` has whole milliseconds, and `performance.now()` starts at each process's own beginning.
 */
export function machineTime(): number {
  return BEGINNING + performance.now();
}

// Both are of the same clock, which runs steadily and starts with the machine.
const BEGINNING = Number(process.hrtime.bigint()) / 1e6 - performance.now();
