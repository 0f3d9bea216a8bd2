import type { Socket } from 'node:net';

/**
 * Whether a peer takes what it is sent. Bytes that the system has accepted count as taken: how much it holds for the
 * peer is its own matter (some megabytes at most).
 */
export class Reading {
  readonly #socket: Socket;
  #taken = 0;
  #queued = 0;
  /** When the peer last took something, or had nothing to take; on the clock of whoever asks. */
  #movedAt: number;

  constructor(socket: Socket, now: number) {
    this.#socket = socket;
    this.#movedAt = now;
  }

  /** Milliseconds for which the peer has taken nothing although something waits; to be asked now and then. */
  stalled(now: number): number {
    const { writableLength, bytesWritten } = this.#socket;
    if (writableLength === 0) this.#movedAt = now;
    else {
      // Writes that are through, and what is left of the one under way, which alone can take a slow peer minutes. Node
      // tells a socket's timeout in the same way whether something moves (net.js, _onTimeout).
      const taken = bytesWritten - writableLength;
      const queued = (this.#socket as WithHandle)._handle?.writeQueueSize ?? 0;
      if (taken !== this.#taken || queued !== this.#queued) this.#movedAt = now;
      this.#taken = taken;
      this.#queued = queued;
    }
    return now - this.#movedAt;
  }
}

interface WithHandle extends Socket {
  readonly _handle?: { readonly writeQueueSize?: number } | null;
}
