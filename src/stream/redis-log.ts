import { messageOf, newClient, type RedisClient } from '../bus/redis-connection.ts';
import type { RedisAddress, RedisTarget } from '../bus/redis-url.ts';
import type { EventLog } from './fix-stream.ts';

export interface RedisLogOptions {
  /** A server, or some nodes of a cluster. */
  readonly target: RedisTarget;
  /** Certificates, as PEM, that are trusted instead of those that Node trusts. */
  readonly ca?: string;
  /** The stream's key. */
  readonly key: string;
  /** About how many entries it may have. */
  readonly maxLength: number;
}

/** The one field of an entry. */
const FIELD = 'event';

/**
 * All of a batch or nothing, in order, by one command: one by one they would each wait in this process for an answer, and
 * of a server that is short of memory a later one could be there where an earlier one is not.
 */
const SCRIPT = `for i = 2, #ARGV do
  redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', '${FIELD}', ARGV[i])
end`;

/** Milliseconds until an append must be done, its connection's making included. */
const TIMEOUT = 5_000;
/** How often in a row it is followed to another node. */
const MAX_HOPS = 5;

/**
 * A Redis Stream. It is at one node, also of a cluster, so there is one connection: to whichever node the others say has
 * it. What fails ends the connection, and the next append makes a new one.
 */
export class RedisLog implements EventLog {
  readonly #server: Pick<RedisLogOptions, 'target' | 'ca'>;
  readonly #head: readonly string[];
  /** Which seed is next. */
  #turn = 0;
  /** Where the stream was last. */
  #home: RedisAddress | undefined;
  #client: RedisClient | undefined;
  #leaving = new AbortController();
  #closed = false;

  constructor({ target, ca, key, maxLength }: RedisLogOptions) {
    this.#server = { target, ca };
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
      throw new Error(late ? `no answer within ${TIMEOUT / 1000} s` : messageOf(error), { cause: error });
    } finally {
      clearTimeout(deadline);
    }
  }

  close(): void {
    this.#closed = true;
    this.#leave();
  }

  async #send(command: readonly string[]): Promise<void> {
    const { seeds } = this.#server.target;
    for (let hops = 0; ; hops++) {
      this.#home ??= seeds[this.#turn++ % seeds.length];
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

  async #connect(address: RedisAddress): Promise<RedisClient> {
    if (this.#closed) throw new Error('closed');
    if (this.#client?.isReady) return this.#client;
    this.#leave();
    this.#leaving = new AbortController();
    const client = newClient(address, this.#server, 'nearcast-stream', this.#leaving.signal);
    // Whoever waits for an answer hears of it; one that breaks while nobody does is made anew when it is needed.
    client.on('error', () => {});
    this.#client = client;
    await client.connect();
    return client;
  }

  #leave(): void {
    // One that was never open, or has gone by itself, cannot be ended.
    if (this.#client?.isOpen) this.#client.destroy();
    this.#client = undefined;
    this.#leaving.abort();
  }
}

/** Where a node of a cluster says that the stream is, when it does. */
function movedTo(error: unknown, { host: asked }: RedisAddress): RedisAddress | undefined {
  const [, host, port] = /^MOVED \d{1,5} ([^ ]{0,253}):(\d{1,5})$/.exec(messageOf(error)) ?? [];
  if (port === undefined) return undefined;
  // Without a host it is another port of the same.
  return { host: host === '' ? asked : host, port: Number(port) };
}
