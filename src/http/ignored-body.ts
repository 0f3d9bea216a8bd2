import type { FastifyInstance } from 'fastify';

/**
 * Has the routes of a scope pass over whatever body comes. Many clients name a type with every request; here nothing
 * comes, and what does says nothing.
 */
export function ignoreBody(scope: FastifyInstance): void {
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, _body, done) => done(null));
}
