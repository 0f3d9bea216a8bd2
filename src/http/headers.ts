import type { FastifyInstance, FastifyReply } from 'fastify';

/**
 * What every answer of the API says to a browser, after OWASP's *REST Security Cheat Sheet*: it is data, not a page, it
 * is not to be framed or embedded, and where people are is not to be kept by any cache. Fixed, and no more than is of
 * use, since Helmet puts a page's together again for every request, which takes as long as all the rest of a bare route.
 */
const API_HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'strict-transport-security': 'max-age=31536000; includeSubDomains',
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
