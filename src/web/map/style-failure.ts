/** As much of `sessionStorage` as is used here. */
interface Memory {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

const KEY = 'nearcast.map-style-failed';
/** A style that failed is asked for again after this long at the earliest, milliseconds. */
const REST = 60_000;

/**
 * Remembers for the session that the style could not be had, so that a page that is opened again soon asks for nothing that
 * will not come.
 */
export class StyleFailure {
  /** Which style: another setting is another matter. */
  readonly #of: string;
  readonly #memory: Memory | undefined;
  readonly #now: () => number;
  #at: number | undefined;

  constructor(of: string, memory: Memory | undefined, now: () => number) {
    this.#of = of;
    this.#memory = memory;
    this.#now = now;
    this.#at = this.#read();
  }

  /** Whether it may be asked for, when there is a reason to: it has not failed in this session, or some time ago. */
  get mayAsk(): boolean {
    return this.#at === undefined || Math.abs(this.#now() - this.#at) >= REST;
  }

  /** It failed now. */
  remember(): void {
    this.#at = this.#now();
    this.#attempt(() => this.#memory?.setItem(KEY, JSON.stringify({ of: this.#of, at: this.#at })));
  }

  /** It came. */
  forget(): void {
    this.#at = undefined;
    this.#attempt(() => this.#memory?.removeItem(KEY));
  }

  #read(): number | undefined {
    return this.#attempt(() => {
      const kept = JSON.parse(this.#memory?.getItem(KEY) ?? 'null');
      return kept?.of === this.#of && typeof kept.at === 'number' ? kept.at : undefined;
    });
  }

  /** Storage may be full, forbidden, or hold anything: then this page alone remembers. */
  #attempt<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch {
      return undefined;
    }
  }
}
