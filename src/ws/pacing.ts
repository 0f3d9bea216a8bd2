import type { Socket as NetSocket } from 'node:net';
import { Allowance, type Rates } from '../delivery/allowance.ts';
import type { Limit } from '../delivery/limited.ts';
import type { Clock } from '../subscriptions/outbox.ts';
import { DEAF, type Hearing } from './hearing.ts';

/** What a pace stands on. */
export interface PacingDeps {
  /** Absent: nobody sends too much. */
  readonly rates: Rates | undefined;
  readonly raw: NetSocket;
  readonly hearing: Hearing;
  readonly clock: Clock;
  /** Hears that the peer is not heard for a while, for having sent too much of something. */
  readonly onMet: (limit: Extract<Limit, 'messages' | 'bytes'>) => void;
}

/** Has a peer that sends more than it may heard more slowly: what is beyond waits on its side. */
export class Pacing {
  readonly #deps: PacingDeps;
  /** Of what it may send; absent while it may send any number. */
  #allowance: Allowance | undefined;
  /** Bytes of its messages, and those of which its allowance knows; both from what was read before there was one. */
  #told = 0;
  #counted = 0;
  #cancel: (() => void) | undefined;
  #over = false;

  constructor(deps: PacingDeps) {
    this.#deps = deps;
    this.isLimited = true;
  }

  /** Whether it is limited at all. */
  set isLimited(isLimited: boolean) {
    const { rates, raw } = this.#deps;
    if (!isLimited || rates === undefined) {
      this.#allowance = undefined;
      return;
    }
    if (this.#allowance !== undefined) return;
    this.#told = this.#counted = raw.bytesRead;
    this.#allowance = new Allowance(rates, performance.now());
  }

  /**
   * Counts what it has sent: of messages their bytes, or those on the wire where they are more, as a message may come in
   * thousands of frames of which nearly nothing is told here.
   */
  spend(bytes: number): void {
    if (this.#allowance === undefined) return;
    this.#told += bytes;
    const counted = Math.max(this.#told, this.#deps.raw.bytesRead);
    const enough = this.#allowance.spend(counted - this.#counted);
    this.#counted = counted;
    if (enough || this.#cancel !== undefined) return;
    const wait = this.#allowance.wait(performance.now());
    if (wait === 0 || this.#over) return;
    this.#deps.onMet(this.#allowance.short);
    this.#deps.hearing.stop(DEAF.rate);
    this.#wait(wait);
  }

  /** Nothing is counted or timed any more; the peer is heard, as else its own close frame would not be read. */
  end(): void {
    this.#over = true;
    this.#cancel?.();
    this.#deps.hearing.resume(DEAF.rate);
  }

  #wait(milliseconds: number): void {
    this.#cancel = this.#deps.clock.after(milliseconds, () => {
      this.#cancel = undefined;
      // Of what was read before the wait, more may have been spent since.
      const left = this.#allowance?.wait(performance.now()) ?? 0;
      if (left === 0) this.#deps.hearing.resume(DEAF.rate);
      else this.#wait(left);
    });
  }
}
