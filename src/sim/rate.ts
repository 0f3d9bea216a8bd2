/** How fast a count grows, over about the last five seconds. */
export class Rate {
  readonly #samples: { at: number; count: number }[];

  /** Starts to count from 0. @param now milliseconds */
  constructor(now: number) {
    this.#samples = [{ at: now, count: 0 }];
  }

  /** The rate a second, given the count now. @param now milliseconds */
  update(count: number, now: number): number {
    this.#samples.push({ at: now, count });
    while (this.#samples.length > 2 && now - this.#samples[1].at >= 5000) this.#samples.shift();
    const [oldest] = this.#samples;
    return now > oldest.at ? ((count - oldest.count) * 1000) / (now - oldest.at) : 0;
  }
}
