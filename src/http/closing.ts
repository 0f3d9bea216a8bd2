import type { FastifyInstance } from 'fastify';
import { DomainError } from '../errors.ts';

/**
 * Refuses what comes on connections that were kept while the server closes, as a problem that says when to come back. Fastify
 * would do it in a form of its own (`return503OnClosing`).
 */
export function refuseWhileClosing(app: FastifyInstance): void {
  let closing = false;
  app.addHook('preClose', async () => {
    closing = true;
  });
  app.addHook('onRequest', (_request, _reply, done) => {
    if (closing) done(new DomainError('unavailable', 'The server is going away; ask again.'));
    else done();
  });
  // A connection that was to become a WebSocket is nobody's any more: unless it is ended here the server waits for it.
  app.addHook('onResponse', (request, _reply, done) => {
    if (closing && request.headers.upgrade !== undefined) request.raw.socket.destroySoon();
    done();
  });
}
