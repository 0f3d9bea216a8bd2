import { latLngToCell } from 'h3-js';
import type { StoredPosition } from '../../src/store/store.ts';

export const T0 = 1_763_766_000_000;

/** A row with all that is required, and what the test asks for. */
export function row(driverId: string, changes: Partial<StoredPosition> = {}): StoredPosition {
  const lat = changes.lat ?? 12.345;
  const lng = changes.lng ?? 67.89;
  const cell = latLngToCell(lat, lng, 15);
  return { fleet: 'default', driverId, lat, lng, cell, timestamp: T0, receivedAt: T0 + 5, ...changes };
}
