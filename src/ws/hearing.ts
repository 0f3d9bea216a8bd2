import type { WebSocket } from 'ws';

/** Why a peer is not heard for now. Several reasons may hold at a time: each has a bit. */
export const DEAF = {
  /** It asks and does not read what it is answered. */
  unread: 1,
  /** It sends more than it may. */
  rate: 2,
  /** What it sent waits: for its token's verdict, or for what other instances know. */
  waiting: 4,
  /** The server goes away. */
  leaving: 8,
} as const;

type Reason = (typeof DEAF)[keyof typeof DEAF];

/**
 * Whether a peer is heard. While it is not, nothing more is read from its connection: what it sends waits on its side, and
 * nothing is lost. What was read before, up to a chunk of 64 kB, is heard all the same.
 */
export class Hearing {
  readonly #socket: WebSocket;
  #reasons = 0;

  constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  /** Nothing is read, its pongs included. */
  get stopped(): boolean {
    return this.#reasons !== 0;
  }

  /** Until {@link resume} for the same reason. */
  stop(reason: Reason): void {
    this.#reasons |= reason;
    this.#socket.pause();
  }

  /** The reason holds no more; if it was the last, the peer is heard. */
  resume(reason: Reason): void {
    if ((this.#reasons & reason) === 0) return;
    this.#reasons &= ~reason;
    if (this.#reasons === 0) this.#socket.resume();
  }
}
