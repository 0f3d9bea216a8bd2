import { type CryptoKey, createLocalJWKSet, errors, type JWK, type JWSHeaderParameters } from 'jose';
import { DomainError } from '../errors.ts';
import { fetchKeys } from './fetch-keys.ts';

/** How old keys may get before they are fetched again, milliseconds. */
const FRESH = 600_000;
/** How long keys stay good while their issuer does not answer, milliseconds. */
const KEPT = 86_400_000;
/** For tokens that name a key nobody knows the issuer is asked no more often than this, milliseconds… */
const UNKNOWN_KEY_PAUSE = 30_000;
/** …and than this while there are no keys at all. */
const NO_KEYS_PAUSE = 5_000;

/** Where it is said that an issuer does not answer, and that it does again. */
interface Log {
  warn(message: string): void;
  info(message: string): void;
}

/** The public keys of an issuer (`JWKS_URL`), fetched and kept. Nobody has to wait for the issuer but who needs a new key. */
export class IssuerKeys {
  readonly #url: string;
  readonly #log: Log;
  readonly #closing = new AbortController();
  readonly #timer: NodeJS.Timeout;
  #jwks: readonly JWK[] = [];
  /** Absent: there are no keys, neither good nor bad. */
  #find: ReturnType<typeof createLocalJWKSet> | undefined;
  /** When the keys came, and when they were last asked for; as of `performance.now`. */
  #fetchedAt = 0;
  #askedAt = Number.NEGATIVE_INFINITY;
  #fetching: Promise<void> | undefined;
  #failed = false;
  /** Counts how often keys were taken back, by their issuer or for want of it: what they proved before is proved no more. */
  withdrawals = 0;

  /** Whether the keys could be fetched when last they were asked for. */
  get available(): boolean {
    return !this.#failed;
  }

  /** Begins to fetch. @param url `https:` or `http:` */
  constructor(url: string, log: Log) {
    this.#url = url;
    this.#log = log;
    this.#timer = setInterval(() => void this.refresh(), FRESH).unref();
    void this.refresh();
  }

  /**
   * The key that a token's header names.
   *
   * @throws {DomainError} `unauthorized`: there is none; `unavailable`: that cannot be told now
   */
  async find(header: JWSHeaderParameters): Promise<CryptoKey> {
    if (this.#find === undefined) await this.#refreshUnlessAsked(NO_KEYS_PAUSE);
    const found = await this.#look(header);
    if (found !== undefined) return found;
    await this.#refreshUnlessAsked(UNKNOWN_KEY_PAUSE);
    const key = await this.#look(header);
    if (key !== undefined) return key;
    // It may be a new one, whose issuer does not answer.
    if (this.#failed) throw unavailable();
    throw new DomainError('unauthorized', 'The token is signed with a key that its issuer does not have.');
  }

  /** Fetches the keys, or waits for them where they are being fetched. Never fails: the keys before stay. */
  refresh(): Promise<void> {
    this.#fetching ??= this.#fetch().finally(() => {
      this.#fetching = undefined;
    });
    return this.#fetching;
  }

  /** Nothing is fetched any more. */
  close(): void {
    clearInterval(this.#timer);
    this.#closing.abort();
  }

  async #refreshUnlessAsked(pause: number): Promise<void> {
    if (this.#fetching !== undefined || performance.now() - this.#askedAt >= pause) await this.refresh();
  }

  async #look(header: JWSHeaderParameters): Promise<CryptoKey | undefined> {
    if (this.#find === undefined) throw unavailable();
    try {
      return await this.#find(header);
    } catch (error) {
      if (error instanceof errors.JWKSNoMatchingKey) return undefined;
      if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
      throw new DomainError('unauthorized', 'The token must say which of its issuer’s keys it is signed with (kid).');
    }
  }

  async #fetch(): Promise<void> {
    this.#askedAt = performance.now();
    try {
      this.#take(await fetchKeys(this.#url, this.#closing.signal));
    } catch (error) {
      if (!this.#closing.signal.aborted) this.#fail(error);
    }
  }

  #take(jwks: readonly JWK[]): void {
    const now = new Set(jwks.map((jwk) => JSON.stringify(jwk)));
    if (!this.#jwks.every((jwk) => now.has(JSON.stringify(jwk)))) this.withdrawals++;
    if (this.#failed) this.#log.info('the keys of JWKS_URL are there again');
    if (jwks.length === 0) this.#log.warn('JWKS_URL has no key for RS256, ES256 or EdDSA: none of its tokens is taken');
    this.#failed = false;
    this.#jwks = jwks;
    this.#find = createLocalJWKSet({ keys: [...jwks] });
    this.#fetchedAt = performance.now();
  }

  #fail(error: unknown): void {
    const { message } = error as Error;
    const isTooOld = this.#find !== undefined && performance.now() - this.#fetchedAt > KEPT;
    if (isTooOld) {
      this.#find = undefined;
      this.#jwks = [];
      this.withdrawals++;
      this.#log.warn(`the keys of JWKS_URL are a day old and good no more: they could not be fetched: ${message}`);
    }
    // Once, until it is over.
    else if (!this.#failed) this.#log.warn(`the keys of JWKS_URL could not be fetched: ${message}`);
    this.#failed = true;
  }
}

const unavailable = () =>
  new DomainError('unavailable', 'The token cannot be judged now, as the keys of its issuer are not there.');
