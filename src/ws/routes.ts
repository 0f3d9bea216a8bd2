import websocket from '@fastify/websocket';
import type { FastifyPluginAsync } from 'fastify';
import { toCircle } from '../protocol/area.ts';
import { CLOSE } from '../protocol/close-codes.ts';
import { parse } from '../protocol/faults.ts';
import { subscribeMessageSchema, subscribeQuerySchema, updateMessageSchema } from '../protocol/messages.ts';
import { rawProblem } from '../protocol/problem.ts';
import { whereInQuery } from '../protocol/query.ts';
import { MAX_BYTES } from '../protocol/rest.ts';
import { Connection, type ConnectionDeps } from './connection.ts';
import { chooseProtocol, tokenOf } from './handshake.ts';

/** What the WebSocket endpoint needs. */
export interface WebSocketDeps extends Omit<ConnectionDeps, 'subscribeSchema' | 'updateSchema'> {
  readonly maxRadiusMeters: number;
}

/** How long a peer has to answer a close frame before the connection is cut, milliseconds. */
const CLOSE_TIME = 2_000;
const HEARTBEAT_INTERVAL = 25_000;
/** The subscription that the URL form makes. */
const DEFAULT_SUBSCRIPTION = 'default';

/** `/ws`: one endpoint for drivers and watchers. */
export const webSocketRoutes: FastifyPluginAsync<WebSocketDeps> = async (app, { maxRadiusMeters, ...shared }) => {
  const connections = new Set<Connection>();
  const deps: ConnectionDeps = {
    ...shared,
    subscribeSchema: subscribeMessageSchema(maxRadiusMeters),
    updateSchema: updateMessageSchema(maxRadiusMeters),
  };
  const querySchema = subscribeQuerySchema(maxRadiusMeters);

  const options = {
    // A longer message closes the connection with 1009 before it is read.
    maxPayload: MAX_BYTES,
    perMessageDeflate: false,
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
      for (const connection of connections) connection.close(CLOSE.goingAway, 'the server is going away');
      this.websocketServer.close(done);
    },
  });
  app.websocketServer.on('wsClientError', (error, socket) => {
    socket.end(rawProblem('invalid', `This is no WebSocket handshake: ${error.message}.`));
  });

  const heartbeat = setInterval(() => {
    for (const connection of connections) connection.heartbeat();
  }, HEARTBEAT_INTERVAL);
  app.addHook('onClose', async () => clearInterval(heartbeat));

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
      const connection = new Connection(socket, deps, request.log);
      connections.add(connection);
      socket.on('close', () => connections.delete(connection));
      const query = request.query as Record<string, unknown>;
      const token = tokenOf(request.headers, query);
      if (token !== undefined && !connection.authenticate(token)) return;
      if (query.latitude === undefined && query.longitude === undefined && query.radius === undefined) return;
      connection.onceAuthenticated(() => {
        connection.attempt(
          () => {
            const fields = parse(querySchema, { ...query, where: whereInQuery(query) });
            connection.subscribe(DEFAULT_SUBSCRIPTION, toCircle(fields), fields.where);
          },
          { subscription: DEFAULT_SUBSCRIPTION },
        );
      });
    },
  });
};
