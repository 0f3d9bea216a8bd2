// What one would build with Socket.IO: a room for each H3 cell; watchers join those that their circle touches, and each
// fix goes to the room of its cell.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Server } from 'socket.io';
import { roomOf } from '../fanout-targets.ts';
import { optionsOfParent } from '../in-child.ts';
import { serve } from './serve.ts';

/** How rooms are cut. */
export interface RoomsOptions {
  /** H3's, of the cells that are rooms. */
  readonly resolution: number;
}

const { resolution } = optionsOfParent<RoomsOptions>();

const http = createServer();
const io = new Server(http, { transports: ['websocket'], serveClient: false });

io.on('connection', (socket) => {
  socket.on('watch', async (rooms: string[], done: () => void) => {
    await socket.join(rooms);
    done();
  });
  socket.on('fix', (fix: { latitude: number; longitude: number; receivedAt?: number }) => {
    fix.receivedAt = Date.now();
    io.to(roomOf(fix.latitude, fix.longitude, resolution)).emit('fix', fix);
  });
});
http.listen(0, '127.0.0.1', () => serve((http.address() as AddressInfo).port));
