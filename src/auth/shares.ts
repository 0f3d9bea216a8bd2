import { hash, randomBytes } from 'node:crypto';
import { DomainError } from '../errors.ts';
import type { AccessChange, AccessStore, Share } from './access-store.ts';
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
const ID = /^[0-9a-z]{9}[A-Za-z0-9_-]{12}$/;
/** Shares of which it is remembered that they ended lately. */
const MAX_ENDED = 100_000;

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
  /** What there is of other instances; absent: there are none. */
  readonly others?: {
    /** Tells them of a change that is stored. */
    tell(change: AccessChange): void;
    /** Looks up what they may have made. @throws {StoreUnavailable} */
    look(changed: readonly AccessChange[]): Promise<void>;
  };
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
  /**
   * The ids of those that ended lately, since they were pruned the last time, and before that: none ever comes back, though
   * what was read of the store a moment before may say so.
   */
  #ended = new Set<string>();
  #endedBefore: ReadonlySet<string> = new Set();

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

  /** The digest of a token that may be that of a share which is not known here; undefined: it is not. */
  strangerOf(token: string): string | undefined {
    const digest = TOKEN.test(token) ? digestOf(token) : undefined;
    return digest === undefined || this.#byDigest.has(digest) ? undefined : digest;
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
    const { store, now, maxPerSubject, others } = this.#deps;
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
    if (!(await stored(store.saveShare(share, maxPerSubject)))) {
      throw new DomainError('limit', `A subject may have at most ${maxPerSubject} shares at a time; end one.`);
    }
    if (isRevoked()) {
      // Its deletion may have been stored before it; nobody knows the token, so nothing is open should this fail.
      await store.deleteShare(sight.fleet, share.id).catch(() => {});
      throw revoked();
    }
    this.#add(share);
    others?.tell({ kind: 'share', fleet: sight.fleet, key: share.id });
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
    const share = this.#byFleet.get(fleet, id) ?? (await this.#lookUp(fleet, id));
    const mayEnd = principal.canManageAccess || share?.subject === principal.subject;
    if (share === undefined || !mayEnd || !this.#isLive(share)) return false;
    await stored(this.#deps.store.deleteShare(fleet, id));
    this.#drop(share);
    this.#deps.others?.tell({ kind: 'share', fleet, key: id });
    return true;
  }

  /** Takes over a share that is stored. */
  learn(share: Share): void {
    const { id, sight } = share;
    if (this.#ended.has(id) || this.#endedBefore.has(id) || !this.#isLive(share)) return;
    if (this.#byFleet.get(sight.fleet, id) === undefined) this.#add(share);
  }

  /** Ends a share that is not stored any more, whether it is known here or not yet. */
  learnEnd(fleet: string, id: string): void {
    const share = this.#byFleet.get(fleet, id);
    if (share === undefined) this.#bury(id);
    else this.#drop(share);
  }

  /** All shares of all fleets. */
  all(): readonly Share[] {
    return Array.from(this.#byDigest.values(), ({ share }) => share);
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

  /** Ends all shares that were made with a token whose revocation is stored, as they are not any more. */
  forgetMadeWith(fleet: string, tokenId: string): void {
    for (const share of this.madeWith(fleet, tokenId)) this.#drop(share);
  }

  /** Forgets those that have ended. */
  prune(): void {
    this.#turnEnded();
    const now = this.#deps.now();
    for (const { share } of this.#byDigest.values()) if (share.expiresAt <= now) this.#forget(share);
  }

  /** A share that another instance has just made, if there is one. */
  async #lookUp(fleet: string, id: string): Promise<Share | undefined> {
    const { others } = this.#deps;
    if (others === undefined || !ID.test(id)) return undefined;
    await stored(others.look([{ kind: 'share', fleet, key: id }]), 'It could not be looked up; try again later.');
    return this.#byFleet.get(fleet, id);
  }

  #bury(id: string): void {
    if (this.#ended.size >= MAX_ENDED) this.#turnEnded();
    this.#ended.add(id);
  }

  #turnEnded(): void {
    this.#endedBefore = this.#ended;
    this.#ended = new Set();
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
    this.#bury(share.id);
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
