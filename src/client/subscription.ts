import { difference, type Order, type Patch, patched } from './area.ts';
import type { BackOff } from './back-off.ts';
import type { Clock } from './clock.ts';
import { errorOf, type NearcastError } from './errors.ts';
import type { Link, Member } from './link.ts';
import type { ChangesMessage, ErrorMessage, ServerMessage, SnapshotMessage } from './wire.ts';

/** What a subscription tells its watch. */
export interface SubscriptionEvents {
  /** @returns whether it could be used; if not, a whole one is asked for */
  snapshot(message: SnapshotMessage): boolean;
  changes(message: ChangesMessage): void;
  interrupted(): void;
  /** An update was refused: the area and filters are as before it. */
  refused(error: NearcastError): void;
  /** It is over. */
  failed(error: NearcastError): void;
}

interface Waiter {
  readonly version: number;
  resolve(): void;
  reject(error: NearcastError): void;
}

/** A standing order with its version, by which it is known whether the server has it. */
interface Version {
  readonly order: Order;
  readonly number: number;
}

/** One subscription on the wire: asked for on each new connection, resumed by its cursor, updated one order at a time. */
export class Subscription implements Member {
  readonly #link: Link;
  readonly #name: string;
  readonly #clock: Clock;
  readonly #backOff: BackOff;
  readonly #events: SubscriptionEvents;
  /** What the watch wants. */
  #wanted: Version;
  /** What the server was asked for and has not answered. */
  #asked: Version | undefined;
  /** What the server is known to have taken; at first what it has yet to judge. */
  #confirmed: Version | undefined;
  /** Mark of the last message that is certain to be of `#cursorFor`. One that is older than what is believed resumes as well. */
  #cursor: string | undefined;
  #cursorFor: Version;
  /** Whether the snapshot of this connection has come. */
  #live = false;
  #waiters: Waiter[] = [];
  #timer: unknown;
  #stopped = false;

  constructor(
    deps: { link: Link; name: string; clock: Clock; backOff: BackOff },
    order: Order,
    cursor: string | undefined,
    events: SubscriptionEvents,
  ) {
    this.#link = deps.link;
    this.#name = deps.name;
    this.#clock = deps.clock;
    this.#backOff = deps.backOff;
    this.#wanted = { order, number: 0 };
    this.#cursor = cursor;
    this.#cursorFor = this.#wanted;
    this.#events = events;
  }

  /** Mark of a moment, from which what is wanted can go on. */
  get cursor(): string | undefined {
    return this.#cursorFor === this.#wanted ? this.#cursor : undefined;
  }

  start(): void {
    this.#link.route(this.#name, (message) => this.#hear(message));
    this.#link.join(this);
  }

  /** Ends it on the wire. */
  stop(error: NearcastError): void {
    this.#stopped = true;
    this.#clock.clearTimeout(this.#timer);
    this.#link.unroute(this.#name);
    // With nobody else on it the connection is closed, which says the same.
    if (this.#live || this.#asked !== undefined) {
      this.#link.send({ type: 'unsubscribe', subscription: this.#name });
    }
    this.#link.leave(this);
    this.#live = false;
    this.#asked = undefined;
    this.#settle((waiter) => waiter.reject(error));
  }

  /** Changes the order; resolves when the server has taken it. */
  update(patch: Patch): Promise<void> {
    this.#wanted = { order: patched(this.#wanted.order, patch), number: this.#wanted.number + 1 };
    const version = this.#wanted.number;
    const taken = new Promise<void>((resolve, reject) => this.#waiters.push({ version, resolve, reject }));
    this.#sendUpdate();
    return taken;
  }

  opened(): void {
    this.#subscribe();
  }

  interrupted(): void {
    this.#clock.clearTimeout(this.#timer);
    this.#live = false;
    this.#asked = undefined;
    this.#events.interrupted();
  }

  failed(error: NearcastError): void {
    this.#events.failed(error);
  }

  #subscribe(): void {
    if (this.#stopped) return;
    this.#live = false;
    this.#asked = this.#wanted;
    this.#link.send({ type: 'subscribe', subscription: this.#name, ...this.#wanted.order, cursor: this.cursor });
  }

  #sendUpdate(): void {
    if (!this.#live || this.#asked !== undefined || this.#confirmed === this.#wanted) return;
    const asked = this.#wanted;
    const fields = difference((this.#confirmed as Version).order, asked.order);
    if (Object.keys(fields).length === 0) {
      this.#confirm(asked);
      return;
    }
    this.#asked = asked;
    this.#link.send({ type: 'update', subscription: this.#name, ...fields });
    // Messages are taken in order: an error would come before this pong.
    this.#link.ask(
      (id) => JSON.stringify({ type: 'ping', id }),
      () => {
        if (this.#asked === asked && this.#live) this.#confirm(asked);
      },
    );
  }

  #confirm(version: Version): void {
    this.#asked = undefined;
    this.#confirmed = version;
    this.#settle((waiter) => waiter.resolve(), version.number);
    this.#sendUpdate();
  }

  #hear(message: ServerMessage): void {
    if (message.type === 'snapshot') this.#snapshot(message);
    else if (message.type === 'changes') {
      // Before the snapshot, it is of the subscription that is being replaced.
      if (!this.#live) return;
      // While an update is on its way, it is not known which order a cursor is for.
      if (this.#asked === undefined) this.#mark(message.cursor);
      this.#events.changes(message);
    } else if (message.type === 'error') this.#refuse(message);
  }

  #snapshot(message: SnapshotMessage): void {
    const asked = this.#asked;
    if (asked === undefined || this.#live) return;
    if (!this.#events.snapshot(message)) {
      this.#cursor = undefined;
      this.#subscribe();
      return;
    }
    this.#live = true;
    this.#backOff.reset();
    this.#confirmed = asked;
    this.#mark(message.cursor);
    this.#confirm(asked);
  }

  #mark(cursor: string): void {
    this.#cursor = cursor;
    this.#cursorFor = this.#confirmed as Version;
  }

  #refuse(message: ErrorMessage): void {
    const error = errorOf(message);
    const { code } = error;
    const settled = this.#confirmed === undefined || this.#confirmed === this.#asked;
    if (this.#asked === undefined) this.#events.refused(error);
    else if (code === 'unavailable' || code === 'internal') this.#subscribeLater(error.retryAfter);
    else if (this.#live && code === 'not_found') this.#subscribe();
    else if (settled) this.#events.failed(error);
    else this.#rollBack(error);
  }

  /** A lone update that the server cannot take now fares as its subscription would: the whole is asked for anew. */
  #subscribeLater(retryAfter?: number): void {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = this.#clock.setTimeout(() => {
      if (this.#link.open) this.#subscribe();
    }, this.#backOff.next(retryAfter));
  }

  #rollBack(error: NearcastError): void {
    this.#asked = undefined;
    this.#wanted = this.#confirmed as Version;
    this.#settle((waiter) => waiter.reject(error));
    this.#events.refused(error);
    if (!this.#live) this.#subscribe();
  }

  /** Tells those who wait for a version up to this one, or all. */
  #settle(tell: (waiter: Waiter) => void, upTo = Number.POSITIVE_INFINITY): void {
    const due = this.#waiters.filter(({ version }) => version <= upTo);
    this.#waiters = this.#waiters.filter(({ version }) => version > upTo);
    for (const waiter of due) tell(waiter);
  }
}
