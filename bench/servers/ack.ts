// The least that a server of fixes does: reads each as JSON, and sends the bytes that acknowledge it.
import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';
import { MAX_BYTES } from '../../src/protocol/rest.ts';
import { serve } from './serve.ts';

const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false, maxPayload: MAX_BYTES });
server.on('connection', (socket) => {
  socket.on('message', (data: Buffer) => {
    const { id } = JSON.parse(data.toString()) as { id: number };
    socket.send(`{"type":"ack","id":${id},"verdict":"accepted"}`);
  });
});
server.once('listening', () => serve((server.address() as AddressInfo).port));
