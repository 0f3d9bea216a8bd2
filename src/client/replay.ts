import type { Filters } from './area.ts';
import { epochOf } from './clock.ts';
import { NearcastError } from './errors.ts';
import type { Changes } from './feed.ts';
import { Picture, type PictureEvents } from './picture.ts';
import type { ReplayStream, ReplayStreamEvents } from './replay-stream.ts';
import type { Followed, Position } from './wire.ts';

/** What part of the past to play, and whom of it. */
export interface ReplayQuery extends Filters {
  /** Where it begins: epoch milliseconds, or ISO 8601 with an offset. */
  readonly from: number | string;
  /** Where it ends. Absent: now. */
  readonly to?: number | string;
  /** How much faster than it happened, at the most: 0.1 … 3600; 1 when absent. */
  readonly speed?: number;
}

/**
 * How a replay stands: `pending` (its first snapshot has yet to come), `playing`, `interrupted` (its drivers are those of
 * when the connection was lost), `ended` (all was told), `closed` (by `close`), `failed` (for good: see the error).
 */
export type ReplayState = 'pending' | 'playing' | 'interrupted' | 'ended' | 'closed' | 'failed';

/**
 * What can be listened to on a replay. An `error` tells why the connection was lost or could not be made; in state
 * `failed`, that it is over.
 */
export type ReplayEvents = PictureEvents<ReplayState>;

/**
 * What happened in an area, as if it happened now: `drivers` is who was inside at `time`, events tell how that changed, and
 * iterating gives the same changes at the consumer’s own pace, while the replay goes on.
 */
export class Replay implements AsyncIterable<Changes> {
  /** Resolves when the first snapshot is there. Rejects when the replay is over before. */
  readonly ready: Promise<void>;
  /** Resolves when all was told. Rejects when the replay fails or is closed before. */
  readonly ended: Promise<void>;
  readonly #picture: Picture<ReplayState>;
  readonly #stream: ReplayStream;
  #resolveEnded: () => void = () => {};
  #rejectEnded: (error: NearcastError) => void = () => {};

  /** @internal Made by {@link Nearcast.replay}. */
  constructor(
    streamFor: (events: ReplayStreamEvents) => ReplayStream,
    { from, follows }: { readonly from: number | string; readonly follows: boolean },
  ) {
    const picture = new Picture<ReplayState>({
      state: 'pending',
      current: 'playing',
      serverTime: epochOf(from),
      follows: () => follows,
    });
    this.#picture = picture;
    this.ready = picture.ready;
    this.ended = new Promise((resolve, reject) => {
      this.#resolveEnded = resolve;
      this.#rejectEnded = reject;
    });
    // Nobody need wait for it.
    this.ended.catch(() => {});
    this.#stream = streamFor({
      snapshot: (message) => picture.snapshot(message),
      changes: (message) => picture.changes(message),
      interrupted: (error) => {
        picture.interrupt('interrupted');
        if (!picture.over) picture.warn(error);
      },
      ended: () => {
        picture.end('ended', closed());
        this.#resolveEnded();
      },
      failed: (error) => {
        picture.end('failed', error, error);
        this.#rejectEnded(error);
      },
    });
    this.#stream.start();
  }

  /** Who was inside at `time`, by driverId. */
  get drivers(): ReadonlyMap<string, Position> {
    return this.#picture.drivers;
  }

  /** The time that was last told of, epoch milliseconds; at first where it begins. */
  get time(): number {
    return this.#picture.serverTime;
  }

  get state(): ReplayState {
    return this.#picture.state;
  }

  /** Of a replay around a driver: whether that driver was known. */
  get followed(): Followed | undefined {
    return this.#picture.followed;
  }

  /** Why it failed. */
  get error(): NearcastError | undefined {
    return this.#picture.error;
  }

  /** How old a position was at `time`, milliseconds. */
  age(position: Position): number {
    return this.time - position.timestamp;
  }

  /** Listens to an event, until the function that it returns is called. */
  on<Name extends keyof ReplayEvents>(name: Name, listener: (event: ReplayEvents[Name]) => void): () => void {
    return this.#picture.on(name, listener);
  }

  /** Ends it, and every iteration of it. */
  close(): void {
    if (this.#picture.over) return;
    this.#stream.stop();
    this.#picture.end('closed', closed());
    this.#rejectEnded(closed());
  }

  /** Ends it at the end of an `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  /**
   * The changes from nothing to now, then each that follows. What a slow consumer has not yet taken is merged. Ends with
   * the replay, and throws if that failed. Leaving the loop leaves the replay open.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<Changes, undefined> {
    return this.#picture.feed();
  }
}

function closed(): NearcastError {
  return new NearcastError('closed', 'The replay is over.');
}
