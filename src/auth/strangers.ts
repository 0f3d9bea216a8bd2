import { DomainError } from '../errors.ts';
import type { AccessStore, Share } from './access-store.ts';

/** Digests that are looked up at once. */
const BATCH = 100;
/** Milliseconds from one look to the next: whoever tries tokens has the database asked no more often. */
const PAUSE = 20;
/** Digests that may wait; those that come beyond it are told to come back. */
const MAX_WAITING = 1_000;
/** For how long it is remembered that there is no such share, milliseconds, and of how many. */
const ABSENT = 10_000;
const MAX_ABSENT = 10_000;

/** What looking up stands on. */
export interface StrangersDeps {
  readonly store: Pick<AccessStore, 'findByDigest'>;
  /** Hears of shares that there are. */
  readonly take: (shares: readonly Share[]) => void;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/**
 * Tokens of shares that are not known here: one may have been made by another instance a moment ago, so that it is looked up
 * in the store before it is turned away.
 */
export class Strangers {
  readonly #deps: StrangersDeps;
  readonly #asked = new Map<string, PromiseWithResolvers<void>>();
  readonly #queue: string[] = [];
  /** By digest, until when it counts. */
  readonly #absent = new Map<string, number>();
  #isAtIt = false;

  constructor(deps: StrangersDeps) {
    this.#deps = deps;
  }

  /**
   * Looks for a share.
   *
   * @returns resolves once it is known if there is one; undefined: there is none, as was found out lately
   * @throws {DomainError} `unavailable`: it cannot be told now, which a promise is rejected with too
   */
  ask(digest: string): Promise<void> | undefined {
    const until = this.#absent.get(digest);
    if (until !== undefined && this.#deps.now() < until) return undefined;
    const underway = this.#asked.get(digest);
    if (underway !== undefined) return underway.promise;
    if (this.#asked.size >= MAX_WAITING) throw unavailable();
    const asked = Promise.withResolvers<void>();
    this.#asked.set(digest, asked);
    this.#queue.push(digest);
    if (!this.#isAtIt) void this.#work();
    return asked.promise;
  }

  async #work(): Promise<void> {
    this.#isAtIt = true;
    while (this.#queue.length > 0) {
      await this.#look(this.#queue.splice(0, BATCH));
      await new Promise((resolve) => setTimeout(resolve, PAUSE).unref());
    }
    this.#isAtIt = false;
  }

  async #look(digests: readonly string[]): Promise<void> {
    const { store, take, now } = this.#deps;
    let failure: DomainError | undefined;
    try {
      const shares = await store.findByDigest(digests);
      take(shares);
      const there = new Set(shares.map(({ digest }) => digest));
      const until = now() + ABSENT;
      for (const digest of digests) if (!there.has(digest)) this.#remember(digest, until);
    } catch {
      failure = unavailable();
    }
    for (const digest of digests) {
      const asked = this.#asked.get(digest);
      this.#asked.delete(digest);
      if (failure === undefined) asked?.resolve();
      else asked?.reject(failure);
    }
  }

  #remember(digest: string, until: number): void {
    this.#absent.delete(digest);
    // Those that came first give way: they are looked up once more.
    if (this.#absent.size >= MAX_ABSENT) this.#absent.delete(this.#absent.keys().next().value as string);
    this.#absent.set(digest, until);
  }
}

const unavailable = () =>
  new DomainError(
    'unavailable',
    'The token cannot be judged now, as it cannot be looked up whether there is such a share.',
  );
