import { z } from 'zod';
import { ERROR_CODES, type ErrorCode } from '../errors.ts';
import { fixSchema, number } from './fix.ts';
import { positionAtDistanceSchema, positionSchema } from './position.ts';

/** The most drivers in one answer. */
export const MAX_LIMIT = 1000;
/** The most bytes of a request's body or a message: a thousand fixes with attributes fit. */
export const MAX_BYTES = 1024 * 1024;
/** The most fixes in one request or message. */
export const MAX_POSITIONS = 1000;

export const serverTime = z.int().meta({
  description: 'The server’s clock, epoch milliseconds; `serverTime − timestamp` is a position’s age.',
});
export const cursor = z.string().meta({ description: 'Opaque mark of this moment in the fleet’s stream of changes.' });

const limitRule = 'must be a whole number from 1';

/**
 * How many to answer with.
 *
 * @param what is counted
 * @param fallback how many when there is no limit, for the contract: it is for the caller to put in
 */
export const limitSchema = (what: string, fallback: number, max: number) =>
  number(limitRule)
    .int({ error: limitRule })
    .min(1, { error: limitRule })
    .meta({
      description: `The most ${what} to answer with; ${fallback} when absent. More than ${max} is taken as ${max}.`,
      default: fallback,
    })
    .transform((limit) => Math.min(limit, max));

export const maxAgeSchema = number('must be a number of seconds')
  .min(0, { error: 'must be at least 0' })
  .meta({ description: 'Leaves out positions whose timestamp is older than this many seconds.' });

export const nearbyAnswerSchema = z
  .object({
    serverTime,
    cursor,
    truncated: z.literal(true).optional().meta({ description: 'More drivers were within the radius than `limit`.' }),
    drivers: z.array(positionAtDistanceSchema),
  })
  .meta({ id: 'Nearby', description: 'The drivers near a place, nearest first; equally far ones by driverId.' });

export const driverAnswerSchema = positionSchema
  .extend({ serverTime })
  .meta({ id: 'Driver', description: 'The position of one driver.' });

const pointSchema = z.object({
  type: z.literal('Point'),
  coordinates: z.tuple([z.number(), z.number()]).meta({ description: 'Longitude, latitude.' }),
});

/** A position as a GeoJSON feature (RFC 7946); its place is the geometry. */
export const featureSchema = z
  .object({
    type: z.literal('Feature'),
    id: z.string().meta({ description: 'The driverId.' }),
    serverTime: serverTime.optional(),
    geometry: pointSchema,
    properties: positionAtDistanceSchema.omit({ latitude: true, longitude: true }).partial({ distance: true }),
  })
  .meta({ id: 'DriverFeature' });

export const featureCollectionSchema = z
  .object({
    type: z.literal('FeatureCollection'),
    serverTime,
    cursor,
    truncated: z.literal(true).optional(),
    features: z.array(featureSchema),
  })
  .meta({ id: 'DriverCollection', description: 'The same list as GeoJSON.' });

const positionsRule = `must be a list of 1 to ${MAX_POSITIONS} fixes`;

/** The fixes of a batch as they come: each is checked by itself, so that a bad one does not take the others with it. */
export const uncheckedPositionsSchema = z
  .array(z.unknown(), { error: positionsRule })
  .min(1, { error: positionsRule })
  .max(MAX_POSITIONS, { error: positionsRule });

/** One fix, or up to a thousand. */
export const positionsBodySchema = z
  .union([z.object({ positions: z.array(fixSchema).min(1).max(MAX_POSITIONS) }), fixSchema])
  .meta({ id: 'Positions' });

/** What became of each fix, in the order they were sent. */
export const resultSchema = z
  .object({
    verdict: z.enum(['accepted', 'duplicate', 'late', 'refused']).meta({
      description:
        '`accepted`: it is the position now. `duplicate`: the position has this timestamp. `late`: the position is newer; it is kept in history, and nothing moved. `refused`: see `code`.',
    }),
    code: z.enum(['invalid', 'future', 'forbidden', 'unavailable']).optional(),
    message: z.string().optional().meta({ description: 'Why it was refused, with the field’s name.' }),
  })
  .meta({ id: 'Result' });

export const resultsSchema = z.object({ results: z.array(resultSchema) }).meta({ id: 'Results' });

/** A problem as of RFC 9457. */
export const problemSchema = z
  .object({
    type: z.literal('about:blank'),
    title: z.string(),
    status: z.int(),
    code: z.enum(Object.keys(ERROR_CODES) as [ErrorCode, ...ErrorCode[]]),
    detail: z.string(),
    errors: z
      .array(z.object({ field: z.string(), message: z.string() }))
      .optional()
      .meta({ description: 'Each field at fault and the rule that it breaks.' }),
    requestId: z.string().optional(),
  })
  .meta({ id: 'Problem', description: 'What went wrong (RFC 9457). Branch on `code`.' });

export const healthSchema = z.object({ status: z.enum(['ok', 'degraded', 'unavailable']) }).meta({ id: 'Health' });
