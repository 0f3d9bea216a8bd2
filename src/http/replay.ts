import type { onRequestAsyncHookHandler } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { type OpenDoors, revoked } from '../auth/open-doors.ts';
import type { Authenticate } from '../auth/tokens.ts';
import type { Quota } from '../delivery/quota.ts';
import type { Traffic } from '../delivery/traffic.ts';
import { Visit } from '../delivery/visit.ts';
import { DomainError } from '../errors.ts';
import { PacedSource } from '../history/paced-source.ts';
import { Replay } from '../history/replay.ts';
import type { ReplaySource } from '../history/replay-source.ts';
import { DEFAULT_SUBSCRIPTION } from '../protocol/client-messages.ts';
import { CLOSE, REPLAY_CLOSE } from '../protocol/close-codes.ts';
import { messageEncoder } from '../protocol/encode.ts';
import { encodeHeartbeat, eventEncoder } from '../protocol/event-stream.ts';
import { encodePosition } from '../protocol/position.ts';
import { FILTERS } from '../protocol/query.ts';
import { periodLeft, replayInQuery } from '../protocol/replay.ts';
import { viewOfQuery, viewQuerySchema } from '../protocol/view.ts';
import { allow, principalOf } from './access.ts';
import { EventStream, type EventStreamDeps } from './event-stream.ts';
import { refuse } from './farewell.ts';
import { noContent, responses } from './responses.ts';
import { takeSeat } from './seat.ts';
import { AREAS } from './stream.ts';

/** What replays need. */
export interface ReplayDeps extends Omit<EventStreamDeps, 'encode' | 'heartbeat'> {
  readonly traffic: Traffic;
  readonly authenticate: Authenticate;
  readonly doors: Pick<OpenDoors, 'hold'>;
  readonly maxRadiusMeters: number;
  /** Where the past is kept; absent where none is. */
  readonly replays: ReplaySource | undefined;
  /** Replays that may be played at a time. */
  readonly maxReplays: number;
  readonly ttlSeconds: number;
  readonly quota: Quota;
  /** Refuses those that come too often; absent: nobody is. */
  readonly atHandshake: onRequestAsyncHookHandler | undefined;
}

/** `GET /v1/replay`: the past of an area, as Server-Sent Events. */
export const replayRoutes: FastifyPluginAsyncZod<ReplayDeps> = async (app, options) => {
  const { replays, clock, maxReplays } = options;
  const source = replays && new PacedSource(replays, clock);
  const transport = options.traffic.add<EventStream>('replay', false);
  /** What ends each replay because the server goes. */
  const playing = new Set<() => void>();
  app.addHook('preClose', async () => {
    for (const sendAway of playing) sendAway();
  });

  app.get(
    '/v1/replay',
    {
      exposeHeadRoute: false,
      config: { isLong: true, overload: 'stream' },
      onRequest: [
        options.atHandshake ?? [],
        allow(options.authenticate, (principal) => principal.canReadHistory, 'positions:read'),
      ].flat(),
      schema: {
        operationId: 'replay',
        tags: ['history'],
        summary: 'Play what happened in an area, by Server-Sent Events',
        description: `What \`/v1/stream\` would have told then, in the same events, by a clock that runs from \`from\` to \`to\` at \`speed\`: \`serverTime\` is the time of that clock. At any time a driver is where its newest fix until then says. The \`id\` of an event marks that time: with it as \`Last-Event-ID\` the replay goes on from there, with a full snapshot. At the end an event \`close\` says \`{"code":1000,"reason"}\`; who comes back after it is answered 204, at which browsers stop. ${AREAS} ${FILTERS}`,
        security: [{ token: [] }, { tokenInQuery: [] }],
        querystring: viewQuerySchema(options.maxRadiusMeters, replayInQuery),
        headers: z.looseObject({
          'last-event-id': z.string().optional().meta({
            description: 'The mark to go on from; goes before `cursor`, as the URL is of the first connection.',
          }),
        }),
        response: {
          ...noContent('The end was reached before.'),
          ...responses(
            {
              200: {
                description: 'Events, until the end is reached or either side ends it.',
                content: { 'text/event-stream': { schema: z.string() } },
              },
            },
            400,
            401,
            403,
            404,
            429,
            503,
          ),
        },
      },
    },
    async (request, reply) => {
      const { query } = request;
      if (source === undefined) throw new DomainError('not_found', 'This server keeps no history.');
      // There never will be one: nobody is to come back for it.
      if (maxReplays === 0) throw new DomainError('not_found', 'This server plays no replays.');
      const view = viewOfQuery(query);
      const period = periodLeft(query, request.headers['last-event-id'] || query.cursor, clock.now());
      if (period === undefined) return reply.code(204).send();
      if (playing.size >= maxReplays) {
        const full = new DomainError('unavailable', `${maxReplays} replays are played already, no more; ask again.`);
        return refuse(request, reply, full, REPLAY_CLOSE.unavailable);
      }
      const principal = principalOf(request);
      const { sight } = principal;
      const replay = new Replay({
        source,
        sight,
        view,
        ...period,
        speed: query.speed,
        ttl: options.ttlSeconds * 1000,
        encode: encodePosition,
        clock,
      });
      const { raw } = reply;
      let stream: EventStream | undefined;
      const away = Promise.withResolvers<never>();
      let isAway = false;
      const sendAway = () => {
        isAway = true;
        stream?.sendAway();
        replay.stop();
        away.reject(new DomainError('unavailable', 'The server is going away; ask again.'));
      };
      let isRevoked = false;
      const leave = takeSeat(options, principal, reply, () => {
        isRevoked = true;
        stream?.close(CLOSE.unauthorized, 'the token was revoked');
        replay.stop();
        away.reject(revoked());
      });
      const free = () => {
        leave();
        playing.delete(sendAway);
        replay.stop();
      };
      playing.add(sendAway);
      raw.once('close', free);
      try {
        await Promise.race([replay.begin(), away.promise]);
        if (isRevoked) throw revoked();
      } catch (error) {
        // Kept for another request, the connection would hold up a server that goes.
        reply.header('connection', 'close');
        free();
        return refuse(request, reply, error, REPLAY_CLOSE.unavailable);
      }
      // From now on it is the stream that is sent away.
      away.promise.catch(() => {});
      reply.hijack();
      // Whoever has gone meanwhile has been freed, and there is nobody to tell.
      if (!playing.has(sendAway)) return;
      const visit = new Visit(app.log, transport.name, request.ip);
      visit.is(principal);
      const mark = () => replay.mark;
      const deps: EventStreamDeps = {
        ...options,
        clock: replay.clock,
        encode: eventEncoder(
          messageEncoder(() => replay.now, mark),
          mark,
        ),
        heartbeat: () => encodeHeartbeat(replay.mark),
      };
      const own = new EventStream(raw, request.raw.socket, reply.getHeaders(), principal, deps, free, transport, visit);
      stream = own;
      own.subscription = replay.play(DEFAULT_SUBSCRIPTION, {
        recipient: own.outbox,
        isServed: () => own.bufferedAmount === 0,
        onEnd: (error) => {
          if (error === undefined) own.close(REPLAY_CLOSE.ended, 'the replay has ended');
          else if (error instanceof DomainError) own.close(codeOf(error), error.message);
          else {
            request.log.error({ err: error, reqId: request.id }, 'a replay failed');
            own.close(REPLAY_CLOSE.failed, 'the server failed');
          }
        },
      });
      // The server may have begun to go while the beginning was handed over.
      if (isAway) own.sendAway();
    },
  );
};

/** Why an error ends a replay. */
function codeOf({ code }: DomainError): number {
  return code === 'limit' ? REPLAY_CLOSE.limit : REPLAY_CLOSE.unavailable;
}
