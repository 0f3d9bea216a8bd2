import type { Changes, Recipient, Snapshot, Subscription } from './subscription.ts';
import type { Tally } from './tally.ts';

/** One peer's connection, as the core sees it. */
export interface Socket {
  send(data: string): void;
  /** Bytes handed to `send` that have not left the process. */
  readonly bufferedAmount: number;
  close(code: number, reason: string): void;
}

/** Writes the two messages of a subscription. */
export interface EncodeMessages {
  snapshot(subscription: Subscription, snapshot: Snapshot): string;
  changes(subscription: Subscription, changes: Changes): string;
}

/** The turns and the time of whoever runs the core. */
export interface Clock {
  /** The server's clock, epoch milliseconds. */
  readonly now: () => number;
  /** Calls back once at the end of the present event-loop turn. */
  readonly defer: (callback: () => void) => void;
  /** Calls back after so many milliseconds, unless the function that it returns is called before. */
  readonly after: (milliseconds: number, callback: () => void) => () => void;
}

/** Above this many unsent bytes nothing of a subscription is sent; changes wait, conflated. */
export const HIGH_WATER = 64 * 1024;

/** Milliseconds after which placing what subscriptions look at is put off to the next turn, so that others get theirs. */
const LONG = 10;

/**
 * What waits to be sent on one connection. Subscriptions that have something wait here and are flushed at the end of the
 * turn while the socket is writable; while it is not, they wait in conflated form until {@link drained}. One that has a
 * `maxRate` and was told something just now rests until it may be told again.
 */
export class Outbox implements Recipient {
  readonly tally: Tally | undefined;
  readonly #socket: Socket;
  readonly #encode: EncodeMessages;
  readonly #clock: Clock;
  readonly #due = new Set<Subscription>();
  #flushing = false;
  #closed = false;
  /** Subscriptions that rest; made when there is one. */
  #resting: Set<Subscription> | undefined;
  /** When the first of them has rested enough, as far as a timer runs for it. */
  #wakeAt = Number.POSITIVE_INFINITY;
  /** What that timer was given, milliseconds. */
  #wait = 0;
  #cancel: (() => void) | undefined;

  /** @param tally of what is told, by all of this kind */
  constructor(socket: Socket, encode: EncodeMessages, clock: Clock, tally?: Tally) {
    this.tally = tally;
    this.#socket = socket;
    this.#encode = encode;
    this.#clock = clock;
  }

  /** Whether more bytes are unsent than the peer should leave. */
  get blocked(): boolean {
    return this.#socket.bufferedAmount > HIGH_WATER;
  }

  /** Whether something waits to be sent. */
  get waiting(): boolean {
    return this.#due.size > 0;
  }

  /** How many drivers wait to be told of, resting ones too. */
  get backlog(): number {
    let backlog = 0;
    for (const subscription of this.#due) backlog += subscription.backlog;
    for (const subscription of this.#resting ?? []) if (!this.#due.has(subscription)) backlog += subscription.backlog;
    return backlog;
  }

  wake(subscription: Subscription): void {
    if (this.#closed || this.#rests(subscription)) return;
    this.#due.add(subscription);
    this.#schedule();
  }

  /** Nothing of the subscription is sent any more. */
  forget(subscription: Subscription): void {
    this.#due.delete(subscription);
    this.#resting?.delete(subscription);
  }

  /** To be called when the socket has written something out. */
  drained(): void {
    if (this.#due.size > 0 && !this.blocked) this.#schedule();
  }

  /** Sends nothing any more, and times nothing. */
  close(): void {
    this.#closed = true;
    this.#due.clear();
    this.#resting = undefined;
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #schedule(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    this.#clock.defer(this.#flush);
  }

  readonly #flush = (): void => {
    this.#flushing = false;
    let began: number | undefined;
    for (const subscription of this.#due) {
      // Twice, when an update is to be answered right after the snapshot.
      while (subscription.due && !this.#rests(subscription)) {
        if (this.blocked) return;
        const isLong = subscription.isUnsettled;
        if (isLong) began ??= this.#clock.now();
        this.#send(subscription);
        if (isLong && this.#clock.now() - (began as number) >= LONG) {
          this.#schedule();
          return;
        }
      }
      this.#due.delete(subscription);
    }
  };

  #send(subscription: Subscription): void {
    if (subscription.snapshotDue) {
      const snapshot = subscription.takeSnapshot();
      this.tally?.tellSnapshot(subscription, snapshot);
      this.#write(subscription, this.#encode.snapshot(subscription, snapshot));
      return;
    }
    const asked = subscription.answerDue;
    const changes = subscription.takeChanges();
    const { enter, move, exit, followed } = changes;
    // Moves that were taken back while they waited leave nothing.
    if (!asked && followed === undefined && enter.length + move.length + exit.length === 0) return;
    this.tally?.tellChanges(subscription, changes, this.#clock.now());
    this.#write(subscription, this.#encode.changes(subscription, changes));
  }

  #write(subscription: Subscription, message: string): void {
    if (subscription.interval > 0) subscription.notBefore = this.#clock.now() + subscription.interval;
    this.#socket.send(message);
  }

  /** Whether a subscription must wait for its pace; then it is woken when its time has come. */
  #rests(subscription: Subscription): boolean {
    const { interval } = subscription;
    if (interval === 0 || subscription.urgent) return false;
    const left = subscription.notBefore - this.#clock.now();
    // More than the interval is left only where the clock was set back.
    if (left <= 0 || left > interval) return false;
    this.#resting ??= new Set();
    this.#resting.add(subscription);
    this.#wakeIn(left, subscription.notBefore);
    return true;
  }

  #wakeIn(milliseconds: number, at: number): void {
    if (this.#cancel !== undefined && this.#wakeAt <= at) return;
    // Where the clock was set back, the timer that runs may be the earlier one nevertheless.
    this.#wait = this.#cancel === undefined ? milliseconds : Math.min(milliseconds, this.#wait);
    this.#cancel?.();
    this.#wakeAt = at;
    this.#cancel = this.#clock.after(this.#wait, this.#awaken);
  }

  readonly #awaken = (): void => {
    this.#cancel = undefined;
    this.#wakeAt = Number.POSITIVE_INFINITY;
    const rested = this.#resting;
    this.#resting = undefined;
    // Those that must rest on go back by themselves.
    if (rested !== undefined) for (const subscription of rested) this.wake(subscription);
  };
}
