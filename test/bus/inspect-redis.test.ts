import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { inspectRedis } from '../../src/bus/inspect-redis.ts';
import { RedisBus } from '../../src/bus/redis.ts';
import { parseRedisUrl } from '../../src/bus/redis-url.ts';
import { findRedis, startRedis, startRedisCluster, type TestRedis } from '../support/redis.ts';
import { describeWith } from '../support/services.ts';
import { slowTest } from '../support/slow.ts';

describeWith('redis-server', findRedis(), 'what --check finds out of Redis', (bin) => {
  let redis: TestRedis;
  beforeAll(async () => {
    redis = await startRedis(bin, { password: 'hunter2' });
  });
  afterAll(() => redis?.stop());

  test('a server that lets in, and its version; it is left as it was', async () => {
    const url = redis.urlAs(':hunter2');
    const { redis_version: version } = Object.fromEntries(
      String(await redis.command('INFO', 'server'))
        .split('\r\n')
        .map((line) => line.split(':', 2)),
    );
    expect(await inspectRedis(url, 'nearcast', 'fixes')).toEqual({ server: `Redis ${version}` });
    expect([await redis.command('DBSIZE'), await redis.clients()]).toEqual([0, []]);
    await redis.command('XADD', 'fixes', '*', 'a', 'b');
    expect(await inspectRedis(url, 'nearcast', 'fixes')).toEqual({ server: `Redis ${version}` });
    await redis.command('SET', 'text', 'x');
    await expect(inspectRedis(url, 'nearcast', 'text')).rejects.toThrow(/REDIS_STREAM is there, and is a string/);
  });

  test('what is wrong is said, and where, without the password', async () => {
    await expect(inspectRedis('redis://:hunter2@127.0.0.1:1', 'nearcast')).rejects.toThrow(
      /^127\.0\.0\.1:1: .*ECONNREFUSED/,
    );
    const wrong = inspectRedis(redis.urlAs(':hunter3'), 'nearcast');
    await expect(wrong).rejects.toThrow(/WRONGPASS/);
    await expect(wrong).rejects.not.toThrow(/hunter/);
    await expect(inspectRedis(redis.url, 'nearcast')).rejects.toThrow(/NOAUTH/);
    await expect(inspectRedis(`${redis.urlAs(':hunter2')},127.0.0.1:${redis.port}`, 'nearcast')).rejects.toThrow(
      /no cluster: name one/,
    );
    await redis.command('ACL', 'SETUSER', 'narrow', 'on', '>pass', '~*', '&other*', '+@all');
    await expect(inspectRedis(redis.urlAs('narrow:pass'), 'nearcast')).rejects.toThrow(/NOPERM/);
    expect(await inspectRedis(redis.urlAs('narrow:pass'), 'other')).toBeDefined();
    await redis.command('ACL', 'SETUSER', 'mute', 'on', '>pass', '~*', '&*', '+@all', '-ssubscribe');
    await expect(inspectRedis(redis.urlAs('mute:pass'), 'nearcast')).rejects.toThrow(/NOPERM/);
  });

  test('the rights that SECURITY.md names are enough, for it and for the bus', async () => {
    const [, rule] = /`(ACL SETUSER [^`]+)`/.exec(readFileSync('SECURITY.md', 'utf8')) as RegExpExecArray;
    await redis.command(...rule.replace('PASSWORD', 'pass').replace('STREAM', 'fixes').split(/\s+/));
    const url = redis.urlAs('nearcast:pass');
    expect(await inspectRedis(url, 'nearcast', 'fixes')).toBeDefined();
    await expect(inspectRedis(url, 'other')).rejects.toThrow(/NOPERM/);
    await expect(inspectRedis(url, 'nearcast', 'text')).rejects.toThrow(/NOPERM/);
    const faults: string[] = [];
    const bus = new RedisBus({ target: parseRedisUrl(url), onFault: (fault) => faults.push(fault) });
    const up = Promise.withResolvers<void>();
    const heard = Promise.withResolvers<string>();
    bus.listen({
      onMessage: (channel, data) => heard.resolve(`${channel} ${data}`),
      onLost: () => {},
      onUnsent: () => {},
      onUp: () => up.resolve(),
      onDown: () => {},
    });
    try {
      await up.promise;
      await bus.subscribe(['nearcast/default']);
      bus.publish('nearcast/default', Buffer.from('word'));
      expect([await heard.promise, faults]).toEqual(['nearcast/default word', []]);
    } finally {
      await bus.close();
    }
  });

  test('each right that is missing is found, whatever the others are', async () => {
    const rights = ['info', 'client|info', 'ssubscribe', 'sunsubscribe', 'spublish', 'eval', 'xadd', 'type'];
    for (const right of rights) {
      await redis.command('ACL', 'SETUSER', 'less', 'reset', 'on', '>pass', '~*', '&*', '+@all', `-${right}`);
      const found = inspectRedis(redis.urlAs('less:pass'), 'nearcast', 'fixes');
      await expect(found, right).rejects.toThrow(
        new RegExp(`'${right.replace('|', '\\|')}'|REDIS_STREAM cannot be added to`),
      );
    }
    // What concerns access goes by the prefix alone.
    await redis.command('ACL', 'SETUSER', 'less', 'reset', 'on', '>pass', '+@all', '&nearcast/*');
    await expect(inspectRedis(redis.urlAs('less:pass'), 'nearcast')).rejects.toThrow(/NOPERM/);
  });

  test('a server that has no room for a stream', async () => {
    await redis.command('CONFIG', 'SET', 'maxmemory', '1mb');
    try {
      await expect(inspectRedis(redis.urlAs(':hunter2'), 'nearcast', 'fixes')).rejects.toThrow(/OOM/);
      expect(await inspectRedis(redis.urlAs(':hunter2'), 'nearcast')).toBeDefined();
    } finally {
      await redis.command('CONFIG', 'SET', 'maxmemory', '0');
    }
  });

  slowTest('a server that hangs is given up', async () => {
    redis.freeze();
    try {
      await expect(inspectRedis(redis.urlAs(':hunter2'), 'nearcast')).rejects.toThrow(
        `127.0.0.1:${redis.port}: there was no answer within 2.5 s`,
      );
    } finally {
      redis.thaw();
    }
  });

  slowTest('a cluster, by some of its nodes; one that has lost a master is down', async () => {
    const cluster = await startRedisCluster(bin);
    try {
      const [first, second, third] = cluster.nodes;
      expect(await inspectRedis(`${first.url},127.0.0.1:${second.port}`, 'nearcast', 'fixes')).toMatchObject({
        masters: 3,
      });
      await third.crash();
      await expect(inspectRedis(cluster.url, 'nearcast')).rejects.toThrow(`127.0.0.1:${third.port}: `);
    } finally {
      await cluster.stop();
    }
  });
});
