import { asNearcastError, NearcastError } from './errors.ts';

/** A token, or who gives one whenever it is asked. */
export type TokenSource = string | (() => string | Promise<string>);

/** Where the tokens of one client come from. */
export class Tokens {
  readonly #source: TokenSource;
  readonly #now: () => number;
  #asking: Promise<string> | undefined;
  /** The one that was given last. */
  #current: string | undefined;

  /** @param now the server’s clock, epoch milliseconds */
  constructor(source: TokenSource, now: () => number) {
    this.#source = source;
    this.#now = now;
  }

  /** Whether asking again can bring another one. */
  get renewable(): boolean {
    return typeof this.#source === 'function';
  }

  /** Asks for a token. Who asks meanwhile gets the same. @throws {NearcastError} `network`: none could be had */
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

  async #ask(): Promise<string> {
    try {
      const token = typeof this.#source === 'string' ? this.#source : await this.#source();
      if (typeof token !== 'string' || token === '') throw new NearcastError('unauthorized', 'There is no token.');
      this.#current = token;
      return token;
    } catch (error) {
      throw asNearcastError(error, 'network', 'No token could be had');
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
