import type { Clock } from '../../src/subscriptions/outbox.ts';

interface Timer {
  readonly at: number;
  readonly callback: () => void;
  readonly owner: object;
}

/**
 * Turns and timers that run when the test says. Timers go by a clock that is never set back and know whole milliseconds,
 * as those of Node do; the server's clock may be set back.
 */
export class FakeClock {
  /** The server's clock, epoch milliseconds. */
  now = 1_700_000_000_000;
  /** Times that the clock was set back. */
  setBacks = 0;
  #steady = 0;
  #turn: (() => void)[] = [];
  readonly #timers = new Set<Timer>();

  /** The clock as one connection has it, so that its timers can be told from others. */
  of(owner: object): Clock {
    return {
      now: () => this.now,
      defer: (callback) => this.#turn.push(callback),
      after: (milliseconds, callback) => {
        if (!(milliseconds >= 0 && milliseconds < 2 ** 31)) throw new Error(`a timer of ${milliseconds} ms`);
        const timer = { at: this.#steady + Math.max(1, Math.trunc(milliseconds)), callback, owner };
        this.#timers.add(timer);
        return () => this.#timers.delete(timer);
      },
    };
  }

  /** How many timers run. */
  timers(owner?: object): number {
    return [...this.#timers].filter((timer) => owner === undefined || timer.owner === owner).length;
  }

  /** Runs what was put off to the end of the turn. */
  endTurn(): void {
    while (this.#turn.length > 0) for (const callback of this.#turn.splice(0)) callback();
  }

  /** Time passes, and timers go off when theirs has come, each in a turn of its own. */
  pass(milliseconds: number): void {
    const end = this.#steady + milliseconds;
    for (let timer = this.#first(); timer !== undefined && timer.at <= end; timer = this.#first()) {
      this.#to(timer.at);
      this.#timers.delete(timer);
      timer.callback();
      this.endTurn();
    }
    this.#to(end);
  }

  /** Milliseconds until the first timer goes off, of all or of one owner. */
  next(owner?: object): number | undefined {
    const timer = this.#first(owner);
    return timer === undefined ? undefined : timer.at - this.#steady;
  }

  setBack(milliseconds: number): void {
    this.now -= milliseconds;
    this.setBacks++;
  }

  #first(owner?: object): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers) {
      if (owner !== undefined && timer.owner !== owner) continue;
      if (first === undefined || timer.at < first.at) first = timer;
    }
    return first;
  }

  #to(steady: number): void {
    this.now += steady - this.#steady;
    this.#steady = steady;
  }
}
