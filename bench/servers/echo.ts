// What a connection costs anyway: a bare ws server, or one behind Fastify, that sends back what it gets.
import type { AddressInfo } from 'node:net';
import websocket from '@fastify/websocket';
import Fastify from 'fastify';
import { type WebSocket, WebSocketServer } from 'ws';
import { MAX_BYTES } from '../../src/protocol/rest.ts';
import { optionsOfParent } from '../in-child.ts';
import { serve } from './serve.ts';

/** Which of them. */
export interface EchoOptions {
  readonly kind: 'ws' | 'fastify';
}

const host = '127.0.0.1';
const limits = { perMessageDeflate: false, maxPayload: MAX_BYTES };
const echo = (socket: WebSocket) => {
  socket.on('message', (data: Buffer) => socket.send(data.toString()));
};

if (optionsOfParent<EchoOptions>().kind === 'ws') {
  const server = new WebSocketServer({ host, port: 0, ...limits });
  server.on('connection', echo);
  server.once('listening', () => serve((server.address() as AddressInfo).port));
} else {
  const app = Fastify();
  await app.register(websocket, { options: limits });
  app.route({ method: 'GET', url: '/ws', handler: async () => 'a WebSocket endpoint', wsHandler: echo });
  await app.listen({ host, port: 0 });
  serve((app.server.address() as AddressInfo).port);
}
