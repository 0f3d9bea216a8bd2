import { expect } from 'vitest';
import { RedisBus, type RedisBusOptions } from '../../src/bus/redis.ts';
import { parseRedisUrl } from '../../src/bus/redis-url.ts';
import type { RedisClientLine, TestRedis } from '../support/redis.ts';
import { Ear } from './listening.ts';

/** A bus of Redis that is listened to, and what it says is wrong. */
export class RedisEar extends Ear {
  static readonly #all = new Set<RedisEar>();
  readonly faults: string[];

  constructor(url: string, options: Partial<RedisBusOptions> = {}) {
    const faults: string[] = [];
    const onFault = (fault: string) => {
      faults.push(fault);
      this.look();
    };
    super(new RedisBus({ target: parseRedisUrl(url), onFault, ...options }));
    this.faults = faults;
    RedisEar.#all.add(this);
  }

  /** One that is up. */
  static async open(url: string, options: Partial<RedisBusOptions> = {}): Promise<RedisEar> {
    const ear = new RedisEar(url, options);
    await ear.up();
    return ear;
  }

  /** Two of them. */
  static two(url: string): Promise<[RedisEar, RedisEar]> {
    return Promise.all([RedisEar.open(url), RedisEar.open(url)]);
  }

  /** For after each test. */
  static async closeAll(): Promise<void> {
    const ears = [...RedisEar.#all];
    RedisEar.#all.clear();
    await Promise.all(ears.map((ear) => ear.bus.close()));
    expect(ears.flatMap((ear) => ear.contradictions)).toEqual([]);
  }

  /** Resolves once it said that this is wrong. */
  says(fault: RegExp): Promise<void> {
    return this.until(
      () => this.faults.some((each) => fault.test(each)),
      `it says ${fault}, not ${this.faults.join('; ')}`,
    );
  }
}

export const isSubscriber = (client: RedisClientLine) => client.name === 'nearcast-subscribes';
export const isPublisher = (client: RedisClientLine) => client.name === 'nearcast-publishes';

/** How many connections have a channel open, as the server says. */
export async function subscribersOf(redis: TestRedis, channel: string): Promise<number> {
  const answer = await redis.command('PUBSUB', 'SHARDNUMSUB', channel);
  return Number((answer as [string, number])[1]);
}
