import { setTimeout as delay } from 'node:timers/promises';
import type { Cluster, Instance } from '../support/cluster.ts';
import type { Network } from '../support/network.ts';
import type { Random } from '../support/random.ts';
import type { RedisClientLine, TestRedis, TestRedisCluster } from '../support/redis.ts';

/** Something bad that happens to a cluster while it is used; it is over when it resolves. */
export interface Trouble {
  readonly name: string;
  /** What the store holds cannot be known meanwhile. */
  readonly isOfStore?: boolean;
  /**
   * Instances do not hear each other, and may not have noticed it yet: then one takes what it knows of a driver for all there is,
   * and what it says of a driver that others heard of meanwhile may be wrong, until that driver's next whole fix.
   */
  readonly isOfBus?: boolean;
  /** Also of one that stays with its instance as long as that is there. */
  readonly isOfAll?: boolean;
  happen(): Promise<unknown>;
}

/** Milliseconds before and after, in which all goes on as ever, and that something is away. */
const BEFORE = 400;
const AFTER = 600;
const AWAY = 1_000;

/** Of the connections of instances to Redis, those that listen. */
export const listens = ({ sub, psub, ssub }: RedisClientLine) => [sub, psub, ssub].some((count) => Number(count) > 0);

async function restart(instance: Instance, signal: NodeJS.Signals): Promise<void> {
  await delay(BEFORE);
  await instance.kill(signal);
  await delay(AWAY / 2);
  await instance.start();
  await delay(AFTER);
}

const unheard = { isOfBus: true, isOfAll: true } as const;

/** What happens to instances and their database, whatever bus they have. */
export function instanceTroubles({ instances, postgres }: Cluster, random: Random): Trouble[] {
  return [
    // Its drivers go elsewhere at once, and who went off duty at it may not have been heard of yet where it goes on.
    { name: 'an instance is killed', ...unheard, happen: () => restart(random.pick(instances), 'SIGKILL') },
    { name: 'an instance is stopped', ...unheard, happen: () => restart(random.pick(instances), 'SIGTERM') },
    {
      name: 'the database is restarted',
      isOfStore: true,
      async happen() {
        await delay(BEFORE);
        await postgres.crash();
        await delay(AWAY);
        await postgres.restart();
        await delay(AFTER);
      },
    },
    {
      name: 'the database hangs for 4 s',
      isOfStore: true,
      async happen() {
        await delay(BEFORE);
        postgres.freeze();
        await delay(4 * AWAY);
        postgres.thaw();
        await delay(AFTER);
      },
    },
  ];
}

/** What happens to a single Redis, and to the way of one instance to it. */
export function redisTroubles(redis: TestRedis, way: Network): Trouble[] {
  const during = async (begin: () => unknown, end: () => unknown, time = AWAY) => {
    await delay(BEFORE);
    await begin();
    await delay(time);
    await end();
    await delay(AFTER);
  };
  const again = (act: () => unknown) => during(act, act, 200);
  return ofBus([
    {
      name: 'Redis is restarted',
      happen: () =>
        during(
          () => redis.crash(),
          () => redis.start(),
        ),
    },
    {
      name: 'Redis hangs for 3 s',
      happen: () =>
        during(
          () => redis.freeze(),
          () => redis.thaw(),
          3_000,
        ),
    },
    { name: 'who listens is cut off by Redis', happen: () => again(() => redis.killClients(listens)) },
    {
      name: 'who publishes is cut off by Redis',
      happen: () => again(() => redis.killClients((client) => !listens(client))),
    },
    { name: 'everybody is cut off by Redis', happen: () => again(() => redis.killClients()) },
    { name: 'the way of one to Redis is cut', happen: () => again(() => way.cut()) },
    {
      name: 'the way of one to Redis is silent for 8 s',
      happen: () =>
        during(
          () => way.freeze(),
          () => way.thaw(),
          8_000,
        ),
    },
  ]);
}

/** What happens to a Redis Cluster. */
export function redisClusterTroubles(redis: TestRedisCluster, random: Random): Trouble[] {
  return ofBus([
    {
      name: 'a node of Redis is restarted',
      async happen() {
        const node = random.pick(redis.nodes);
        await delay(BEFORE);
        await node.crash();
        await delay(AWAY);
        await node.start();
        await redis.settled();
        await delay(AFTER);
      },
    },
    {
      name: 'slots in use are moved',
      async happen() {
        await delay(BEFORE);
        for (let i = 0; i < 3; i++) {
          const from = random.pick(redis.nodes);
          const channels = ((await from.command('PUBSUB', 'SHARDCHANNELS')) as string[]).sort();
          if (channels.length === 0) continue;
          const to = random.pick(redis.nodes.filter((node) => node !== from));
          await redis.moveSlotOf(random.pick(channels), to);
          await delay(AFTER / 2);
        }
      },
    },
    {
      name: 'everybody is cut off by a node of Redis',
      async happen() {
        await delay(BEFORE);
        await random.pick(redis.nodes).killClients((client) => client.flags !== 'M' && client.flags !== 'S');
        await delay(AFTER);
      },
    },
  ]);
}

const ofBus = (troubles: readonly Trouble[]): Trouble[] => troubles.map((trouble) => ({ ...trouble, isOfBus: true }));

/** Both at once. */
export function both(bus: Trouble, other: Trouble): Trouble {
  return {
    name: `${bus.name}, and ${other.name}`,
    isOfStore: other.isOfStore,
    isOfBus: true,
    isOfAll: true,
    happen: () => Promise.all([bus.happen(), other.happen()]),
  };
}
