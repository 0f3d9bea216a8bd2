import type { Role } from '../auth/principal.ts';
import type { Peer } from '../delivery/traffic.ts';
import { type Clock, type EncodeMessages, Outbox, type Socket } from '../subscriptions/outbox.ts';
import type { Subscription } from '../subscriptions/subscription.ts';
import type { Tally } from '../subscriptions/tally.ts';

/** One long poll: a subscription that is over with its first message. */
export class Poll implements Socket, Peer {
  readonly role: Role;
  readonly outbox: Outbox;
  readonly bufferedAmount = 0;
  readonly #clock: Clock;
  readonly #onEnd: (message: string | undefined, subscription: Subscription | undefined) => void;
  #subscription: Subscription | undefined;
  #cancel: (() => void) | undefined;
  #ended = false;

  /** @param onEnd called once, with the message, or with none when nobody waits for it any more */
  constructor(
    encode: EncodeMessages,
    clock: Clock,
    onEnd: (message: string | undefined, subscription: Subscription | undefined) => void,
    role: Role = 'watcher',
    tally?: Tally,
  ) {
    this.role = role;
    this.#clock = clock;
    this.#onEnd = onEnd;
    this.outbox = new Outbox(this, encode, clock, tally);
  }

  /**
   * Subscribes and waits.
   *
   * @param subscribe makes the subscription, given the outbox
   * @param pause milliseconds before it begins, for a client that goes on from a cursor at a pace of its own
   * @param wait milliseconds to wait for a change if nothing has changed
   */
  start(subscribe: (outbox: Outbox) => Subscription, pause: number, wait: number): void {
    if (this.#ended) return;
    if (pause > 0) {
      this.#cancel = this.#clock.after(Math.min(pause, wait), () => this.start(subscribe, 0, wait - pause));
      return;
    }
    const subscription = subscribe(this.outbox);
    this.#subscription = subscription;
    // What has changed already, or cannot be told from it, is told at the end of the turn.
    if (!subscription.skipSnapshot()) return;
    this.#cancel = this.#clock.after(Math.max(wait, 0), () => this.hurry());
  }

  /** Has it answer now, with nothing if nothing has changed. */
  hurry(): void {
    if (this.#subscription !== undefined) this.#subscription.answer();
    else this.close();
  }

  send(message: string): void {
    this.#end(message);
  }

  /** Nobody waits any more. */
  close(): void {
    this.#end(undefined);
  }

  #end(message: string | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#cancel?.();
    this.outbox.close();
    this.#onEnd(message, this.#subscription);
  }
}
