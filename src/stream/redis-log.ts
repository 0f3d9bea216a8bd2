import { createClient } from '@redis/client';
import type { EventLog } from './fix-stream.ts';

export interface RedisLogOptions {
  /** Of a server, or of nodes of a cluster, separated by commas: redis://user:password@host:port, or rediss:// */
  readonly url: string;
  /** The stream's key. */
  readonly key: string;
  /** About how many entries it may have. */
  readonly maxLength: number;
}

/** The one field of an entry. */
export const FIELD = 'event';

/**
 * All of a batch or nothing, in order, by one command: one by one they would each wait in this process for an answer, and
 * of a server that is short of memory a later one could be there where an earlier one is not.
 */
const SCRIPT = `for i = 2, #ARGV do
  redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', '${FIELD}', ARGV[i])
end`;

/** Milliseconds until a connection must be there, and an append done. */
const CONNECT_TIMEOUT = 2_000;
const TIMEOUT = 5_000;
/** How often in a row it is followed to another node. */
const MAX_HOPS = 5;

/**
 * A Redis Stream. It is at one node, also of a cluster, so there is one connection: to whichever node the others say has
 * it. What fails ends the connection, and the next append makes a new one.
 */
export class RedisLog implements EventLog {
  readonly #seeds: readonly string[];
  readonly #head: readonly string[];
  /** Which seed is next. */
  #turn = 0;
  /** Where the stream was last. */
  #home: string | undefined;
  #client: ReturnType<typeof connection> | undefined;
  #closed = false;

  constructor({ url, key, maxLength }: RedisLogOptions) {
    this.#seeds = url.split(',').map((seed) => seed.trim());
    this.#head = ['EVAL', SCRIPT, '1', key, String(maxLength)];
  }

  async append(events: readonly string[]): Promise<void> {
    let late = false;
    const deadline = setTimeout(() => {
      late = true;
      this.#leave();
    }, TIMEOUT);
    try {
      await this.#send([...this.#head, ...events]);
    } catch (error) {
      this.#home = undefined;
      this.#leave();
      throw late ? new Error(`no answer within ${TIMEOUT / 1000} s`) : reasonOf(error);
    } finally {
      clearTimeout(deadline);
    }
  }

  close(): void {
    this.#closed = true;
    this.#leave();
  }

  async #send(command: readonly string[]): Promise<void> {
    for (let hops = 0; ; hops++) {
      this.#home ??= this.#seeds[this.#turn++ % this.#seeds.length];
      try {
        await (await this.#connect(this.#home)).sendCommand(command);
        return;
      } catch (error) {
        const home = movedTo(error, this.#home);
        if (home === undefined || hops === MAX_HOPS) throw error;
        this.#leave();
        this.#home = home;
      }
    }
  }

  async #connect(url: string): Promise<ReturnType<typeof connection>> {
    if (this.#closed) throw new Error('closed');
    if (this.#client?.isReady) return this.#client;
    this.#leave();
    const client = connection(url);
    this.#client = client;
    await client.connect();
    return client;
  }

  #leave(): void {
    // One that was never open, or has gone by itself, cannot be ended.
    if (this.#client?.isOpen) this.#client.destroy();
    this.#client = undefined;
  }
}

function connection(url: string) {
  return createClient({
    url,
    name: 'nearcast-stream',
    maintNotifications: 'disabled',
    disableOfflineQueue: true,
    socket: { connectTimeout: CONNECT_TIMEOUT, reconnectStrategy: false },
  }).on('error', () => {
    // Whoever waits for an answer hears of it; and one that breaks while nobody does is made anew when it is needed.
  });
}

/** Where a node of a cluster says that the stream is, when it does. */
function movedTo(error: unknown, from: string): string | undefined {
  const [, host, port] = /^MOVED \d+ (.*):(\d+)$/.exec((error as Error).message) ?? [];
  if (port === undefined) return undefined;
  const url = new URL(from);
  // Without a host it is another port of the same.
  if (host !== '') url.hostname = host.includes(':') ? `[${host}]` : host;
  url.port = port;
  return url.href;
}

/** An error that has words: that of a host with several addresses has none. */
function reasonOf(error: unknown): Error {
  if (error instanceof AggregateError && error.message === '') return reasonOf(error.errors[0]);
  return error instanceof Error ? error : new Error(String(error));
}
