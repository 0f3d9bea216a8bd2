import type { CutOffs } from './cut-offs.ts';

/** What instances in one process say: for tests. */
export class MemoryCutOffs implements CutOffs {
  readonly #now: () => number;
  readonly #until = new Map<string, number>();

  /** @param now epoch milliseconds */
  constructor(now: () => number) {
    this.#now = now;
  }

  async say(instance: string, milliseconds: number): Promise<void> {
    this.#until.set(instance, this.#now() + milliseconds);
  }

  async unsay(instance: string): Promise<void> {
    this.#until.delete(instance);
  }

  async others(instance: string): Promise<boolean> {
    return [...this.#until].some(([other, until]) => other !== instance && until > this.#now());
  }
}
