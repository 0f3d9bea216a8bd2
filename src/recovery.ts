import type { Store } from './store/store.ts';
import type { Tracker } from './tracker.ts';

/** Milliseconds after which a recovery is worth a word, and from one word to the next. */
const WORD_INTERVAL = 3_000;

/** What a recovery is made of. */
export interface RecoveryDeps {
  readonly tracker: Pick<Tracker, 'restore' | 'size'>;
  readonly store: Pick<Store, 'loadPositions'>;
  /** Only drivers of whom something was received since then are still known: epoch milliseconds. */
  readonly since: number;
  /** Ends the recovery, but for the page at hand. */
  readonly signal: AbortSignal;
  /** A clock that only goes forward, milliseconds. */
  readonly clock: () => number;
  /** Hears how far it is, every few seconds of one that takes long. */
  readonly onProgress: (message: string) => void;
}

/** What came of a recovery. */
export interface Recovery {
  readonly drivers: number;
  readonly milliseconds: number;
}

/**
 * Fills the index from the store before anything is served.
 *
 * @returns undefined when it was told to stop: then some drivers are missing
 * @throws {StoreUnavailable} the database went away meanwhile
 */
export async function recover(deps: RecoveryDeps): Promise<Recovery | undefined> {
  const { tracker, store, since, signal, clock, onProgress } = deps;
  const startedAt = clock();
  let toldAt = startedAt;
  const pages = store.loadPositions(since, (seen, total) => {
    if (clock() - toldAt < WORD_INTERVAL) return;
    toldAt = clock();
    const part = total === undefined ? '' : ` (${Math.floor((100 * seen) / total)} % of the table)`;
    onProgress(`Restoring the drivers from the database: ${count(tracker.size)} so far${part} …`);
  });
  await tracker.restore(until(signal, pages));
  return signal.aborted ? undefined : { drivers: tracker.size, milliseconds: clock() - startedAt };
}

/** The pages up to a signal, which is heard also while one is waited for. */
async function* until<T>(signal: AbortSignal, pages: AsyncIterable<T>): AsyncGenerator<T> {
  if (signal.aborted) return;
  const stopped = new Promise<undefined>((resolve) => {
    signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
  const reader = pages[Symbol.asyncIterator]();
  for (;;) {
    const next = reader.next();
    // Nobody waits any more for what comes after the signal.
    next.catch(() => {});
    const page = await Promise.race([next, stopped]);
    if (page === undefined || page.done || signal.aborted) break;
    yield page.value;
  }
  reader.return?.().catch(() => {});
}

/** A whole number with separators. */
function count(n: number): string {
  return n.toLocaleString('en-US');
}
