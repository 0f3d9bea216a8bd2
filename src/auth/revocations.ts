import { DomainError } from '../errors.ts';
import type { AccessChange, AccessStore, Revocation } from './access-store.ts';
import type { OpenDoors } from './open-doors.ts';
import type { Principal } from './principal.ts';
import type { Shares } from './shares.ts';
import { type Page, Shelves } from './shelves.ts';
import { stored } from './stored.ts';

/** Revocations that a fleet may have at a time. */
const MAX_PER_FLEET = 100_000;
/** A revocation is kept so much longer than what it revokes, milliseconds: clocks differ, and may be told to be tolerant. */
export const GRACE = 86_400_000;

/** What revocations stand on. */
export interface RevocationsDeps {
  readonly store: AccessStore;
  readonly doors: OpenDoors;
  readonly shares: Pick<Shares, 'madeWith' | 'dropMadeWith' | 'forgetMadeWith'>;
  readonly now: () => number;
  /** What there is of other instances; absent: there are none. */
  readonly others?: {
    /** Tells them of a change that is stored. */
    tell(change: AccessChange): void;
  };
}

/** The tokens that are no longer taken, by fleet and `jti`. They are all in memory, and there only once they are stored. */
export class Revocations {
  readonly #deps: RevocationsDeps;
  readonly #byFleet = new Shelves<Revocation>();

  /** @param kept those that are stored already */
  constructor(deps: RevocationsDeps, kept: readonly Revocation[]) {
    this.#deps = deps;
    for (const revocation of kept) this.#byFleet.set(revocation.fleet, revocation.tokenId, revocation);
  }

  /** Whether a principal's token was revoked, or that with which its share was made. */
  has({ fleet, tokenId }: Pick<Principal, 'fleet' | 'tokenId'>): boolean {
    return tokenId !== undefined && this.#byFleet.get(fleet, tokenId) !== undefined;
  }

  /**
   * Has the tokens of a `jti` taken no more, ends the shares that were made with them, and closes what is held open by
   * either; all once it is stored.
   *
   * @param expiresAt when they end by themselves, epoch milliseconds; of two that are named the later one counts
   * @throws {DomainError} `limit`, `unavailable`
   */
  async revoke(fleet: string, tokenId: string, expiresAt: number): Promise<void> {
    const { store, shares, now, others } = this.#deps;
    if (this.#byFleet.get(fleet, tokenId) === undefined && this.#byFleet.count(fleet) >= MAX_PER_FLEET) {
      throw new DomainError('limit', `A fleet may have at most ${MAX_PER_FLEET} revocations at a time.`);
    }
    const revocation = { fleet, tokenId, revokedAt: now(), expiresAt };
    const made = shares.madeWith(fleet, tokenId);
    await stored(store.revoke(revocation));
    this.#add(revocation);
    others?.tell({ kind: 'token', fleet, key: tokenId });
    const dropped = shares.dropMadeWith(fleet, tokenId, made);
    this.#deps.doors.closeToken(fleet, tokenId);
    await dropped;
  }

  /** Takes over a revocation that is stored. */
  learn(revocation: Revocation): void {
    const { fleet, tokenId } = revocation;
    this.#add(revocation);
    this.#deps.shares.forgetMadeWith(fleet, tokenId);
    this.#deps.doors.closeToken(fleet, tokenId);
  }

  /** The revocations of a fleet, in the order of their `jti`. */
  page(fleet: string, after: string | undefined, limit: number): Page<Revocation> {
    return this.#byFleet.page(fleet, after, limit, () => true);
  }

  /** Forgets those of tokens that ended by themselves. */
  prune(): void {
    const since = this.#deps.now() - GRACE;
    this.#byFleet.prune(({ expiresAt }) => expiresAt < since);
  }

  /** One that is there already is only ever prolonged. */
  #add(revocation: Revocation): void {
    const { fleet, tokenId, expiresAt } = revocation;
    const before = this.#byFleet.get(fleet, tokenId);
    const kept = before && { ...before, expiresAt: Math.max(before.expiresAt, expiresAt) };
    this.#byFleet.set(fleet, tokenId, kept ?? revocation);
  }
}
