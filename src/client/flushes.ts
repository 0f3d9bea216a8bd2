import type { NearcastError } from './errors.ts';

interface Flush {
  readonly upTo: number;
  resolve(): void;
  reject(error: NearcastError): void;
}

/** Those who wait until all fixes up to a place in the queue are done with. */
export class Flushes {
  #waiting: Flush[] = [];

  /** Waits until the fix in this place and all before it are done with. */
  wait(upTo: number): Promise<void> {
    return new Promise((resolve, reject) => this.#waiting.push({ upTo, resolve, reject }));
  }

  /** Whether anybody waits. */
  get any(): boolean {
    return this.#waiting.length > 0;
  }

  /** Every fix before this place is done with. */
  reached(firstPlace: number): void {
    const done = this.#waiting.filter(({ upTo }) => upTo < firstPlace);
    this.#waiting = this.#waiting.filter(({ upTo }) => upTo >= firstPlace);
    for (const { resolve } of done) resolve();
  }

  /** It is not known when, or whether, the rest will be. */
  fail(error: NearcastError): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}
