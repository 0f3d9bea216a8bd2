import { once } from 'node:events';
import { WebSocket } from 'ws';

/** What a server answers to a message with an id. */
export interface Answer {
  readonly type: string;
  readonly verdict?: string;
  readonly code?: string;
  readonly results?: readonly { readonly verdict: string; readonly code?: string }[];
}

/** A WebSocket whose messages are answered by their ids. When it breaks, what was not answered never is. */
export class Connection {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (answer: Answer | undefined) => void>();
  #sent = 0;

  /** Rejects when the server does not take it. */
  static async open(url: string, token: string): Promise<Connection> {
    const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/ws`, {
      headers: { authorization: `Bearer ${token}` },
      perMessageDeflate: false,
    });
    // Its errors are followed by its close.
    socket.on('error', () => {});
    const closed = once(socket, 'close').then(() => {
      throw new Error('the connection was not taken');
    });
    closed.catch(() => {});
    await Promise.race([once(socket, 'open'), closed]);
    return new Connection(socket);
  }

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data: Buffer) => {
      const answer = JSON.parse(String(data)) as Answer & { readonly id: number };
      const told = this.#waiting.get(answer.id);
      this.#waiting.delete(answer.id);
      told?.(answer);
    });
    socket.on('close', () => {
      for (const told of this.#waiting.values()) told(undefined);
      this.#waiting.clear();
    });
  }

  /** How many messages are not answered. */
  get unanswered(): number {
    return this.#waiting.size;
  }

  get open(): boolean {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  /** Resolves with the answer, or with nothing when the connection broke before it came. */
  ask(message: object): Promise<Answer | undefined> {
    if (!this.open) return Promise.resolve(undefined);
    const id = ++this.#sent;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.#socket.send(JSON.stringify({ ...message, id }));
    });
  }

  close(): void {
    this.#socket.terminate();
  }
}
