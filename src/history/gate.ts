import type { Clock } from '../subscriptions/outbox.ts';

/** Holds back what is put off to the end of a turn while something is done in several turns that nobody may see half. */
export class Gate {
  /** For whoever is to see the whole alone. */
  readonly clock: Clock;
  readonly #clock: Clock;
  #closed = false;
  #held: (() => void)[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
    this.clock = {
      now: clock.now,
      after: clock.after,
      defer: (callback) =>
        clock.defer(() => {
          if (this.#closed) this.#held.push(callback);
          else callback();
        }),
    };
  }

  close(): void {
    this.#closed = true;
  }

  open(): void {
    this.#closed = false;
    const held = this.#held;
    this.#held = [];
    for (const callback of held) this.clock.defer(callback);
  }

  /** Forgets what is held back. */
  drop(): void {
    this.#held = [];
  }
}
