import type { AccessChange, AccessStore, Kept } from './access-store.ts';
import { decodeHint, encodeHint, type HintChannel } from './hints.ts';

/** How often the store is asked what changed, milliseconds: what was revoked elsewhere is refused here a bit later at the latest. */
export const CHECK_INTERVAL = 4_000;
/** Changes that are looked up at once. */
const BATCH = 1_000;
/** Changes that may wait to be looked up; beyond it the store is asked what they are. */
const MAX_HEARD = 10_000;

/** What catching up stands on. */
export interface CatchUpDeps {
  readonly store: Pick<AccessStore, 'load' | 'changesSince' | 'find'>;
  readonly hints: HintChannel;
  /** Hears what there is in the store of what has changed. */
  readonly take: (changed: readonly AccessChange[], found: Kept) => void;
  /** Begins to take all anew. @returns hears what there is; what came to be known meanwhile stays */
  readonly takeAll: () => (all: Kept) => void;
  /** Where it is said once that the store cannot be read, and that it can again. */
  readonly log: { warn(message: string): void; info(message: string): void };
}

/**
 * Keeps what is known of shares and revocations as the store has it while other instances change that: at once where a hint
 * comes, and else within seconds, as the store is asked for what changed since it was asked before. What changed is always
 * read there: never from a hint.
 */
export class CatchUp {
  readonly #deps: CatchUpDeps;
  readonly #timer: NodeJS.Timeout;
  /** Named by hints, and not looked up yet. */
  readonly #heard = new Map<string, AccessChange>();
  #mark: string;
  #isDue = false;
  #isAtIt = false;
  #isClosed = false;
  #failed = false;
  /** Up to when all is known, as of `performance.now`. */
  #knownAt = performance.now();

  /** @param mark up to which all is known */
  constructor(deps: CatchUpDeps, mark: string) {
    this.#deps = deps;
    this.#mark = mark;
    deps.hints.listen({ onHint: (hint) => this.#hear(hint), onMissed: () => this.#check() });
    this.#timer = setInterval(() => this.#check(), CHECK_INTERVAL).unref();
  }

  /** How long ago all that has changed was last read, milliseconds. */
  get behind(): number {
    return performance.now() - this.#knownAt;
  }

  /** Tells the others of a change that is stored. */
  tell(change: AccessChange): void {
    this.#deps.hints.send(encodeHint(change));
  }

  /** Looks something up now. @throws {StoreUnavailable} */
  async look(changed: readonly AccessChange[]): Promise<void> {
    this.#deps.take(changed, await this.#deps.store.find(changed));
  }

  /** Nothing is asked any more. */
  close(): void {
    this.#isClosed = true;
    clearInterval(this.#timer);
  }

  #hear(hint: Buffer): void {
    const change = decodeHint(hint);
    // What it was is found by its mark.
    if (change === undefined || this.#heard.size >= MAX_HEARD) this.#isDue = true;
    else this.#heard.set(JSON.stringify(change), change);
    this.#wake();
  }

  #check(): void {
    this.#isDue = true;
    this.#wake();
  }

  #wake(): void {
    if (this.#isAtIt || this.#isClosed) return;
    this.#isAtIt = true;
    this.#work().then(
      () => this.#done(),
      (error: unknown) => this.#fail(error),
    );
  }

  /** One thing after another, so that what is read later is what counts. */
  async #work(): Promise<void> {
    while (!this.#isClosed && (this.#isDue || this.#heard.size > 0)) {
      if (this.#heard.size > 0) {
        const changed = [...this.#heard.values()].slice(0, BATCH);
        for (const change of changed) this.#heard.delete(JSON.stringify(change));
        await this.look(changed);
      } else {
        this.#isDue = false;
        await this.#readOn();
      }
    }
  }

  async #readOn(): Promise<void> {
    const { store, takeAll } = this.#deps;
    const askedAt = performance.now();
    const news = await store.changesSince(this.#mark);
    if (news === undefined) {
      const take = takeAll();
      const all = await store.load();
      take(all);
      this.#mark = all.mark;
      this.#knownAt = askedAt;
      return;
    }
    for (let i = 0; i < news.changes.length; i += BATCH) await this.look(news.changes.slice(i, i + BATCH));
    this.#mark = news.mark;
    this.#knownAt = askedAt;
  }

  #done(): void {
    this.#isAtIt = false;
    if (this.#failed) this.#deps.log.info('shares and revocations are as the database has them again');
    this.#failed = false;
  }

  /** What was heard is found by its mark, the next time that the store is asked. */
  #fail(error: unknown): void {
    this.#isAtIt = false;
    this.#heard.clear();
    if (!this.#failed && !this.#isClosed) {
      const why = error instanceof Error ? error.message : String(error);
      this.#deps.log.warn(`what other instances shared and revoked cannot be read; what is known goes on: ${why}`);
    }
    this.#failed = true;
  }
}
