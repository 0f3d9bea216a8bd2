import { computed, type ReadonlySignal, type Signal, signal } from '@preact/signals';
import { type ConnectionState, Nearcast, NearcastError } from '../../client/index.ts';
import { type Claims, claimsOf, dropToken, keepToken, takeToken } from './token.ts';

/** What is known of the server's clock is late by the way of its messages: who is refused so shortly before its end has ended. Milliseconds. */
const LATE = 10_000;

/** Why the page has nobody to ask as: no token was given, or the one that was is no longer taken. */
export type Closed = 'no token' | 'ended' | 'refused';

/** A page’s access to the server that it came from: the token, the client that uses it, and how the connection stands. */
export class Session {
  readonly token: ReadonlySignal<string | undefined>;
  /** Another one for each token; undefined while there is none that is taken. */
  readonly client: ReadonlySignal<Nearcast | undefined>;
  readonly connection: ReadonlySignal<ConnectionState>;
  /** Set while a token has to be asked for. */
  readonly closed: ReadonlySignal<Closed | undefined>;
  /** What last went wrong with the connection, while it is not open. */
  readonly problem: ReadonlySignal<NearcastError | undefined>;
  readonly claims: ReadonlySignal<Claims>;
  readonly #token: Signal<string | undefined>;
  readonly #client = signal<Nearcast | undefined>(undefined);
  readonly #connection = signal<ConnectionState>('idle');
  readonly #closed = signal<Closed | undefined>(undefined);
  readonly #problem = signal<NearcastError | undefined>(undefined);

  constructor() {
    this.#token = signal(takeToken());
    this.token = this.#token;
    this.client = this.#client;
    this.connection = this.#connection;
    this.closed = this.#closed;
    this.problem = this.#problem;
    this.claims = computed(() => claimsOf(this.#token.value ?? ''));
    if (this.#token.value === undefined) this.#closed.value = 'no token';
    else this.enter(this.#token.value);
    // A link with another token that is opened in this tab changes the hash alone.
    addEventListener('hashchange', () => {
      const token = takeToken();
      if (token !== undefined && token !== this.#token.value) this.enter(token);
    });
  }

  /** The server's clock, epoch milliseconds; this device's while there is no client. */
  get serverTime(): number {
    return this.#client.value?.serverTime ?? Date.now();
  }

  /** Goes on as whoever the token is of. */
  enter(token: string): void {
    void this.#client.value?.close();
    keepToken(token);
    this.#token.value = token;
    this.#closed.value = undefined;
    this.#problem.value = undefined;
    const client = new Nearcast({ url: appRoot(), token: () => token });
    client.on('state', (state) => {
      if (this.#client.value !== client) return;
      this.#connection.value = state;
      if (state === 'open') this.#problem.value = undefined;
    });
    client.on('error', (error) => {
      if (this.#client.value === client) this.failed(error);
    });
    this.#client.value = client;
  }

  /** Takes note of what a call or the connection failed by: without a token that is taken nothing goes on. */
  failed(error: unknown): void {
    if (!(error instanceof NearcastError)) throw error;
    this.#problem.value = error;
    if (error.code !== 'unauthorized') return;
    const { exp } = this.claims.value;
    this.#closed.value = exp !== undefined && exp * 1000 <= this.serverTime + LATE ? 'ended' : 'refused';
  }

  /** The token holds, but not for what the page is for: another one is asked for. */
  refuse(error: NearcastError): void {
    this.#problem.value = error;
    this.#closed.value = 'refused';
  }

  /** Forgets the token. */
  leave(): void {
    void this.#client.value?.close();
    dropToken();
    this.#client.value = undefined;
    this.#connection.value = 'idle';
    this.#token.value = undefined;
    this.#closed.value = 'no token';
  }
}

/** Where the server is: the pages lie beside each other at its root, which may be a path of a proxy. */
export function appRoot(): URL {
  return new URL('./', location.href.split('#')[0]);
}
