import type { clientMessages } from './client-messages.ts';
import type { serverMessages } from './server-messages.ts';

/** What a client asks for with a message, and what may answer it. */
export interface Request {
  readonly title: string;
  readonly message: keyof ReturnType<typeof clientMessages>;
  readonly replies: readonly (keyof typeof serverMessages)[];
  /** Scopes of which the token must have one. */
  readonly scopes?: readonly string[];
}

/** What the server says by itself. */
export interface Push {
  readonly title: string;
  readonly summary: string;
  readonly messages: readonly (keyof typeof serverMessages)[];
}

const WRITE = ['positions:write', 'positions:write:any'];
const READ = ['positions:read'];

export const REQUESTS: Readonly<Record<string, Request>> = {
  sendPosition: { title: 'Send a position', message: 'position', replies: ['ack', 'error'], scopes: WRITE },
  sendPositions: { title: 'Send positions', message: 'positions', replies: ['batchAck', 'error'], scopes: WRITE },
  subscribe: { title: 'Subscribe', message: 'subscribe', replies: ['snapshot', 'error'], scopes: READ },
  update: { title: 'Update a subscription', message: 'update', replies: ['changes', 'error'], scopes: READ },
  unsubscribe: { title: 'Unsubscribe', message: 'unsubscribe', replies: ['unsubscribed', 'error'] },
  authenticate: { title: 'Authenticate', message: 'authenticate', replies: ['authenticated', 'error'] },
  ping: { title: 'Ping', message: 'ping', replies: ['pong', 'error'] },
};

export const PUSHES: Readonly<Record<string, Push>> = {
  pushSnapshot: {
    title: 'Push the first snapshot',
    summary: 'Once, as the subscription `default`, when the URL names an area and the connection has authenticated.',
    messages: ['snapshot'],
  },
  pushChanges: {
    title: 'Push changes',
    summary:
      'Whenever something has changed, at the end of the turn in which it did, or at the pace of `maxRate`. To a peer that reads too slowly changes wait, merged by driver.',
    messages: ['changes'],
  },
  pushExpiring: {
    title: 'Push the end of the token',
    summary: 'A minute before the token ends, or after half of its time when it comes with less than two.',
    messages: ['expiring'],
  },
  pushError: {
    title: 'Push an error',
    summary: 'About a fix without `id`, the URL or the token, or before the server goes away.',
    messages: ['error'],
  },
};
