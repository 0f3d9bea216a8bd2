import { z } from 'zod';
import { ERROR_CODES, type ErrorCode } from '../errors.ts';
import type { Followed } from '../subscriptions/area.ts';
import type { ExitReason } from '../subscriptions/subscription.ts';
import { messageIdSchema, subscriptionSchema } from './client-messages.ts';
import { driverIdSchema } from './fix.ts';
import { positionSchema } from './position.ts';
import { cursor, resultSchema, serverTime } from './rest.ts';

// What the server says is not checked when it is said: it is encoded by hand, and the tests hold it to these schemas.

/** Each value and what it means, as a schema. */
function told<T extends string>(meanings: Readonly<Record<T, string>>) {
  const meaning = (value: T) => `\`${value}\`: ${meanings[value]}`;
  const values = Object.keys(meanings) as [T, ...T[]];
  return z.enum(values).meta({ description: `${values.map(meaning).join('; ')}.` });
}

const exitReasonSchema = told<ExitReason>({
  left: 'it is outside the area',
  stale: 'nothing was received of it for `DRIVER_TTL_SECONDS`, or its position is older than `maxAge`',
  offline: 'it went off duty',
  filtered: 'its attributes no longer meet the condition',
});

const followedSchema = told<Followed>({
  here: 'the driver that the area goes around is known',
  stale: 'nothing was received of it for too long',
  offline: 'it went off duty',
  unknown: 'it has not been heard of',
});

const answered = messageIdSchema.meta({ description: 'The `id` of the message that this answers.' });

/** What both messages of a subscription say. */
const moment = {
  subscription: subscriptionSchema,
  cursor: cursor.meta({
    description:
      'Opaque mark of this moment: send it with `subscribe` to the same area and filters to go on from here.',
  }),
  serverTime,
};

export const snapshotMessageSchema = z
  .object({
    type: z.literal('snapshot'),
    ...moment,
    resumed: z.boolean().meta({ description: 'Whether it tells only what has changed since the cursor.' }),
    drivers: z.array(positionSchema).meta({
      description:
        'All who are inside; of a resumed one, those who came in or moved since. Replace what is known of them.',
    }),
    unchanged: z.array(driverIdSchema).optional().meta({
      description: 'Only of a resumed one: the others who are inside. Whoever is in neither list has left.',
    }),
    followed: followedSchema.optional(),
  })
  .meta({ id: 'Snapshot', description: 'Everything inside an area, before any change.' });

export const changesMessageSchema = z
  .object({
    type: z.literal('changes'),
    ...moment,
    enter: z.array(positionSchema).optional().meta({ description: 'Who came in.' }),
    move: z.array(positionSchema).optional().meta({ description: 'Who is inside and has a new position.' }),
    exit: z
      .array(z.object({ driverId: driverIdSchema, reason: exitReasonSchema }))
      .optional()
      .meta({ description: 'Who is no longer inside, and why.' }),
    followed: followedSchema.optional(),
  })
  .meta({
    id: 'Changes',
    description: 'What has changed in an area since the message before. Empty lists are left out.',
  });

export const ackMessageSchema = resultSchema.extend({ type: z.literal('ack'), id: answered });

export const batchAckMessageSchema = z.object({
  type: z.literal('ack'),
  id: answered,
  results: z.array(resultSchema).meta({ description: 'One for each fix, in the order sent.' }),
});

export const unsubscribedMessageSchema = z.object({
  type: z.literal('unsubscribed'),
  subscription: subscriptionSchema,
});

export const authenticatedMessageSchema = z.object({
  type: z.literal('authenticated'),
  expiresAt: z.int().meta({
    description:
      'When the token ends, epoch milliseconds. The connection is closed then, unless a new one came before.',
  }),
  id: answered.optional(),
});

export const expiringMessageSchema = z.object({
  type: z.literal('expiring'),
  expiresAt: z.int().meta({ description: 'When the token ends, epoch milliseconds.' }),
  serverTime,
});

export const pongMessageSchema = z.object({ type: z.literal('pong'), id: answered.optional(), serverTime });

export const errorMessageSchema = z.object({
  type: z.literal('error'),
  code: z
    .enum(Object.keys(ERROR_CODES) as [ErrorCode, ...ErrorCode[]])
    // Of HTTP alone: a connection is closed for its bytes, and has no content types.
    .exclude(['too_large', 'unsupported'])
    .meta({ description: 'Branch on it.' }),
  message: z.string().meta({ description: 'What is wrong, in words; names each field at fault and its rule.' }),
  field: z.string().optional().meta({ description: 'The field at fault, where there is just one.' }),
  id: answered.optional(),
  subscription: z.string().max(64).optional().meta({ description: 'The `subscription` of the message at fault.' }),
  retryAfter: z.number().min(0).optional().meta({
    description: 'Seconds to wait before connecting again; the server is about to close the connection.',
  }),
});

/** Every message of the server, by its name in the contract. */
export const serverMessageSchemas = {
  snapshot: snapshotMessageSchema,
  changes: changesMessageSchema,
  ack: ackMessageSchema,
  batchAck: batchAckMessageSchema,
  unsubscribed: unsubscribedMessageSchema,
  authenticated: authenticatedMessageSchema,
  expiring: expiringMessageSchema,
  pong: pongMessageSchema,
  error: errorMessageSchema,
} as const;

/** What a server may say, by its name in the contract. */
export type ServerMessages = {
  readonly [N in keyof typeof serverMessageSchemas]: z.output<(typeof serverMessageSchemas)[N]>;
};

/** Anything that a server may say. */
export type ServerMessage = ServerMessages[keyof ServerMessages];
