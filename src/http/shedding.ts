import type { FastifyInstance } from 'fastify';
import { OVERLOADED, retryAfter } from '../delivery/retry.ts';
import type { Overload, Sheddable } from '../overload/overload.ts';
import { CLOSE } from '../protocol/close-codes.ts';
import { encodeEvent, encodeRetry } from '../protocol/event-stream.ts';
import { setApiHeaders } from './headers.ts';
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

const EVENT_STREAM = 'text/event-stream';

/**
 * Answers newcomers with 503 and `Retry-After` while there is too much to do, before anything else is done for them. For a
 * WebSocket see `ws/`: a browser does not tell its page what a handshake was answered. An EventSource would never come back
 * after any status but 200 (HTML Standard, 9.2.2): it gets a stream that says why and when, and ends.
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
    if (kind === 'stream' && request.headers.accept?.includes(EVENT_STREAM)) {
      setApiHeaders(reply);
      reply.type(`${EVENT_STREAM}; charset=utf-8`).send(farewell(seconds));
      return;
    }
    // Whole seconds (RFC 9110, 10.2.3).
    reply.header('retry-after', String(Math.ceil(seconds)));
    sendProblem(reply, 'unavailable', 'The server has too much to do; ask again later.');
  });
}

function farewell(seconds: number): string {
  const why = { code: CLOSE.overloaded, reason: 'overloaded', retryAfter: seconds };
  return encodeRetry(seconds) + encodeEvent('close', JSON.stringify(why));
}
