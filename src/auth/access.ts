import type { AccessChange, AccessStore, Kept } from './access-store.ts';
import { CatchUp } from './catch-up.ts';
import type { HintChannel } from './hints.ts';
import { inFleet } from './in-fleet.ts';
import { OpenDoors } from './open-doors.ts';
import type { Principal } from './principal.ts';
import { GRACE, Revocations } from './revocations.ts';
import { Shares } from './shares.ts';
import { Strangers } from './strangers.ts';

/** What access stands on. */
export interface AccessDeps {
  readonly store: AccessStore;
  /** The server's clock, epoch milliseconds. */
  readonly now: () => number;
  /** MAX_SHARES_PER_SUBJECT */
  readonly maxSharesPerSubject: number;
  /** How other instances hear of changes in the same store, and this one of theirs; absent: there are none. */
  readonly others?: {
    readonly hints: HintChannel;
    readonly log: { warn(message: string): void; info(message: string): void };
  };
}

/** Who may come in beside those that a token lets in, who may no longer, and what is open to whom. */
export class Access {
  readonly doors: OpenDoors;
  readonly shares: Shares;
  readonly revocations: Revocations;
  readonly #deps: AccessDeps;
  /** Absent where there is one instance. */
  readonly catchUp: CatchUp | undefined;
  readonly #strangers: Strangers | undefined;

  /** Knows all that is stored. @throws {StoreUnavailable} */
  static async load(deps: AccessDeps): Promise<Access> {
    return new Access(deps, await deps.store.load());
  }

  private constructor(deps: AccessDeps, { mark, ...kept }: Kept & { readonly mark: string }) {
    const { store, now, maxSharesPerSubject: maxPerSubject, others } = deps;
    this.#deps = deps;
    this.doors = new OpenDoors(this.isRevoked);
    if (others !== undefined) {
      const take = (changed: readonly AccessChange[], found: Kept) => this.#take(changed, found);
      this.catchUp = new CatchUp({ store, ...others, take, takeAll: () => this.#takeAll() }, mark);
      this.#strangers = new Strangers({ store, now, take: (shares) => this.#take([], { shares, revocations: [] }) });
    }
    const { doors, catchUp } = this;
    this.shares = new Shares({ store, doors, now, maxPerSubject, others: catchUp }, kept.shares);
    this.revocations = new Revocations({ store, doors, shares: this.shares, now, others: catchUp }, kept.revocations);
    // Such as were stored behind the back of their token's revocation.
    for (const { fleet, tokenId } of kept.revocations) this.shares.forgetMadeWith(fleet, tokenId);
  }

  /** Whether a principal's token or share was revoked. */
  readonly isRevoked = (principal: Principal): boolean =>
    this.revocations.has(principal) || (principal.shareId !== undefined && !this.shares.has(principal));

  /**
   * Who comes with a share's token: at once where the share is known here, else as soon as it is looked up.
   *
   * @throws {DomainError} `unauthorized`, `unavailable`: it cannot be told now; a promise is rejected with these
   */
  readonly principalOf = (token: string): Principal | Promise<Principal> => {
    const stranger = this.#strangers && this.shares.strangerOf(token);
    const asked = stranger === undefined ? undefined : this.#strangers?.ask(stranger);
    if (asked === undefined) return this.shares.principalOf(token);
    return asked.then(() => this.shares.principalOf(token));
  };

  /** Forgets, in memory and in the store, what is over. @throws {StoreUnavailable} */
  async prune(): Promise<void> {
    this.shares.prune();
    this.revocations.prune();
    const now = this.#deps.now();
    await this.#deps.store.prune(now, now - GRACE);
  }

  /** Heeds other instances no more. */
  close(): void {
    this.catchUp?.close();
  }

  /** @param changed what was looked up: a share that was not found has ended */
  #take(changed: readonly AccessChange[], { shares, revocations }: Kept): void {
    for (const revocation of revocations) this.revocations.learn(revocation);
    for (const share of shares) {
      const { sight, tokenId } = share;
      // As above.
      if (!this.revocations.has({ fleet: sight.fleet, tokenId })) this.shares.learn(share);
    }
    const there = new Set(shares.map(({ sight, id }) => inFleet(sight.fleet, id)));
    for (const { kind, fleet, key } of changed) {
      if (kind === 'share' && !there.has(inFleet(fleet, key))) this.shares.learnEnd(fleet, key);
    }
  }

  #takeAll(): (all: Kept) => void {
    // One that is made meanwhile need not be in what is read.
    const known = this.shares
      .all()
      .map(({ sight, id }): AccessChange => ({ kind: 'share', fleet: sight.fleet, key: id }));
    return (all) => this.#take(known, all);
  }
}
