import { RedisClient as Library } from '@redis/client';
import { nameOf, type RedisAddress, type RedisTarget } from './redis-url.ts';

/** A connection is given up when it is not usable after so long, milliseconds. */
const CONNECT_WITHIN = 3_000;
/** How often an open one is asked whether it is. */
const PROBE_EVERY = 1_250;
/** And how long it may be silent then; together a dead one is found within five seconds. */
const ANSWER_WITHIN = 2_500;
/** The first wait before it is tried again is up to this long, each further one up to twice as long. */
const FIRST_WAIT = 100;
const LONGEST_WAIT = 2_000;
/** What was open for so long is not one that fails again and again. */
const STABLE = 5_000;

/** How connections are made: as what, to whom, and who hears what is wrong with them. */
export interface RedisSettings {
  readonly target: RedisTarget;
  /** Certificates, as PEM, that are trusted instead of those that Node trusts. */
  readonly ca?: string;
  /** 0 … 1 */
  readonly random: () => number;
  /** Why something does not work; it holds no credentials. */
  onFault(fault: string): void;
}

export type RedisClient = ReturnType<typeof newClient>;

/** Made once: `createClient` makes a class of hundreds of commands for each client, which stops the process for 30 ms. */
const create = Library.factory({ RESP: 3 });

/** Who uses a connection. */
export interface ConnectionUser {
  /** As it is shown in CLIENT LIST. */
  readonly name: string;
  /** Asks the server whether it is of use: before it is used, and over and over; rejects when it is not. */
  check(client: RedisClient): Promise<void>;
  onOpen(client: RedisClient): void;
  /** Only after `onOpen`. */
  onClosed(): void;
}

/**
 * A connection to one server that is made again whenever it breaks, each time by a new client. The library would make it
 * again too, but then has a timer and a socket that `destroy` leaves behind, retries what may have been sent, and does not
 * notice a server that hangs while something is being written.
 */
export class RedisConnection {
  readonly address: RedisAddress;
  readonly #settings: RedisSettings;
  readonly #user: ConnectionUser;
  #client: RedisClient | undefined;
  #abort = new AbortController();
  #attempt: Promise<void> = Promise.resolve();
  #openedAt: number | undefined;
  #failures = 0;
  #retry: NodeJS.Timeout | undefined;
  #probing: NodeJS.Timeout | undefined;
  /** When the server was asked what it has not answered yet. */
  #askedAt: number | undefined;
  #isClosed = false;

  constructor(address: RedisAddress, settings: RedisSettings, user: ConnectionUser) {
    this.address = address;
    this.#settings = settings;
    this.#user = user;
    this.#attempt = this.#connect();
  }

  /** Absent while it is not open. */
  get client(): RedisClient | undefined {
    return this.#openedAt === undefined ? undefined : this.#client;
  }

  /** Something came from the server: it lives, however late its answers are. */
  heard(): void {
    if (this.#askedAt !== undefined) this.#askedAt = performance.now();
  }

  /** It is of no use any more, and is made again. */
  fail(client: RedisClient, error: unknown): void {
    if (client !== this.#client) return;
    const openedAt = this.#openedAt;
    const now = performance.now();
    this.#failures = openedAt !== undefined && now - openedAt >= STABLE ? 0 : this.#failures + 1;
    this.#drop();
    const limit = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** Math.min(this.#failures, 10));
    this.#retry = setTimeout(() => {
      this.#attempt = this.#connect();
    }, this.#settings.random() * limit);
    this.#settings.onFault(`${nameOf(this.address)}: ${messageOf(error)}`);
    if (openedAt !== undefined) this.#user.onClosed();
  }

  /** Ends it for good: without a word to its user. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#retry);
    this.#drop();
    await this.#attempt;
  }

  #drop(): void {
    const client = this.#client;
    this.#client = undefined;
    this.#openedAt = undefined;
    this.#askedAt = undefined;
    clearInterval(this.#probing);
    client?.destroy();
    this.#abort.abort();
  }

  async #connect(): Promise<void> {
    if (this.#isClosed) return;
    this.#abort = new AbortController();
    const client = newClient(this.address, this.#settings, this.#user.name, this.#abort.signal);
    this.#client = client;
    // Unheard, it would end the process.
    client.on('error', (error) => this.fail(client, error));
    const deadline = setTimeout(() => this.fail(client, new Error('cannot be connected to in time')), CONNECT_WITHIN);
    try {
      await client.connect();
      await this.#user.check(client);
    } catch (error) {
      this.fail(client, error);
      return;
    } finally {
      clearTimeout(deadline);
    }
    if (client !== this.#client) return;
    this.#openedAt = performance.now();
    this.#probing = setInterval(() => this.#probe(client), PROBE_EVERY);
    this.#user.onOpen(client);
  }

  #probe(client: RedisClient): void {
    if (this.#askedAt === undefined) {
      this.#askedAt = performance.now();
      this.#user.check(client).then(
        () => {
          if (client === this.#client) this.#askedAt = undefined;
        },
        (error) => this.fail(client, error),
      );
      return;
    }
    if (!this.#isSilent()) return;
    // If it was this process that was busy, the answer is there already, and is read before an immediate runs.
    setImmediate(() => {
      if (this.#isSilent()) this.fail(client, new Error('does not answer'));
    });
  }

  #isSilent(): boolean {
    return this.#askedAt !== undefined && performance.now() - this.#askedAt >= ANSWER_WITHIN;
  }
}

/** Asks a server something, by a connection for that alone. @param signal gives up */
export async function askOnce<T>(
  address: RedisAddress,
  settings: RedisSettings,
  signal: AbortSignal,
  ask: (client: RedisClient) => Promise<T>,
): Promise<T> {
  const ending = AbortSignal.any([signal, AbortSignal.timeout(CONNECT_WITHIN)]);
  const client = newClient(address, settings, 'nearcast-asks', ending);
  client.on('error', () => {});
  const end = () => client.destroy();
  ending.addEventListener('abort', end);
  try {
    await client.connect();
    return await ask(client);
  } finally {
    ending.removeEventListener('abort', end);
    client.destroy();
  }
}

/** A client that connects once and then is made again by whoever has it, or not. @param signal gives up connecting */
export function newClient(
  { host, port }: RedisAddress,
  settings: Pick<RedisSettings, 'target' | 'ca'>,
  name: string,
  signal: AbortSignal,
) {
  const { isTls, username, password } = settings.target;
  const socket = { host, port, signal, connectTimeout: CONNECT_WITHIN, reconnectStrategy: false } as const;
  return create({
    name,
    username,
    password,
    disableOfflineQueue: true,
    disableClientInfo: true,
    maintNotifications: 'disabled',
    // A timer for each command is dear, and gives up what is not sent yet alone.
    commandOptions: { timeout: undefined },
    socket: isTls ? { ...socket, tls: true, ...(settings.ca === undefined ? {} : { ca: settings.ca }) } : socket,
  });
}

/** Says what is wrong, in a line. */
export function messageOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(messageOf).join(', ');
  return error instanceof Error ? error.message : String(error);
}
