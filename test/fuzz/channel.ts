import { connect, type Socket } from 'node:net';

/** A connection without any protocol, and what came on it that was not taken yet. */
export class Channel {
  /** It is a WebSocket on which it was agreed that messages may be compressed. */
  mayDeflate = false;
  readonly #socket: Socket;
  #received: Buffer[] = [];
  #bytes: Buffer = Buffer.alloc(0);
  #ended = false;
  #wake: (() => void) | undefined;

  constructor(port: number) {
    this.#socket = connect(port, '127.0.0.1');
    this.#socket.setNoDelay();
    this.#socket.on('data', (data) => {
      this.#received.push(data);
      this.#wake?.();
    });
    // However it ends: there will be no more.
    this.#socket.on('error', () => {});
    this.#socket.on('close', () => {
      this.#ended = true;
      this.#wake?.();
    });
  }

  /** Nothing more comes. */
  get ended(): boolean {
    return this.#ended;
  }

  /** What came, and was not taken. */
  get bytes(): Buffer {
    if (this.#received.length > 0) {
      this.#bytes = Buffer.concat([this.#bytes, ...this.#received]);
      this.#received = [];
    }
    return this.#bytes;
  }

  /** Takes the first bytes of what came. */
  take(count: number): void {
    this.#bytes = this.bytes.subarray(count);
  }

  /** @param text each character is a byte */
  write(text: string): void {
    if (this.#socket.writable) this.#socket.write(Buffer.from(text, 'latin1'));
  }

  /** Says that nothing more will be sent. */
  finish(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /**
   * What `look` finds in the bytes; it is asked again whenever more came.
   *
   * @returns undefined: it found nothing until the connection ended, or in time
   */
  async until<T>(look: () => T | undefined, milliseconds: number): Promise<T | undefined> {
    const deadline = performance.now() + milliseconds;
    for (;;) {
      const found = look();
      if (found !== undefined || this.#ended) return found;
      const left = deadline - performance.now();
      if (left <= 0) return undefined;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.#wake = undefined;
    }
  }
}
