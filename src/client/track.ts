import { abortable } from './abortable.ts';
import type { BackOff } from './back-off.ts';
import type { Clock } from './clock.ts';
import { Dates } from './dates.ts';
import { Delivery, type FixVerdict } from './delivery.ts';
import { Emitter } from './emitter.ts';
import { asNearcastError, NearcastError } from './errors.ts';
import { Flushes } from './flushes.ts';
import type { Link } from './link.ts';
import { listen, type PageEvents } from './page.ts';
import { type Entry, FixQueue } from './queue.ts';
import { fixOf, type Reading } from './reading.ts';
import type { CallOptions, Rest } from './rest.ts';
import { type FixStorage, Keeper } from './storage.ts';
import { subjectOf, type Tokens } from './token.ts';
import type { Fix } from './wire.ts';

/** How to track. */
export interface TrackOptions {
  /** Whose fixes they are, where a fix does not say. Absent: of the token’s subject. */
  readonly driverId?: string;
  /** How many fixes may wait for their verdicts before the oldest are dropped; 10,000 when absent. */
  readonly capacity?: number;
  /** Where fixes without a verdict survive a reload. Absent: they do not. */
  readonly storage?: FixStorage;
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
/** No fix within the rules is as long; one longer than a message could never be sent. */
const MAX_FIX_CHARACTERS = 64 * 1024;

/**
 * Sends the fixes of a driver, and keeps each until the server has given its verdict: through outages, lost answers and,
 * with a storage, reloads. Fixes go one by one as they come, and together when several wait.
 */
export class Track {
  readonly #deps: TrackDeps;
  readonly #driverId: string | undefined;
  readonly #queue: FixQueue;
  readonly #delivery: Delivery;
  readonly #events = new Emitter<TrackEvents>();
  readonly #flushes = new Flushes();
  readonly #keeper: Keeper | undefined;
  /** What was kept is in the queue. Nothing is sent before: it is older. */
  readonly #loaded: Promise<void>;
  readonly #unlisten: () => void;
  readonly #dates = new Dates();
  #loading = false;
  #closed = false;
  #closing: Promise<void> | undefined;

  /** @internal Made by {@link Nearcast.track}. */
  constructor(deps: TrackDeps, { driverId, capacity = CAPACITY, storage }: TrackOptions) {
    this.#deps = deps;
    this.#driverId = driverId;
    this.#queue = new FixQueue(capacity);
    this.#delivery = new Delivery(this.#queue, deps, {
      judged: (verdicts) => this.#judged(verdicts),
      hindered: (error) => {
        this.#events.emit('error', error);
        this.#flushes.fail(error);
      },
    });
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
    const isDated = fix.timestamp !== undefined && fix.timestamp !== null;
    const driverId = fix.driverId ?? this.#driverId;
    const dated = fixOf(fix, driverId, isDated ? 0 : this.#dates.next(driverId, this.#deps.clock.now()));
    if (JSON.stringify(dated).length > MAX_FIX_CHARACTERS) throw new NearcastError('too_large', 'The fix is too long.');
    this.#drop(this.#queue.push(dated));
    if (!this.#loading) this.#waits();
    return dated;
  }

  /**
   * Waits until every fix that was sent before has its verdict (or was dropped). Rejects when the track is closed, the
   * connection is given up or the token may not send positions, or the signal says so: fixes then still wait.
   */
  flush({ signal }: CallOptions = {}): Promise<void> {
    return abortable(this.#flush(), signal);
  }

  async #flush(): Promise<void> {
    await this.#loaded;
    const upTo = this.#queue.lastPlace;
    if (this.#queue.firstPlace > upTo) return;
    const obstacle = this.#closed ? closed() : this.#delivery.obstacle;
    if (obstacle !== undefined) throw obstacle;
    await this.#flushes.wait(upTo);
  }

  /**
   * Goes off duty: the driver is no longer found, and exits with the reason `offline`. Fixes that wait are sent before, as
   * any that came after would put the driver on duty again.
   *
   * @throws {NearcastError} `not_found` when the server does not know the driver; whatever {@link flush} rejects with
   */
  async offDuty(options: CallOptions = {}): Promise<void> {
    const { rest, tokens } = this.#deps;
    await this.flush(options);
    const driverId = this.#driverId ?? subjectOf(await abortable(tokens.current(), options.signal));
    if (driverId === undefined) throw new NearcastError('invalid', 'The token names no driver: give a driverId.');
    await rest.call(`v1/drivers/${encodeURIComponent(driverId)}`, { ...options, method: 'DELETE' });
  }

  /**
   * Sends nothing more. What has no verdict stays in the storage; without one it is lost, so `flush` before.
   *
   * @returns resolves, for whoever closes it, once another track can have the storage
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#closed = true;
    this.#unlisten();
    this.#delivery.stop();
    this.#deps.closed(this);
    this.#flushes.fail(closed());
    // Before that, what was kept would be overwritten.
    await this.#loaded;
    await this.#keeper?.end();
  }

  /** Closes it at the end of an `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #load(storage: FixStorage): Promise<void> {
    this.#loading = true;
    // Whoever made the track is to listen first.
    await undefined;
    try {
      const fixes = await storage.load();
      this.#drop(this.#queue.restore(fixes.filter((fix) => typeof fix === 'object' && fix !== null)));
    } catch (error) {
      this.#events.emit('error', asNearcastError(error, 'internal', 'The saved queue could not be loaded'));
    }
    this.#loading = false;
    // Not before: what was sent meanwhile would have been kept in the place of what was kept.
    if (this.#queue.size > 0) this.#waits();
  }

  /** There is something in the queue that may be new. */
  #waits(): void {
    this.#keeper?.changed();
    this.#delivery.wake();
  }

  #judged(verdicts: readonly FixVerdict[]): void {
    if (verdicts.length > 0) this.#keeper?.changed();
    for (const verdict of verdicts) {
      this.#events.emit('verdict', verdict);
      if (verdict.verdict === 'refused') this.#events.emit('refused', verdict);
    }
    if (this.#flushes.any) this.#flushes.reached(this.#queue.firstPlace);
  }

  #drop(entries: readonly Entry[]): void {
    for (const { fix } of entries) this.#events.emit('dropped', fix);
    if (entries.length > 0 && this.#flushes.any) this.#flushes.reached(this.#queue.firstPlace);
  }
}

function closed(): NearcastError {
  return new NearcastError('closed', 'The track was closed.');
}
