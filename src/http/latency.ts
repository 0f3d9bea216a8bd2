import type { FastifyInstance, onSendHookHandler } from 'fastify';
import { Histogram } from '../histogram.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** It is answered when something happens: how long that takes says nothing. */
    isLong?: boolean;
  }
  interface FastifyRequest {
    /** When it came, milliseconds on a clock that never goes back. */
    since: number;
  }
}

/** Ranges of the times of answers, from an eighth of a millisecond: the last but one ends at 16 s. */
const TIMES = 18;
const UNIT = 0.000_125;

/** How long the answers of one route took, in all classes of status: `2xx` is the third. */
export class RouteTimes {
  readonly method: string;
  readonly route: string;
  readonly classes: readonly Histogram[] = Array.from({ length: 6 }, () => new Histogram(UNIT, TIMES));

  constructor(method: string, route: string) {
    this.method = method;
    this.route = route;
  }

  /** Takes in an answer. */
  record(status: number, milliseconds: number): void {
    this.classes[Math.min(Math.floor(status / 100), 5)].record((milliseconds * 0.001) / UNIT);
  }
}

/**
 * Has every answer of the routes in this scope that are not long by nature timed, from its request's coming until it is
 * handed to the connection. Until it is sent would be what Fastify's `onResponse` tells, and cost a tenth of a request.
 */
export function timeRoutes(api: FastifyInstance): readonly RouteTimes[] {
  const all: RouteTimes[] = [];
  api.decorateRequest('since', 0);
  api.addHook('onRequest', (request, _reply, done) => {
    request.since = performance.now();
    done();
  });
  api.addHook('onRoute', (route) => {
    if (route.config?.isLong) return;
    // Each route has its own, so that none is looked up.
    const times = new RouteTimes(String(route.method), route.url);
    all.push(times);
    const note: onSendHookHandler = (request, reply, _payload, done) => {
      // One that was sent away by a hook of the whole app has not come here: it took no time.
      times.record(reply.statusCode, request.since === 0 ? 0 : performance.now() - request.since);
      done();
    };
    route.onSend = [route.onSend ?? [], note].flat();
  });
  return all;
}
