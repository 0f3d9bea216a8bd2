import { once } from 'node:events';
import { onTestFinished } from 'vitest';
import { type ClientOptions, WebSocket } from 'ws';
import { Belief, type Message } from './belief.ts';

export type { Message };

/** A WebSocket client that keeps what it hears, and believes just that. */
export class Client {
  readonly socket: WebSocket;
  /** Everything heard and not yet taken by {@link next}. */
  readonly heard: Message[] = [];
  /** What it believes of each subscription. One that goes on from a cursor of another connection is given its belief. */
  readonly beliefs = new Map<string, Belief>();
  /** What was wrong with the streams themselves. */
  readonly #contradictions: string[] = [];
  /** Bytes of all messages heard. */
  bytes = 0;
  readonly closed: Promise<{ code: number; reason: string }>;
  #waiting: (() => void) | undefined;

  static async open(
    url: string,
    protocols?: string[],
    headers?: Record<string, string>,
    options?: ClientOptions,
  ): Promise<Client> {
    const client = new Client(new WebSocket(url, protocols ?? [], { ...options, headers }));
    await once(client.socket, 'open');
    return client;
  }

  private constructor(socket: WebSocket) {
    this.socket = socket;
    this.closed = once(socket, 'close').then(([code, reason]) => ({ code, reason: String(reason) }));
    // One that was never open has nobody who waits for its end.
    this.closed.catch(() => {});
    socket.on('message', (data: Buffer) => {
      this.bytes += data.length;
      this.#hear(JSON.parse(data.toString()));
    });
    socket.on('error', () => {});
    onTestFinished(() => socket.terminate());
  }

  send(message: unknown): void {
    this.socket.send(typeof message === 'string' || Buffer.isBuffer(message) ? message : JSON.stringify(message));
  }

  /** The next message, or the next of a type; those before it are dropped. */
  async next(type?: string): Promise<Message> {
    for (;;) {
      while (this.heard.length > 0) {
        const message = this.heard.shift();
        if (type === undefined || message.type === type) return message;
      }
      await Promise.race([
        new Promise<void>((resolve) => {
          this.#waiting = resolve;
        }),
        this.closed.then(({ code, reason }) => {
          if (this.heard.length === 0) throw new Error(`closed while waiting for ${type}: ${code} ${reason}`);
        }),
      ]);
    }
  }

  /** Sends a message and returns the next of the given type. */
  async ask(message: unknown, type?: string): Promise<Message> {
    this.send(message);
    return this.next(type);
  }

  /** Resolves when the server has handled all that was sent, and sent all that followed of it. */
  async settled(): Promise<void> {
    await this.ask({ type: 'ping' }, 'pong');
    // What a turn causes is sent at its end, so it comes before the answer to a second ping.
    await this.ask({ type: 'ping' }, 'pong');
  }

  /** The ids believed inside a subscription, sorted. */
  inside(subscription = 'default'): string[] {
    return this.beliefs.get(subscription)?.inside ?? [];
  }

  /** The positions believed inside of each subscription, by driverId. */
  get believed(): Map<string, Map<string, Message>> {
    return new Map([...this.beliefs].map(([subscription, { drivers }]) => [subscription, drivers]));
  }

  /** What was wrong with the streams: a move of someone unknown, an enter of someone inside, … */
  get contradictions(): string[] {
    return [...this.#contradictions, ...[...this.beliefs.values()].flatMap(({ contradictions }) => contradictions)];
  }

  /** What it believes of a subscription; made for a subscription of which nothing was heard yet. */
  belief(subscription = 'default'): Belief {
    let belief = this.beliefs.get(subscription);
    if (belief === undefined) {
      belief = new Belief();
      this.beliefs.set(subscription, belief);
    }
    return belief;
  }

  #hear(message: Message): void {
    this.heard.push(message);
    const { type, subscription } = message;
    if (type === 'changes' && !this.beliefs.has(subscription)) {
      this.#contradictions.push(`changes of ${subscription} without a snapshot`);
    } else if (type === 'snapshot' || type === 'changes') this.belief(subscription).hear(message);
    else if (type === 'unsubscribed') this.beliefs.delete(subscription);
    this.#waiting?.();
  }
}
