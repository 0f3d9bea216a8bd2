/** When a state begins and ends. */
export interface StandingRules {
  /** From here on a sample is too high. */
  readonly limit: number;
  /** Below this one is low again; what is between changes nothing. */
  readonly release: number;
  /** Milliseconds for which every sample must be too high before it begins. */
  readonly begin: number;
  /** Milliseconds for which every sample must be low before it ends. */
  readonly end: number;
}

/**
 * Whether what is measured again and again stands too high: not for a moment, as a single long turn or a burst would have
 * it, but in every sample for a while, as a queue does that grows faster than it is served (what CoDel, RFC 8289, calls a
 * standing queue). It ends only well below where it began, and for longer, so that it does not flap.
 */
export class Standing {
  readonly #rules: StandingRules;
  /** Since when every sample has spoken for the other state. */
  #since: number | undefined;
  #high = false;

  constructor(rules: StandingRules) {
    this.#rules = rules;
  }

  get high(): boolean {
    return this.#high;
  }

  /** @param now milliseconds of a clock that never goes back */
  sample(value: number, now: number): void {
    const { limit, release, begin, end } = this.#rules;
    if (this.#high ? value >= release : value < limit) {
      this.#since = undefined;
      return;
    }
    this.#since ??= now;
    if (now - this.#since < (this.#high ? end : begin)) return;
    this.#high = !this.#high;
    this.#since = undefined;
  }
}
