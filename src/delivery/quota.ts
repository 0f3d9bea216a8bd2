import { inFleet } from '../auth/in-fleet.ts';
import type { Principal } from '../auth/principal.ts';
import { DomainError } from '../errors.ts';
import { type Limited, type Whose, whose } from './limited.ts';

/** How much one subject may have. */
export interface QuotaLimits {
  readonly connections: number;
  /** Over all its connections. */
  readonly subscriptions: number;
}

/** What one subject has. */
interface Account {
  readonly name: string;
  readonly whose: Whose;
  connections: number;
  subscriptions: number;
}

/** What all seats share. */
interface Book {
  readonly limits: QuotaLimits;
  readonly limited: Limited;
  readonly accounts: Map<string, Account>;
}

/**
 * Counts what each subject of a fleet has open, over all transports, and refuses more than is allowed: one whose token was
 * stolen, or whose program opens connections in a loop, is not to take the place of all others.
 */
export class Quota {
  readonly #book: Book;

  constructor(limits: QuotaLimits, limited: Limited) {
    this.#book = { limits, limited, accounts: new Map() };
  }

  /** How many subjects have something open. */
  get subjects(): number {
    return this.#book.accounts.size;
  }

  /**
   * A place for a connection of somebody.
   *
   * @param subscriptions that it is made for
   * @throws {DomainError} `limit`: the subject has as much as it may
   */
  enter(principal: Principal, subscriptions = 0): Seat {
    const { accounts, limits, limited } = this.#book;
    const name = inFleet(principal.fleet, principal.subject);
    const account = accounts.get(name) ?? { name, whose: whose(principal), connections: 0, subscriptions: 0 };
    if (account.connections >= limits.connections) {
      limited.meet('connections', account.whose);
      throw new DomainError('limit', `A subject may have at most ${limits.connections} connections.`);
    }
    mayHave(this.#book, account, subscriptions);
    account.connections++;
    accounts.set(name, account);
    const seat = new Seat(this.#book, account);
    seat.has(subscriptions);
    return seat;
  }
}

/** The place of one connection, with its subscriptions. */
export class Seat {
  readonly #book: Book;
  readonly #account: Account;
  #subscriptions = 0;
  #left = false;

  constructor(book: Book, account: Account) {
    this.#book = book;
    this.#account = account;
  }

  /** @throws {DomainError} `limit`: its subject may have no subscription more */
  mayAdd(): void {
    mayHave(this.#book, this.#account, 1);
  }

  /** It has this many subscriptions now. */
  has(subscriptions: number): void {
    if (this.#left) return;
    this.#account.subscriptions += subscriptions - this.#subscriptions;
    this.#subscriptions = subscriptions;
  }

  /** It is closed, and all its subscriptions with it; what comes after is of no effect. */
  leave(): void {
    this.has(0);
    if (this.#left) return;
    this.#left = true;
    if (--this.#account.connections === 0) this.#book.accounts.delete(this.#account.name);
  }
}

function mayHave({ limits, limited }: Book, { subscriptions, whose }: Account, more: number): void {
  if (subscriptions + more <= limits.subscriptions) return;
  limited.meet('subscriptions', whose);
  throw new DomainError('limit', `A subject may have at most ${limits.subscriptions} subscriptions.`);
}
