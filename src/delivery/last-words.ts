import type { Socket } from 'node:net';

/** How long a peer has to take the last that it is told, and to go, milliseconds. */
const PATIENCE = 1_000;

/**
 * Ends a connection that has no request or WebSocket to speak for it, with a last answer. Its peer may keep its own side
 * open for ever, and nobody else would look: so it is cut in the end. Not at once, as a reset would overtake the answer
 * where something that the peer sent was not read.
 */
export function endWith(socket: Socket, answer: string): void {
  const timer = setTimeout(() => socket.destroy(), PATIENCE);
  socket.once('close', () => clearTimeout(timer));
  socket.resume();
  socket.end(answer);
}
