import { z } from 'zod';
import { DomainError } from '../errors.ts';
import { circleFields, radiusSchema, whereSchema } from './area.ts';
import { identifier, latitudeSchema, longitudeSchema } from './fix.ts';
import { inQuery } from './query.ts';
import { uncheckedPositionsSchema } from './rest.ts';

const subscription = identifier(64).meta({ description: 'The client’s own name for it, unique on the connection.' });

/** Echoed in the answer: what a client chose to tell its messages apart. */
export const messageIdSchema = z.union([identifier(128), z.int()], {
  error: 'must be a string of 1 to 128 printable characters or a whole number',
});

export const positionsMessageSchema = z.object({
  type: z.literal('positions'),
  id: messageIdSchema,
  positions: uncheckedPositionsSchema,
});

/**
 * What would change which drivers are inside, or when they are told, if this version knew it. Passed over like any
 * unknown field, it would give a wrong answer.
 */
const notYet = z.undefined({ error: 'is not known to this version' }).optional();
const notKnown = {
  bbox: notYet,
  polygon: notYet,
  around: notYet,
  maxAge: notYet,
  maxRate: notYet,
  minDisplacement: notYet,
};

/** @param maxRadius MAX_RADIUS_METERS */
export const subscribeMessageSchema = (maxRadius: number) =>
  z.object({
    type: z.literal('subscribe'),
    subscription,
    ...circleFields(maxRadius),
    where: whereSchema.optional(),
    ...notKnown,
    cursor: z.string({ error: 'must be a string' }).optional(),
  });

/** Of the circle, the centre (both) and the radius may each be left as they are. */
export const updateMessageSchema = (maxRadius: number) =>
  z
    .object({
      type: z.literal('update'),
      subscription,
      latitude: latitudeSchema.optional(),
      longitude: longitudeSchema.optional(),
      radius: radiusSchema(maxRadius).optional(),
      where: whereSchema.optional(),
      ...notKnown,
    })
    .refine(({ latitude, longitude }) => (latitude === undefined) === (longitude === undefined), {
      error: 'must come with its other coordinate',
      path: ['latitude'],
    });

export const unsubscribeMessageSchema = z.object({ type: z.literal('unsubscribe'), subscription });

export const authenticateMessageSchema = z.object({
  type: z.literal('authenticate'),
  token: z.string({ error: 'must be a string' }),
});

export const pingMessageSchema = z.object({ type: z.literal('ping'), id: messageIdSchema.optional() });

/** The URL form `/ws?latitude&longitude&radius`, which subscribes at once. @param maxRadius MAX_RADIUS_METERS */
export const subscribeQuerySchema = (maxRadius: number) => {
  const { latitude, longitude, radius } = circleFields(maxRadius);
  return z.object({
    latitude: inQuery(latitude),
    longitude: inQuery(longitude),
    radius: inQuery(radius),
    where: whereSchema.optional(),
    ...notKnown,
  });
};

/** The object that a text frame holds, not yet checked. @throws {DomainError} `invalid` */
export function parseFrame(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw DomainError.invalid([{ field: '', message: 'The message is not valid JSON' }]);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw DomainError.invalid([{ field: '', message: 'The message must be a JSON object' }]);
  }
  return value as Record<string, unknown>;
}
