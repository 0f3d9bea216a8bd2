import type { Difference, Exit } from './belief.ts';
import type { Followed, Position } from './wire.ts';

/** What changed in a watch since the consumer was last told. No driver is in two of the lists. */
export interface Changes extends Difference {
  /** Whether a snapshot is in it: the first one, or that after an interruption. */
  readonly snapshot: boolean;
  /** The server’s clock at the latest of it, epoch milliseconds. */
  readonly serverTime: number;
  /** Of a watch around a driver: whether that driver is known. */
  readonly followed?: Followed;
}

/** The present state of a watch, from which a feed takes what it tells. */
export interface FeedSource {
  readonly drivers: ReadonlyMap<string, Position>;
  readonly serverTime: number;
  readonly followed: Followed | undefined;
}

type Pending = 'enter' | 'move' | Exit['reason'];
type Step = IteratorResult<Changes, undefined>;

/**
 * The changes of a watch for one consumer. What waits for a slow one is merged per driver: move after move is one move,
 * enter then move an enter, enter then exit nothing, exit then enter a move; an exit is never swallowed. So what waits is
 * bounded by the drivers in view, and whoever follows it has the watch’s own map.
 */
export class Feed implements AsyncIterableIterator<Changes, undefined> {
  readonly #source: FeedSource;
  readonly #ended: (feed: Feed) => void;
  readonly #pending = new Map<string, Pending>();
  readonly #consumers: { resolve: (step: Step) => void; reject: (error: Error) => void }[] = [];
  #snapshot = false;
  /** What the consumer was told of the followed driver. */
  #followed: Followed | undefined;
  #over = false;
  #error: Error | undefined;

  /**
   * @param started whether the source has had its snapshot
   * @param ended called when the consumer wants no more
   */
  constructor(source: FeedSource, started: boolean, ended: (feed: Feed) => void) {
    this.#source = source;
    this.#ended = ended;
    for (const driverId of source.drivers.keys()) this.#pending.set(driverId, 'enter');
    this.#snapshot = started;
  }

  /** Number of drivers of whom something waits to be told. */
  get pending(): number {
    return this.#pending.size;
  }

  /** Takes note of what changed in the source, which has changed already. */
  note({ enter, move, exit }: Difference, snapshot: boolean): void {
    for (const { driverId } of enter) {
      this.#pending.set(driverId, this.#pending.has(driverId) ? 'move' : 'enter');
    }
    for (const { driverId } of move) if (this.#pending.get(driverId) !== 'enter') this.#pending.set(driverId, 'move');
    for (const { driverId, reason } of exit) {
      if (this.#pending.get(driverId) === 'enter') this.#pending.delete(driverId);
      else this.#pending.set(driverId, reason);
    }
    this.#snapshot ||= snapshot;
    if (this.#due) this.#consumers.shift()?.resolve({ done: false, value: this.#take() });
  }

  /** Ends it: what waits is still told, then the error, if there is one, is thrown. */
  end(error?: Error): void {
    if (this.#over) return;
    this.#over = true;
    this.#error = error;
    for (const { resolve, reject } of this.#consumers.splice(0)) {
      if (this.#error === undefined) resolve({ done: true, value: undefined });
      else reject(this.#error);
      this.#error = undefined;
    }
  }

  /** What changed since the last time; waits until something did. */
  next(): Promise<Step> {
    if (this.#due) return Promise.resolve({ done: false, value: this.#take() });
    const error = this.#error;
    this.#error = undefined;
    if (error !== undefined) return Promise.reject(error);
    if (this.#over) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve, reject) => this.#consumers.push({ resolve, reject }));
  }

  /** The consumer wants no more. */
  return(): Promise<Step> {
    this.end();
    this.#error = undefined;
    this.#pending.clear();
    this.#snapshot = false;
    this.#followed = this.#source.followed;
    this.#ended(this);
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Whether there is something to tell. */
  get #due(): boolean {
    return this.#snapshot || this.#pending.size > 0 || this.#followed !== this.#source.followed;
  }

  #take(): Changes {
    const enter: Position[] = [];
    const move: Position[] = [];
    const exit: Exit[] = [];
    for (const [driverId, change] of this.#pending) {
      if (change !== 'enter' && change !== 'move') exit.push({ driverId, reason: change });
      // Whoever is to enter or move is inside.
      else (change === 'enter' ? enter : move).push(this.#source.drivers.get(driverId) as Position);
    }
    const snapshot = this.#snapshot;
    this.#pending.clear();
    this.#snapshot = false;
    const { serverTime, followed } = this.#source;
    this.#followed = followed;
    return { snapshot, serverTime, ...(followed === undefined ? {} : { followed }), enter, move, exit };
  }
}
