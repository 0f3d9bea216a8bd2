import websocket from '@fastify/websocket';
import type { FastifyPluginAsync } from 'fastify';
import { Pulse } from '../delivery/pulse.ts';
import { AREA_FIELDS } from '../protocol/area.ts';
import { subscribeMessageSchema, subscribeQuerySchema, updateMessageSchema } from '../protocol/client-messages.ts';
import { parse } from '../protocol/faults.ts';
import { rawProblem } from '../protocol/problem.ts';
import { MAX_BYTES } from '../protocol/rest.ts';
import { viewOfQuery } from '../protocol/view.ts';
import { Connection, type ConnectionDeps } from './connection.ts';
import { chooseProtocol, tokenOf } from './handshake.ts';

/** What the WebSocket endpoint needs. */
export interface WebSocketDeps extends Omit<ConnectionDeps, 'subscribeSchema' | 'updateSchema' | 'pulse'> {
  readonly maxRadiusMeters: number;
  readonly permessageDeflate: boolean;
}

/** How long a peer has to answer a close frame before the connection is cut, milliseconds. */
const CLOSE_TIME = 2_000;
/**
 * Compression, where it is wanted: of messages that are worth it, and with nothing kept of one for the next, as the window
 * of each connection would take 300 kB.
 */
const DEFLATE = { threshold: 1024, serverNoContextTakeover: true, clientNoContextTakeover: true };
/** The subscription that the URL form makes. */
const DEFAULT_SUBSCRIPTION = 'default';

/** `/ws`: one endpoint for drivers and watchers. */
export const webSocketRoutes: FastifyPluginAsync<WebSocketDeps> = async (
  app,
  { maxRadiusMeters, permessageDeflate, ...shared },
) => {
  const connections = new Set<Connection>();
  const pulse = new Pulse(Math.min(1000, shared.pingInterval, shared.slowTime));
  app.addHook('onClose', async () => pulse.stop());
  const deps: ConnectionDeps = {
    ...shared,
    pulse,
    subscribeSchema: subscribeMessageSchema(maxRadiusMeters),
    updateSchema: updateMessageSchema(maxRadiusMeters),
  };
  const querySchema = subscribeQuerySchema(maxRadiusMeters);

  const options = {
    // A longer message closes the connection with 1009 before it is read.
    maxPayload: MAX_BYTES,
    perMessageDeflate: permessageDeflate && DEFLATE,
    handleProtocols: chooseProtocol,
    closeTimeout: CLOSE_TIME,
  };
  await app.register(websocket, {
    options,
    // What a peer does to its connection is no error of ours.
    errorHandler: (error, socket, request) => {
      request.log.debug({ err: error }, 'websocket failed');
      socket.terminate();
    },
    preClose(done) {
      for (const connection of connections) connection.sendAway();
      this.websocketServer.close(done);
    },
  });
  app.websocketServer.on('wsClientError', (error, socket) => {
    socket.end(rawProblem('invalid', `This is no WebSocket handshake: ${error.message}.`));
  });

  app.route({
    method: 'GET',
    url: '/ws',
    schema: { hide: true },
    handler: (_request, reply) => {
      reply.header('upgrade', 'websocket');
      throw Object.assign(new Error('This is a WebSocket endpoint: connect to it with ws:// or wss://.'), {
        statusCode: 426,
      });
    },
    // Listeners are attached before anything else happens, so that no early message is missed.
    wsHandler: (socket, request) => {
      const connection = new Connection(socket, request.raw.socket, deps, request.log);
      connections.add(connection);
      socket.on('close', () => connections.delete(connection));
      const query = request.query as Record<string, unknown>;
      const token = tokenOf(request.headers, query);
      if (token !== undefined && !connection.authenticate(token)) return;
      if (!AREA_FIELDS.some((field) => query[field] !== undefined)) return;
      connection.onceAuthenticated(() => {
        connection.attempt(
          () => {
            const fields = parse(querySchema, query);
            connection.subscribe(DEFAULT_SUBSCRIPTION, viewOfQuery(fields), fields.cursor);
          },
          { subscription: DEFAULT_SUBSCRIPTION },
        );
      });
    },
  });
};
