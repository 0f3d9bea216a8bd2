import type { AccessChange, AccessChanges, AccessStore, Kept, Revocation, Share } from '../auth/access-store.ts';

/** Shares and revocations that are forgotten: for tests of what stands on them. */
export class MemoryAccess implements AccessStore {
  #shares: readonly Share[] = [];
  #revocations: readonly Revocation[] = [];
  readonly #changes: AccessChange[] = [];

  async saveShare(share: Share, limit: number): Promise<boolean> {
    const { fleet } = share.sight;
    const others = this.#shares.filter((other) => other.sight.fleet !== fleet || other.id !== share.id);
    const isLiveOfSubject = ({ sight, subject, expiresAt }: Share) =>
      sight.fleet === fleet && subject === share.subject && expiresAt > share.createdAt;
    if (others.filter(isLiveOfSubject).length >= limit) return false;
    this.#shares = [...others, share];
    this.#changes.push({ kind: 'share', fleet, key: share.id });
    return true;
  }

  async deleteShare(fleet: string, id: string): Promise<void> {
    this.#keepShares((share) => share.sight.fleet !== fleet || share.id !== id);
  }

  async revoke(revocation: Revocation): Promise<void> {
    const { fleet, tokenId } = revocation;
    this.#keepShares((share) => share.sight.fleet !== fleet || share.tokenId !== tokenId);
    const isIt = (other: Revocation) => other.fleet === fleet && other.tokenId === tokenId;
    const before = this.#revocations.find(isIt);
    const kept =
      before === undefined ? revocation : { ...before, expiresAt: Math.max(before.expiresAt, revocation.expiresAt) };
    this.#revocations = [...this.#revocations.filter((other) => !isIt(other)), kept];
    this.#changes.push({ kind: 'token', fleet, key: tokenId });
  }

  async load() {
    return { shares: this.#shares, revocations: this.#revocations, mark: String(this.#changes.length) };
  }

  async changesSince(mark: string): Promise<AccessChanges | undefined> {
    const changes = new Map(this.#changes.slice(Number(mark)).map((change) => [JSON.stringify(change), change]));
    return { changes: [...changes.values()], mark: String(this.#changes.length) };
  }

  async find(named: readonly AccessChange[]): Promise<Kept> {
    const isNamed = (kind: AccessChange['kind'], fleet: string, key: string) =>
      named.some((one) => one.kind === kind && one.fleet === fleet && one.key === key);
    return {
      shares: this.#shares.filter(({ sight, id }) => isNamed('share', sight.fleet, id)),
      revocations: this.#revocations.filter(({ fleet, tokenId }) => isNamed('token', fleet, tokenId)),
    };
  }

  async findByDigest(digests: readonly string[]): Promise<readonly Share[]> {
    return this.#shares.filter(({ digest }) => digests.includes(digest));
  }

  async prune(shares: number, revocations: number): Promise<void> {
    const isRevoked = ({ sight, tokenId }: Share) =>
      this.#revocations.some((other) => other.fleet === sight.fleet && other.tokenId === tokenId);
    this.#keepShares((share) => share.expiresAt >= shares && !isRevoked(share));
    this.#revocations = this.#revocations.filter(({ expiresAt }) => expiresAt >= revocations);
  }

  #keepShares(isKept: (share: Share) => boolean): void {
    for (const share of this.#shares) {
      if (!isKept(share)) this.#changes.push({ kind: 'share', fleet: share.sight.fleet, key: share.id });
    }
    this.#shares = this.#shares.filter(isKept);
  }
}
