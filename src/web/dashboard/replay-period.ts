/** A part of the past, epoch milliseconds. */
export interface Period {
  readonly from: number;
  readonly to: number;
}

const MINUTE = 60_000;
const DAY = 86_400_000;
/** The shortest that is played: of today there may be next to nothing yet. Milliseconds. */
const SHORTEST = MINUTE;
/** The server’s clock is known to within this, and what is after it is refused. Milliseconds. */
const MARGIN = 1_000;

/** Where a preset begins, epoch milliseconds. */
type Begin = (now: number) => number;

/** What is asked for most. */
export const PRESETS: readonly { readonly name: string; readonly label: string; readonly begin: Begin }[] = [
  { name: '15 min', label: 'The last 15 minutes', begin: (now) => now - 15 * MINUTE },
  { name: '1 hour', label: 'The last hour', begin: (now) => now - 60 * MINUTE },
  { name: 'Today', label: 'Today', begin: (now) => new Date(now).setHours(0, 0, 0, 0) },
];

/** A period from there until now. @param now the server’s clock, epoch milliseconds */
export function untilNow(begin: Begin, now: number): Period {
  const to = Math.floor(now) - MARGIN;
  return { from: Math.min(begin(to), to - SHORTEST), to };
}

/**
 * The period between two times of `<input type="datetime-local">`, or what is wrong with them.
 *
 * @param now the server’s clock, epoch milliseconds
 * @param first of which anything is kept, likewise
 */
export function periodBetween(from: string, to: string, now: number, first: number): Period | string {
  const period = { from: Date.parse(from), to: Math.min(Date.parse(to), Math.floor(now) - MARGIN) };
  if (Number.isNaN(period.from)) return 'Say when it is to begin.';
  if (Number.isNaN(period.to)) return 'Say when it is to end.';
  if (period.from >= Math.floor(now) - MARGIN) return 'That has yet to happen: begin in the past.';
  if (period.from >= period.to) return 'It has to begin before it ends.';
  return period.to > first ? period : 'That is longer ago than the history goes back.';
}

/** A moment as `<input type="datetime-local">` has it: where the reader is, to the minute. */
export function localInput(timestamp: number): string {
  const date = new Date(timestamp - new Date(timestamp).getTimezoneOffset() * MINUTE);
  return date.toISOString().slice(0, 16);
}

/** The first moment of which anything is kept, epoch milliseconds. */
export function firstKept(now: number, retentionDays: number): number {
  return now - retentionDays * DAY;
}

/** How much faster than it happened, as is offered. */
export const SPEEDS = [1, 10, 60, 300] as const;
/** What is longer than this is played faster, milliseconds on the wall. */
const LONGEST = 2 * MINUTE;

/** The slowest speed that plays a period in a time that people sit through. */
export function speedFor({ from, to }: Period): number {
  return SPEEDS.find((speed) => (to - from) / speed <= LONGEST) ?? SPEEDS[SPEEDS.length - 1];
}
