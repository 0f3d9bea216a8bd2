import type { Patch } from './area.ts';
import type { ServerClock } from './clock.ts';
import { NearcastError } from './errors.ts';
import type { Changes } from './feed.ts';
import { Picture, type PictureEvents } from './picture.ts';
import type { Subscription, SubscriptionEvents } from './subscription.ts';
import type { Followed, Position } from './wire.ts';

/**
 * How current a watch is: `pending` (its snapshot has yet to come), `live`, `interrupted` (its drivers are those of when
 * the connection was lost), `closed` (by `close`), `failed` (for good: see the error).
 */
export type WatchState = 'pending' | 'live' | 'interrupted' | 'closed' | 'failed';

/** What can be listened to on a watch. An `error` tells that an update was refused; or, in state `failed`, that it is over. */
export type WatchEvents = PictureEvents<WatchState>;

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
  readonly #picture: Picture<WatchState>;
  readonly #subscription: Subscription;
  readonly #serverClock: ServerClock;

  /** @internal Made by {@link Nearcast.watch}. */
  constructor(
    subscribe: (events: SubscriptionEvents) => Subscription,
    serverClock: ServerClock,
    start: WatchStart | undefined,
  ) {
    this.#serverClock = serverClock;
    const picture = new Picture<WatchState>({
      state: 'pending',
      current: 'live',
      serverTime: Math.round(serverClock.now()),
      follows: () => this.#subscription.follows,
    });
    this.#picture = picture;
    this.ready = picture.ready;
    for (const position of positionsOf(start)) picture.begin(withoutDistance(position));
    this.#subscription = subscribe({
      snapshot: (message) => picture.snapshot(message),
      changes: (message) => picture.changes(message),
      interrupted: () => picture.interrupt('interrupted'),
      refused: (error) => picture.warn(error),
      failed: (error) => this.#end('failed', error),
    });
    this.#subscription.start();
  }

  /** Who is inside, by driverId, as of the last message; at first who was in the answer that it goes on from. */
  get drivers(): ReadonlyMap<string, Position> {
    return this.#picture.drivers;
  }

  get state(): WatchState {
    return this.#picture.state;
  }

  /** Of a watch around a driver: whether that driver is known. */
  get followed(): Followed | undefined {
    return this.#picture.followed;
  }

  /** Mark of the present moment: with `drivers`, what a later watch of the same area can go on from. */
  get cursor(): string | undefined {
    return this.#subscription.cursor;
  }

  /** Why it failed. */
  get error(): NearcastError | undefined {
    return this.#picture.error;
  }

  /** How old a position is now, milliseconds, by the server’s clock; below zero when its device’s clock is ahead. */
  age(position: Position): number {
    return this.#serverClock.now() - position.timestamp;
  }

  /** Listens to an event, until the function that it returns is called. */
  on<Name extends keyof WatchEvents>(name: Name, listener: (event: WatchEvents[Name]) => void): () => void {
    return this.#picture.on(name, listener);
  }

  /**
   * Moves or resizes the area, or changes the filters: what is absent stays, `null` removes, a field of another kind of
   * area replaces the area. Updates that come quickly, as when a map is dragged, are sent as one.
   *
   * @returns resolves when the server has taken it, and `drivers` are those whom it asks for. Rejects with a
   * {@link NearcastError} when it is refused (also told as `error`): then everything is as before
   */
  update(patch: Patch): Promise<void> {
    const { over, error = closed() } = this.#picture;
    const taken = over ? Promise.reject(error) : this.#subscription.update(patch);
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
    return this.#picture.feed();
  }

  #end(state: 'closed' | 'failed', error?: NearcastError): void {
    if (this.#picture.over) return;
    const why = error ?? closed();
    this.#subscription.stop(why);
    this.#picture.end(state, why, error);
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
