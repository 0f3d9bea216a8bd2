import { z } from 'zod';
import {
  authenticateMessageSchema,
  messageIdSchema,
  pingMessageSchema,
  positionsMessageSchema,
  subscribeMessageSchema,
  unsubscribeMessageSchema,
  updateMessageSchema,
} from '../protocol/client-messages.ts';
import { fixSchema } from '../protocol/fix.ts';
import { MAX_POSITIONS } from '../protocol/rest.ts';
import type { Message } from './message.ts';

/** Any message may have an id. */
const named = {
  id: messageIdSchema.optional().meta({
    description:
      'Chosen by the client, to tell its messages apart: an `ack`, `authenticated`, `pong` or `error` that answers it has it too.',
    example: 7,
  }),
};

const FIX = {
  driverId: 'driver-xyz-789',
  latitude: 40.7506,
  longitude: -73.9935,
  timestamp: 1763766000000,
};

/** What a client says, as the contract tells of it. @param maxRadius MAX_RADIUS_METERS */
export const clientMessages = (maxRadius: number) =>
  ({
    position: {
      title: 'Position',
      summary: 'One fix of a driver.',
      description:
        'A message without `type` is a fix. With an `id` it is answered by its verdict once it is stored; without, by nothing, or by an `error` when it is refused.',
      schema: fixSchema.extend({ type: z.literal('position').optional(), ...named }),
      correlation: 'messageId',
      examples: [
        {
          name: 'least',
          summary: 'All that a driver has to send, when the subject of its token is the driver.',
          payload: { latitude: 40.7506, longitude: -73.9935 },
        },
        {
          name: 'full',
          payload: {
            type: 'position',
            id: 1,
            ...FIX,
            accuracy: 5,
            altitude: 31,
            heading: 270,
            speed: 8.2,
            attributes: { status: 'available', seats: 4 },
          },
        },
      ],
    },
    positions: {
      title: 'Positions',
      summary: `Up to ${MAX_POSITIONS} fixes, such as those taken while there was no network.`,
      description: 'Each fix gets a verdict of its own: a bad one does not take the others with it.',
      // The server takes each fix for itself, so its own schema lets anything be in the list.
      schema: positionsMessageSchema.extend({ positions: z.array(fixSchema).min(1).max(MAX_POSITIONS) }),
      correlation: 'messageId',
      examples: [
        {
          name: 'batch',
          payload: {
            type: 'positions',
            id: 'batch-7',
            positions: [FIX, { ...FIX, latitude: 40.7511, timestamp: 1763766002000 }],
          },
        },
      ],
    },
    subscribe: {
      title: 'Subscribe',
      summary: 'Watch an area.',
      description:
        'Under a name in use it replaces that subscription. The area is a circle, a box, a polygon, around a driver, or, without any of its fields, the whole fleet.',
      schema: subscribeMessageSchema(maxRadius).safeExtend(named),
      correlation: 'subscription',
      examples: [
        {
          name: 'circle',
          payload: {
            type: 'subscribe',
            subscription: 's1',
            latitude: 40.7506,
            longitude: -73.9935,
            radius: 2000,
            where: { status: 'available', seats: [4, 6] },
          },
        },
        {
          name: 'box',
          payload: {
            type: 'subscribe',
            subscription: 'map',
            bbox: [-74.02, 40.7, -73.93, 40.8],
            maxRate: 1,
            minDisplacement: 25,
          },
        },
        {
          name: 'polygon',
          payload: {
            type: 'subscribe',
            subscription: 'zone',
            polygon: {
              type: 'Polygon',
              coordinates: [
                [
                  [-74, 40.74],
                  [-73.97, 40.75],
                  [-73.99, 40.77],
                  [-74, 40.74],
                ],
              ],
            },
            maxAge: 60,
          },
        },
        {
          name: 'around',
          payload: { type: 'subscribe', subscription: 'ride', around: 'driver-xyz-789', radius: 500 },
        },
        {
          name: 'wholeFleetResumed',
          payload: { type: 'subscribe', subscription: 'all', cursor: '01JDA8.3f~1k2j9x' },
        },
      ],
    },
    update: {
      title: 'Update',
      summary: 'Change what a subscription watches.',
      description:
        'What is absent stays, and null takes it away. A field of another kind of area replaces the area, `radius` alone resizes it, and nulls alone make it the whole fleet.',
      schema: updateMessageSchema(maxRadius).safeExtend(named),
      correlation: 'subscription',
      examples: [
        {
          name: 'moveCircle',
          payload: { type: 'update', subscription: 's1', latitude: 40.7484, longitude: -73.9857 },
        },
        { name: 'withoutFilter', payload: { type: 'update', subscription: 's1', where: null, radius: 3000 } },
      ],
    },
    unsubscribe: {
      title: 'Unsubscribe',
      summary: 'Watch no more.',
      schema: unsubscribeMessageSchema.extend(named),
      correlation: 'subscription',
      examples: [{ name: 'unsubscribe', payload: { type: 'unsubscribe', subscription: 's1' } }],
    },
    authenticate: {
      title: 'Authenticate',
      summary: 'Bring the token, or a new one before the old one ends.',
      description:
        'As the first message it must come within 10 seconds. A new token must be of the same subject and fleet, and a bad one closes the connection.',
      schema: authenticateMessageSchema.extend(named),
      correlation: 'messageId',
      examples: [{ name: 'authenticate', payload: { type: 'authenticate', token: 'eyJhbGciOiJIUzI1NiJ9.e30.c2ln' } }],
    },
    ping: {
      title: 'Ping',
      summary: 'Ask whether the server is there, and for its clock.',
      schema: pingMessageSchema.extend(named),
      correlation: 'messageId',
      examples: [{ name: 'ping', payload: { type: 'ping', id: 'p1' } }],
    },
  }) as const satisfies Readonly<Record<string, Message>>;
