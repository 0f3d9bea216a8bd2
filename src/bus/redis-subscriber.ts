import { messageOf, type RedisClient, RedisConnection, type RedisSettings } from './redis-connection.ts';
import type { RedisAddress } from './redis-url.ts';

/** Channels of one round of commands: what waits behind it waits for one answer, and no pipeline grows beyond it. */
const ROUND = 500;
/** How long a server that says that a channel is not its own is left alone with it, milliseconds. */
const PAUSE = 200;
/** Errors that say that the cluster is about to be another; all others are the connection's end. */
const UNSETTLED = /^(MOVED|ASK|TRYAGAIN|CLUSTERDOWN) ?/;

/** Who hears of a subscriber. */
export interface SubscriberListener {
  onMessage(channel: string, data: Buffer): void;
  /** These have been opened. */
  onOpened(channels: readonly string[]): void;
  /** These are open, and may have missed something before. */
  onLost(channels: readonly string[]): void;
  /** All is open that is to be, or it is no longer. */
  onChange(): void;
  /** The server says that a channel is another's. */
  onMoved(client: RedisClient): void;
}

/**
 * Keeps channels subscribed on one server. What is wanted and what is open are kept apart and brought together in rounds,
 * one after another, however fast what is wanted changes.
 *
 * The server may unsubscribe a channel by itself, when its slot moves; the library takes that, while it waits for an answer,
 * for one, and says nothing. So with each round, and each time that the connection is checked, the server is asked how many
 * channels it has open; if that is not as many as are thought to be, all are opened again.
 */
export class RedisSubscriber {
  readonly #connection: RedisConnection;
  readonly #listener: SubscriberListener;
  readonly #groupOf: (channel: string) => number;
  readonly #wanted = new Set<string>();
  /** Of this connection. */
  readonly #open = new Set<string>();
  /** Wanted and open may differ in these, or they may have to be told as lost. */
  readonly #due = new Set<string>();
  /** To be told as lost once they are open. */
  readonly #missed = new Set<string>();
  #isRunning = false;
  #isSettled = false;
  /** Counts what changes how many are open. */
  #changes = 0;
  #pause: NodeJS.Timeout | undefined;

  /** @param groupOf channels of different groups cannot be subscribed by one command */
  constructor(
    address: RedisAddress,
    settings: RedisSettings,
    groupOf: (channel: string) => number,
    listener: SubscriberListener,
  ) {
    this.#groupOf = groupOf;
    this.#listener = listener;
    this.#connection = new RedisConnection(address, settings, {
      name: 'nearcast-subscribes',
      check: (client) => this.#check(client),
      onOpen: (client) => this.#opened(client),
      onClosed: () => this.#closed(),
    });
  }

  /** Whether all was open that was to be, since the connection is. */
  get isSettled(): boolean {
    return this.#isSettled;
  }

  /** Whether a channel is open, and stays so. */
  isOpen(channel: string): boolean {
    return this.#open.has(channel) && this.#wanted.has(channel);
  }

  /** @param isMissed it is to be told as lost once it is open, even if it is already */
  add(channel: string, isMissed: boolean): void {
    this.#wanted.add(channel);
    if (isMissed) this.#missed.add(channel);
    this.#due.add(channel);
    this.#start();
  }

  remove(channel: string): void {
    this.#wanted.delete(channel);
    this.#missed.delete(channel);
    this.#due.add(channel);
    this.#start();
  }

  close(): Promise<void> {
    clearTimeout(this.#pause);
    return this.#connection.close();
  }

  #opened(client: RedisClient): void {
    client.on('sharded-channel-moved', (channel: string) => this.#moved(client, channel));
    for (const channel of this.#wanted) this.#due.add(channel);
    this.#start();
  }

  #closed(): void {
    clearTimeout(this.#pause);
    this.#open.clear();
    for (const channel of this.#wanted) this.#missed.add(channel);
    this.#isSettled = false;
    this.#listener.onChange();
  }

  #moved(client: RedisClient, channel: string): void {
    if (client !== this.#connection.client) return;
    this.#changes++;
    this.#open.delete(channel);
    if (!this.#wanted.has(channel)) return;
    this.#missed.add(channel);
    this.#due.add(channel);
    this.#listener.onMoved(client);
    this.#later();
  }

  #start(): void {
    if (this.#isRunning || this.#connection.client === undefined) return;
    this.#isRunning = true;
    // What else is asked for in this turn goes with it.
    queueMicrotask(() => void this.#run());
  }

  #later(): void {
    clearTimeout(this.#pause);
    this.#pause = setTimeout(() => this.#start(), PAUSE);
  }

  async #run(): Promise<void> {
    const client = this.#connection.client;
    let isDone = client !== undefined;
    try {
      while (client !== undefined && this.#due.size > 0) {
        isDone = await this.#round(client);
        if (client !== this.#connection.client) isDone = false;
        if (!isDone) break;
      }
    } catch (error) {
      isDone = false;
      if (client !== undefined) this.#connection.fail(client, error);
    } finally {
      this.#isRunning = false;
    }
    if (isDone) this.#settle();
    // Another connection may have been opened meanwhile.
    else if (client !== this.#connection.client) this.#start();
  }

  #settle(): void {
    const lost = [...this.#missed].filter((channel) => this.#open.has(channel));
    for (const channel of lost) this.#missed.delete(channel);
    if (lost.length > 0) this.#listener.onLost(lost);
    if (this.#isSettled || this.#connection.client === undefined) return;
    this.#isSettled = true;
    this.#listener.onChange();
  }

  /** One answer's worth of commands. @returns whether all went well; @throws if the connection is of no use */
  async #round(client: RedisClient): Promise<boolean> {
    const opening = new Map<number, string[]>();
    const closing = new Map<number, string[]>();
    // Open already: it was to be closed, and then was not.
    const kept: string[] = [];
    let size = 0;
    for (const channel of this.#due) {
      if (size === ROUND) break;
      this.#due.delete(channel);
      const isWanted = this.#wanted.has(channel);
      if (isWanted === this.#open.has(channel)) {
        if (isWanted) kept.push(channel);
        continue;
      }
      size++;
      if (!isWanted) this.#open.delete(channel);
      put(isWanted ? opening : closing, this.#groupOf(channel), channel);
    }
    if (kept.length > 0) this.#listener.onOpened(kept);
    if (size === 0) return true;
    this.#changes++;
    let isUnsettled = false;
    const refused = (channels: readonly string[]) => (error: unknown) => {
      if (!UNSETTLED.test(messageOf(error))) throw error;
      isUnsettled = true;
      for (const channel of channels) this.#due.add(channel);
    };
    const answers: Promise<unknown>[] = [];
    for (const channels of closing.values()) {
      // A server that has given a slot away has unsubscribed its channels too.
      answers.push(client.sUnsubscribe(channels).catch(() => {}));
    }
    for (const channels of opening.values()) {
      const opened = () => {
        if (client !== this.#connection.client) return;
        for (const channel of channels) this.#open.add(channel);
      };
      answers.push(client.sSubscribe(channels, this.#onMessage, true).then(opened, refused(channels)));
    }
    const count = countOf(client);
    // Whatever fails first, none of the others may be left unheard.
    count.catch(() => {});
    await Promise.all(answers);
    const counted = await count;
    if (client !== this.#connection.client) return false;
    this.#changes++;
    if (counted !== undefined && counted !== this.#open.size) throw new Error('channels were closed unsaid');
    for (const channels of opening.values()) {
      this.#listener.onOpened(channels.filter((channel) => this.#open.has(channel)));
    }
    if (isUnsettled) {
      this.#listener.onMoved(client);
      this.#later();
    }
    return !isUnsettled;
  }

  async #check(client: RedisClient): Promise<void> {
    const isQuiet = !this.#isRunning;
    const changes = this.#changes;
    const expected = this.#open.size;
    const counted = await countOf(client);
    if (!isQuiet || this.#isRunning || changes !== this.#changes || counted === undefined) return;
    if (counted !== expected) throw new Error('channels were closed unsaid');
  }

  /** One for all channels, as the library takes it. */
  readonly #onMessage = (data: Buffer, channel: Buffer): void => {
    this.#connection.heard();
    this.#listener.onMessage(channel.toString(), data);
  };
}

/** How many channels a connection has open, or nothing where the server does not tell. */
async function countOf(client: RedisClient): Promise<number | undefined> {
  const info = await client.sendCommand(['CLIENT', 'INFO']);
  if (typeof info !== 'string') throw new Error('answers what was not asked');
  const count = /\bssub=(\d+)/.exec(info)?.[1];
  return count === undefined ? undefined : Number(count);
}

function put(groups: Map<number, string[]>, group: number, channel: string): void {
  const channels = groups.get(group);
  if (channels === undefined) groups.set(group, [channel]);
  else channels.push(channel);
}
