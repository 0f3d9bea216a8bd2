import type { DriverKey, Entry, StoredFix } from '../../src/store/store.ts';

export const T0 = 1_763_766_000_000;

/** A fix with all that is required, and what the test asks for. */
export function row(driverId: string, changes: Partial<StoredFix> = {}): StoredFix {
  return { fleet: 'default', driverId, lat: 12.345, lng: 67.89, timestamp: T0, receivedAt: T0 + 5, ...changes };
}

/** Fixes that are their drivers' positions. */
export const positions = (fixes: readonly StoredFix[]): Entry[] => fixes.map((fix) => ({ kind: 'position', fix }));

/** Fixes that came too late to be that. */
export const late = (fixes: readonly StoredFix[]): Entry[] => fixes.map((fix) => ({ kind: 'late', fix }));

/** Drivers to forget, whenever they were heard, unless `at` says until when. */
export const removals = (drivers: readonly DriverKey[], at = T0 + 1_000_000_000): Entry[] =>
  drivers.map(({ fleet, driverId }) => ({ kind: 'removal', driver: { fleet, driverId }, at }));
