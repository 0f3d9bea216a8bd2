import { Standing } from './standing.ts';

/** What can be shed; `serve` is for what is never. */
export type Sheddable = 'webSocket' | 'stream' | 'poll' | 'request';

/** From where on there is too much to do. */
export interface OverloadLimits {
  /** Milliseconds that work waits for its turn; 0: any. */
  readonly lag: number;
  /** Percent of the heap in use after a full collection; 0: any. */
  readonly heapPercent: number;
}

/** Every sample must show lag for so long before newcomers are sent away, and none for so long before they are let in. */
const BEGIN = 1_000;
const END = 2_000;
/** A heap that was full is not any more when this many percent of it less are in use. */
const HEAP_SLACK = 5;
/**
 * What a full collection showed holds for so long, milliseconds. While nobody new comes there may be no reason for another,
 * which would show that it is over; so newcomers are let in, and if it is not, what they bring leads to the next one soon,
 * and long before the heap is at its end.
 */
const HEAP_VERDICT_TIME = 30_000;

/**
 * Whether there is more to do than can be done, so that newcomers are better sent away, for a while, than taken in to wait
 * with all the others. Knows no clock: `watchLoad` tells it what is measured.
 */
export class Overload {
  readonly #lagging: Standing | undefined;
  readonly #heapPercent: number;
  readonly #verdictTime: number;
  #heapFull = false;
  /** When the last full collection was. */
  #collected = 0;
  /** Who was sent away, since the start. */
  readonly shed: Record<Sheddable, number> = { webSocket: 0, stream: 0, poll: 0, request: 0 };
  /** How long work waited for its turn when that was last looked at, milliseconds. */
  lag = 0;

  /** @param verdictTime milliseconds for which a full collection's result holds */
  constructor({ lag, heapPercent }: OverloadLimits, verdictTime = HEAP_VERDICT_TIME) {
    this.#lagging = lag === 0 ? undefined : new Standing({ limit: lag, release: lag / 2, begin: BEGIN, end: END });
    this.#heapPercent = heapPercent;
    this.#verdictTime = verdictTime;
  }

  /** Work waits too long for its turn. */
  get lagging(): boolean {
    return this.#lagging?.high ?? false;
  }

  /** Too much of the heap is in use. */
  get heapFull(): boolean {
    return this.#heapFull;
  }

  /** Newcomers are to be sent away. */
  get active(): boolean {
    return this.lagging || this.#heapFull;
  }

  /** @param now milliseconds of a clock that never goes back, here and below */
  lagged(lag: number, now: number): void {
    this.lag = lag;
    this.#lagging?.sample(lag, now);
    if (now - this.#collected >= this.#verdictTime) this.#heapFull = false;
  }

  /** A full collection has left this much of the heap in use. */
  collected(percent: number, now: number): void {
    if (this.#heapPercent === 0) return;
    this.#collected = now;
    if (percent >= this.#heapPercent) this.#heapFull = true;
    else if (percent < this.#heapPercent - HEAP_SLACK) this.#heapFull = false;
  }
}
