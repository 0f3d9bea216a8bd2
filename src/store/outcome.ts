import type { DriverKey, Entry, StoredFix } from './store.ts';

/** What is to be forgotten of a driver: what is held, if it is of then. */
export interface Forgotten extends DriverKey {
  /** Epoch milliseconds: what was received until then. */
  readonly at: number;
  /**
   * Epoch milliseconds: likewise what is of an older timestamp, as a fix of this timestamp took its place before it was
   * forgotten itself; −∞ when there was none.
   */
  readonly before: number;
}

/** What entries come to for the positions of their drivers, each of whom is in `latest` or in `removed`. */
export interface Outcome {
  /** Positions that take the place of older ones. */
  readonly latest: readonly StoredFix[];
  /** What was to be forgotten of drivers of `latest`: what they take the place of, whatever its timestamp. */
  readonly cleared: readonly Forgotten[];
  /** What is to be forgotten of other drivers. */
  readonly removed: readonly Forgotten[];
}

/** What entries have come to for one driver. */
interface Sum {
  fix: StoredFix | undefined;
  removal: Forgotten | undefined;
}

/**
 * Draws the sum of entries, so that the positions of a driver are written once, whatever happened to it.
 *
 * @param staleAfter milliseconds after which a driver of whom nothing was received is forgotten
 */
export function outcomeOf(entries: readonly Entry[], staleAfter: number): Outcome {
  const sums = new Map<string, Sum>();
  for (const entry of entries) {
    if (entry.kind === 'late') continue;
    const key = keyOf(entry.kind === 'removal' ? entry.driver : entry.fix);
    let sum = sums.get(key);
    if (sum === undefined) {
      sum = { fix: undefined, removal: undefined };
      sums.set(key, sum);
    }
    if (entry.kind === 'removal') forget(sum, entry.driver, entry.at);
    else if (sum.fix === undefined || isNewer(entry.fix, sum.fix, staleAfter)) sum.fix = entry.fix;
  }
  const latest: StoredFix[] = [];
  const cleared: Forgotten[] = [];
  const removed: Forgotten[] = [];
  for (const { fix, removal } of sums.values()) {
    if (fix !== undefined) latest.push(fix);
    if (removal !== undefined) (fix === undefined ? removed : cleared).push(removal);
  }
  return { latest, cleared, removed };
}

/** Whether a fix takes the place of another: mostly, but one of many instances may not have known of the other any more. */
export function isNewer(fix: StoredFix, held: StoredFix, staleAfter: number): boolean {
  return fix.timestamp > held.timestamp || held.receivedAt < fix.receivedAt - staleAfter;
}

/** Whether what is held is to be forgotten. */
export function isForgotten({ at, before }: Forgotten, { receivedAt, timestamp }: StoredFix): boolean {
  return receivedAt <= at || timestamp < before;
}

/** Tells drivers apart. */
export function keyOf({ fleet, driverId }: DriverKey): string {
  // A fleet's name has no control characters.
  return `${fleet}\n${driverId}`;
}

/** Adds a removal to a sum. A fix that was received after its moment is none of its business. */
function forget(sum: Sum, { fleet, driverId }: DriverKey, moment: number): void {
  const { fix, removal } = sum;
  let { at, before } = removal ?? { at: Number.NEGATIVE_INFINITY, before: Number.NEGATIVE_INFINITY };
  at = Math.max(at, moment);
  if (fix !== undefined && fix.receivedAt <= moment) {
    before = Math.max(before, fix.timestamp);
    sum.fix = undefined;
  }
  sum.removal = { fleet, driverId, at, before };
}
