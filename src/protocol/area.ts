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

const whereRecord = z
  .record(
    z.string(),
    z.union([z.string(), number(), z.boolean(), z.array(z.union([z.string(), number(), z.boolean()])).max(64)], {
      error: 'must be a string, number or boolean, or a list of at most 64 of them',
    }),
    { error: 'must be an object' },
  )
  .refine((where) => Object.keys(where).length <= 16, { error: 'must have at most 16 keys' })
  .meta({
    description: 'Each attribute must have the given value, or one of the given ones.',
    example: { status: 'available', seats: [4, 6] },
  });

/** A condition on attributes, as `subscriptions/where.ts` evaluates it. */
export const whereSchema = z.preprocess((where, context) => {
  // A record would drop this key, and the condition would hold for everybody.
  if (typeof where === 'object' && where !== null && Object.hasOwn(where, '__proto__')) {
    context.issues.push({ code: 'custom', message: 'must not have the key __proto__', input: where });
  }
  return where;
}, whereRecord);

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

/** The same, where a query string may have no condition at all. */
export const whereConditionSchema = whereSchema.optional();
