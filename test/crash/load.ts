import { setTimeout as delay } from 'node:timers/promises';
import { mintToken } from '../../src/auth/tokens.ts';
import type { Random } from '../support/random.ts';
import { Driver } from './driver.ts';
import type { Ledger } from './ledger.ts';
import { PostSender, type Sender, SocketSender } from './senders.ts';

/** Two tenants with drivers of the same names. */
export const FLEETS = ['north', 'south'] as const;
const DAY = 86_400;
/** Enough for some to be in every batch of the store. */
const WINDOW = 6;

/** Milliseconds between two messages of a sender, at the least and the most. */
type Pace = readonly [number, number];
const PHONE: Pace = [2, 20];
const GATEWAY: Pace = [30, 120];
const POST: Pace = [5, 60];

/** Drivers that send all the time, by all the ways there are, to one server after the other. */
export class Load {
  readonly #senders: { readonly sender: Sender; readonly fleet: string; readonly pace: Pace }[] = [];
  readonly #random: Random;
  readonly #secret: string;
  /** Answers that came. */
  answers = 0;
  #onAnswered = () => {};
  #running: Promise<unknown> | undefined;
  #stopped = true;

  /**
   * @param secret what the servers verify tokens with
   * @param window messages of a connection that may wait for their answers
   */
  constructor(ledger: Ledger, random: Random, secret: string, window = WINDOW) {
    this.#random = random;
    this.#secret = secret;
    for (const fleet of FLEETS) {
      let n = 0;
      const drivers = (count: number) =>
        Array.from({ length: count }, () => new Driver(ledger.driver(fleet, `driver ${++n}`), random));
      for (let i = 0; i < 6; i++) {
        this.#senders.push({ sender: new SocketSender(drivers(1), random, window), fleet, pace: PHONE });
      }
      for (let i = 0; i < 2; i++) {
        this.#senders.push({ sender: new SocketSender(drivers(10), random, window), fleet, pace: GATEWAY });
        this.#senders.push({ sender: new PostSender(drivers(3), random), fleet, pace: POST });
      }
    }
  }

  /** Connects to a server and sends until {@link stop}. Rejects when the server is not there. */
  async begin(url: string): Promise<void> {
    const onAnswered = () => {
      this.answers++;
      this.#onAnswered();
    };
    await Promise.all(
      this.#senders.map(({ sender, fleet }) => {
        const token = mintToken(this.#secret, { sub: 'load', scope: 'positions:write:any', fleet, ttlSeconds: DAY });
        return sender.begin({ url, token, onAnswered });
      }),
    );
    this.#stopped = false;
    this.#running = Promise.all(this.#senders.map(({ sender, pace }) => this.#run(sender, pace)));
  }

  /** Calls back in the very moment in which the n-th answer from now comes. */
  afterAnswers(n: number, callback: () => void): void {
    let left = n;
    this.#onAnswered = () => {
      if (--left > 0) return;
      this.#onAnswered = () => {};
      callback();
    };
  }

  /** Sends no more. Resolves when all is answered, or never will be because the server is gone. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#onAnswered = () => {};
    await this.#running;
    await Promise.all(this.#senders.map(({ sender }) => sender.settled()));
    for (const { sender } of this.#senders) sender.end();
  }

  async #run(sender: Sender, [least, most]: Pace): Promise<void> {
    while (!this.#stopped) {
      await sender.act();
      await delay(this.#random.between(least, most));
    }
  }
}
