import { Replay, type ReplayOptions } from '../../src/history/replay.ts';
import { messageEncoder } from '../../src/protocol/encode.ts';
import { encodePosition } from '../../src/protocol/position.ts';
import { HIGH_WATER, Outbox } from '../../src/subscriptions/outbox.ts';
import type { Subscription } from '../../src/subscriptions/subscription.ts';
import { FakeClock } from '../subscriptions/fake-clock.ts';
import { Belief, type Message } from '../support/belief.ts';
import { TTL } from './past.ts';

type Play = Omit<ReplayOptions, 'encode' | 'clock' | 'sight' | 'ttl'> & Partial<Pick<ReplayOptions, 'sight' | 'ttl'>>;

/** A replay by a clock that goes when the test says, and somebody who believes what it tells. */
export class Stage {
  readonly clock = new FakeClock();
  readonly belief = new Belief();
  readonly messages: Message[] = [];
  readonly replay: Replay;
  readonly outbox: Outbox;
  /** Hears each message when it was believed. */
  onMessage: ((message: Message) => void) | undefined;
  /** How it ended. */
  ended: { readonly error: unknown } | undefined;
  isBlocked = false;
  #subscription: Subscription | undefined;

  constructor(play: Play) {
    this.replay = new Replay({
      sight: { fleet: 'default' },
      ttl: TTL,
      ...play,
      encode: encodePosition,
      clock: this.clock.of(this),
    });
    const socket = {
      send: (data: string) => {
        const message = JSON.parse(data);
        this.messages.push(message);
        this.belief.hear(message);
        this.onMessage?.(message);
      },
      close: () => {},
    };
    const stage = this;
    const encode = messageEncoder(
      () => this.replay.now,
      () => this.replay.mark,
    );
    this.outbox = new Outbox(
      {
        ...socket,
        get bufferedAmount() {
          return stage.isBlocked ? HIGH_WATER + 1 : 0;
        },
      },
      encode,
      this.replay.clock,
    );
  }

  get subscription(): Subscription {
    return this.#subscription as Subscription;
  }

  async begin(): Promise<void> {
    await this.replay.begin();
    this.#subscription = this.replay.play('default', {
      recipient: this.outbox,
      isServed: () => !this.isBlocked,
      onEnd: (error) => {
        this.ended = { error };
        this.outbox.close();
      },
    });
    this.clock.endTurn();
    await read();
  }

  block(isBlocked: boolean): void {
    this.isBlocked = isBlocked;
    if (!isBlocked) this.outbox.drained();
  }

  /** Time passes, by the clock of now. */
  async pass(milliseconds: number): Promise<void> {
    this.clock.pass(milliseconds);
    this.clock.endTurn();
    await read();
  }

  /** Plays on to the end. */
  async playOut(onStep?: () => void, step = 50): Promise<void> {
    while (this.ended === undefined) {
      await this.pass(step);
      onStep?.();
    }
  }
}

/** Whatever is being read from memory is there. */
function read(): Promise<void> {
  return new Promise(setImmediate);
}
