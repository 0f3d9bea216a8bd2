import type { FastifyInstance, FastifyReply } from 'fastify';

/**
 * What every answer of the API says to a browser: it is data, not a page, runs nothing and is not to be framed, and where
 * people are is not to be kept by any cache. Fixed, since Helmet puts a page's together again for every request, which
 * takes as long as all the rest of a bare route; and no more of OWASP's list (*REST Security Cheat Sheet*) than is of use,
 * as each takes a microsecond: `Strict-Transport-Security` is for whoever ends TLS to say, as browsers pass it over on
 * plain HTTP (RFC 6797, 8.1).
 */
const API_HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
} as const;

/** Sets the headers of an answer that is no page. */
export function setApiHeaders(reply: FastifyReply): void {
  reply.headers(API_HEADERS);
}

/** Has every answer of the routes in this scope carry them. */
export function useApiHeaders(api: FastifyInstance): void {
  api.addHook('onRequest', (_request, reply, done) => {
    setApiHeaders(reply);
    done();
  });
}
