import type { AccessStore, Revocation, Share } from './access-store.ts';
import { OpenDoors } from './open-doors.ts';
import type { Principal } from './principal.ts';
import { GRACE, Revocations } from './revocations.ts';
import { Shares } from './shares.ts';

/** What access stands on. */
export interface AccessDeps {
  readonly store: AccessStore;
  /** The server's clock, epoch milliseconds. */
  readonly now: () => number;
  /** MAX_SHARES_PER_SUBJECT */
  readonly maxSharesPerSubject: number;
}

/** Who may come in beside those that a token lets in, who may no longer, and what is open to whom. */
export class Access {
  readonly doors: OpenDoors;
  readonly shares: Shares;
  readonly revocations: Revocations;
  readonly #deps: AccessDeps;

  /** Knows all that is stored. @throws {StoreUnavailable} */
  static async load(deps: AccessDeps): Promise<Access> {
    const { shares, revocations } = await deps.store.load();
    return new Access(deps, shares, revocations);
  }

  private constructor(deps: AccessDeps, shares: readonly Share[], revocations: readonly Revocation[]) {
    const { store, now, maxSharesPerSubject } = deps;
    this.#deps = deps;
    this.doors = new OpenDoors(this.isRevoked);
    this.shares = new Shares({ store, doors: this.doors, now, maxPerSubject: maxSharesPerSubject }, shares);
    this.revocations = new Revocations({ store, doors: this.doors, shares: this.shares, now }, revocations);
  }

  /** Whether a principal's token or share was revoked. */
  readonly isRevoked = (principal: Principal): boolean =>
    this.revocations.has(principal) || (principal.shareId !== undefined && !this.shares.has(principal));

  /** Forgets, in memory and in the store, what is over. @throws {StoreUnavailable} */
  async prune(): Promise<void> {
    this.shares.prune();
    this.revocations.prune();
    const now = this.#deps.now();
    await this.#deps.store.prune(now, now - GRACE);
  }
}
