import { once } from 'node:events';
import { onTestFinished } from 'vitest';
import { WebSocket } from 'ws';

// biome-ignore lint/suspicious/noExplicitAny: what a server says is to be looked at, not trusted
export type Message = any;

/** A WebSocket client that keeps what it hears, and believes just that. */
export class Client {
  readonly socket: WebSocket;
  /** Everything heard and not yet taken by {@link next}. */
  readonly heard: Message[] = [];
  /** What it believes inside of each subscription: positions by driverId. */
  readonly believed = new Map<string, Map<string, Message>>();
  /** What was wrong with the stream itself: a move of someone unknown, an enter of someone inside, … */
  readonly contradictions: string[] = [];
  /** Bytes of all messages heard. */
  bytes = 0;
  readonly closed: Promise<{ code: number; reason: string }>;
  #waiting: (() => void) | undefined;

  static async open(url: string, protocols?: string[], headers?: Record<string, string>): Promise<Client> {
    const client = new Client(new WebSocket(url, protocols ?? [], { headers }));
    await once(client.socket, 'open');
    return client;
  }

  private constructor(socket: WebSocket) {
    this.socket = socket;
    this.closed = once(socket, 'close').then(([code, reason]) => ({ code, reason: String(reason) }));
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
    return [...(this.believed.get(subscription)?.keys() ?? [])].sort();
  }

  #hear(message: Message): void {
    this.heard.push(message);
    if (message.type === 'snapshot') {
      this.believed.set(
        message.subscription,
        new Map(message.drivers.map((driver: Message) => [driver.driverId, driver])),
      );
    } else if (message.type === 'changes') this.#apply(message);
    else if (message.type === 'unsubscribed') this.believed.delete(message.subscription);
    this.#waiting?.();
  }

  #apply({ subscription, enter = [], move = [], exit = [] }: Message): void {
    const inside = this.believed.get(subscription);
    if (inside === undefined) {
      this.contradictions.push(`changes of ${subscription} without a snapshot`);
      return;
    }
    for (const position of enter) {
      if (inside.has(position.driverId)) this.contradictions.push(`enter of ${position.driverId}, who is inside`);
      inside.set(position.driverId, position);
    }
    for (const position of move) {
      if (!inside.has(position.driverId)) this.contradictions.push(`move of ${position.driverId}, who is not inside`);
      inside.set(position.driverId, position);
    }
    for (const { driverId } of exit) {
      if (!inside.delete(driverId)) this.contradictions.push(`exit of ${driverId}, who is not inside`);
    }
  }
}
