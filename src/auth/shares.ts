import { hash, randomBytes } from 'node:crypto';
import { DomainError } from '../errors.ts';
import type { AccessStore, Share } from './access-store.ts';
import { inFleet } from './in-fleet.ts';
import { type OpenDoors, revoked } from './open-doors.ts';
import { Principal } from './principal.ts';
import { type Shown, shareSight } from './share-sight.ts';
import { type Page, Shelves } from './shelves.ts';
import { stored } from './stored.ts';

/** How every share's token begins; no JWT does. */
export const SHARE_PREFIX = 'share_';
/** Bytes of a token, by chance: none is ever guessed. */
const TOKEN_BYTES = 32;
const TOKEN = new RegExp(`^${SHARE_PREFIX}[A-Za-z0-9_-]{43}$`);
/** Bytes that tell shares of one millisecond apart. */
const ID_BYTES = 9;

/** What somebody wants to share. */
export interface ShareWish {
  readonly shown: Shown;
  readonly label?: string;
  /** Milliseconds. */
  readonly lifetime: number;
}

/** What shares stand on. */
export interface SharesDeps {
  readonly store: AccessStore;
  readonly doors: OpenDoors;
  readonly now: () => number;
  /** Shares that a subject may have at a time. */
  readonly maxPerSubject: number;
}

interface Entry {
  readonly share: Share;
  readonly principal: Principal;
}

/** The shares of all fleets. They are all in memory, and there only once they are stored. */
export class Shares {
  readonly #deps: SharesDeps;
  readonly #byDigest = new Map<string, Entry>();
  readonly #byFleet = new Shelves<Share>();
  readonly #bySubject = new Shelves<Share>();
  readonly #byToken = new Shelves<Share>();
  /** By subject, how many are being stored. */
  readonly #coming = new Map<string, number>();

  /** @param kept those that are stored already */
  constructor(deps: SharesDeps, kept: readonly Share[]) {
    this.#deps = deps;
    for (const share of kept) this.#add(share);
  }

  /** Who comes with a share's token. @throws {DomainError} `unauthorized`, alike for what ended and what never was */
  principalOf(token: string): Principal {
    const entry = TOKEN.test(token) ? this.#byDigest.get(digestOf(token)) : undefined;
    if (entry !== undefined && this.#isLive(entry.share)) return entry.principal;
    throw new DomainError('unauthorized', 'There is no such share, or it has ended.');
  }

  /** Whether a share is there still. */
  has({ fleet, shareId }: Principal): boolean {
    return shareId !== undefined && this.#byFleet.get(fleet, shareId) !== undefined;
  }

  /**
   * Makes a share, as somebody who may read.
   *
   * @param isRevoked whether the token that it is made with has been revoked meanwhile
   * @returns the share and its token, which nobody can be told again
   * @throws {DomainError} `forbidden`, `limit`, `unauthorized`, `unavailable`
   */
  async make(maker: Principal, wish: ShareWish, isRevoked: () => boolean): Promise<{ share: Share; token: string }> {
    const sight = shareSight(maker.sight, wish.shown);
    const subject = subjectKey(maker);
    const { store, now, maxPerSubject } = this.#deps;
    this.#forgetEnded(subject);
    const coming = this.#coming.get(subject) ?? 0;
    if (this.#bySubject.count(subject) + coming >= maxPerSubject) {
      throw new DomainError('limit', `A subject may have at most ${maxPerSubject} shares at a time; end one.`);
    }
    const token = SHARE_PREFIX + randomBytes(TOKEN_BYTES).toString('base64url');
    const createdAt = now();
    const share: Share = {
      // In the order in which they were made.
      id: createdAt.toString(36).padStart(9, '0') + randomBytes(ID_BYTES).toString('base64url'),
      digest: digestOf(token),
      subject: maker.subject,
      ...(maker.tokenId !== undefined && { tokenId: maker.tokenId }),
      ...(wish.label !== undefined && { label: wish.label }),
      sight,
      createdAt,
      expiresAt: createdAt + wish.lifetime,
    };
    this.#coming.set(subject, coming + 1);
    try {
      await stored(store.saveShare(share));
    } finally {
      const left = (this.#coming.get(subject) ?? 1) - 1;
      if (left === 0) this.#coming.delete(subject);
      else this.#coming.set(subject, left);
    }
    if (isRevoked()) {
      // Its deletion may have been stored before it; nobody knows the token, so nothing is open should this fail.
      await store.deleteShare(sight.fleet, share.id).catch(() => {});
      throw revoked();
    }
    this.#add(share);
    return { share, token };
  }

  /** The shares that somebody made, or for who manages access those of the whole fleet, in the order of their making. */
  page(principal: Principal, after: string | undefined, limit: number): Page<Share> {
    const isLive = (share: Share) => this.#isLive(share);
    if (principal.canManageAccess) return this.#byFleet.page(principal.fleet, after, limit, isLive);
    return this.#bySubject.page(subjectKey(principal), after, limit, isLive);
  }

  /**
   * Ends a share, and closes what is held open by it.
   *
   * @returns false when there is none that this principal may end
   * @throws {DomainError} `unavailable`
   */
  async end(principal: Principal, id: string): Promise<boolean> {
    const { fleet } = principal;
    const share = this.#byFleet.get(fleet, id);
    const mayEnd = principal.canManageAccess || share?.subject === principal.subject;
    if (share === undefined || !mayEnd || !this.#isLive(share)) return false;
    await stored(this.#deps.store.deleteShare(fleet, id));
    this.#drop(share);
    return true;
  }

  /** All shares that were made with a token. */
  madeWith(fleet: string, tokenId: string): readonly Share[] {
    return this.#byToken.all(inFleet(fleet, tokenId));
  }

  /**
   * Ends all shares that were made with a token whose revocation is stored.
   *
   * @param known that were there before it was; those that came since may have been stored behind its back, and are deleted
   * @throws {DomainError} `unavailable`: they have ended, and may come back with a restart
   */
  async dropMadeWith(fleet: string, tokenId: string, known: readonly Share[]): Promise<void> {
    const all = this.madeWith(fleet, tokenId);
    for (const share of all) this.#drop(share);
    const before = new Set(known);
    const since = all.filter((share) => !before.has(share));
    await Promise.all(since.map(({ id }) => stored(this.#deps.store.deleteShare(fleet, id))));
  }

  /** Forgets those that have ended. */
  prune(): void {
    const now = this.#deps.now();
    for (const { share } of this.#byDigest.values()) if (share.expiresAt <= now) this.#forget(share);
  }

  #forgetEnded(subject: string): void {
    if (this.#bySubject.count(subject) < this.#deps.maxPerSubject) return;
    for (const share of this.#bySubject.all(subject)) if (!this.#isLive(share)) this.#forget(share);
  }

  #isLive(share: Share): boolean {
    return this.#deps.now() < share.expiresAt;
  }

  #add(share: Share): void {
    const { fleet } = share.sight;
    this.#byDigest.set(share.digest, { share, principal: Principal.ofShare(share) });
    this.#byFleet.set(fleet, share.id, share);
    this.#bySubject.set(inFleet(fleet, share.subject), share.id, share);
    if (share.tokenId !== undefined) this.#byToken.set(inFleet(fleet, share.tokenId), share.id, share);
  }

  /** Forgets a share before its time; whoever came by it is sent away. */
  #drop(share: Share): void {
    this.#forget(share);
    this.#deps.doors.closeShare(share.id);
  }

  #forget(share: Share): void {
    const { fleet } = share.sight;
    this.#byDigest.delete(share.digest);
    this.#byFleet.delete(fleet, share.id);
    this.#bySubject.delete(inFleet(fleet, share.subject), share.id);
    if (share.tokenId !== undefined) this.#byToken.delete(inFleet(fleet, share.tokenId), share.id);
  }
}

function digestOf(token: string): string {
  return hash('sha256', token, 'base64url');
}

function subjectKey({ fleet, subject }: Principal): string {
  return inFleet(fleet, subject);
}
