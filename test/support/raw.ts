import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** How a connection ends: in order, by a reset, or so that the peer's answer meets a reset. */
export type End = 'fin' | 'reset';

/** A connection to a server in this process, without any protocol. */
export async function rawSocket(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  await once(socket, 'connect');
  socket.setNoDelay();
  return socket;
}

/** Hands bytes to the system, and ends the connection after them. Resolves when it is closed on this side. */
export async function sendAndEnd(socket: Socket, bytes: Uint8Array | string, end: End): Promise<void> {
  const closed = once(socket, 'close');
  if (bytes.length > 0) await new Promise((resolve) => socket.write(bytes, resolve));
  socket.resume();
  if (end === 'reset') socket.resetAndDestroy();
  else socket.end();
  await closed;
}

/** What a handshake says. */
export function upgrade(path: string, token: string): string {
  const lines = [
    `GET ${path} HTTP/1.1`,
    'Host: x',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
    `Authorization: Bearer ${token}`,
  ];
  return `${lines.join('\r\n')}\r\n\r\n`;
}

/** A masked frame as a client sends it (RFC 6455, 5.2). @param opcode 1 text, 0 continuation, 9 ping */
export function frame(payload: string, opcode = 1, last = true): Buffer {
  const data = Buffer.from(payload);
  const mask = randomBytes(4);
  for (let i = 0; i < data.length; i++) data[i] ^= mask[i % 4];
  const first = (last ? 0x80 : 0) | opcode;
  const length = data.length < 126 ? [0x80 | data.length] : [0x80 | 126, data.length >> 8, data.length & 0xff];
  return Buffer.concat([Buffer.from([first, ...length]), mask, data]);
}
