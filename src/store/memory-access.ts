import type { AccessStore, Revocation, Share } from '../auth/access-store.ts';

/** Shares and revocations that are forgotten: for tests of what stands on them. */
export class MemoryAccess implements AccessStore {
  #shares: readonly Share[] = [];
  #revocations: readonly Revocation[] = [];

  async saveShare(share: Share): Promise<void> {
    const { fleet } = share.sight;
    const others = this.#shares.filter((other) => other.sight.fleet !== fleet || other.id !== share.id);
    this.#shares = [...others, share];
  }

  async deleteShare(fleet: string, id: string): Promise<void> {
    this.#shares = this.#shares.filter((share) => share.sight.fleet !== fleet || share.id !== id);
  }

  async revoke(revocation: Revocation): Promise<void> {
    const { fleet, tokenId } = revocation;
    this.#shares = this.#shares.filter((share) => share.sight.fleet !== fleet || share.tokenId !== tokenId);
    const isIt = (other: Revocation) => other.fleet === fleet && other.tokenId === tokenId;
    const before = this.#revocations.find(isIt);
    const kept =
      before === undefined ? revocation : { ...before, expiresAt: Math.max(before.expiresAt, revocation.expiresAt) };
    this.#revocations = [...this.#revocations.filter((other) => !isIt(other)), kept];
  }

  async load() {
    return { shares: this.#shares, revocations: this.#revocations };
  }

  async prune(shares: number, revocations: number): Promise<void> {
    this.#shares = this.#shares.filter(({ expiresAt }) => expiresAt >= shares);
    this.#revocations = this.#revocations.filter(({ expiresAt }) => expiresAt >= revocations);
  }
}
