import type { Driver } from './driver.ts';
import type { ExitReason, Recipient, Subscription } from './subscription.ts';

/** One peer's connection, as the core sees it. */
export interface Socket {
  send(data: string): void;
  /** Bytes handed to `send` that have not left the process. */
  readonly bufferedAmount: number;
  close(code: number, reason: string): void;
}

/** A driver that is no longer inside, and why. */
export interface Exit {
  readonly driverId: string;
  readonly reason: ExitReason;
}

/** Writes the two messages of a subscription. */
export interface EncodeMessages {
  snapshot(subscription: Subscription, drivers: Iterable<Driver>): string;
  changes(subscription: Subscription, enter: readonly Driver[], move: readonly Driver[], exit: readonly Exit[]): string;
}

/** Calls back once at the end of the present event-loop turn. */
export type Defer = (callback: () => void) => void;

/** Above this many unsent bytes nothing of a subscription is sent; changes wait, conflated. */
export const HIGH_WATER = 64 * 1024;

/**
 * What waits to be sent on one connection. Subscriptions that have something wait here and are flushed at the end of the
 * turn while the socket is writable; while it is not, they wait in conflated form until {@link drained}.
 */
export class Outbox implements Recipient {
  readonly #socket: Socket;
  readonly #encode: EncodeMessages;
  readonly #defer: Defer;
  readonly #due = new Set<Subscription>();
  #flushing = false;
  #closed = false;

  constructor(socket: Socket, encode: EncodeMessages, defer: Defer) {
    this.#socket = socket;
    this.#encode = encode;
    this.#defer = defer;
  }

  /** Whether more bytes are unsent than the peer should leave. */
  get blocked(): boolean {
    return this.#socket.bufferedAmount > HIGH_WATER;
  }

  wake(subscription: Subscription): void {
    if (this.#closed) return;
    this.#due.add(subscription);
    this.#schedule();
  }

  /** Nothing of the subscription is sent any more. */
  forget(subscription: Subscription): void {
    this.#due.delete(subscription);
  }

  /** To be called when the socket has written something out. */
  drained(): void {
    if (this.#due.size > 0 && !this.blocked) this.#schedule();
  }

  /** Sends nothing any more. */
  close(): void {
    this.#closed = true;
    this.#due.clear();
  }

  #schedule(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    this.#defer(() => this.#flush());
  }

  #flush(): void {
    this.#flushing = false;
    for (const subscription of this.#due) {
      if (this.blocked) return;
      this.#due.delete(subscription);
      // Twice, when an update is to be answered right after the snapshot.
      while (subscription.due) this.#socket.send(this.#message(subscription));
    }
  }

  #message(subscription: Subscription): string {
    if (subscription.snapshotDue) return this.#encode.snapshot(subscription, subscription.takeSnapshot());
    const enter: Driver[] = [];
    const move: Driver[] = [];
    const exit: Exit[] = [];
    subscription.takeChanges((driverId, change) => {
      if (change === 'enter' || change === 'move') {
        // Whoever is to enter or move is inside, and whoever is inside is known to the fleet.
        const driver = subscription.subject.drivers.get(driverId) as Driver;
        (change === 'enter' ? enter : move).push(driver);
      } else exit.push({ driverId, reason: change });
    });
    return this.#encode.changes(subscription, enter, move, exit);
  }
}
