import { encodeStreamEvent } from '../protocol/stream-event.ts';
import type { Entry } from '../store/store.ts';
import type { StoredEntries } from '../store/streamed.ts';
import { Backlog, type Batch } from './backlog.ts';

/** Where events end up. */
export interface EventLog {
  /** Adds events in their order. @throws none of them was added, or it is not known whether they were */
  append(events: readonly string[]): Promise<void>;
  /** Ends it, whatever is under way. */
  close(): void;
}

/** What was not added, and will not be. */
export interface Missing {
  readonly events: number;
  /** When the oldest and the newest of what they tell was received: epoch milliseconds. */
  readonly since: number;
  readonly until: number;
}

export interface FixStreamOptions {
  readonly log: EventLog;
  /** The log does not take what comes; called once for each reason until it is back. */
  readonly onTrouble?: (error: Error) => void;
  /** So much waits that the oldest give way; called once until all that waits is added. */
  readonly onDropping?: () => void;
  /** After trouble, or what gave way: the log has all that waited but for what is missing. */
  readonly onReturn?: (missing?: Missing) => void;
  /** Milliseconds that whoever stored something waits for the log, until it is known to be behind. */
  readonly patience?: number;
  /** What may wait: events, and characters of all together. */
  readonly maxWaiting?: number;
  readonly maxSize?: number;
  /** Milliseconds before the first retry, doubled each time up to the second. */
  readonly retryDelay?: number;
  readonly retryDelayMax?: number;
  /** Milliseconds, from any moment on. */
  readonly clock?: () => number;
  /** Calls back after so many milliseconds, unless the function that it returns is called before. */
  readonly after?: (milliseconds: number, callback: () => void) => () => void;
}

/** Of one append: about a millisecond of the server, in which it does nothing else. */
const BATCH_EVENTS = 500;
const BATCH_SIZE = 500_000;
/** Reasons that are told apart before the log is back. */
const MAX_REASONS = 8;
const NOTHING: Batch = { events: [], times: [] };

/** Who is to hear when nothing waits. */
interface Waiter {
  readonly tell: () => void;
  /** It does not wait for a log that is in trouble. */
  readonly isImpatient: boolean;
}

/**
 * Tells on what was stored, in order: to a log that may be away or slow, which is waited for once and a little. From then
 * on it is behind: nobody waits, and what comes waits here, bounded, until the log has all of it. An append whose answer was lost is made
 * again, so that each event is there at least once.
 */
export class FixStream implements StoredEntries {
  /** Events that the log has taken. */
  entries = 0;
  /** Events that gave way to newer ones, or were left at the end. */
  dropped = 0;
  /** Appends that failed; each is made again. */
  failures = 0;
  readonly #options: Required<FixStreamOptions>;
  readonly #backlog: Backlog;
  /** What the log has been given, and perhaps taken. */
  #inHand: Batch = NOTHING;
  #appending = false;
  #behind = false;
  #reasons = new Set<string>();
  #missing: Missing | undefined;
  /** In a row. */
  #failed = 0;
  #cancelRetry: (() => void) | undefined;
  #waiters: Waiter[] = [];
  #closed = false;

  constructor(options: FixStreamOptions) {
    this.#options = {
      onTrouble: () => {},
      onDropping: () => {},
      onReturn: () => {},
      patience: 250,
      maxWaiting: 200_000,
      maxSize: 64_000_000,
      retryDelay: 100,
      retryDelayMax: 1_000,
      clock: () => performance.now(),
      after: afterTimeout,
      ...options,
    };
    this.#backlog = new Backlog(this.#options.maxWaiting, this.#options.maxSize);
  }

  /** Events that are not yet known to be added. */
  get waiting(): number {
    return this.#backlog.length + this.#inHand.events.length;
  }

  /** Whether what is stored is acknowledged without waiting for the log. */
  get behind(): boolean {
    return this.#behind;
  }

  async add(entries: readonly Entry[]): Promise<void> {
    for (const entry of entries) {
      const at = entry.kind === 'removal' ? entry.at : entry.fix.receivedAt;
      if (this.#closed) this.#drop(at);
      else this.#backlog.push(encodeStreamEvent(entry), at, this.#drop);
    }
    if (!this.#appending && this.#cancelRetry === undefined) void this.#append();
    if (this.#behind) return;
    // Not worth a word: it may be this process that has too much to do.
    if (!(await this.#empty(this.#options.patience, true))) this.#fallBehind();
  }

  /**
   * Ends it, and the log, once all that waits is added, or after so many milliseconds.
   *
   * @returns what was not added, or may not have been
   */
  async close(deadline: number): Promise<Missing | undefined> {
    this.#stopRetry();
    if (!this.#appending) void this.#append();
    await this.#empty(deadline, false);
    this.#closed = true;
    this.#stopRetry();
    this.#options.log.close();
    for (const at of this.#inHand.times) this.#drop(at);
    for (const at of this.#backlog.take(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY).times) this.#drop(at);
    this.#inHand = NOTHING;
    return this.#missing;
  }

  /**
   * Resolves with true when nothing waits, or with false after so many milliseconds.
   *
   * @param isImpatient with true also when the log is in trouble
   */
  #empty(deadline: number, isImpatient: boolean): Promise<boolean> {
    if (this.waiting === 0) return Promise.resolve(true);
    return new Promise((resolve) => {
      const cancel = this.#options.after(deadline, () => resolve(false));
      const tell = () => {
        cancel();
        resolve(true);
      };
      this.#waiters.push({ tell, isImpatient });
    });
  }

  /** Gives the log all that waits, a batch at a time: a later one must not be there where an earlier one is not. */
  async #append(): Promise<void> {
    const { log, clock, patience } = this.#options;
    this.#appending = true;
    let took = 0;
    for (;;) {
      if (this.#inHand.events.length === 0) this.#inHand = this.#backlog.take(BATCH_EVENTS, BATCH_SIZE);
      const { events } = this.#inHand;
      if (events.length === 0 || this.#closed) break;
      const began = clock();
      try {
        await log.append(events);
      } catch (error) {
        this.#appending = false;
        if (!this.#closed) this.#tryAgain(error);
        return;
      }
      took = clock() - began;
      this.#failed = 0;
      this.#inHand = NOTHING;
      this.entries += events.length;
    }
    this.#appending = false;
    if (this.#closed) return;
    // One that is slow would otherwise be waited for again and again.
    if (took < patience) this.#back();
    for (const { tell } of this.#waiters.splice(0)) tell();
  }

  #tryAgain(error: unknown): void {
    const { retryDelay, retryDelayMax, after } = this.#options;
    this.failures++;
    this.#trouble(error instanceof Error ? error : new Error(String(error)));
    this.#cancelRetry = after(Math.min(retryDelay * 2 ** this.#failed++, retryDelayMax), () => {
      this.#cancelRetry = undefined;
      void this.#append();
    });
  }

  #stopRetry(): void {
    this.#cancelRetry?.();
    this.#cancelRetry = undefined;
  }

  #fallBehind(): void {
    this.#behind = true;
    const waiters = this.#waiters;
    this.#waiters = waiters.filter(({ isImpatient }) => !isImpatient);
    for (const { isImpatient, tell } of waiters) if (isImpatient) tell();
  }

  #trouble(error: Error): void {
    this.#fallBehind();
    if (this.#reasons.has(error.message) || this.#reasons.size === MAX_REASONS) return;
    this.#reasons.add(error.message);
    this.#options.onTrouble(error);
  }

  /** Nothing waits any more, and the log is quick. */
  #back(): void {
    const missing = this.#missing;
    const isNews = missing !== undefined || this.#reasons.size > 0;
    this.#behind = false;
    this.#reasons.clear();
    this.#missing = undefined;
    if (isNews) this.#options.onReturn(missing);
  }

  #drop = (at: number): void => {
    const { events, since, until } = this.#missing ?? { events: 0, since: at, until: at };
    this.dropped++;
    this.#missing = { events: events + 1, since: Math.min(since, at), until: Math.max(until, at) };
    if (events === 0 && !this.#closed) this.#options.onDropping();
  };
}

function afterTimeout(milliseconds: number, callback: () => void): () => void {
  const timer = setTimeout(callback, milliseconds).unref();
  return () => clearTimeout(timer);
}
