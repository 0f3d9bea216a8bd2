import { parse } from './faults.ts';
import { type FixMessage, faultOfAttribute, fixSchema, MAX_ATTRIBUTES, MAX_ID } from './fix.ts';

/** The fix that a value is. @throws {DomainError} `invalid`, with every field and rule */
export function parseFix(value: unknown): FixMessage {
  // The schema takes as long as all the rest of a fix.
  return isPlainFix(value) ? value : parse(fixSchema, value);
}

/**
 * Whether a value is surely what {@link fixSchema} takes. It says yes to nearly every fix that is right; no means that
 * the schema must be asked, which also knows what is wrong.
 */
export function isPlainFix(value: unknown): value is FixMessage {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const { driverId, latitude, longitude, timestamp, accuracy, altitude, heading, speed, attributes } = value as Partial<
    Record<keyof FixMessage, unknown>
  >;
  return (
    (driverId === undefined || isPlainId(driverId)) &&
    isBetween(latitude, -90, 90) &&
    isBetween(longitude, -180, 180) &&
    isAbsentOrBetween(timestamp, 0, MAX) &&
    isAbsentOrBetween(accuracy, 0, MAX) &&
    isAbsentOrBetween(altitude, -MAX, MAX) &&
    isAbsentOrBetween(heading, 0, 360) &&
    isAbsentOrBetween(speed, 0, MAX) &&
    (attributes === undefined || attributes === null || arePlain(attributes))
  );
}

/** Whether a value is surely an id as clients may choose them: here of printable ASCII alone. */
export function isPlainId(value: unknown): value is string {
  if (typeof value !== 'string' || value.length === 0 || value.length > MAX_ID) return false;
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if (code < 0x20 || code > 0x7e) return false;
  }
  return true;
}

const MAX = Number.MAX_VALUE;

/** Of not-a-number no comparison holds. */
function isBetween(value: unknown, min: number, max: number): boolean {
  return typeof value === 'number' && value >= min && value <= max;
}

function isAbsentOrBetween(value: unknown, min: number, max: number): boolean {
  return value === undefined || value === null || isBetween(value, min, max);
}

function arePlain(attributes: unknown): boolean {
  if (typeof attributes !== 'object' || Array.isArray(attributes)) return false;
  let count = 0;
  for (const key in attributes) {
    if (++count > MAX_ATTRIBUTES) return false;
    if (faultOfAttribute(key, (attributes as Record<string, unknown>)[key]) !== undefined) return false;
  }
  return true;
}
