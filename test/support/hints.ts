import type { HintChannel, HintListener } from '../../src/auth/hints.ts';

/** Carries hints between instances of this process, in the next turn; what is sent while it is cut is lost. */
export class HintHub {
  readonly #listeners = new Set<HintListener>();
  /** Every hint that was sent, heard or not. */
  readonly sent: Buffer[] = [];
  isCut = false;

  /** One instance's end. */
  channel(): HintChannel {
    return {
      send: (hint) => {
        this.sent.push(hint);
        if (this.isCut) return;
        setImmediate(() => {
          for (const listener of this.#listeners) listener.onHint(hint);
        });
      },
      listen: (listener) => void this.#listeners.add(listener),
    };
  }

  /** Lets hints through again, and says that some were lost. */
  heal(): void {
    this.isCut = false;
    for (const listener of this.#listeners) listener.onMissed();
  }

  /** Has all instances hear what none of them said. */
  whisper(hint: Buffer): void {
    for (const listener of this.#listeners) listener.onHint(hint);
  }
}
