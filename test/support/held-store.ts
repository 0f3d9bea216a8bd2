import { MemoryStore } from '../../src/store/memory.ts';
import type { Entry } from '../../src/store/store.ts';

/** A store whose writes finish when the test lets them. */
export class HeldStore extends MemoryStore {
  /** What was handed over, in the order in which it was. */
  readonly batches: (readonly Entry[])[] = [];
  #held: (() => void)[] = [];

  override async write(entries: readonly Entry[]): Promise<void> {
    this.batches.push(entries);
    await new Promise<void>((resolve) => this.#held.push(resolve));
    await super.write(entries);
  }

  /** Lets those finish that have begun. */
  release(): void {
    for (const resolve of this.#held.splice(0)) resolve();
  }
}
