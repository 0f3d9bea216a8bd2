import { z } from 'zod';
import { DomainError } from '../errors.ts';
import { oneArea } from './area.ts';
import { parse } from './faults.ts';
import { identifier, MAX_ID } from './fix.ts';
import { isTooDeep, TOO_DEEP } from './nesting.ts';
import { isPlainId } from './plain-fix.ts';
import { refuse, when } from './refuse.ts';
import { uncheckedPositionsSchema } from './rest.ts';
import { viewPatchSchemas, viewQuerySchema, viewSchemas } from './view.ts';

/** The name of a subscription. */
export const subscriptionSchema = identifier(64).meta({
  description: 'The client’s own name for it, unique on the connection.',
  example: 's1',
});

/** The name of one that a URL asks for, whatever the transport. */
export const DEFAULT_SUBSCRIPTION = 'default';

/** Echoed in the answer: what a client chose to tell its messages apart. */
export const messageIdSchema = z.union([identifier(MAX_ID), z.int()], {
  error: 'must be a string of 1 to 128 printable characters or a whole number',
});

const idFieldSchema = z.object({ id: messageIdSchema });

/** The id that a message has. @throws {DomainError} `invalid` */
export function parseMessageId(id: unknown): string | number {
  return Number.isSafeInteger(id) || isPlainId(id) ? (id as string | number) : parse(idFieldSchema, { id }).id;
}

export const positionsMessageSchema = z.object({
  type: z.literal('positions'),
  id: messageIdSchema,
  positions: uncheckedPositionsSchema,
});

const NOT_IN_A_MESSAGE = { attributes: 'is not a filter here: write "where":{"NAME":"VALUE"}' };

/** @param maxRadius MAX_RADIUS_METERS */
export const subscribeMessageSchema = (maxRadius: number) =>
  oneArea(
    refuse(
      z.looseObject({ type: z.literal('subscribe'), subscription: subscriptionSchema, ...viewSchemas(maxRadius) }),
      NOT_IN_A_MESSAGE,
    ),
  );

/** What is absent stays as it is, and null takes it away. @param maxRadius MAX_RADIUS_METERS */
export const updateMessageSchema = (maxRadius: number) =>
  refuse(
    z.looseObject({ type: z.literal('update'), subscription: subscriptionSchema, ...viewPatchSchemas(maxRadius) }),
    {
      ...NOT_IN_A_MESSAGE,
      cursor: 'is of a new subscription: an update tells what it changes',
    },
  ).refine(({ latitude, longitude }) => typeof latitude === typeof longitude, {
    error: 'must come with its other coordinate',
    path: ['latitude'],
    when,
  });

export const unsubscribeMessageSchema = z.object({ type: z.literal('unsubscribe'), subscription: subscriptionSchema });

/** No token can be longer where it is a header: Node takes 16 kB of them. */
const MAX_TOKEN = 16_384;

export const authenticateMessageSchema = z.object({
  type: z.literal('authenticate'),
  token: z.string({ error: 'must be a string' }).max(MAX_TOKEN, { error: `must have at most ${MAX_TOKEN} characters` }),
});

export const pingMessageSchema = z.object({ type: z.literal('ping'), id: messageIdSchema.optional() });

/** The URL form `/ws?latitude&longitude&radius`, which subscribes at once. @param maxRadius MAX_RADIUS_METERS */
export const subscribeQuerySchema = (maxRadius: number) => viewQuerySchema(maxRadius, {});

/** The object that a text frame holds, not yet checked. @throws {DomainError} `invalid` */
export function parseFrame(text: string): Record<string, unknown> {
  if (isTooDeep(text)) throw DomainError.invalid([{ field: '', message: TOO_DEEP }]);
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
