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

/** Names what was added or taken away: a share by its id, or the revocation of a token by its `jti`. */
export interface AccessChange {
  readonly kind: 'share' | 'token';
  readonly fleet: string;
  readonly key: string;
}

/** Shares and revocations that are kept, in no stated order. */
export interface Kept {
  readonly shares: readonly Share[];
  readonly revocations: readonly Revocation[];
}

/** What has changed, and where that ends. */
export interface AccessChanges {
  readonly changes: readonly AccessChange[];
  readonly mark: string;
}

/**
 * Where shares and revocations survive a restart. Every implementation passes the same contract suite
 * (`test/store/access-contract.ts`), and throws `StoreUnavailable` when it does not answer: then it is not known whether
 * something was written, and the same can be tried again.
 */
export interface AccessStore {
  /**
   * Resolves once it is kept, like all that write here.
   *
   * @param limit shares that its subject may have at a time, whichever instance they are made at
   * @returns false when the subject has as many that are live, and nothing is kept
   */
  saveShare(share: Share, limit: number): Promise<boolean>;
  /** Deletes a share, if there is such a one. */
  deleteShare(fleet: string, id: string): Promise<void>;
  /**
   * Keeps a revocation and deletes the shares that were made with the token, both or neither. One that is kept already is
   * only ever prolonged.
   */
  revoke(revocation: Revocation): Promise<void>;
  /** All that is kept. @returns with a mark of which `changesSince` goes on */
  load(): Promise<Kept & { readonly mark: string }>;
  /**
   * What has been committed since a mark, by whomever, each once; some of what was before may be named again. What was
   * deleted as it had ended need not be.
   *
   * @returns undefined when that cannot be told any more, or is so much that all is better loaded anew
   */
  changesSince(mark: string): Promise<AccessChanges | undefined>;
  /** What there is of what is named: shares that live and such that have ended, and revocations. */
  find(named: readonly AccessChange[]): Promise<Kept>;
  /** The shares that there are with these digests. */
  findByDigest(digests: readonly string[]): Promise<readonly Share[]>;
  /**
   * Deletes shares and revocations that ended before these times, and shares that were made with a revoked token, as one can
   * be while another instance revokes it.
   */
  prune(shares: number, revocations: number): Promise<void>;
}
