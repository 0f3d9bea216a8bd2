import { messageOf, type RedisClient, RedisConnection, type RedisSettings } from './redis-connection.ts';
import type { RedisAddress } from './redis-url.ts';

/** Bytes that may be on their way to one server and unanswered; beyond it messages are not sent. */
export const MAX_WAITING = 32 * 1024 * 1024;
/** About what a command takes beside its message. */
const OVERHEAD = 200;

/** Who hears of a publisher. */
export interface PublisherListener {
  /** It is open, or no longer. */
  onChange(): void;
  /** A message may have reached nobody. */
  onUnsent(channel: string): void;
  /** The server says that a channel is another's. */
  onMoved(client: RedisClient): void;
}

/** Publishes on one server. */
export class RedisPublisher {
  readonly #connection: RedisConnection;
  readonly #listener: PublisherListener;
  #waiting = 0;
  #onDrained: (() => void) | undefined;

  /** @param check see {@link RedisConnection} */
  constructor(
    address: RedisAddress,
    settings: RedisSettings,
    check: (client: RedisClient) => Promise<void>,
    listener: PublisherListener,
  ) {
    this.#listener = listener;
    this.#connection = new RedisConnection(address, settings, {
      name: 'nearcast-publishes',
      check,
      onOpen: () => listener.onChange(),
      onClosed: () => listener.onChange(),
    });
  }

  /** Absent while nothing can be published. */
  get client(): RedisClient | undefined {
    return this.#connection.client;
  }

  publish(channel: string, data: Buffer): void {
    const client = this.#connection.client;
    const size = data.length + channel.length + OVERHEAD;
    if (client === undefined || this.#waiting + size > MAX_WAITING) {
      this.#listener.onUnsent(channel);
      return;
    }
    this.#waiting += size;
    client.sendCommand(['SPUBLISH', channel, data]).then(
      () => {
        this.#settle(size);
        this.#connection.heard();
      },
      (error) => {
        this.#settle(size);
        this.#listener.onUnsent(channel);
        if (messageOf(error).startsWith('MOVED ')) this.#listener.onMoved(client);
        else this.#connection.fail(client, error);
      },
    );
  }

  /** Resolves once nothing waits for an answer, or never, if that never is so. */
  drained(): Promise<void> {
    if (this.#waiting === 0 || this.client === undefined) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onDrained = resolve;
    });
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  #settle(size: number): void {
    this.#waiting -= size;
    if (this.#waiting === 0) this.#onDrained?.();
  }
}
