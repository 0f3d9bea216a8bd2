import type { Region } from '../geo/region.ts';
import { type Area, Around } from './area.ts';
import { Fingerprint } from './fingerprint.ts';
import type { Where } from './where.ts';

/** Which drivers are asked about. */
export interface Filters {
  readonly where?: Where;
  /** Seconds; positions with an older timestamp are left out. */
  readonly maxAge?: number;
}

/** What a subscription asks for, and how closely it wants to be told. */
export interface View extends Filters {
  readonly area: Area;
  /** The most messages of changes a second. */
  readonly maxRate?: number;
  /** Metres that a driver must have moved from where the client was last told before it is told of a move. */
  readonly minDisplacement?: number;
}

/**
 * Tells an area and filters from all others: the same for whatever means the same question, be it asked as a list or as a
 * subscription, but for polygons drawn in another order.
 *
 * @param bounds of what whoever asks may see
 */
export function questionKey(area: Area, { where, maxAge }: Filters, bounds?: Region): string {
  const fingerprint = new Fingerprint();
  if (area instanceof Around) {
    fingerprint.text(area.driverId);
    fingerprint.number(area.radius);
  } else area.identify((number) => fingerprint.number(number));
  if (maxAge !== undefined) fingerprint.number(maxAge);
  if (where !== undefined) {
    for (const key of Object.keys(where).sort()) {
      const allowed = where[key];
      fingerprint.text(key);
      // As conditions compare: by text, and in no order.
      fingerprint.members(new Set((Array.isArray(allowed) ? allowed : [allowed]).map(String)));
    }
  }
  if (bounds !== undefined) {
    fingerprint.text('bounds');
    bounds.identify((number) => fingerprint.number(number));
  }
  return fingerprint.toString();
}
