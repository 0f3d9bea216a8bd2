import { Belief, type Difference, type Exit } from './belief.ts';
import { Emitter } from './emitter.ts';
import type { NearcastError } from './errors.ts';
import { type Changes, Feed } from './feed.ts';
import type { ChangesMessage, Followed, Position, SnapshotMessage } from './wire.ts';

/** What can be listened to on a picture. By then its `drivers` have changed. */
export interface PictureEvents<State> {
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
  /** Of an area around a driver: whether that driver is known changed. */
  followed: Followed;
  state: State;
  /** Something was refused or went wrong; or, in state `failed`, it is over. */
  error: NearcastError;
}

/** What a picture goes by. */
export interface PictureOptions<State> {
  /** How it stands before the first snapshot. */
  readonly state: State;
  /** How it stands while messages come. */
  readonly current: State;
  /** Epoch milliseconds, until a message tells. */
  readonly serverTime: number;
  /** Whether its area goes around a driver. */
  readonly follows: () => boolean;
}

/** Who is inside an area by the messages of one subscription, with those who listen to how that changes. */
export class Picture<State extends string> {
  /** Resolves when the first snapshot is there. Rejects when it is over before. */
  readonly ready: Promise<void>;
  readonly #belief = new Belief();
  readonly #events = new Emitter<PictureEvents<State>>();
  readonly #feeds = new Set<Feed>();
  readonly #current: State;
  readonly #follows: () => boolean;
  #state: State;
  #started = false;
  #over = false;
  #serverTime: number;
  #followed: Followed | undefined;
  #error: NearcastError | undefined;
  #resolveReady: () => void = () => {};
  #rejectReady: (error: NearcastError) => void = () => {};

  constructor({ state, current, serverTime, follows }: PictureOptions<State>) {
    this.#state = state;
    this.#current = current;
    this.#serverTime = serverTime;
    this.#follows = follows;
    this.ready = new Promise((resolve, reject) => {
      this.#resolveReady = resolve;
      this.#rejectReady = reject;
    });
    // Nobody need wait for it.
    this.ready.catch(() => {});
  }

  /** Who is inside, by driverId, as of the last message. */
  get drivers(): ReadonlyMap<string, Position> {
    return this.#belief.drivers;
  }

  get state(): State {
    return this.#state;
  }

  get over(): boolean {
    return this.#over;
  }

  /** Why it failed. */
  get error(): NearcastError | undefined {
    return this.#error;
  }

  /** The time of the last message, epoch milliseconds. */
  get serverTime(): number {
    return this.#serverTime;
  }

  /** Of an area around a driver: whether that driver is known. */
  get followed(): Followed | undefined {
    return this.#follows() ? this.#followed : undefined;
  }

  /** Listens to an event, until the function that it returns is called. */
  on<Name extends keyof PictureEvents<State>>(
    name: Name,
    listener: (event: PictureEvents<State>[Name]) => void,
  ): () => void {
    return this.#events.on(name, listener);
  }

  /** The changes from nothing to now, then each that follows, for one consumer. */
  feed(): Feed {
    const feed = new Feed(this, this.#started, (ended) => this.#feeds.delete(ended));
    if (this.#over) feed.end(this.#error);
    else this.#feeds.add(feed);
    return feed;
  }

  /** Puts a driver where it was before the first message. */
  begin(position: Position): void {
    this.#belief.drivers.set(position.driverId, position);
  }

  /** @returns whether it could be used: if not, nothing changed */
  snapshot(message: SnapshotMessage): boolean {
    const difference = this.#belief.snapshot(message);
    if (difference === undefined) return false;
    this.#started = true;
    this.#take(message, difference, true);
    this.#tell('snapshot', { resumed: message.resumed });
    this.#resolveReady();
    return true;
  }

  changes(message: ChangesMessage): void {
    this.#take(message, this.#belief.changes(message), false);
  }

  /** No messages come for now. @param state what that is called, once there was a snapshot */
  interrupt(state: State): void {
    if (this.#started) this.#setState(state);
  }

  /** Tells of what went wrong, and does not end it. */
  warn(error: NearcastError): void {
    this.#events.emit('error', error);
  }

  /**
   * Ends it, and every iteration of it.
   *
   * @param why for those who wait for the first snapshot
   * @param error that it fails with
   */
  end(state: State, why: NearcastError, error?: NearcastError): void {
    if (this.#over) return;
    this.#over = true;
    this.#error = error;
    this.#setState(state);
    if (error !== undefined) this.#events.emit('error', error);
    this.#rejectReady(why);
    for (const feed of [...this.#feeds]) feed.end(error);
    this.#feeds.clear();
  }

  #take(message: SnapshotMessage | ChangesMessage, difference: Difference, snapshot: boolean): void {
    const { serverTime, followed } = message;
    this.#serverTime = serverTime;
    if (!this.#follows()) this.#followed = undefined;
    const followedChanged = followed !== undefined && followed !== this.#followed;
    if (followedChanged) this.#followed = followed;
    for (const feed of [...this.#feeds]) feed.note(difference, snapshot);
    this.#setState(this.#current);
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

  /** Tells an event, unless a listener of the one before has ended it. */
  #tell<Name extends keyof PictureEvents<State>>(name: Name, event: PictureEvents<State>[Name]): void {
    if (!this.#over && this.#state === this.#current) this.#events.emit(name, event);
  }

  #setState(state: State): void {
    if (this.#state === state) return;
    this.#state = state;
    this.#events.emit('state', state);
  }
}
