import type { RedisClient, RedisSettings } from './redis-connection.ts';
import { RedisPublisher } from './redis-publisher.ts';
import { slotOf } from './redis-slots.ts';
import { RedisSubscriber, type SubscriberListener } from './redis-subscriber.ts';
import { checkCluster, checkSingle } from './redis-topology.ts';
import type { RedisAddress } from './redis-url.ts';

/** Who hears of a node. */
export interface NodeListener extends Omit<SubscriberListener, 'onMoved'> {
  onUnsent(channel: string): void;
  /** A channel is another's now, and this node knows whose. */
  onMoved(client: RedisClient, address: RedisAddress): void;
}

const inOneGroup = () => 0;

/**
 * A server that serves channels: one connection to publish, and another to subscribe, so that neither waits for what the
 * other has to move.
 */
export class RedisNode {
  readonly address: RedisAddress;
  readonly publisher: RedisPublisher;
  readonly subscriber: RedisSubscriber;

  constructor(address: RedisAddress, isCluster: boolean, settings: RedisSettings, listener: NodeListener) {
    this.address = address;
    const onMoved = (client: RedisClient) => listener.onMoved(client, address);
    this.publisher = new RedisPublisher(address, settings, isCluster ? checkCluster : checkSingle, {
      ...listener,
      onMoved,
    });
    this.subscriber = new RedisSubscriber(address, settings, isCluster ? slotOf : inOneGroup, { ...listener, onMoved });
  }

  /** Whether it takes messages, and all that is wanted of it is subscribed. */
  get isUp(): boolean {
    return this.publisher.client !== undefined && this.subscriber.isSettled;
  }

  async close(): Promise<void> {
    await Promise.all([this.publisher.close(), this.subscriber.close()]);
  }
}
