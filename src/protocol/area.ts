import { z } from 'zod';
import type { CircleArea } from '../tracker.ts';
import { latitudeSchema, longitudeSchema, number } from './fix.ts';

/** What a query looks within when it names no radius, metres. */
export const DEFAULT_RADIUS = 5000;

/** @param max MAX_RADIUS_METERS */
export const radiusSchema = (max: number) =>
  number('must be a number of metres')
    .min(0, { error: `must be between 0 and ${max}` })
    .max(max, { error: `must be between 0 and ${max}` });

const MAX_CONDITIONS = 16;
const conditionValue = z.union([z.string(), number(), z.boolean()]);

/** A condition on attributes, as `subscriptions/where.ts` evaluates it. */
export const whereSchema = z.preprocess(
  (where, context) => {
    if (typeof where !== 'object' || where === null) return where;
    const fault = (message: string) => {
      context.addIssue({ code: 'custom', message, input: where });
      return z.NEVER;
    };
    // Counted before any is looked at.
    if (Object.keys(where).length > MAX_CONDITIONS) return fault(`must have at most ${MAX_CONDITIONS} keys`);
    // A record would drop this key, and the condition would hold for everybody.
    if (Object.hasOwn(where, '__proto__')) return fault('must not have the key __proto__');
    return where;
  },
  z
    .record(
      z.string(),
      z.union([conditionValue, z.array(conditionValue).max(64)], {
        error: 'must be a string, number or boolean, or a list of at most 64 of them',
      }),
      { error: 'must be an object' },
    )
    .meta({
      description: 'Each attribute must have the given value, or one of the given ones. At most 16 keys.',
      example: { status: 'available', seats: [4, 6] },
    }),
);

/** The fields of a circle, all required. */
export const circleFields = (maxRadius: number) => ({
  latitude: latitudeSchema,
  longitude: longitudeSchema,
  radius: radiusSchema(maxRadius).meta({ description: 'Metres along the WGS84 ellipsoid. The rim is inside.' }),
});

/** The circle that fields on the wire mean. */
export function toCircle(fields: { latitude: number; longitude: number; radius: number }): CircleArea {
  return { lat: fields.latitude, lng: fields.longitude, radius: fields.radius };
}
