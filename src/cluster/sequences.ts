/** Milliseconds that a message may be later than the beat that counts it: they come by two connections. */
const GRACE = 500;

/** A beat that said more than was heard. */
interface Claim {
  readonly seq: number;
  readonly at: number;
}

/**
 * What was heard on one channel, by the publishers' own counts: so that what was missed is noticed. Of a publisher that was not
 * heard before, the first that comes is where the count begins.
 */
export class Sequences {
  readonly #heard = new Map<string, number>();
  #claims: Map<string, Claim> | undefined;

  /** A message came. @returns false: some before it did not */
  heard(publisher: string, seq: number): boolean {
    const last = this.#heard.get(publisher);
    if (last === undefined || seq > last) this.#heard.set(publisher, seq);
    return last === undefined || seq <= last + 1;
  }

  /** A publisher said how far it has counted. @param now milliseconds */
  claimed(publisher: string, seq: number, now: number): void {
    if ((this.#heard.get(publisher) ?? -1) >= seq) return;
    this.#claims ??= new Map();
    if (!this.#claims.has(publisher)) this.#claims.set(publisher, { seq, at: now });
  }

  /**
   * Looks at the claims that had time enough to come true.
   *
   * @returns `gap`: something of a publisher was missed; `stranger`: one says that it has published what may have been before
   * this channel was listened to
   */
  check(now: number): 'gap' | 'stranger' | undefined {
    if (this.#claims === undefined) return undefined;
    let result: 'gap' | 'stranger' | undefined;
    for (const [publisher, { seq, at }] of this.#claims) {
      if (now - at < GRACE) continue;
      this.#claims.delete(publisher);
      const last = this.#heard.get(publisher);
      if (last !== undefined && last >= seq) continue;
      this.#heard.set(publisher, seq);
      if (last !== undefined) result = 'gap';
      else result ??= 'stranger';
    }
    if (this.#claims.size === 0) this.#claims = undefined;
    return result;
  }
}
