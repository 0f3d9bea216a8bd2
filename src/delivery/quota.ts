import type { Principal } from '../auth/principal.ts';
import { DomainError } from '../errors.ts';
import type { Limited } from './limited.ts';

/** How much one subject may have. */
export interface QuotaLimits {
  readonly connections: number;
  /** Over all its connections. */
  readonly subscriptions: number;
}

/** What one subject has. */
interface Account {
  readonly name: string;
  connections: number;
  subscriptions: number;
}

/**
 * Counts what each subject of a fleet has open, over all transports, and refuses more than is allowed: one whose token was
 * stolen, or whose program opens connections in a loop, is not to take the place of all others.
 */
export class Quota {
  readonly #limits: QuotaLimits;
  readonly #limited: Limited;
  readonly #accounts = new Map<string, Account>();

  constructor(limits: QuotaLimits, limited: Limited) {
    this.#limits = limits;
    this.#limited = limited;
  }

  /** How many subjects have something open. */
  get subjects(): number {
    return this.#accounts.size;
  }

  /**
   * A place for a connection of somebody.
   *
   * @param subscriptions that it is made for
   * @throws {DomainError} `limit`: the subject has as much as it may
   */
  enter(principal: Principal, subscriptions = 0): Seat {
    const name = nameOf(principal);
    const account = this.#accounts.get(name) ?? { name, connections: 0, subscriptions: 0 };
    if (account.connections >= this.#limits.connections) {
      this.#limited.connections++;
      throw new DomainError('limit', `A subject may have at most ${this.#limits.connections} connections.`);
    }
    this.#mayHave(account, subscriptions);
    account.connections++;
    account.subscriptions += subscriptions;
    this.#accounts.set(name, account);
    return new Seat(
      subscriptions,
      () => this.#mayHave(account, 1),
      (connections, change) => this.#change(account, connections, change),
    );
  }

  #mayHave(account: Account, more: number): void {
    if (account.subscriptions + more <= this.#limits.subscriptions) return;
    this.#limited.subscriptions++;
    throw new DomainError('limit', `A subject may have at most ${this.#limits.subscriptions} subscriptions.`);
  }

  #change(account: Account, connections: number, subscriptions: number): void {
    account.connections += connections;
    account.subscriptions += subscriptions;
    if (account.connections === 0) this.#accounts.delete(account.name);
  }
}

/** The place of one connection, with its subscriptions. */
export class Seat {
  /** @throws {DomainError} `limit`: its subject may have no subscription more */
  readonly mayAdd: () => void;
  readonly #change: (connections: number, subscriptions: number) => void;
  #subscriptions: number;
  #left = false;

  constructor(subscriptions: number, mayAdd: () => void, change: (connections: number, subscriptions: number) => void) {
    this.#subscriptions = subscriptions;
    this.mayAdd = mayAdd;
    this.#change = change;
  }

  /** It has this many subscriptions now. */
  has(subscriptions: number): void {
    if (this.#left) return;
    this.#change(0, subscriptions - this.#subscriptions);
    this.#subscriptions = subscriptions;
  }

  /** It is closed, and all its subscriptions with it; what comes after is of no effect. */
  leave(): void {
    if (this.#left) return;
    this.#left = true;
    this.#change(-1, -this.#subscriptions);
  }
}

/** Who is counted as one. A fleet's name has no such character (see `claimsSchema`). */
function nameOf({ fleet, subject }: Principal): string {
  return `${fleet}\0${subject}`;
}
