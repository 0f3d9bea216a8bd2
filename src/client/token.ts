import type { Clock } from './clock.ts';
import { asNearcastError, NearcastError } from './errors.ts';

/** A token, or who gives one whenever it is asked. */
export type TokenSource = string | (() => string | Promise<string>);

/** Who gives a token has so long for it, milliseconds. */
const DEADLINE = 30_000;

/** Where the tokens of one client come from. */
export class Tokens {
  readonly #source: TokenSource;
  readonly #clock: Clock;
  readonly #now: () => number;
  #asking: Promise<string> | undefined;
  /** Has those who wait for a token wait no more. */
  #giveUp: (error: NearcastError) => void = () => {};
  #closed: NearcastError | undefined;
  /** The one that was given last. */
  #current: string | undefined;

  /** @param now the server’s clock, epoch milliseconds */
  constructor(source: TokenSource, clock: Clock, now: () => number) {
    this.#source = source;
    this.#clock = clock;
    this.#now = now;
  }

  /** Whether asking again can bring another one. */
  get renewable(): boolean {
    return typeof this.#source === 'function';
  }

  /** Asks for a token. Who asks meanwhile gets the same. @throws {NearcastError} `network`: none could be had in time */
  ask(): Promise<string> {
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  /** The last token, while it holds for some time yet; else a new one. @throws {NearcastError} as {@link ask} */
  async current(): Promise<string> {
    const token = this.#current;
    if (token === undefined || (expiryOf(token) ?? Number.POSITIVE_INFINITY) < this.#now() + MARGIN) return this.ask();
    return token;
  }

  /** Nobody is asked any more, and nobody waits for what was asked. */
  close(): void {
    this.#closed = new NearcastError('closed', 'The client was closed.');
    this.#giveUp(this.#closed);
  }

  async #ask(): Promise<string> {
    try {
      const token = typeof this.#source === 'string' ? this.#source : await this.#inTime(this.#source);
      if (typeof token !== 'string' || token === '') throw new NearcastError('unauthorized', 'There is no token.');
      this.#current = token;
      return token;
    } catch (error) {
      throw asNearcastError(error, 'network', 'No token could be had');
    }
  }

  /** What a source gives, if it does so before the deadline. */
  async #inTime(source: () => string | Promise<string>): Promise<string> {
    if (this.#closed !== undefined) throw this.#closed;
    let timer: unknown;
    const late = new Promise<never>((_, reject) => {
      this.#giveUp = reject;
      const error = new NearcastError('network', 'No token could be had: it took too long.');
      timer = this.#clock.setTimeout(() => reject(error), DEADLINE);
    });
    try {
      const asked = (async () => source())();
      return await Promise.race([asked, late]);
    } finally {
      this.#clock.clearTimeout(timer);
    }
  }
}

/** How long before its end a token is renewed, milliseconds. */
const MARGIN = 30_000;

/** How long to wait before a token is to be renewed, milliseconds: until shortly before it ends. @param left until its end */
export function renewalIn(left: number): number {
  return Math.max(left - MARGIN, left / 2);
}

/** When a JWT ends: epoch milliseconds; `undefined` of a token that does not say. Nothing is verified. */
export function expiryOf(token: string): number | undefined {
  const { exp } = claimsOf(token);
  return typeof exp === 'number' && Number.isFinite(exp) ? exp * 1000 : undefined;
}

/** Whom a JWT names; `undefined` of a token that does not say. Nothing is verified. */
export function subjectOf(token: string): string | undefined {
  const { sub } = claimsOf(token);
  return typeof sub === 'string' ? sub : undefined;
}

function claimsOf(token: string): Readonly<Record<string, unknown>> {
  try {
    const payload = atob((token.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/'));
    const bytes = Uint8Array.from(payload, (character) => character.charCodeAt(0));
    const claims = JSON.parse(new TextDecoder().decode(bytes));
    return typeof claims === 'object' && claims !== null ? claims : {};
  } catch {
    return {};
  }
}
