import type { WebSocket } from 'ws';

/** Why a peer is not heard for a while; each is a bit. */
export const DEAF = {
  /** It asks and does not read what it is answered. */
  unread: 1,
  /** Its token is being judged. */
  judging: 2,
} as const;

type Reason = (typeof DEAF)[keyof typeof DEAF];

/** Whether a peer is heard: not as long as there is any reason against it. What it sends meanwhile waits on its side. */
export class Hearing {
  readonly #socket: WebSocket;
  #reasons = 0;

  constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  /** Whether the peer is not heard, for this reason or for any. */
  isStopped(reason: number = ~0): boolean {
    return (this.#reasons & reason) !== 0;
  }

  stop(reason: Reason): void {
    this.#reasons |= reason;
    this.#socket.pause();
  }

  /** The reason is gone. */
  resume(reason: Reason): void {
    if (!this.isStopped(reason)) return;
    this.#reasons &= ~reason;
    if (this.#reasons === 0) this.#socket.resume();
  }
}
