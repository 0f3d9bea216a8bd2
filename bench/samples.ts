/** Numbers of which percentiles are asked at the end. */
export class Samples {
  #values = new Float64Array(1024);
  #length = 0;

  get count(): number {
    return this.#length;
  }

  add(value: number): void {
    if (this.#length === this.#values.length) {
      const larger = new Float64Array(this.#length * 2);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.#length++] = value;
  }

  /** The smallest value that at least this share of all do not exceed (nearest rank), for each share; NaN when empty. */
  percentiles(...shares: readonly number[]): number[] {
    const sorted = this.#values.slice(0, this.#length).sort();
    return shares.map((share) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN);
  }
}
