import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { revoked } from '../auth/open-doors.ts';
import { DomainError } from '../errors.ts';
import { DEFAULT_SUBSCRIPTION } from '../protocol/client-messages.ts';
import { messageEncoder } from '../protocol/encode.ts';
import { number } from '../protocol/fix.ts';
import { FILTERS, inQuery } from '../protocol/query.ts';
import { viewOfQuery, viewQuerySchema } from '../protocol/view.ts';
import type { Subscription } from '../subscriptions/subscription.ts';
import { afterWait, allow, principalOf } from './access.ts';
import { Poll } from './poll.ts';
import { answer, responses, sendJson } from './responses.ts';
import { takeSeat } from './seat.ts';
import { AREAS, type DeliveryDeps } from './stream.ts';

/** Seconds that a poll waits for a change: unless told otherwise, and at the most. */
const DEFAULT_WAIT = 25;
const MAX_WAIT = 60;

const waitRule = `must be between 0 and ${MAX_WAIT} seconds`;
const waitSchema = number(waitRule)
  .min(0, { error: waitRule })
  .max(MAX_WAIT, { error: waitRule })
  .default(DEFAULT_WAIT)
  .meta({ description: 'Seconds to wait for a change when nothing has changed since `cursor`.', example: 25 });

/** `GET /v1/changes`: long polling. */
export const changesRoutes: FastifyPluginAsyncZod<
  Omit<DeliveryDeps, 'encode' | 'pulse' | 'pingInterval' | 'atHandshake'>
> = async (app, { tracker, waits, traffic, authenticate, doors, clock, maxRadiusMeters, slowTime, quota }) => {
  // Its cursors also tell who is inside, so that the next poll knows whether somebody left.
  const encode = messageEncoder(clock.now, (subscription) => subscription.cursor(true));
  const transport = traffic.add<Poll>('poll');
  let closing = false;
  app.addHook('preClose', async () => {
    closing = true;
    for (const poll of transport.open) poll.hurry();
  });

  app.get(
    '/v1/changes',
    {
      exposeHeadRoute: false,
      config: { isLong: true, overload: 'poll' },
      onRequest: allow(authenticate, (principal) => principal.canRead, 'positions:read'),
      schema: {
        operationId: 'changes',
        tags: ['subscriptions'],
        summary: 'Watch an area by long polling',
        description: `Without \`cursor\` the \`snapshot\`, at once. With the \`cursor\` of the last answer: if something has changed since, at once a \`snapshot\` with \`"resumed":true\` that tells just that (or a full one with \`"resumed":false\` when the server cannot tell); otherwise as soon as something changes a message of \`changes\`, which has no lists when nothing did for \`wait\` seconds. Messages are those of the WebSocket (see asyncapi.yaml). With \`maxRate\`, an answer to a cursor is held back for the time between two. ${AREAS} ${FILTERS}`,
        security: [{ token: [] }, { tokenInQuery: [] }],
        querystring: viewQuerySchema(maxRadiusMeters, { wait: inQuery(waitSchema) }),
        response: responses(
          {
            200: answer(
              'What is inside, or what has changed.',
              z.looseObject({ type: z.enum(['snapshot', 'changes']) }),
            ),
          },
          400,
          401,
          403,
          503,
        ),
      },
    },
    (request, reply) => {
      const { query } = request;
      const { cursor } = query;
      const view = viewOfQuery(query);
      const principal = principalOf(request);
      const { sight, expiresAt, role } = principal;
      return new Promise<void>((resolve, reject) => {
        let isRevoked = false;
        const leave = takeSeat({ quota, doors }, principal, reply, () => {
          isRevoked = true;
          poll.close();
        });
        const onEnd = (message: string | undefined, subscription: Subscription | undefined) => {
          leave();
          transport.end(poll);
          if (subscription !== undefined) tracker.unsubscribe(subscription);
          // Kept for another request, the connection would hold the server up.
          if (closing) reply.header('connection', 'close');
          if (isRevoked) reject(revoked());
          else if (message === undefined)
            reject(new DomainError('unavailable', 'The server is going away; ask again.'));
          else {
            // A snapshot may be larger than what the system holds for a peer: unread, it would stay for ever. Node sets another
            // time when all of it is written, and counts this one anew as long as some of it is.
            reply.raw.socket?.setTimeout(slowTime);
            sendJson(reply, message);
            resolve();
          }
        };
        const poll = new Poll(encode, clock, onEnd, role, transport.tally);
        transport.begin(poll);
        reply.raw.on('close', () => poll.close());
        const pause = cursor === undefined || view.maxRate === undefined ? 0 : 1000 / view.maxRate;
        const start = (): undefined => {
          const wait = Math.max(0, Math.min(query.wait * 1000, expiresAt - clock.now()));
          poll.start((outbox) => tracker.subscribe(sight, DEFAULT_SUBSCRIPTION, outbox, view, cursor), pause, wait);
        };
        const started = afterWait(request, waits?.ready(sight, view.area), start);
        started?.catch((error) => {
          reject(error);
          poll.close();
        });
      });
    },
  );
};
