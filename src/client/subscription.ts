import { difference, type Order, type Patch, patched, patchOf } from './area.ts';
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

/** A standing order with its version, by which it is known whether the server has it. */
interface Version {
  readonly order: Order;
  readonly number: number;
}

/** An update that the server has not taken yet. */
interface Pending {
  /** The first version that it is in. */
  readonly version: number;
  readonly patch: Patch;
  resolve(): void;
  reject(error: NearcastError): void;
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
  /** The server has read the update that was asked for: what is told from then on is of it. */
  #read = false;
  /** Changes came before that was known, which may have been the answer. */
  #maybeAnswered = false;
  /** What the server has taken, and what to go back to; at first what it has yet to judge. */
  #confirmed: Version;
  /** Whether it has taken it. */
  #taken = false;
  /** Mark of the last message that is certain to be of `#cursorFor`. One that is older than what is believed resumes as well. */
  #cursor: string | undefined;
  #cursorFor: Version;
  /** Whether the snapshot of this connection has come. */
  #live = false;
  #pending: Pending[] = [];
  /** Waits to ask again what the server could not take. */
  #pause: unknown;
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
    this.#confirmed = this.#wanted;
    this.#cursor = cursor;
    this.#cursorFor = this.#wanted;
    this.#events = events;
  }

  /** Mark of a moment, from which what is wanted can go on. */
  get cursor(): string | undefined {
    return this.#cursorFor === this.#wanted ? this.#cursor : undefined;
  }

  /** Whether the area, as the server has it, goes around a driver. */
  get follows(): boolean {
    return this.#confirmed.order.around !== undefined;
  }

  start(): void {
    this.#link.route(this.#name, (message) => this.#hear(message));
    this.#link.join(this);
  }

  /** Ends it on the wire. */
  stop(error: NearcastError): void {
    this.#stopped = true;
    this.#clearPause();
    this.#link.unroute(this.#name);
    // With nobody else on it the connection is closed, which says the same.
    if (this.#live || this.#asked !== undefined) {
      this.#link.send({ type: 'unsubscribe', subscription: this.#name });
    }
    this.#link.leave(this);
    this.#live = false;
    this.#asked = undefined;
    for (const { reject } of this.#pending.splice(0)) reject(error);
  }

  /** Changes the order; resolves when the server has taken it. */
  update(given: Patch): Promise<void> {
    const patch = patchOf(given);
    const version = this.#wanted.number + 1;
    this.#wanted = { order: patched(this.#wanted.order, patch), number: version };
    const taken = new Promise<void>((resolve, reject) => {
      this.#pending.push({ version, patch, resolve, reject });
    });
    this.#sendUpdate();
    return taken;
  }

  opened(): void {
    this.#subscribe();
  }

  interrupted(): void {
    this.#clearPause();
    this.#live = false;
    this.#asked = undefined;
    this.#events.interrupted();
  }

  failed(error: NearcastError): void {
    this.#events.failed(error);
  }

  #subscribe(): void {
    if (this.#stopped) return;
    const asked = this.#wanted;
    this.#live = false;
    this.#asked = asked;
    this.#link.send({ type: 'subscribe', subscription: this.#name, ...asked.order, cursor: this.cursor });
    // Many bad messages in a row would close the connection, on which others watch.
    if (!this.#taken || asked !== this.#confirmed) this.#link.send({ type: 'ping' });
  }

  #sendUpdate(): void {
    if (!this.#live || this.#asked !== undefined || this.#confirmed === this.#wanted) return;
    const asked = this.#wanted;
    const fields = difference(this.#confirmed.order, asked.order);
    if (Object.keys(fields).length === 0) {
      this.#confirm(asked);
      return;
    }
    this.#asked = asked;
    this.#read = false;
    this.#maybeAnswered = false;
    this.#link.send({ type: 'update', subscription: this.#name, ...fields });
    // Messages are read in order: an error would come before this pong. The changes that answer may come after it.
    this.#ping(asked, () => {
      this.#read = true;
      if (this.#maybeAnswered) this.#ping(asked, () => this.#confirm(asked));
    });
  }

  /** Calls back when the server has read all that was sent, if the same update is then still to be answered. */
  #ping(asked: Version, pong: () => void): void {
    this.#link.ask(
      (id) => JSON.stringify({ type: 'ping', id }),
      () => {
        if (this.#asked === asked && this.#live && this.#pause === undefined) pong();
      },
    );
  }

  #confirm(version: Version): void {
    this.#asked = undefined;
    this.#confirmed = version;
    this.#taken = true;
    const taken = this.#pending.filter((update) => update.version <= version.number);
    this.#pending = this.#pending.filter((update) => update.version > version.number);
    for (const { resolve } of taken) resolve();
    this.#sendUpdate();
  }

  #hear(message: ServerMessage): void {
    if (message.type === 'snapshot') this.#snapshot(message);
    else if (message.type === 'changes') this.#changes(message);
    else if (message.type === 'error') this.#refuse(message);
  }

  #snapshot(message: SnapshotMessage): void {
    const asked = this.#asked;
    if (asked === undefined || this.#live) return;
    this.#live = true;
    this.#taken = true;
    this.#confirmed = asked;
    this.#mark(message.cursor);
    if (!this.#events.snapshot(message)) {
      this.#cursor = undefined;
      this.#subscribe();
      return;
    }
    if (this.#stopped) return;
    this.#backOff.reset();
    this.#confirm(asked);
  }

  #changes(message: ChangesMessage): void {
    // Before the snapshot, it is of the subscription that is being replaced.
    if (!this.#live) return;
    const asked = this.#asked;
    const answers = asked !== undefined && this.#read;
    if (answers) this.#confirmed = asked;
    else this.#maybeAnswered = true;
    // While an update is on its way, it is not known which order a cursor is for.
    if (asked === undefined || answers) this.#mark(message.cursor);
    this.#events.changes(message);
    if (answers && this.#asked === asked) this.#confirm(asked);
  }

  #mark(cursor: string): void {
    this.#cursor = cursor;
    this.#cursorFor = this.#confirmed;
  }

  #refuse(message: ErrorMessage): void {
    const error = errorOf(message);
    const asked = this.#asked;
    if (asked === undefined) this.#events.refused(error);
    else if (error.code === 'unavailable' || error.code === 'internal') this.#subscribeLater(error.retryAfter);
    else if (this.#live && error.code === 'not_found') this.#subscribe();
    else if (asked === this.#confirmed) this.#events.failed(error);
    else this.#rollBack(asked, error);
  }

  /** A lone update that the server cannot take now fares as its subscription would: the whole is asked for anew. */
  #subscribeLater(retryAfter?: number): void {
    this.#clearPause();
    this.#pause = this.#clock.setTimeout(() => {
      this.#pause = undefined;
      if (this.#link.open) this.#subscribe();
    }, this.#backOff.next(retryAfter));
  }

  #clearPause(): void {
    this.#clock.clearTimeout(this.#pause);
    this.#pause = undefined;
  }

  /** Takes back the updates that came with a refused order; those that came after it stay. */
  #rollBack(refused: Version, error: NearcastError): void {
    this.#asked = undefined;
    this.#wanted = this.#confirmed;
    const rejected = this.#pending.filter(({ version }) => version <= refused.number);
    this.#pending = this.#pending.filter(({ version }) => version > refused.number);
    for (const { patch, version } of this.#pending) {
      this.#wanted = { order: patched(this.#wanted.order, patch), number: version };
    }
    for (const { reject } of rejected) reject(error);
    this.#events.refused(error);
    if (this.#live) this.#sendUpdate();
    else if (this.#asked === undefined) this.#subscribe();
  }
}
