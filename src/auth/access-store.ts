import type { Sight } from '../sight.ts';

/** A link that shows a driver or an area to whoever has it. */
export interface Share {
  readonly id: string;
  /** SHA-256 of its token, base64url: the token itself is kept nowhere. */
  readonly digest: string;
  /** Who made it. */
  readonly subject: string;
  /** The `jti` of the token that it was made with, where that had one. */
  readonly tokenId?: string;
  readonly label?: string;
  readonly sight: Sight;
  /** Epoch milliseconds, as all times here. */
  readonly createdAt: number;
  readonly expiresAt: number;
}

/** That tokens of a fleet with this `jti` are no longer taken. */
export interface Revocation {
  readonly fleet: string;
  readonly tokenId: string;
  readonly revokedAt: number;
  /** When the tokens end by themselves. */
  readonly expiresAt: number;
}

/**
 * Where shares and revocations survive a restart. Every implementation passes the same contract suite
 * (`test/store/access-contract.ts`), and throws `StoreUnavailable` when it does not answer: then it is not known whether
 * something was written, and the same can be tried again.
 */
export interface AccessStore {
  /** Resolves once it is kept, like all that write here. */
  saveShare(share: Share): Promise<void>;
  /** Deletes a share, if there is such a one. */
  deleteShare(fleet: string, id: string): Promise<void>;
  /**
   * Keeps a revocation and deletes the shares that were made with the token, both or neither. One that is kept already is
   * only ever prolonged.
   */
  revoke(revocation: Revocation): Promise<void>;
  /** All that is kept, in no stated order. */
  load(): Promise<{ readonly shares: readonly Share[]; readonly revocations: readonly Revocation[] }>;
  /** Deletes shares and revocations that ended before these times. */
  prune(shares: number, revocations: number): Promise<void>;
}
