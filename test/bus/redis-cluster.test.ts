import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { BusAway } from '../../src/bus/bus.ts';
import { RedisBus } from '../../src/bus/redis.ts';
import { slotOf } from '../../src/bus/redis-slots.ts';
import { parseRedisUrl } from '../../src/bus/redis-url.ts';
import { seeded } from '../support/random.ts';
import {
  findRedis,
  makeCertificate,
  startRedisCluster,
  type TestRedis,
  type TestRedisCluster,
} from '../support/redis.ts';
import { describeWith } from '../support/services.ts';
import { slowTest } from '../support/slow.ts';
import { character } from './characters.ts';
import { busContract, until } from './contract.ts';
import { isSubscriber, RedisEar, subscribersOf } from './redis-ears.ts';

describeWith('redis-server', findRedis(), 'a bus over a Redis Cluster', (bin) => {
  let cluster: TestRedisCluster;
  beforeAll(async () => {
    cluster = await startRedisCluster(bin);
  });
  afterEach(async () => {
    await RedisEar.closeAll();
    // No connection is left of any test.
    await until(async () => (await Promise.all(cluster.nodes.map((node) => node.clients()))).flat().every(isNode));
  });
  afterAll(() => cluster?.stop());

  busContract(
    'Redis Cluster',
    async () => ({
      open: () => new RedisBus({ target: parseRedisUrl(cluster.url) }),
      subscribersOf: async (channel) => subscribersOf(await cluster.ownerOf(channel), channel),
      takeAway: async () => {
        await Promise.all(cluster.nodes.map((node) => node.crash()));
      },
      bringBack: async () => {
        await Promise.all(cluster.nodes.map((node) => node.start()));
      },
      close: async () => {},
    }),
    // Nodes that have just started do not serve for two seconds.
    slowTest,
  );

  /** A channel for each node, in their order. */
  const oneOfEach = async (prefix: string) => {
    const channels = new Map<TestRedis, string>();
    for (let i = 0; channels.size < cluster.nodes.length; i++) {
      const owner = await cluster.ownerOf(`${prefix}/${i}`);
      if (!channels.has(owner)) channels.set(owner, `${prefix}/${i}`);
    }
    return cluster.nodes.map((node) => channels.get(node) ?? '');
  };

  it('finds the slot of a channel as Redis does', async () => {
    const { seed } = seeded('slots');
    const [node] = cluster.nodes;
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: character, maxLength: 20 }), async (channel) => {
        expect(slotOf(channel)).toBe(await node.command('CLUSTER', 'KEYSLOT', channel));
      }),
      { seed, numRuns: 100 },
    );
  });

  it('finds the others by one node, and by those that are there', async () => {
    const [node] = cluster.nodes;
    for (const url of [node.url, `redis://127.0.0.1:1,${node.url}`]) {
      const ear = await RedisEar.open(url);
      const channels = await oneOfEach('one');
      await ear.bus.subscribe(channels);
      for (const channel of channels) ear.bus.publish(channel, Buffer.from('here'));
      for (const channel of channels) await ear.hears(channel, 'here');
    }
  });

  it('tells those channels as lost that a node had whose connection ended', async () => {
    const ear = await RedisEar.open(cluster.url);
    const channels = await oneOfEach('killed');
    await ear.bus.subscribe(channels);
    const since = ear.events.length;
    expect(await cluster.nodes[1].killClients(isSubscriber)).toBe(1);
    await ear.backSince(since);
    expect(ear.events.slice(since)).toEqual([['down'], ['lost', [channels[1]]], ['up']]);
  });

  it('follows a channel whose slot moves, and tells it as lost', async () => {
    const [a, b] = await RedisEar.two(cluster.url);
    const channels = await oneOfEach('moved');
    await b.bus.subscribe(channels);
    const [from, to] = cluster.nodes;
    const since = b.events.length;
    await cluster.moveSlotOf(channels[0], to);
    onTestFinished(() => cluster.moveSlotOf(channels[0], from));
    await b.until(() => b.told('lost', since).has(channels[0]), 'it is told as lost');
    expect([...b.told('lost', since)]).toEqual([channels[0]]);
    expect(await subscribersOf(to, channels[0])).toBe(1);
    // The publisher learns of it by being refused, and says so; or it has looked just in time.
    let published = 0;
    await until(async () => {
      a.bus.publish(channels[0], Buffer.from('moved'));
      published++;
      await new Promise(setImmediate);
      return b.texts(channels[0]).includes('moved');
    });
    await until(async () => b.texts(channels[0]).length === published || a.told('unsent').has(channels[0]));
    expect([...a.told('unsent')].filter((channel) => channel !== channels[0])).toEqual([]);
    expect(a.count('down') + b.count('down')).toBe(0);
  });

  it('opens channels that are asked for just when their slots move', async () => {
    const random = seeded('slots moved');
    const [a, b] = await RedisEar.two(cluster.url);
    const home = new Map<string, TestRedis>();
    const channels = Array.from({ length: 5 }, (_, i) => `moving/${i}`);
    for (const channel of channels) home.set(channel, await cluster.ownerOf(channel));
    for (const channel of channels) {
      const [moved] = await Promise.all([
        cluster.moveSlotOf(channel, random.pick(cluster.nodes)).catch((error) => error),
        b.bus.subscribe([channel, ...Array.from({ length: 50 }, (_, i) => `${channel}/${i}`)]).catch((error) => {
          // What it is told of the move may be lost among the answers: then it begins anew.
          expect(error).toBeInstanceOf(BusAway);
        }),
      ]);
      // To the node that has it already.
      if (moved instanceof Error) expect(String(moved)).toMatch(/myself|already/);
    }
    for (const channel of channels) {
      await until(async () => (await subscribersOf(await cluster.ownerOf(channel), channel)) === 1);
      await until(async () => {
        a.bus.publish(channel, Buffer.from('end'));
        await new Promise((resolve) => setTimeout(resolve, 20));
        return b.texts(channel).includes('end');
      });
    }
    for (const [channel, node] of home)
      if ((await cluster.ownerOf(channel)) !== node) await cluster.moveSlotOf(channel, node);
  });

  slowTest('is down while a node is away, and up again with it', async () => {
    const ear = await RedisEar.open(cluster.url);
    const channels = await oneOfEach('away');
    await ear.bus.subscribe(channels);
    const since = ear.events.length;
    await cluster.nodes[2].crash();
    await ear.down();
    ear.bus.publish(channels[2], Buffer.from('to nobody'));
    await ear.until(() => ear.told('unsent').has(channels[2]), 'it is told as not sent');
    await cluster.nodes[2].start();
    await ear.backSince(since);
    expect([...ear.told('lost', since)]).toEqual([channels[2]]);
    for (const channel of channels) ear.bus.publish(channel, Buffer.from('again'));
    for (const channel of channels) await ear.hears(channel, 'again');
  });

  describe('whose replicas take over', () => {
    slowTest('goes on with the new masters, whether the old one is well or not', async () => {
      const replicated = await startRedisCluster(bin, { replicas: true });
      onTestFinished(() => replicated.stop());
      const [a, b] = await RedisEar.two(replicated.url);
      onTestFinished(() => RedisEar.closeAll());
      const channels = Array.from({ length: 200 }, (_, i) => `taken/${i}`);
      await b.bus.subscribe(channels);
      const expectAll = async (text: string) => {
        await until(async () => {
          for (const channel of channels) a.bus.publish(channel, Buffer.from(text));
          await new Promise((resolve) => setTimeout(resolve, 100));
          return channels.every((channel) => b.texts(channel).includes(text));
        });
      };
      const master = await replicated.ownerOf(channels[0]);
      const replica = await replicated.failOver(master);
      await expectAll('well');
      expect(await replicated.ownerOf(channels[0])).toBe(replica);
      await replica.crash();
      await a.down();
      await Promise.all([a.up(), b.up()]);
      await expectAll('dead');
      expect(b.told('lost').has(channels[0])).toBe(true);
    });
  });

  describeWith('openssl', makeCertificate(), 'with TLS and a password', (certificate) => {
    afterAll(() => certificate.remove());

    slowTest('comes in at every node', async () => {
      const secret = await startRedisCluster(bin, {
        certificate,
        password: 'secret',
        args: ['--masterauth', 'secret'],
      });
      onTestFinished(() => secret.stop());
      const url = secret.nodes[0].urlAs(':secret');
      const ear = await RedisEar.open(url, { ca: certificate.ca });
      const channels = Array.from({ length: 30 }, (_, i) => `secret/${i}`);
      await ear.bus.subscribe(channels);
      for (const channel of channels) ear.bus.publish(channel, Buffer.from('in'));
      for (const channel of channels) await ear.hears(channel, 'in');
    });
  });
});

/** Nodes are connected to each other otherwise, and replicas to their masters. */
const isNode = (client: Readonly<Record<string, string>>) => client.name === '';
