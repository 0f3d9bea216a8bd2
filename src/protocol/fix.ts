import { z } from 'zod';
import type { Fix } from '../fix.ts';

/** What a number field says of anything that is not one. */
export const number = (rule = 'must be a number') => z.number({ error: rule });

/** What PostgreSQL and every client can hold: no lone surrogate, no NUL. */
const text = (max: number) =>
  z
    .string({ error: 'must be a string' })
    .max(max, { error: `must have at most ${max} characters` })
    .refine((value) => value.isWellFormed() && !value.includes('\0'), { error: 'must be well-formed Unicode' });

/** An id chosen by a client: 1 … `max` printable characters. */
export const identifier = (max: number) =>
  z
    .string({ error: 'must be a string' })
    .min(1, { error: 'must not be empty' })
    .max(max, { error: `must have at most ${max} characters` })
    // No control, format, surrogate, private-use or unassigned characters, and no line or paragraph separators.
    .regex(/^[^\p{C}\p{Zl}\p{Zp}]+$/u, { error: 'must have printable characters only' });

export const driverIdSchema = identifier(128).meta({
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

const timestampSchema = z
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

export const attributesSchema = z
  .record(
    text(64).min(1),
    z.union([text(256), number(), z.boolean()], {
      error: (issue) => nested(issue.errors) ?? 'must be a string, a number or a boolean',
    }),
    {
      error: (issue) =>
        issue.code === 'invalid_key'
          ? 'must have a key of 1 to 64 characters'
          : 'must be an object of strings, numbers and booleans',
    },
  )
  .refine((attributes) => Object.keys(attributes).length <= 16, { error: 'must have at most 16 keys' })
  .meta({
    description: 'What the driver says of itself; flat. Absent: the last ones stay. Present: they replace them.',
    example: { status: 'available', seats: 4 },
  });

/** The rule of the one union branch whose type fitted, where there is one. */
function nested(branches: readonly (readonly { code?: string; message?: string }[])[] | undefined): string | undefined {
  return branches?.flat().find(({ code }) => code !== 'invalid_type')?.message;
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

/**
 * The fix that a message means.
 *
 * @param driverId for a message that names none
 * @param now the server's clock, for a message without a timestamp
 */
export function toFix(message: FixMessage, driverId: string, now: number): Fix {
  return {
    driverId: message.driverId ?? driverId,
    lat: message.latitude,
    lng: message.longitude,
    timestamp: toTimestamp(message.timestamp, now),
    accuracy: message.accuracy ?? undefined,
    altitude: message.altitude ?? undefined,
    heading: message.heading ?? undefined,
    speed: message.speed ?? undefined,
    attributes: message.attributes ?? undefined,
  };
}

function toTimestamp(timestamp: number | string | null | undefined, now: number): number {
  if (timestamp === undefined || timestamp === null) return now;
  return typeof timestamp === 'number' ? Math.floor(timestamp) : Date.parse(timestamp);
}
