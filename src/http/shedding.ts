import type { FastifyInstance } from 'fastify';
import { OVERLOADED, retryAfter } from '../delivery/retry.ts';
import type { Overload, Sheddable } from '../overload/overload.ts';
import { CLOSE } from '../protocol/close-codes.ts';
import { readsEvents, sendFarewell } from './farewell.ts';
import { sendProblem } from './problem.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /**
     * What the route is while there is too much to do: `serve`, answered all the same, or counted as what when it is not.
     * Absent: `request`.
     */
    readonly overload?: 'serve' | Sheddable;
  }
}

/**
 * Answers newcomers with 503 and `Retry-After` while there is too much to do, before anything else is done for them. For a
 * WebSocket see `ws/`: a browser does not tell its page what a handshake was answered. An EventSource is told in events.
 */
export function shedNewcomers(app: FastifyInstance, overload: Overload): void {
  app.addHook('onRequest', (request, reply, done) => {
    if (!overload.active) {
      done();
      return;
    }
    const { overload: kind = 'request' } = request.routeOptions.config;
    if (kind === 'serve') {
      done();
      return;
    }
    overload.shed[kind]++;
    const seconds = retryAfter(OVERLOADED);
    if (kind === 'stream' && readsEvents(request)) {
      sendFarewell(reply, CLOSE.overloaded, 'overloaded', seconds);
      return;
    }
    // Whole seconds (RFC 9110, 10.2.3).
    reply.header('retry-after', String(Math.ceil(seconds)));
    sendProblem(reply, 'unavailable', 'The server has too much to do; ask again later.');
  });
}
