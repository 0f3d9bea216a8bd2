import { z } from 'zod';
import type { Attributes, Fix } from '../fix.ts';

/** What a number field says of anything that is not one. */
export const number = (rule = 'must be a number') => z.number({ error: rule });

/** What PostgreSQL and every client can hold: no lone surrogate, no NUL. */
export function isStorable(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0');
}

/** An id chosen by a client: 1 … `max` printable characters. */
export const identifier = (max: number) =>
  z
    .string({ error: 'must be a string' })
    .min(1, { error: 'must not be empty' })
    .max(max, { error: `must have at most ${max} characters` })
    // No control, format, surrogate, private-use or unassigned characters, and no line or paragraph separators.
    .regex(/^[^\p{C}\p{Zl}\p{Zp}]+$/u, { error: 'must have printable characters only' });

/** Characters of a driver's id, and of what a client tells its messages apart by. */
export const MAX_ID = 128;

export const driverIdSchema = identifier(MAX_ID).meta({
  description: 'Who it is: 1 to 128 printable characters, unique in its fleet.',
  example: 'driver-xyz-789',
});

export const latitudeSchema = number('must be a number of degrees')
  .min(-90, { error: 'must be between -90 and 90' })
  .max(90, { error: 'must be between -90 and 90' })
  .meta({ description: 'WGS84 degrees north.', example: 12.345 });

export const longitudeSchema = number('must be a number of degrees')
  .min(-180, { error: 'must be between -180 and 180' })
  .max(180, { error: 'must be between -180 and 180' })
  .meta({ description: 'WGS84 degrees east.', example: 67.89 });

const timestampRule = 'must be epoch milliseconds or an ISO 8601 time with its offset, such as 2026-01-31T12:00:00Z';

/** A moment, as fixes are dated; {@link toTimestamp} says which. */
export const timestampSchema = z
  .union(
    [
      number(timestampRule).min(0, { error: timestampRule }),
      z.iso
        .datetime({ offset: true, error: timestampRule })
        .refine((time) => Date.parse(time) >= 0, { error: timestampRule }),
    ],
    { error: timestampRule },
  )
  .meta({
    description:
      'When the fix was taken, by the device: epoch milliseconds, or ISO 8601 with an offset. Absent: the server’s clock.',
    example: 1763766000000,
  });

export const MAX_ATTRIBUTES = 16;
/** Characters of an attribute's name, and of a text that it can be. */
export const MAX_KEY = 64;
export const MAX_TEXT = 256;

/**
 * Attributes are checked by hand: it is the hot path, and a record of unions took most of the time of a fix. The contract
 * is told the same rules by the metadata.
 */
export const attributesSchema = z
  .any()
  .superRefine((value, context) => {
    const fault = (message: string, ...path: string[]) => {
      context.addIssue({ code: 'custom', path, message, input: value });
    };
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      return fault('must be an object of strings, numbers and booleans');
    }
    const keys = Object.keys(value);
    if (keys.length > MAX_ATTRIBUTES) return fault(`must have at most ${MAX_ATTRIBUTES} keys`);
    for (const key of keys) {
      const rule = faultOfAttribute(key, value[key]);
      if (rule !== undefined) fault(rule, key);
    }
  })
  .meta({
    description: 'What the driver says of itself; flat. Absent: the last ones stay. Present: they replace them.',
    example: { status: 'available', seats: 4 },
    type: 'object',
    maxProperties: MAX_ATTRIBUTES,
    propertyNames: { minLength: 1, maxLength: MAX_KEY },
    additionalProperties: {
      anyOf: [{ type: 'string', maxLength: MAX_TEXT }, { type: 'number' }, { type: 'boolean' }],
    },
  }) as unknown as z.ZodType<Attributes>;

/** The rule that an attribute breaks. */
export function faultOfAttribute(key: string, value: unknown): string | undefined {
  if (key.length < 1 || key.length > MAX_KEY) return `must have a key of 1 to ${MAX_KEY} characters`;
  // Copied around as an ordinary key, it would set a prototype somewhere.
  if (key === '__proto__') return 'is not a key that an attribute can have';
  if (!isStorable(key)) return 'must have a key of well-formed Unicode';
  if (typeof value === 'string') {
    if (value.length > MAX_TEXT) return `must have at most ${MAX_TEXT} characters`;
    return isStorable(value) ? undefined : 'must be well-formed Unicode';
  }
  // JSON has no other numbers, but one too large for a double is read as infinite.
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : 'must be a finite number';
  return typeof value === 'boolean' ? undefined : 'must be a string, a number or a boolean';
}

const degrees = number('must be a number of degrees')
  .min(0, { error: 'must be between 0 and 360' })
  .max(360, { error: 'must be between 0 and 360' });
const atLeastZero = (unit: string) => number(`must be a number of ${unit}`).min(0, { error: 'must be at least 0' });

/** A fix as a driver sends it. Unknown fields are ignored. */
export const fixSchema = z
  .object(
    {
      driverId: driverIdSchema
        .optional()
        .meta({ description: 'May be left out when the token’s subject is the driver.' }),
      latitude: latitudeSchema,
      longitude: longitudeSchema,
      timestamp: timestampSchema.nullish(),
      accuracy: atLeastZero('metres').nullish().meta({ description: 'Metres, 95 % confidence.' }),
      altitude: number('must be a number of metres').nullish().meta({ description: 'Metres above the ellipsoid.' }),
      heading: degrees.nullish().meta({ description: 'Degrees clockwise from true north.' }),
      speed: atLeastZero('metres per second').nullish().meta({ description: 'Metres per second.' }),
      attributes: attributesSchema.nullish(),
    },
    { error: 'must be an object' },
  )
  .meta({ id: 'Fix', description: 'One timestamped reading that a driver sends.' });

/** A parsed fix message. */
export type FixMessage = z.infer<typeof fixSchema>;

/** The fix that a message means, of the driver that it is about. */
export function toFix(message: FixMessage, driverId: string): Fix {
  return {
    driverId,
    lat: message.latitude,
    lng: message.longitude,
    timestamp: toTimestamp(message.timestamp),
    accuracy: message.accuracy ?? undefined,
    altitude: message.altitude ?? undefined,
    heading: message.heading ?? undefined,
    speed: message.speed ?? undefined,
    attributes: message.attributes ?? undefined,
  };
}

/** The moment that is meant: epoch milliseconds, whole. */
export function toTimestamp(timestamp: number | string): number;
export function toTimestamp(timestamp: number | string | null | undefined): number | undefined;
export function toTimestamp(timestamp: number | string | null | undefined): number | undefined {
  if (timestamp === undefined || timestamp === null) return undefined;
  return typeof timestamp === 'number' ? Math.floor(timestamp) : Date.parse(timestamp);
}
