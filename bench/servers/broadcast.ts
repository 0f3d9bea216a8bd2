// The least that a server of watchers does: it is told who must hear what, and sends it, made once for all.
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import { serve } from './serve.ts';

const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false });
const watchers: WebSocket[] = [];
const HELLO = 'watcher ';
const text = { binary: false };
let revision = 0;

server.on('connection', (socket) => {
  socket.on('message', (data: Buffer) => {
    const message = data.toString();
    if (!message.startsWith(HELLO)) return tell(message);
    watchers[Number(message.slice(HELLO.length))] = socket;
    socket.send('{"type":"snapshot","subscription":"w","drivers":[]}');
  });
});
server.once('listening', () => serve((server.address() as AddressInfo).port));

/** Sends the same bytes that Nearcast would for this fix alone. */
function tell(message: string): void {
  const [to, driverId, fix] = message.split('\n', 3);
  const [enter, move, exit] = JSON.parse(to) as number[][];
  const now = Date.now();
  const head = `{"type":"changes","subscription":"w","cursor":"benchmrk-1.${(revision++).toString(36)}~1a2b3c4-5d6e7f8","serverTime":${now}`;
  const position = `${fix.slice(0, -1)},"receivedAt":${now}}`;
  send(enter, `${head},"enter":[${position}]}`);
  send(move, `${head},"move":[${position}]}`);
  send(exit, `${head},"exit":[{"driverId":"${driverId}","reason":"left"}]}`);
}

function send(to: readonly number[], message: string): void {
  if (to.length === 0) return;
  const bytes = Buffer.from(message);
  for (const watcher of to) watchers[watcher].send(bytes, text);
}
