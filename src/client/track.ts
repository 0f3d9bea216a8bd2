import type { BackOff } from './back-off.ts';
import type { Clock } from './clock.ts';
import { Emitter } from './emitter.ts';
import { asNearcastError, errorOf, NearcastError } from './errors.ts';
import type { Link, Member, Reply } from './link.ts';
import { listen, type PageEvents } from './page.ts';
import { type Entry, FixQueue } from './queue.ts';
import { fixOf, type Reading } from './reading.ts';
import type { CallOptions, Rest } from './rest.ts';
import { type FixStorage, Keeper } from './storage.ts';
import { subjectOf, type Tokens } from './token.ts';
import type { Fix, Result } from './wire.ts';

/** How to track. */
export interface TrackOptions {
  /** Whose fixes they are, where a fix does not say. Absent: of the token’s subject. */
  readonly driverId?: string;
  /** How many fixes may wait for their verdicts before the oldest are dropped; 10,000 when absent. */
  readonly capacity?: number;
  /** Where fixes without a verdict survive a reload. Absent: they do not. */
  readonly storage?: FixStorage;
}

/** The verdict on a fix, which is done with. */
export interface FixVerdict extends Result {
  readonly fix: Fix;
}

/** What can be listened to on a track. */
export interface TrackEvents {
  /** A fix has its verdict: the server has it stored, or refused it. Each fix gets one, unless it is dropped. */
  verdict: FixVerdict;
  /** Those verdicts that are `refused`; also told as `verdict`. */
  refused: FixVerdict;
  /** A fix was given up unsent: more than `capacity` waited. */
  dropped: Fix;
  /** The token may not send positions, the connection was given up, or the queue could not be saved. The queue stays. */
  error: NearcastError;
}

/** What a track needs from its client. */
export interface TrackDeps {
  readonly link: Link;
  readonly rest: Rest;
  readonly tokens: Tokens;
  readonly clock: Clock;
  readonly backOff: BackOff;
  readonly page: PageEvents | undefined;
  readonly closed: (track: Track) => void;
}

const CAPACITY = 10_000;
/** Fixes in one message, and on their way at a time: what the server takes. */
const MAX_FLYING = 1000;
/** Messages on their way at a time. What is sent meanwhile goes together. */
const MAX_MESSAGES = 4;
/** Characters of fixes in one message: of up to 3 bytes each they are well below the server’s 1 MiB. */
const MAX_CHARACTERS = 256 * 1024;
/** No fix within the rules is as long; one longer than a message could never be sent. */
const MAX_FIX_CHARACTERS = 64 * 1024;

interface Flush {
  readonly upTo: number;
  resolve(): void;
  reject(error: NearcastError): void;
}

/**
 * Sends the fixes of a driver, and keeps each until the server has given its verdict: through outages, lost answers and,
 * with a storage, reloads. Fixes go one by one as they come, and together when several wait.
 */
export class Track implements Member {
  readonly #deps: TrackDeps;
  readonly #driverId: string | undefined;
  readonly #queue: FixQueue;
  readonly #events = new Emitter<TrackEvents>();
  readonly #keeper: Keeper | undefined;
  readonly #loaded: Promise<void>;
  readonly #unlisten: () => void;
  /** Nothing is sent before what was kept is there: it is older. */
  #loading = false;
  #joined = false;
  #closed = false;
  /** Messages on their way. */
  #messages = 0;
  #pumping = false;
  /** Waits to send again what the server could not take. */
  #pause: unknown;
  /** Why nothing can be sent on this connection, or why there is none. */
  #obstacle: NearcastError | undefined;
  #flushes: Flush[] = [];

  /** @internal Made by {@link Nearcast.track}. */
  constructor(deps: TrackDeps, { driverId, capacity = CAPACITY, storage }: TrackOptions) {
    this.#deps = deps;
    this.#driverId = driverId;
    this.#queue = new FixQueue(capacity);
    this.#loaded = storage === undefined ? Promise.resolve() : this.#load(storage);
    this.#keeper =
      storage &&
      new Keeper(
        storage,
        deps.clock,
        () => this.#queue.fixes(),
        (error) => this.#events.emit('error', error),
      );
    this.#unlisten = listen(deps.page, 'pagehide', () => this.#keeper?.saveNow());
  }

  /** Fixes that have no verdict yet. */
  get pending(): number {
    return this.#queue.size;
  }

  /** Listens to an event, until the function that it returns is called. */
  on<Name extends keyof TrackEvents>(name: Name, listener: (event: TrackEvents[Name]) => void): () => void {
    return this.#events.on(name, listener);
  }

  /**
   * Sends a fix, now or as soon as there is a connection.
   *
   * @param fix of a driver, or what a browser’s `watchPosition` gives. Without a timestamp it is dated now
   * @returns the fix as it is sent, by which events tell of it
   * @throws {NearcastError} `closed`; `too_large` when it is longer than any fix may be
   */
  send(fix: Fix | Reading): Fix {
    if (this.#closed) throw closed();
    const dated = fixOf(fix, this.#driverId, this.#deps.clock.now());
    if (JSON.stringify(dated).length > MAX_FIX_CHARACTERS) throw new NearcastError('too_large', 'The fix is too long.');
    this.#drop(this.#queue.push(dated));
    this.#keeper?.changed();
    this.#join();
    this.#pumpSoon();
    return dated;
  }

  /**
   * Waits until every fix that was sent before has its verdict (or was dropped). Rejects when the track is closed, the
   * connection is given up or the token may not send positions: fixes then still wait.
   */
  async flush(): Promise<void> {
    await this.#loaded;
    const upTo = this.#queue.lastPlace;
    if (this.#queue.firstPlace > upTo) return;
    const obstacle = this.#closed ? closed() : this.#obstacle;
    if (obstacle !== undefined) throw obstacle;
    await new Promise<void>((resolve, reject) => this.#flushes.push({ upTo, resolve, reject }));
  }

  /**
   * Goes off duty: the driver is no longer found, and exits with the reason `offline`. Fixes that wait are sent before, as
   * any that came after would put the driver on duty again.
   *
   * @throws {NearcastError} `not_found` when the server does not know the driver; whatever {@link flush} rejects with
   */
  async offDuty(options: CallOptions = {}): Promise<void> {
    const { rest, tokens, clock } = this.#deps;
    await abortable(this.flush(), options.signal);
    const driverId = this.#driverId ?? subjectOf(await tokens.current(clock.now()));
    if (driverId === undefined) throw new NearcastError('invalid', 'The token names no driver: give a driverId.');
    await rest.call('DELETE', `v1/drivers/${encodeURIComponent(driverId)}`, options);
  }

  /** Sends nothing more. What has no verdict stays in the storage; without one it is lost, so `flush` before. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#unlisten();
    this.#deps.clock.clearTimeout(this.#pause);
    this.#deps.link.leave(this);
    this.#deps.closed(this);
    this.#rejectFlushes(closed());
    // Before that, what was kept would be overwritten.
    await this.#loaded;
    await this.#keeper?.end();
  }

  /** Closes it at the end of an `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** @internal */
  opened(): void {
    this.#obstacle = undefined;
    this.#pumpSoon();
  }

  /** @internal */
  interrupted(): void {
    this.#messages = 0;
    this.#clearPause();
    // Whether they arrived is not known. Sent again, they are duplicates at worst.
    this.#queue.giveAllBack();
  }

  /** @internal */
  failed(error: NearcastError): void {
    this.interrupted();
    this.#hinder(error);
  }

  async #load(storage: FixStorage): Promise<void> {
    this.#loading = true;
    try {
      this.#drop(this.#queue.restore(await storage.load()));
    } catch (error) {
      this.#events.emit('error', asNearcastError(error, 'internal', 'The saved queue could not be loaded'));
    }
    this.#loading = false;
    if (this.#queue.size === 0 || this.#closed) return;
    this.#join();
    this.#pumpSoon();
  }

  #join(): void {
    if (this.#joined) return;
    this.#joined = true;
    this.#deps.link.join(this);
  }

  /** At the end of this turn, so that fixes which are sent together go together. */
  #pumpSoon(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    queueMicrotask(() => {
      this.#pumping = false;
      this.#pump();
    });
  }

  #pump(): void {
    const { link } = this.#deps;
    if (this.#loading || this.#closed) return;
    while (
      link.open &&
      this.#obstacle === undefined &&
      this.#pause === undefined &&
      this.#queue.waiting > 0 &&
      this.#queue.flying < MAX_FLYING &&
      this.#messages < MAX_MESSAGES
    ) {
      const { entries, encoded } = this.#queue.take(MAX_FLYING - this.#queue.flying, MAX_CHARACTERS);
      this.#messages++;
      link.ask(
        (id) =>
          entries.length === 1
            ? `{"type":"position","id":${id},${encoded[0].slice(1)}`
            : `{"type":"positions","id":${id},"positions":[${encoded.join()}]}`,
        (reply) => this.#answered(entries, reply),
      );
    }
  }

  #answered(entries: readonly Entry[], reply: Reply): void {
    if (this.#closed) return;
    this.#messages--;
    if (reply.type === 'ack') this.#judge(entries, reply.results ?? [reply as Result]);
    else {
      this.#queue.giveBack(entries);
      if (reply.type !== 'error') return;
      const error = errorOf(reply);
      // About the sender: the same would be said of every other fix.
      if (error.code === 'forbidden' || error.code === 'unauthorized' || error.code === 'invalid') this.#hinder(error);
      else this.#pauseFor(error.retryAfter);
    }
    this.#pumpSoon();
  }

  #judge(entries: readonly Entry[], results: readonly Result[]): void {
    const judged: FixVerdict[] = [];
    const notTaken: Entry[] = [];
    for (const [index, entry] of entries.entries()) {
      const result: Result | undefined = results[index];
      if (result === undefined || result.code === 'unavailable') {
        notTaken.push(entry);
        continue;
      }
      this.#queue.settle(entry);
      const { verdict, code, message } = result;
      judged.push({ fix: entry.fix, verdict, ...(code && { code }), ...(message && { message }) });
    }
    if (notTaken.length > 0) {
      this.#queue.giveBack(notTaken);
      this.#pauseFor();
    } else this.#deps.backOff.reset();
    if (judged.length > 0) this.#keeper?.changed();
    for (const verdict of judged) {
      this.#events.emit('verdict', verdict);
      if (verdict.verdict === 'refused') this.#events.emit('refused', verdict);
    }
    this.#resolveFlushes();
  }

  #pauseFor(retryAfter?: number): void {
    if (this.#pause !== undefined) return;
    const { clock, backOff } = this.#deps;
    this.#pause = clock.setTimeout(() => {
      this.#pause = undefined;
      this.#pump();
    }, backOff.next(retryAfter));
  }

  #clearPause(): void {
    this.#deps.clock.clearTimeout(this.#pause);
    this.#pause = undefined;
  }

  /** Nothing can be sent until there is another connection. */
  #hinder(error: NearcastError): void {
    if (this.#obstacle !== undefined) return;
    this.#obstacle = error;
    this.#events.emit('error', error);
    this.#rejectFlushes(error);
  }

  #drop(entries: readonly Entry[]): void {
    for (const { fix } of entries) this.#events.emit('dropped', fix);
    if (entries.length > 0) this.#resolveFlushes();
  }

  #resolveFlushes(): void {
    if (this.#flushes.length === 0) return;
    const first = this.#queue.firstPlace;
    const due = this.#flushes.filter(({ upTo }) => upTo < first);
    this.#flushes = this.#flushes.filter(({ upTo }) => upTo >= first);
    for (const { resolve } of due) resolve();
  }

  #rejectFlushes(error: NearcastError): void {
    for (const { reject } of this.#flushes.splice(0)) reject(error);
  }
}

function closed(): NearcastError {
  return new NearcastError('closed', 'The track was closed.');
}

/** The same promise, which a signal can cut short. */
function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
