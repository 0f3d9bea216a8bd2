import type { Socket } from 'node:net';
import websocket from '@fastify/websocket';
import type { FastifyPluginAsync, onRequestAsyncHookHandler, onRequestHookHandler } from 'fastify';
import type { WebSocket } from 'ws';
import { endWith } from '../delivery/last-words.ts';
import { OVERLOADED, retryAfter } from '../delivery/retry.ts';
import type { Traffic } from '../delivery/traffic.ts';
import type { Overload } from '../overload/overload.ts';
import { AREA_FIELDS } from '../protocol/area.ts';
import {
  DEFAULT_SUBSCRIPTION,
  subscribeMessageSchema,
  subscribeQuerySchema,
  updateMessageSchema,
} from '../protocol/client-messages.ts';
import { CLOSE } from '../protocol/close-codes.ts';
import { parse } from '../protocol/faults.ts';
import { rawProblem } from '../protocol/problem.ts';
import { MAX_BYTES } from '../protocol/rest.ts';
import { viewOfQuery } from '../protocol/view.ts';
import { Connection, type ConnectionDeps } from './connection.ts';
import { chooseProtocol, PATH, tokenOf } from './handshake.ts';
import { refuseForeignOrigins } from './origin.ts';

/** What the WebSocket endpoint needs. */
export interface WebSocketDeps extends Omit<ConnectionDeps, 'subscribeSchema' | 'updateSchema'> {
  readonly traffic: Traffic;
  readonly maxRadiusMeters: number;
  readonly permessageDeflate: boolean;
  readonly overload: Overload;
  /** Refuses those that come too often; absent: nobody is. */
  readonly atHandshake: onRequestAsyncHookHandler | undefined;
  /** Whose pages may connect, beside the server's own; `*` is anybody's. */
  readonly origins: readonly string[];
}

/** How long a peer has to answer a close frame before the connection is cut, milliseconds. */
const CLOSE_TIME = 2_000;
/**
 * How long a peer of a server that goes waits for what is owed to it, milliseconds; longer than whoever ends the store lets
 * it take, after which all hear that it could not be stored.
 */
const ACK_TIME = 3_000;
/**
 * Compression, where it is wanted: of messages that are worth it, and with nothing kept of one for the next, as the window
 * of each connection would take 300 kB.
 */
const DEFLATE = { threshold: 1024, serverNoContextTakeover: true, clientNoContextTakeover: true };

/** `/ws`: one endpoint for drivers and watchers. */
export const webSocketRoutes: FastifyPluginAsync<WebSocketDeps> = async (
  app,
  { traffic, maxRadiusMeters, permessageDeflate, overload, atHandshake, origins, ...shared },
) => {
  const transport = traffic.add<Connection>('websocket');
  const deps: ConnectionDeps = {
    ...shared,
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
    errorHandler: (error, socket) => {
      app.log.debug({ err: error }, 'websocket failed');
      socket.terminate();
    },
    preClose(done) {
      for (const connection of transport.open) connection.leave();
      const cut = setTimeout(() => {
        for (const connection of transport.open) connection.sendAway();
      }, ACK_TIME);
      this.websocketServer.close((error) => {
        clearTimeout(cut);
        done(error);
      });
    },
  });
  app.websocketServer.on('wsClientError', (error, socket) => {
    endWith(socket as Socket, rawProblem('invalid', `This is no WebSocket handshake: ${error.message}.`));
  });

  // Listeners are attached before anything else happens, so that no early message is missed. Here, so that none of them
  // shares a scope with the request, which would last as long as they.
  const open = (socket: WebSocket, raw: Socket, address: string): Connection =>
    new Connection(socket, raw, deps, transport, app.log, address);

  app.route({
    method: 'GET',
    url: PATH,
    schema: { hide: true },
    config: { overload: 'serve', rateLimit: false },
    onRequest: [endUnlessUpgraded, atHandshake ?? [], refuseForeignOrigins(origins)].flat(),
    handler: (_request, reply) => {
      reply.header('upgrade', 'websocket');
      throw Object.assign(new Error('This is a WebSocket endpoint: connect to it with ws:// or wss://.'), {
        statusCode: 426,
      });
    },
    // A socket that waits for a response to be written would hold it, and with it the whole request, as long as it is open.
    preHandler: (request, reply, done) => {
      if (request.ws) reply.raw.detachSocket(request.raw.socket);
      done();
    },
    wsHandler: (socket, request) => {
      // The plugin's listener would hold the request too; the connection has its own.
      socket.removeAllListeners('error');
      if (overload.active) {
        overload.shed.webSocket++;
        turnAway(socket);
        return;
      }
      const connection = open(socket, request.raw.socket, request.ip);
      const query = request.query as Record<string, unknown>;
      const token = tokenOf(request.headers, query);
      if (token !== undefined) connection.authenticate(token);
      if (!AREA_FIELDS.some((field) => query[field] !== undefined)) return;
      connection.onceAuthenticated(() => {
        connection.attempt(
          () => {
            const fields = parse(querySchema, query);
            const about = { subscription: DEFAULT_SUBSCRIPTION };
            connection.subscribe(DEFAULT_SUBSCRIPTION, viewOfQuery(fields), fields.cursor, about);
          },
          { subscription: DEFAULT_SUBSCRIPTION },
        );
      });
    },
  });
};

/**
 * Has a refused handshake say that its connection ends, as it does: it is no longer read as HTTP, and a client that asked
 * again on it would hear nothing.
 */
const endUnlessUpgraded: onRequestHookHandler = (request, reply, done) => {
  if (request.ws) reply.header('connection', 'close');
  done();
};

/**
 * Says that there is too much to do, and when to come back. The handshake is taken first, since of one that is refused a
 * browser tells its page nothing, not even that it was; nothing that the peer sends is read.
 */
function turnAway(socket: WebSocket): void {
  // Without a listener it would be thrown.
  socket.on('error', () => {});
  const message = 'The server has too much to do; connect again later.';
  socket.send(JSON.stringify({ type: 'error', code: 'unavailable', message, retryAfter: retryAfter(OVERLOADED) }));
  socket.close(CLOSE.overloaded, 'overloaded');
}
