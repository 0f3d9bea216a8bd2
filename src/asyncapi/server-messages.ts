import { type ServerMessages, serverMessageSchemas } from '../protocol/server-messages.ts';
import type { Example, Message, MessageText } from './message.ts';

const NOW = 1763766000750;
const CURSOR = '01JDA8.3f~1k2j9x';
const POSITION = {
  driverId: 'driver-xyz-789',
  latitude: 40.7506,
  longitude: -73.9935,
  timestamp: 1763766000000,
  accuracy: 5,
  heading: 270,
  speed: 8.2,
  attributes: { status: 'available', seats: 4 },
  receivedAt: 1763766000412,
};
const OTHER = {
  driverId: 'driver-abc-123',
  latitude: 40.7484,
  longitude: -73.9857,
  timestamp: 1763765998000,
  receivedAt: 1763765998377,
};

type Name = keyof ServerMessages;

const TEXTS: {
  readonly [N in Name]: MessageText & { readonly examples: readonly (Example & { payload: ServerMessages[N] })[] };
} = {
  snapshot: {
    title: 'Snapshot',
    summary: 'Everything inside the area of a subscription.',
    description:
      'Comes before any change. With a cursor that the server still knows it is resumed: `drivers` are those that came in or moved since, `unchanged` the ids of the others inside, and whoever is in neither has left.',
    correlation: 'subscription',
    examples: [
      {
        name: 'full',
        payload: {
          type: 'snapshot',
          subscription: 's1',
          cursor: CURSOR,
          serverTime: NOW,
          resumed: false,
          drivers: [POSITION, OTHER],
        },
      },
      {
        name: 'resumed',
        summary: 'One has moved since the cursor, one is still where it was, everyone else has left.',
        payload: {
          type: 'snapshot',
          subscription: 's1',
          cursor: CURSOR,
          serverTime: NOW,
          resumed: true,
          drivers: [POSITION],
          unchanged: [OTHER.driverId],
        },
      },
      {
        name: 'aroundUnknown',
        summary: 'Of an area around a driver that has not been heard of: it holds nobody until the driver is.',
        payload: {
          type: 'snapshot',
          subscription: 'ride',
          cursor: CURSOR,
          serverTime: NOW,
          resumed: false,
          drivers: [],
          followed: 'unknown',
        },
      },
    ],
  },
  changes: {
    title: 'Changes',
    summary: 'What has changed in a subscription since its message before.',
    description:
      'Per driver and subscription what arrives is a true sequence: no move or exit of someone not inside, no enter of someone inside, nothing after `unsubscribed`. Empty lists are left out; the answer to an `update` may have none at all. `followed` is there when it has changed.',
    correlation: 'subscription',
    examples: [
      {
        name: 'push',
        payload: {
          type: 'changes',
          subscription: 's1',
          cursor: CURSOR,
          serverTime: NOW,
          enter: [OTHER],
          move: [POSITION],
          exit: [{ driverId: 'driver-def-456', reason: 'left' }],
        },
      },
      {
        name: 'followedGone',
        summary: 'The driver that the area goes around has gone silent, so everyone exits.',
        payload: {
          type: 'changes',
          subscription: 'ride',
          cursor: CURSOR,
          serverTime: NOW,
          exit: [{ driverId: 'driver-xyz-789', reason: 'stale' }],
          followed: 'stale',
        },
      },
      {
        name: 'nothing',
        summary: 'The answer to an update that made no difference.',
        payload: { type: 'changes', subscription: 's1', cursor: CURSOR, serverTime: NOW },
      },
    ],
  },
  ack: {
    title: 'Acknowledgement',
    summary: 'The verdict on a fix that had an `id`, once it is stored.',
    correlation: 'messageId',
    examples: [
      { name: 'accepted', payload: { type: 'ack', id: 1, verdict: 'accepted' } },
      {
        name: 'refused',
        payload: {
          type: 'ack',
          id: 2,
          verdict: 'refused',
          code: 'invalid',
          message: 'latitude must be between -90 and 90',
        },
      },
    ],
  },
  batchAck: {
    title: 'Acknowledgement of a batch',
    summary: 'The verdicts on the fixes of `positions`, in the order sent, once they are stored.',
    correlation: 'messageId',
    examples: [
      {
        name: 'mixed',
        payload: {
          type: 'ack',
          id: 'batch-7',
          results: [
            { verdict: 'accepted' },
            { verdict: 'late' },
            {
              verdict: 'refused',
              code: 'future',
              message: 'timestamp must not be more than 30 s ahead of the server’s clock',
            },
          ],
        },
      },
    ],
  },
  unsubscribed: {
    title: 'Unsubscribed',
    summary: 'Nothing more of the subscription is told.',
    correlation: 'subscription',
    examples: [{ name: 'unsubscribed', payload: { type: 'unsubscribed', subscription: 's1' } }],
  },
  authenticated: {
    title: 'Authenticated',
    summary: 'The token is good, until it ends.',
    correlation: 'messageId',
    examples: [{ name: 'authenticated', payload: { type: 'authenticated', expiresAt: 1763769600000 } }],
  },
  expiring: {
    title: 'Expiring',
    summary: 'The token is about to end: a client that wants to stay authenticates with a new one.',
    description:
      'Once for each token: a minute before its end, or after half of the time that it has left when that is less than two minutes.',
    examples: [{ name: 'expiring', payload: { type: 'expiring', expiresAt: NOW + 60_000, serverTime: NOW } }],
  },
  pong: {
    title: 'Pong',
    summary: 'The answer to a ping, with the server’s clock.',
    correlation: 'messageId',
    examples: [{ name: 'pong', payload: { type: 'pong', id: 'p1', serverTime: NOW } }],
  },
  error: {
    title: 'Error',
    summary: 'A message that was not understood or not allowed, or a notice; the connection stays open.',
    description:
      'Names the message by its `id` or `subscription`, where it had one. Only a peer that sends nothing but bad messages is closed for it (4400). With `retryAfter` it is the notice that the server is about to close the connection.',
    correlation: 'messageId',
    examples: [
      {
        name: 'invalid',
        payload: {
          type: 'error',
          code: 'invalid',
          message: 'radius must be between 0 and 100000',
          field: 'radius',
          subscription: 's1',
        },
      },
      {
        name: 'notStored',
        summary: 'The same fix is to be sent again later.',
        payload: {
          type: 'error',
          code: 'unavailable',
          message: 'It could not be stored; send it again later.',
          id: 3,
        },
      },
      {
        name: 'goingAway',
        summary: 'Comes before a close with 1001.',
        payload: {
          type: 'error',
          code: 'unavailable',
          message: 'The server is going away; connect again.',
          retryAfter: 2.35,
        },
      },
    ],
  },
};

/** What the server says, as the contract tells of it. */
export const serverMessages = Object.fromEntries(
  Object.entries<MessageText>(TEXTS).map(([name, text]): [string, Message] => [
    name,
    { ...text, schema: serverMessageSchemas[name as Name] },
  ]),
) as Readonly<Record<Name, Message>>;
