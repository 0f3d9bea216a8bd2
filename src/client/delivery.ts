import type { BackOff } from './back-off.ts';
import type { Clock } from './clock.ts';
import { errorOf, type NearcastError } from './errors.ts';
import type { Link, Member, Reply } from './link.ts';
import type { Entry, FixQueue } from './queue.ts';
import type { Fix, Result } from './wire.ts';

/** The verdict on a fix, which is done with. */
export interface FixVerdict extends Result {
  readonly fix: Fix;
}

/** What a delivery tells its track. */
export interface DeliveryEvents {
  judged(verdicts: readonly FixVerdict[]): void;
  /** Nothing can be sent until there is another connection. */
  hindered(error: NearcastError): void;
}

/** Fixes in one message, and on their way at a time: what the server takes. */
const MAX_FLYING = 1000;
/** Messages on their way at a time. What is sent meanwhile goes together. */
const MAX_MESSAGES = 4;
/** Characters of fixes in one message: of up to 3 bytes each they are well below the server’s 1 MiB. */
const MAX_CHARACTERS = 256 * 1024;

/** Brings the fixes of a queue to the server: each until its verdict is there, a bounded number at a time. */
export class Delivery implements Member {
  readonly #queue: FixQueue;
  readonly #link: Link;
  readonly #clock: Clock;
  readonly #backOff: BackOff;
  readonly #events: DeliveryEvents;
  #started = false;
  #stopped = false;
  /** Messages on their way. */
  #messages = 0;
  #pumping = false;
  /** Waits to send again what the server could not take. */
  #pause: unknown;
  #obstacle: NearcastError | undefined;

  constructor(queue: FixQueue, deps: { link: Link; clock: Clock; backOff: BackOff }, events: DeliveryEvents) {
    this.#queue = queue;
    this.#link = deps.link;
    this.#clock = deps.clock;
    this.#backOff = deps.backOff;
    this.#events = events;
  }

  /** Why nothing can be sent on this connection, or why there is none. */
  get obstacle(): NearcastError | undefined {
    return this.#obstacle;
  }

  /**
   * There is something in the queue. It goes at the end of this turn, so that fixes which are sent together go together;
   * the first time the connection is asked for.
   */
  wake(): void {
    if (this.#stopped) return;
    if (!this.#started) {
      this.#started = true;
      this.#link.join(this);
    }
    if (this.#pumping) return;
    this.#pumping = true;
    queueMicrotask(() => {
      this.#pumping = false;
      this.#pump();
    });
  }

  /** Sends nothing more, and hears no more verdicts. */
  stop(): void {
    this.#stopped = true;
    this.#clearPause();
    this.#link.leave(this);
  }

  opened(): void {
    this.#obstacle = undefined;
    this.wake();
  }

  interrupted(): void {
    this.#messages = 0;
    this.#clearPause();
    // Whether they arrived is not known. Sent again, they are duplicates at worst.
    this.#queue.giveAllBack();
  }

  failed(error: NearcastError): void {
    this.interrupted();
    this.#hinder(error);
  }

  #pump(): void {
    while (this.#canSend()) {
      const { entries, encoded } = this.#queue.take(MAX_FLYING - this.#queue.flying, MAX_CHARACTERS);
      this.#messages++;
      this.#link.ask(
        (id) =>
          entries.length === 1
            ? `{"type":"position","id":${id},${encoded[0].slice(1)}`
            : `{"type":"positions","id":${id},"positions":[${encoded.join()}]}`,
        (reply) => this.#answered(entries, reply),
      );
    }
  }

  #canSend(): boolean {
    if (this.#stopped || !this.#link.open || this.#obstacle !== undefined || this.#pause !== undefined) return false;
    return this.#queue.waiting > 0 && this.#queue.flying < MAX_FLYING && this.#messages < MAX_MESSAGES;
  }

  #answered(entries: readonly Entry[], reply: Reply): void {
    if (this.#stopped) return;
    this.#messages--;
    if (reply.type === 'ack') this.#judge(entries, reply.results ?? [reply as Result]);
    else this.#notTaken(entries, errorOf(reply as Reply & { type: 'error' }));
    this.wake();
  }

  #judge(entries: readonly Entry[], results: readonly Result[]): void {
    const judged: FixVerdict[] = [];
    const notTaken: Entry[] = [];
    for (const [index, entry] of entries.entries()) {
      const result: Result | undefined = results[index];
      if (result === undefined || result.code === 'unavailable') {
        notTaken.push(entry);
        continue;
      }
      this.#queue.settle(entry);
      const { verdict, code, message } = result;
      judged.push({ fix: entry.fix, verdict, ...(code && { code }), ...(message && { message }) });
    }
    if (notTaken.length > 0) {
      this.#queue.giveBack(notTaken);
      this.#pauseFor();
    } else this.#backOff.reset();
    this.#events.judged(judged);
  }

  #notTaken(entries: readonly Entry[], error: NearcastError): void {
    this.#queue.giveBack(entries);
    // About the sender: the same would be said of every other fix.
    if (error.code === 'forbidden' || error.code === 'unauthorized' || error.code === 'invalid') this.#hinder(error);
    else this.#pauseFor(error.retryAfter);
  }

  #hinder(error: NearcastError): void {
    if (this.#obstacle !== undefined) return;
    this.#obstacle = error;
    this.#events.hindered(error);
  }

  #pauseFor(retryAfter?: number): void {
    if (this.#pause !== undefined) return;
    this.#pause = this.#clock.setTimeout(() => {
      this.#pause = undefined;
      this.#pump();
    }, this.#backOff.next(retryAfter));
  }

  #clearPause(): void {
    this.#clock.clearTimeout(this.#pause);
    this.#pause = undefined;
  }
}
