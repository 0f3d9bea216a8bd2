import type { onRequestAsyncHookHandler } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { OpenDoors } from '../auth/open-doors.ts';
import type { Authenticate } from '../auth/tokens.ts';
import type { Quota } from '../delivery/quota.ts';
import type { Traffic } from '../delivery/traffic.ts';
import { Visit } from '../delivery/visit.ts';
import { DomainError } from '../errors.ts';
import { DEFAULT_SUBSCRIPTION } from '../protocol/client-messages.ts';
import { CLOSE, REPLAY_CLOSE } from '../protocol/close-codes.ts';
import { eventEncoder } from '../protocol/event-stream.ts';
import { FILTERS } from '../protocol/query.ts';
import { viewOfQuery, viewQuerySchema } from '../protocol/view.ts';
import type { Tracker, Waits } from '../tracker.ts';
import { afterWait, allow, principalOf } from './access.ts';
import { EventStream, type EventStreamDeps } from './event-stream.ts';
import { refuse } from './farewell.ts';
import { responses } from './responses.ts';
import { takeSeat } from './seat.ts';

/** What the routes that deliver changes need. */
export interface DeliveryDeps extends EventStreamDeps {
  readonly tracker: Tracker;
  /** Absent: this is the only instance. */
  readonly waits?: Waits;
  readonly traffic: Traffic;
  readonly authenticate: Authenticate;
  readonly doors: Pick<OpenDoors, 'hold'>;
  readonly maxRadiusMeters: number;
  readonly quota: Quota;
  /** Refuses those that come too often; absent: nobody is. */
  readonly atHandshake: onRequestAsyncHookHandler | undefined;
}

/** The areas of a subscription, for the contract. */
export const AREAS =
  'The area is `bbox` | `latitude`, `longitude`, `radius` | `polygon` | `around`, `radius`; none is the whole fleet.';

/** `GET /v1/stream`: Server-Sent Events. */
export const streamRoutes: FastifyPluginAsyncZod<DeliveryDeps> = async (app, options) => {
  const { tracker, waits } = options;
  const deps: EventStreamDeps = { ...options, encode: eventEncoder(options.encode) };
  const transport = options.traffic.add<EventStream>('stream');
  // Fastify waits for responses that are under way, and these have no end of their own.
  let closing = false;
  app.addHook('preClose', async () => {
    closing = true;
    for (const stream of transport.open) stream.sendAway();
  });

  app.get(
    '/v1/stream',
    {
      // What has no end has no length to ask for.
      exposeHeadRoute: false,
      config: { isLong: true, overload: 'stream' },
      onRequest: [
        options.atHandshake ?? [],
        allow(options.authenticate, (principal) => principal.canRead, 'positions:read'),
      ].flat(),
      schema: {
        operationId: 'stream',
        tags: ['subscriptions'],
        summary: 'Watch an area by Server-Sent Events',
        description: `Events \`snapshot\` and \`changes\`, each with the message of the same type as on the WebSocket (see asyncapi.yaml) as its data and the cursor as its \`id\`: a client that lost its connection comes back with \`Last-Event-ID\`, as browsers do by themselves, and is told what has changed since. A comment now and then keeps the connection alive. Before the server ends it, an event \`close\` says why: \`{"code","reason"[,"retryAfter"]}\`, in the codes of the WebSocket. ${AREAS} ${FILTERS}`,
        security: [{ token: [] }, { tokenInQuery: [] }],
        querystring: viewQuerySchema(options.maxRadiusMeters, {}),
        headers: z.looseObject({
          'last-event-id': z.string().optional().meta({
            description: 'The cursor to go on from; goes before `cursor`, as the URL is of the first connection.',
          }),
        }),
        response: responses(
          {
            200: {
              description: 'Events, until either side ends it.',
              content: { 'text/event-stream': { schema: z.string() } },
            },
          },
          400,
          401,
          403,
        ),
      },
    },
    (request, reply) => {
      const { query } = request;
      const view = viewOfQuery(query);
      const cursor = request.headers['last-event-id'] || query.cursor;
      const principal = principalOf(request);
      const { sight } = principal;
      const begin = () => {
        const leave = takeSeat(options, principal, reply, () =>
          stream.close(CLOSE.unauthorized, 'the token was revoked'),
        );
        const visit = new Visit(app.log, transport.name, request.ip);
        visit.is(principal);
        reply.hijack();
        const stream = new EventStream(
          reply.raw,
          request.raw.socket,
          reply.getHeaders(),
          principal,
          deps,
          (subscription) => {
            leave();
            if (subscription !== undefined) tracker.unsubscribe(subscription);
          },
          transport,
          visit,
        );
        try {
          stream.subscription = tracker.subscribe(sight, DEFAULT_SUBSCRIPTION, stream.outbox, view, cursor);
        } catch (error) {
          // Nobody else would end a response that has begun; and Fastify's own complaint of it would quote the URL.
          app.log.error({ err: error, reqId: request.id }, 'request failed');
          stream.close(REPLAY_CLOSE.failed, 'the server failed');
        }
      };
      const ready = waits?.ready(sight, view.area);
      if (ready === undefined) {
        begin();
        return;
      }
      const beginIfThere = () => {
        if (closing) throw new DomainError('unavailable', 'The server is going away; ask again.');
        // Its response was closed before anybody listened.
        if (request.raw.socket.destroyed) throw new DomainError('unavailable', 'Nobody waits for the answer.');
        begin();
      };
      return Promise.resolve(afterWait(request, ready, beginIfThere)).catch((error) => {
        if (closing) reply.header('connection', 'close');
        return refuse(request, reply, error, CLOSE.unavailable);
      });
    },
  );
};
