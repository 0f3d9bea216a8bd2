import type { DriverKey, Entry, StoredFix } from './store.ts';

/** What entries come to for the positions of their drivers, each of whom is in one of the lists at the most. */
export interface Outcome {
  /** Positions that take the place of older ones. */
  readonly newer: readonly StoredFix[];
  /** Positions of drivers that were forgotten just before: they take the place of whatever is held. */
  readonly anew: readonly StoredFix[];
  /** Drivers to forget. */
  readonly removed: readonly DriverKey[];
}

/** Draws the sum of entries, so that the positions of a driver are written once, whatever happened to it. */
export function outcomeOf(entries: readonly Entry[]): Outcome {
  const last = new Map<string, { readonly entry: Entry; readonly forgotten: boolean }>();
  for (const entry of entries) {
    if (entry.kind === 'late') continue;
    const key = keyOf(entry.kind === 'removal' ? entry.driver : entry.fix);
    const forgotten = entry.kind === 'removal' || last.get(key)?.forgotten === true;
    last.set(key, { entry, forgotten });
  }
  const newer: StoredFix[] = [];
  const anew: StoredFix[] = [];
  const removed: DriverKey[] = [];
  for (const { entry, forgotten } of last.values()) {
    if (entry.kind === 'removal') removed.push(entry.driver);
    else (forgotten ? anew : newer).push(entry.fix);
  }
  return { newer, anew, removed };
}

/** Tells drivers apart. */
function keyOf({ fleet, driverId }: DriverKey): string {
  // A fleet's name has no control characters.
  return `${fleet}\n${driverId}`;
}
