import type { Patch } from './area.ts';
import { Belief, type Difference, type Exit } from './belief.ts';
import type { ServerClock } from './clock.ts';
import { Emitter } from './emitter.ts';
import { NearcastError } from './errors.ts';
import { type Changes, Feed } from './feed.ts';
import type { Subscription, SubscriptionEvents } from './subscription.ts';
import type { ChangesMessage, Followed, Position, SnapshotMessage } from './wire.ts';

/**
 * How current a watch is: `pending` (its snapshot has yet to come), `live`, `interrupted` (its drivers are those of when
 * the connection was lost), `closed` (by `close`), `failed` (for good: see the error).
 */
export type WatchState = 'pending' | 'live' | 'interrupted' | 'closed' | 'failed';

/** What can be listened to on a watch. By then its `drivers` have changed. */
export interface WatchEvents {
  /** A driver came inside. */
  enter: Position;
  /** A driver inside has a new position. */
  move: Position;
  /** A driver is no longer inside. */
  exit: Exit;
  /** All of the above that one message brought, after them. */
  changes: Changes;
  /** A snapshot was taken in, after the differences that it made: `drivers` are those inside now. */
  snapshot: { readonly resumed: boolean };
  /** Of a watch around a driver: whether that driver is known changed. */
  followed: Followed;
  state: WatchState;
  /** An update was refused; or, in state `failed`, the watch is over. */
  error: NearcastError;
}

/** What a watch goes on from: the answer of `nearby`, or an earlier watch, of the same area. */
export interface WatchStart {
  readonly cursor?: string;
  readonly drivers: Iterable<Position> | ReadonlyMap<string, Position>;
}

/**
 * A standing question: who is inside an area, kept up to date. `drivers` is the answer at any time, events tell how it
 * changes, and iterating gives the same changes at the consumer’s own pace: what waits for it is merged per driver.
 */
export class Watch implements AsyncIterable<Changes> {
  /** Resolves when the first snapshot is there. Rejects when the watch ends before. */
  readonly ready: Promise<void>;
  readonly #belief = new Belief();
  readonly #events = new Emitter<WatchEvents>();
  readonly #feeds = new Set<Feed>();
  readonly #subscription: Subscription;
  readonly #serverClock: ServerClock;
  #state: WatchState = 'pending';
  #started = false;
  #serverTime: number;
  #followed: Followed | undefined;
  #error: NearcastError | undefined;
  #resolveReady: () => void = () => {};
  #rejectReady: (error: NearcastError) => void = () => {};

  /** @internal Made by {@link Nearcast.watch}. */
  constructor(
    subscribe: (events: SubscriptionEvents) => Subscription,
    serverClock: ServerClock,
    start: WatchStart | undefined,
  ) {
    this.#serverClock = serverClock;
    this.#serverTime = Math.round(serverClock.now());
    this.ready = new Promise((resolve, reject) => {
      this.#resolveReady = resolve;
      this.#rejectReady = reject;
    });
    // Nobody need wait for it.
    this.ready.catch(() => {});
    for (const position of positionsOf(start)) this.#belief.drivers.set(position.driverId, withoutDistance(position));
    this.#subscription = subscribe({
      snapshot: (message) => this.#snapshot(message),
      changes: (message) => this.#changes(message),
      interrupted: () => {
        if (this.#started) this.#setState('interrupted');
      },
      refused: (error) => this.#events.emit('error', error),
      failed: (error) => this.#end('failed', error),
    });
    this.#subscription.start();
  }

  /** Who is inside, by driverId, as of the last message; at first who was in the answer that it goes on from. */
  get drivers(): ReadonlyMap<string, Position> {
    return this.#belief.drivers;
  }

  get state(): WatchState {
    return this.#state;
  }

  /** Of a watch around a driver: whether that driver is known. */
  get followed(): Followed | undefined {
    return this.#subscription.follows ? this.#followed : undefined;
  }

  /** Mark of the present moment: with `drivers`, what a later watch of the same area can go on from. */
  get cursor(): string | undefined {
    return this.#subscription.cursor;
  }

  /** Why it failed. */
  get error(): NearcastError | undefined {
    return this.#error;
  }

  /** How old a position is now, milliseconds, by the server’s clock; below zero when its device’s clock is ahead. */
  age(position: Position): number {
    return this.#serverClock.now() - position.timestamp;
  }

  /** Listens to an event, until the function that it returns is called. */
  on<Name extends keyof WatchEvents>(name: Name, listener: (event: WatchEvents[Name]) => void): () => void {
    return this.#events.on(name, listener);
  }

  /**
   * Moves or resizes the area, or changes the filters: what is absent stays, `null` removes, a field of another kind of
   * area replaces the area. Updates that come quickly, as when a map is dragged, are sent as one.
   *
   * @returns resolves when the server has taken it, and `drivers` are those whom it asks for. Rejects with a
   * {@link NearcastError} when it is refused (also told as `error`): then everything is as before
   */
  update(patch: Patch): Promise<void> {
    const over = this.#state === 'closed' || this.#state === 'failed';
    const taken = over ? Promise.reject(this.#error ?? closed()) : this.#subscription.update(patch);
    // Who does not wait is told by the event.
    taken.catch(() => {});
    return taken;
  }

  /** Ends it, and every iteration of it. */
  close(): void {
    this.#end('closed');
  }

  /** Ends it at the end of an `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  /**
   * The changes from nothing to now, then each that follows. What a slow consumer has not yet taken is merged. Ends with
   * the watch, and throws if that failed. Leaving the loop leaves the watch open.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<Changes, undefined> {
    const watch = this;
    const source = {
      drivers: this.drivers,
      get serverTime() {
        return watch.#serverTime;
      },
      get followed() {
        return watch.followed;
      },
    };
    const feed = new Feed(source, this.#started, (ended) => this.#feeds.delete(ended));
    if (this.#state === 'closed' || this.#state === 'failed') feed.end(this.#error);
    else this.#feeds.add(feed);
    return feed;
  }

  #snapshot(message: SnapshotMessage): boolean {
    const difference = this.#belief.snapshot(message);
    if (difference === undefined) return false;
    this.#started = true;
    this.#take(message, difference, true);
    this.#tell('snapshot', { resumed: message.resumed });
    this.#resolveReady();
    return true;
  }

  #changes(message: ChangesMessage): void {
    this.#take(message, this.#belief.changes(message), false);
  }

  #take(message: SnapshotMessage | ChangesMessage, difference: Difference, snapshot: boolean): void {
    const { serverTime, followed } = message;
    this.#serverTime = serverTime;
    if (!this.#subscription.follows) this.#followed = undefined;
    const followedChanged = followed !== undefined && followed !== this.#followed;
    if (followedChanged) this.#followed = followed;
    for (const feed of [...this.#feeds]) feed.note(difference, snapshot);
    this.#setState('live');
    if (followedChanged) this.#tell('followed', followed);
    for (const { driverId, reason } of difference.exit) this.#tell('exit', { driverId, reason });
    for (const position of difference.enter) this.#tell('enter', position);
    for (const position of difference.move) this.#tell('move', position);
    if (!this.#events.has('changes')) return;
    this.#tell('changes', {
      ...difference,
      snapshot,
      serverTime,
      ...(followed === undefined ? {} : { followed }),
    });
  }

  /** Tells an event, unless a listener of the one before has closed the watch. */
  #tell<Name extends keyof WatchEvents>(name: Name, event: WatchEvents[Name]): void {
    if (this.#state === 'live') this.#events.emit(name, event);
  }

  #end(state: 'closed' | 'failed', error?: NearcastError): void {
    if (this.#state === 'closed' || this.#state === 'failed') return;
    this.#error = error;
    this.#subscription.stop(error ?? closed());
    this.#setState(state);
    if (error !== undefined) this.#events.emit('error', error);
    this.#rejectReady(error ?? closed());
    for (const feed of [...this.#feeds]) feed.end(error);
    this.#feeds.clear();
  }

  #setState(state: WatchState): void {
    if (this.#state === state) return;
    this.#state = state;
    this.#events.emit('state', state);
  }
}

function closed(): NearcastError {
  return new NearcastError('closed', 'The watch was closed.');
}

function positionsOf(start: WatchStart | undefined): Iterable<Position> {
  const { drivers = [] } = start ?? {};
  return drivers instanceof Map ? drivers.values() : (drivers as Iterable<Position>);
}

/** A distance is from where one stood when one asked, and would not be kept up to date. */
function withoutDistance(position: Position): Position {
  const { distance: _, ...rest } = position as Position & { distance?: number };
  return rest;
}
