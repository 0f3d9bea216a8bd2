import type { OpenDoors, Release } from '../auth/open-doors.ts';
import type { Principal } from '../auth/principal.ts';
import { watchExpiry } from '../delivery/expiry.ts';
import { DomainError } from '../errors.ts';
import { CLOSE } from '../protocol/close-codes.ts';
import { isSameSight, type Sight } from '../sight.ts';

/** How long a connection may go on without a token, milliseconds. */
const AUTHENTICATION_TIME = 10_000;

/** Who is on the other side of a connection, and until when: at first nobody, then whom a token names. */
export class Session {
  readonly #now: () => number;
  readonly #over: (code: number, reason: string) => void;
  readonly #expiring: (principal: Principal) => void;
  readonly #doors: Pick<OpenDoors, 'hold'>;
  #principal: Principal | undefined;
  /** Ends the wait for the first token, or for the end of the present one. */
  #cancel: () => void;
  #release: Release | undefined;

  /**
   * @param over called when no token came in time, or it has ended or was revoked: the connection must be closed
   * @param expiring called when the token is about to end
   */
  constructor(
    now: () => number,
    doors: Pick<OpenDoors, 'hold'>,
    over: (code: number, reason: string) => void,
    expiring: (principal: Principal) => void,
  ) {
    this.#now = now;
    this.#doors = doors;
    this.#over = over;
    this.#expiring = expiring;
    const timer = setTimeout(() => over(CLOSE.authenticationTimeout, 'no authentication'), AUTHENTICATION_TIME);
    this.#cancel = () => clearTimeout(timer);
  }

  get authenticated(): boolean {
    return this.#principal !== undefined;
  }

  /** @throws {DomainError} `unauthorized` */
  get principal(): Principal {
    if (this.#principal === undefined) throw new DomainError('unauthorized', 'Authenticate first.');
    return this.#principal;
  }

  /** The principal, if it may read. @throws {DomainError} */
  get reader(): Principal {
    if (!this.principal.canRead) throw new DomainError('forbidden', 'The token lacks the scope positions:read.');
    return this.principal;
  }

  /** The principal, if it may send positions at all. @throws {DomainError} */
  get writer(): Principal {
    if (!this.principal.canWrite) throw new DomainError('forbidden', 'The token lacks the scope positions:write.');
    return this.principal;
  }

  /**
   * Takes a token's principal, for the first time or to go on with.
   *
   * @param reading the connection has subscriptions, which a new token must allow
   * @throws {DomainError} `forbidden`: it is not for this connection; `unauthorized`: it was revoked meanwhile
   */
  admit(principal: Principal, reading: boolean): void {
    const before = this.#principal;
    if (before !== undefined && (before.subject !== principal.subject || before.fleet !== principal.fleet)) {
      throw new DomainError('forbidden', 'A new token must be of the same subject and fleet.');
    }
    if (reading && !(principal.canRead && before !== undefined && isSameSight(before.sight, principal.sight))) {
      throw new DomainError('forbidden', 'The new token does not allow the subscriptions that are open.');
    }
    const release = this.#doors.hold(principal, () => this.#over(CLOSE.unauthorized, 'the token was revoked'));
    this.#release?.();
    this.#release = release;
    this.#principal = principal;
    this.#cancel();
    const over = () => this.#over(CLOSE.unauthorized, 'the token has expired');
    this.#cancel = watchExpiry(principal, this.#now, () => this.#expiring(principal), over);
  }

  /** Has what it may see kept ready for as long as it is connected, so that no subscription has all others wait for it. */
  keepReady(tracker: { prepare(sight: Sight): unknown }): void {
    if (this.#principal?.sight.precision !== undefined) tracker.prepare(this.#principal.sight);
  }

  /** Nothing is timed any more. */
  end(): void {
    this.#cancel();
    this.#release?.();
  }
}
