import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { BusAway } from '../../src/bus/bus.ts';
import { RedisBus } from '../../src/bus/redis.ts';
import { parseRedisUrl } from '../../src/bus/redis-url.ts';
import { Network } from '../support/network.ts';
import { seeded } from '../support/random.ts';
import { findRedis, makeCertificate, startRedis, type TestRedis } from '../support/redis.ts';
import { describeWith } from '../support/services.ts';
import { slowTest } from '../support/slow.ts';
import { busContract, until } from './contract.ts';
import { interrupter } from './interrupter.ts';
import { isPublisher, isSubscriber, RedisEar, subscribersOf } from './redis-ears.ts';

describeWith('redis-server', findRedis(), 'a bus over Redis', (bin) => {
  afterEach(() => RedisEar.closeAll());

  busContract('Redis', async () => {
    const redis = await startRedis(bin);
    return {
      open: () => new RedisBus({ target: parseRedisUrl(redis.url) }),
      subscribersOf: (channel) => subscribersOf(redis, channel),
      takeAway: () => redis.crash(),
      bringBack: () => redis.start(),
      close: () => redis.stop(),
    };
  });

  describe('of which a connection ends', () => {
    let redis: TestRedis;
    beforeAll(async () => {
      redis = await startRedis(bin);
    });
    // No connection is left of any test.
    afterEach(async () => {
      await RedisEar.closeAll();
      await until(async () => (await redis.clients()).length === 0);
    });
    afterAll(() => redis.stop());

    it('tells all its channels as lost when it is the one that subscribes, and only what was not sent', async () => {
      const [a, b] = await RedisEar.two(redis.url);
      await b.bus.subscribe(['x', 'y']);
      await a.bus.subscribe(['z']);
      const [sinceA, sinceB] = [a.events.length, b.events.length];
      expect(await redis.killClients(isSubscriber)).toBe(2);
      await Promise.all([a.backSince(sinceA), b.backSince(sinceB)]);
      expect(a.events.slice(sinceA)).toEqual([['down'], ['lost', ['z']], ['up']]);
      expect(b.events.slice(sinceB)).toEqual([['down'], ['lost', ['x', 'y']], ['up']]);
      a.bus.publish('x', Buffer.from('again'));
      await b.hears('x', 'again');
    });

    it('loses no subscription when it is the one that publishes', async () => {
      const [a, b] = await RedisEar.two(redis.url);
      await b.bus.subscribe(['x']);
      const since = a.events.length;
      expect(await redis.killClients(isPublisher)).toBe(2);
      await a.backSince(since);
      expect(a.events.slice(since)).toEqual([['down'], ['up']]);
      a.bus.publish('x', Buffer.from('again'));
      await b.hears('x', 'again');
      expect([...b.told('lost')]).toEqual([]);
    });

    it('delivers what it published, or tells that it may not have been sent', async () => {
      const random = seeded('publishers killed');
      const [a, b] = await RedisEar.two(redis.url);
      const channels = Array.from({ length: 300 }, (_, i) => `c${i}`);
      await b.bus.subscribe(channels);
      const data = Buffer.alloc(50_000);
      for (let i = 0; i < 3; i++) {
        const since = a.events.length;
        const killed = redis.killClients(isPublisher);
        for (const channel of channels) {
          a.bus.publish(channel, data);
          if (random.next() < 0.1) await new Promise(setImmediate);
        }
        await killed;
        await a.backSince(since);
      }
      a.bus.publish('c0', Buffer.from('end'));
      await b.hears('c0', 'end');
      for (const channel of channels) {
        const heard = b.heard.filter((message) => message.channel === channel && message.data.length > 3).length;
        expect(heard === 3 || a.told('unsent').has(channel)).toBe(true);
      }
      expect(a.told('unsent').size).toBeGreaterThan(0);
    });

    it('sends no more than may wait, and tells what it did not', async () => {
      const ear = await RedisEar.open(redis.url);
      const data = Buffer.alloc(1024 * 1024);
      for (let i = 0; i < 100; i++) ear.bus.publish(`c${i}`, data);
      await ear.until(() => ear.told('unsent').size > 0, 'some is told as not sent');
      const unsent = ear.told('unsent');
      expect(unsent.size).toBeGreaterThanOrEqual(68);
      expect(unsent.has('c0')).toBe(false);
      expect(ear.bus.isUp).toBe(true);
      // What waited has gone, so there is room.
      await ear.bus.subscribe(['room']);
      ear.bus.publish('room', Buffer.from('enough'));
      await ear.hears('room', 'enough');
    });

    it('has what it missed told when the server does not wait for it to read', async () => {
      const ear = await RedisEar.open(redis.url);
      await ear.bus.subscribe(['flood', 'other']);
      await redis.command('CONFIG', 'SET', 'client-output-buffer-limit', 'pubsub 1mb 1mb 1');
      const since = ear.events.length;
      // In one go, so that nobody can read meanwhile.
      const script = "for i = 1, 64 do redis.call('SPUBLISH', 'flood', string.rep('x', 1048576)) end";
      await redis.command('EVAL', script, '0');
      await ear.backSince(since);
      expect([...ear.told('lost', since)].sort()).toEqual(['flood', 'other']);
      ear.bus.publish('flood', Buffer.from('again'));
      await ear.hears('flood', 'again');
    });

    it('opens all again when the server closed a channel while it was asked something', async () => {
      const between = await interrupter(redis.port);
      const ear = await RedisEar.open(`redis://127.0.0.1:${between.port}`);
      await ear.bus.subscribe(['x', 'y']);
      for (const trigger of ['another round', 'the next check']) {
        const since = ear.events.length;
        between.closeNext('x');
        // By then it is known, and nobody is told that all is well.
        if (trigger === 'another round') await expect(ear.bus.subscribe(['z'])).rejects.toThrow(BusAway);
        await ear.backSince(since);
        expect(ear.told('lost', since).has('x')).toBe(true);
        ear.bus.publish('x', Buffer.from(trigger));
        await ear.hears('x', trigger);
      }
    });

    slowTest('delivers or tells all, whatever is done to it', async () => {
      const random = seeded('connections killed');
      const [a, b] = await RedisEar.two(redis.url);
      const channels = Array.from({ length: 200 }, (_, i) => `c${i}`);
      await b.bus.subscribe(channels);
      let published = 0;
      const end = performance.now() + 10_000;
      /** Of each message: what it was, and how many events of both there had been. */
      const messages: { channel: string; text: string; atA: number; atB: number }[] = [];
      while (performance.now() < end) {
        const dice = random.next();
        // Most of what is published while it is away is told at once; some of it is enough.
        if (dice > 0.2 && !(a.bus.isUp && b.bus.isUp) && random.next() < 0.5) await Promise.all([a.up(), b.up()]);
        if (dice < 0.01) await redis.killClients(isSubscriber);
        else if (dice < 0.02) await redis.killClients(isPublisher);
        else if (dice < 0.022) {
          await redis.crash();
          await redis.start();
        } else if (dice < 0.1) {
          await new Promise((resolve) => setTimeout(resolve, random.below(30)));
        } else if (dice < 0.2) {
          const some = channels.filter(() => random.next() < 0.1);
          b.bus.unsubscribe(some);
          await b.bus.subscribe(some).catch(() => {});
          // What was published meanwhile they were not subscribed to.
        } else {
          const channel = random.pick(channels);
          const text = `${published++}`;
          messages.push({ channel, text, atA: a.events.length, atB: b.events.length });
          a.bus.publish(channel, Buffer.from(text));
        }
      }
      await Promise.all([a.up(), b.up()]);
      for (const channel of channels) a.bus.publish(channel, Buffer.from('end'));
      for (const channel of channels) await b.hears(channel, 'end');
      const heard = new Set(b.heard.map(({ channel, data }) => `${channel} ${data}`));
      const missing = messages.filter(({ channel, text }) => !heard.has(`${channel} ${text}`));
      for (const { channel, text, atA, atB } of missing) {
        const isTold = a.told('unsent', atA).has(channel) || b.told('lost', atB).has(channel);
        expect(isTold, `${channel} ${text} is neither heard nor told`).toBe(true);
      }
      expect(missing.length).toBeGreaterThan(0);
      expect(missing.length).toBeLessThan(messages.length / 2);
    });

    slowTest('finds within five seconds that the server hangs, even while it publishes', async () => {
      const ear = await RedisEar.open(redis.url);
      await ear.bus.subscribe(['x']);
      redis.freeze();
      const start = performance.now();
      const publishing = setInterval(() => ear.bus.publish('x', Buffer.alloc(100)), 10);
      await ear.down();
      expect(performance.now() - start).toBeLessThan(5_500);
      clearInterval(publishing);
      await ear.until(() => ear.told('unsent').has('x'), 'it is told');
      await expect(ear.bus.subscribe(['y'])).rejects.toThrow(BusAway);
      redis.thaw();
      await ear.up();
      expect([...ear.told('lost')].sort()).toEqual(['x', 'y']);
    });
  });

  it('waits for a server that is away at the start', async () => {
    const redis = await startRedis(bin);
    onTestFinished(() => redis.stop());
    await redis.crash();
    const ear = new RedisEar(redis.url);
    await expect(ear.bus.subscribe(['x'])).rejects.toThrow(BusAway);
    ear.bus.publish('x', Buffer.from('to nobody'));
    await ear.until(() => ear.told('unsent').has('x') && ear.faults.length > 0, 'it is told');
    expect(ear.events).toEqual([['unsent', ['x']]]);
    await redis.start();
    await ear.up();
    expect(ear.events.slice(1)).toEqual([['lost', ['x']], ['up']]);
    ear.bus.publish('x', Buffer.from('to me'));
    await ear.hears('x', 'to me');
    expect(ear.faults).toEqual([`127.0.0.1:${redis.port}: connect ECONNREFUSED 127.0.0.1:${redis.port}`]);
  });

  it('leaves no socket and no timer when it is closed, and is quick while the server is away or hangs', async () => {
    const redis = await startRedis(bin);
    onTestFinished(() => redis.stop());
    const sockets = new Set<Socket>();
    const silent = createServer((socket) => sockets.add(socket.on('error', () => {}))).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    onTestFinished(() => {
      silent.close();
      for (const socket of sockets) socket.destroy();
    });
    const hanging = `127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const urls = [redis.url, 'redis://127.0.0.1:1', `redis://${hanging}`, `rediss://${hanging}`];
    const child = closing(urls);
    await until(
      async () => child.said.startsWith('open') && (await redis.clients()).some(isPublisher) && sockets.size >= 2,
    );
    await child.close();
    expect(await redis.clients()).toEqual([]);
  });

  it('comes in by the password and the user of its URL, and says what is wrong without them', async () => {
    const byPassword = await startRedis(bin, { password: 'p@ss:w/rd,' });
    const byUser = await startRedis(bin, {
      user: 'bus on >s3cret &nearcast* +ssubscribe +sunsubscribe +spublish +info +client|info +client|setname',
    });
    onTestFinished(async () => {
      await byPassword.stop();
      await byUser.stop();
    });
    for (const url of [byPassword.urlAs(`:${encodeURIComponent('p@ss:w/rd,')}`), byUser.urlAs('bus:s3cret')]) {
      const ear = await RedisEar.open(url);
      await ear.bus.subscribe(['nearcast/x']);
      ear.bus.publish('nearcast/x', Buffer.from('in'));
      await ear.hears('nearcast/x', 'in');
    }
    for (const url of [byPassword.url, byPassword.urlAs(':wrongpass'), byUser.urlAs('bus:wrongpass')]) {
      const ear = new RedisEar(url);
      await ear.says(/NOAUTH|WRONGPASS/);
      expect(ear.faults.join()).not.toContain('wrongpass');
      expect(ear.bus.isUp).toBe(false);
    }
  });

  it('says what it may not do, and is not up', async () => {
    const redis = await startRedis(bin, { user: 'bus on >s3cret &other* +@all' });
    onTestFinished(() => redis.stop());
    const ear = new RedisEar(redis.urlAs('bus:s3cret'));
    await ear.bus.subscribe(['nearcast']).catch(() => {});
    await ear.says(/NOPERM/);
  });

  it('does not publish on a replica', async () => {
    const [master, replica] = [await startRedis(bin), await startRedis(bin)];
    onTestFinished(async () => {
      await master.stop();
      await replica.stop();
    });
    await replica.command('REPLICAOF', '127.0.0.1', `${master.port}`);
    const ear = new RedisEar(replica.url);
    await ear.says(new RegExp(`^127\\.0\\.0\\.1:${replica.port}: is a replica$`));
    expect(ear.bus.isUp).toBe(false);
    await replica.command('REPLICAOF', 'NO', 'ONE');
    await ear.up();
  });

  it('refuses several servers that are no cluster', async () => {
    const redis = await startRedis(bin);
    onTestFinished(() => redis.stop());
    const ear = new RedisEar(`${redis.url},127.0.0.1:1`);
    await ear.says(new RegExp(`:${redis.port}: is no node of a cluster, but REDIS_URL names several$`));
    expect(ear.bus.isUp).toBe(false);
  });

  describeWith('openssl', makeCertificate(), 'with TLS', (certificate) => {
    afterAll(() => certificate.remove());

    it('is closed at once while it is being made again', async () => {
      const redis = await startRedis(bin, { certificate });
      onTestFinished(() => redis.stop());
      const network = await Network.to(redis.port);
      const child = closing([redis.url.replace(`${redis.port}`, `${network.port}`)], certificate.certFile);
      await until(
        async () =>
          (await redis.clients()).filter((client) => isPublisher(client) || isSubscriber(client)).length === 2,
      );
      network.freeze();
      const { joined } = network;
      network.cut();
      await until(async () => network.joined > joined);
      await child.close();
    });

    it('trusts who it is told to trust, and nobody else', async () => {
      const redis = await startRedis(bin, { certificate, password: 'secret' });
      onTestFinished(() => redis.stop());
      const url = redis.urlAs(':secret');
      const ear = await RedisEar.open(url, { ca: certificate.ca });
      await ear.bus.subscribe(['x']);
      ear.bus.publish('x', Buffer.from('in secret'));
      await ear.hears('x', 'in secret');
      const since = ear.events.length;
      await redis.crash();
      await redis.start();
      await ear.backSince(since);
      expect([...ear.told('lost')]).toEqual(['x']);

      const stranger = new RedisEar(url);
      await stranger.says(/self-signed/);
      const plain = new RedisEar(url.replace('rediss:', 'redis:'));
      await plain.says(/./);
      expect(plain.bus.isUp || stranger.bus.isUp).toBe(false);
    });
  });
});

/** A process that has buses, see `closing.ts`. */
function closing(urls: readonly string[], certFile = '') {
  const child = spawn(process.execPath, ['test/bus/closing.ts', ...urls], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, NODE_EXTRA_CA_CERTS: certFile },
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const running = {
    said: '',
    /** Has it close its buses, which is to be quick, and then to be all that it lived for. */
    close: async () => {
      const start = performance.now();
      child.stdin.write('close');
      const [code] = await once(child, 'close');
      expect(code).toBe(0);
      expect(Number(running.said.split('\n')[1])).toBeLessThan(1_000);
      expect(performance.now() - start).toBeLessThan(2_000);
    },
  };
  child.stdout.on('data', (text) => {
    running.said += text;
  });
  return running;
}
