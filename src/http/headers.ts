import type { FastifyInstance, FastifyReply } from 'fastify';
import { DATA_HEADERS } from '../protocol/data-headers.ts';

/** Sets the headers of an answer that is no page. */
export function setApiHeaders(reply: FastifyReply): void {
  reply.headers(DATA_HEADERS);
}

/** Has every answer of the routes in this scope carry them. */
export function useApiHeaders(api: FastifyInstance): void {
  api.addHook('onRequest', (_request, reply, done) => {
    setApiHeaders(reply);
    done();
  });
}
