import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest';
import { parseRedisUrl } from '../../src/bus/redis-url.ts';
import { streamEventSchema } from '../../src/protocol/stream-event.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { StreamedStore } from '../../src/store/streamed.ts';
import { FixStream, type FixStreamOptions } from '../../src/stream/fix-stream.ts';
import { RedisLog } from '../../src/stream/redis-log.ts';
import { positions, row, T0 } from '../store/rows.ts';
import { Network } from '../support/network.ts';
import { findRedis, makeCertificate, startRedis, startRedisCluster, type TestRedis } from '../support/redis.ts';
import { describeWith } from '../support/services.ts';
import { slowTest } from '../support/slow.ts';

const KEY = 'nearcast-fixes';
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** What it has answered is there when it is started again. */
const PERSISTENT = ['--appendonly', 'yes', '--appendfsync', 'always'];

describeWith('redis-server', findRedis(), 'on a Redis server', (bin) => {
  let redis: TestRedis;
  beforeAll(async () => {
    redis = await startRedis(bin, { args: PERSISTENT });
  });
  afterAll(() => redis?.stop());
  beforeEach(() => redis.command('FLUSHALL'));

  /** What the stream has, in its order. */
  async function told(at = redis) {
    const entries = (await at.command('XRANGE', KEY, '-', '+')) as [id: string, fields: string[]][];
    return entries.map(([, [field, text, ...more]]) => {
      expect([field, more]).toEqual(['event', []]);
      return streamEventSchema.parse(JSON.parse(text));
    });
  }

  function stage(url = redis.url, options: Partial<FixStreamOptions> = {}, maxLength = 1_000_000, ca?: string) {
    const said: string[] = [];
    const stream = new FixStream({
      log: new RedisLog({ target: parseRedisUrl(url), ca, key: KEY, maxLength }),
      onTrouble: ({ message }) => said.push(message),
      onDropping: () => said.push('dropping'),
      onReturn: (missing) => said.push(missing === undefined ? 'back' : `back without ${missing.events}`),
      // Whoever stores hears of what became of it, however busy the machine is.
      patience: 10_000,
      retryDelay: 5,
      retryDelayMax: 20,
      ...options,
    });
    const inner = new MemoryStore(undefined, 0);
    const store = new StreamedStore(inner, stream);
    onTestFinished(async () => {
      await stream.close(0);
    });
    return { said, stream, store, inner };
  }

  /** Writes rounds of fixes of some drivers, one after the other, while the callback does something. */
  async function load(store: StreamedStore, rounds: number, during: (round: number) => Promise<void> | void) {
    for (let n = 0; n < rounds; n++) {
      await during(n);
      await store.write(positions(['a', 'b', 'c'].map((id) => row(id, { timestamp: T0 + n, lat: n / 1000 }))));
      await turn();
    }
  }

  /** The timestamps of a driver that the stream has, in its order. */
  const timesOf = (events: Awaited<ReturnType<typeof told>>, id: string) =>
    events.flatMap((event) => (event.type !== 'offline' && event.driverId === id ? [event.timestamp - T0] : []));

  /** Until all that was stored is in the stream. */
  const drained = (stream: FixStream) => expect.poll(() => stream.waiting, { timeout: 10_000 }).toBe(0);

  test('the stream has what was stored, bit for bit and in order, when whoever stored it hears so', async () => {
    const { store, stream } = stage();
    const fix = row('é "1" \u{1F695}', {
      lat: 12.345678901234567,
      lng: -179.99999999999997,
      speed: 5e-324,
      attributes: { status: 'available', seats: 4, electric: true, 'weird "key"\\': '𝕏 \n\t "quoted" \\ \u0001' },
    });
    await store.write(positions([row('a'), fix]));
    await store.write([
      { kind: 'late', fix: row('a', { timestamp: T0 - 1 }) },
      { kind: 'removal', driver: { fleet: 'default', driverId: 'a' }, at: T0 + 6 },
    ]);
    const { fleet, driverId, lat, lng, timestamp, receivedAt, speed, attributes } = fix;
    const bare = { fleet, driverId: 'a', latitude: 12.345, longitude: 67.89, timestamp: T0, receivedAt: T0 + 5 };
    expect(await told()).toEqual([
      { type: 'accepted', ...bare },
      { type: 'accepted', fleet, driverId, latitude: lat, longitude: lng, timestamp, receivedAt, speed, attributes },
      { type: 'late', ...bare, timestamp: T0 - 1 },
      { type: 'offline', fleet, driverId: 'a', at: T0 + 6 },
    ]);
    expect([stream.entries, stream.waiting, stream.failures]).toEqual([4, 0, 0]);
  });

  test('it is kept about as long as it may be, and batches larger than one command are in order', async () => {
    const { store, stream } = stage(redis.url, {}, 1000);
    await store.write(positions(Array.from({ length: 5000 }, (_, n) => row('a', { timestamp: T0 + n }))));
    expect(stream.entries).toBe(5000);
    const times = timesOf(await told(), 'a');
    expect(times).toEqual(Array.from(times, (_, n) => 5000 - times.length + n));
    // Redis lets go of whole nodes, of 100 entries.
    expect(times.length).toBeGreaterThanOrEqual(1000);
    expect(times.length).toBeLessThan(1200);
  });

  test('a server that is restarted under load has all of it afterwards, of each driver in order', async () => {
    const { store, stream, said, inner } = stage();
    await load(store, 60, async (n) => {
      if (n === 20) await redis.crash();
      if (n === 40) await redis.start();
    });
    await drained(stream);
    expect(said[0]).toMatch(/closed|ECONNRE/);
    expect(said.at(-1)).toBe('back');
    const events = await told();
    for (const id of ['a', 'b', 'c']) {
      const stored = inner.fixesOf('default').flatMap((fix) => (fix.driverId === id ? [fix.timestamp - T0] : []));
      expect(timesOf(events, id)).toEqual(stored.sort((a, b) => a - b));
    }
  });

  test('connections that are cut under load lose nothing: what is there twice was cut before its answer', async () => {
    const network = await Network.to(redis.port);
    const { store, stream, inner } = stage(`redis://127.0.0.1:${network.port}`);
    await load(store, 80, async (n) => {
      if (n % 8 > 0) return;
      await drained(stream);
      if (n % 16 > 0) network.cut();
      else setImmediate(() => network.cut());
    });
    await drained(stream);
    expect(stream.failures).toBeGreaterThan(3);
    const events = await told();
    expect(events.length).toBeLessThanOrEqual(3 * (80 + stream.failures));
    for (const id of ['a', 'b', 'c']) {
      const firsts = [...new Set(timesOf(events, id))];
      expect(firsts).toEqual(Array.from({ length: 80 }, (_, n) => n));
    }
    expect(inner.fixesOf('default')).toHaveLength(240);
  });

  test('a server that is silent holds nobody up but the first, and memory is bounded', async () => {
    const network = await Network.to(redis.port);
    const { store, stream, said } = stage(`redis://127.0.0.1:${network.port}`, { maxWaiting: 90, patience: 100 });
    await store.write(positions([row('first')]));
    await drained(stream);
    network.freeze();
    const began = performance.now();
    await load(store, 1, () => {});
    const waited = performance.now() - began;
    expect(waited).toBeGreaterThan(95);
    await load(store, 300, () => {});
    expect(performance.now() - began - waited).toBeLessThan(5000);
    expect([stream.waiting, stream.dropped]).toEqual([93, 810]);
    network.thaw();
    await drained(stream);
    // What it had been given before, and the newest of the rest.
    expect(timesOf(await told(), 'a')).toEqual([0, ...Array.from({ length: 30 }, (_, n) => 270 + n)]);
    // It is back once it is quick, which on a busy machine may not be with what waited.
    const back = async () => {
      if (said.length < 2) await store.write(positions([row('last')]));
      return said;
    };
    await expect.poll(back, { timeout: 10_000 }).toEqual(['dropping', 'back without 810']);
  });

  test('what the server refuses is told in its words, and is there when it does no longer', async () => {
    const refused = async (reason: RegExp, spoil: string[], mend: string[]) => {
      const { store, stream, said } = stage();
      await redis.command(...spoil);
      await store.write(positions([row('a', { timestamp: T0 + 1 })]));
      await store.write(positions([row('a', { timestamp: T0 + 2 })]));
      await expect.poll(() => stream.failures).toBeGreaterThan(1);
      expect(said).toEqual([expect.stringMatching(reason)]);
      await redis.command(...mend);
      await drained(stream);
      expect(said).toHaveLength(2);
      expect(timesOf(await told(), 'a')).toEqual([1, 2]);
      await redis.command('DEL', KEY);
      await stream.close(0);
    };
    await refused(/^WRONGTYPE /, ['SET', KEY, 'taken'], ['DEL', KEY]);
    await refused(/^OOM /, ['CONFIG', 'SET', 'maxmemory', '1'], ['CONFIG', 'SET', 'maxmemory', '0']);
    await refused(
      /^NOPERM |can't run this command/,
      ['ACL', 'SETUSER', 'default', '-xadd'],
      ['ACL', 'SETUSER', 'default', '+xadd'],
    );
    await refused(/^READONLY /, ['REPLICAOF', '127.0.0.1', '1'], ['REPLICAOF', 'NO', 'ONE']);
  });

  test('a password that is missing or wrong is told without it, and the right one is taken', async () => {
    await redis.command(
      'ACL',
      'SETUSER',
      'streamer',
      'on',
      '>the password',
      `~${KEY}`,
      '+eval',
      '+xadd',
      '+client',
      '+hello',
    );
    const { store, said } = stage(redis.urlAs('streamer:wrong-one'));
    await store.write(positions([row('a')]));
    expect(said).toEqual([expect.stringMatching(/^WRONGPASS /)]);
    expect(said[0]).not.toContain('wrong-one');
    const right = stage(redis.urlAs('streamer:the%20password'));
    await right.store.write(positions([row('b')]));
    expect([right.said, right.stream.entries]).toEqual([[], 1]);
    await redis.command('ACL', 'DELUSER', 'streamer');
  });

  test('of several addresses the one that answers is taken', async () => {
    const { store, stream, said } = stage(`redis://127.0.0.1:1, ${redis.url}`);
    await store.write(positions([row('a')]));
    await drained(stream);
    expect(said.length === 0 || /ECONNREFUSED/.test(said[0])).toBe(true);
  });

  test('when it is closed no connection is left', async () => {
    const { store, stream } = stage();
    await store.write(positions([row('a')]));
    const connections = async () => (await redis.clients()).filter(({ name }) => name === 'nearcast-stream').length;
    expect(await connections()).toBe(1);
    expect(await stream.close(1000)).toBeUndefined();
    await expect.poll(connections).toBe(0);
  });

  slowTest('it is told on by TLS', async () => {
    const certificate = makeCertificate();
    if (certificate === undefined) return console.warn('skipped: no openssl on this machine');
    const secured = await startRedis(bin, { certificate, password: 'the password' });
    onTestFinished(async () => {
      await secured.stop();
      certificate.remove();
    });
    const { store, stream, said } = stage(secured.urlAs(':the%20password'), {}, 1000, certificate.ca);
    await store.write(positions([row('a')]));
    await drained(stream);
    expect(timesOf(await told(secured), 'a')).toEqual([0]);
    expect(said).toEqual([]);
  });

  slowTest('a server that is silent for long is left, and all is there when it speaks again', async () => {
    const network = await Network.to(redis.port);
    const { store, stream, said } = stage(`redis://127.0.0.1:${network.port}`, { patience: 100 });
    await load(store, 10, () => {});
    await drained(stream);
    network.freeze();
    await load(store, 10, () => {});
    await expect.poll(() => said, { timeout: 10_000 }).toContain('no answer within 5 s');
    network.thaw();
    await drained(stream);
    expect([...new Set(timesOf(await told(), 'a'))]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  slowTest('in a cluster it is followed to the node that has it, wherever that goes', async () => {
    const cluster = await startRedisCluster(bin, { replicas: true, args: PERSISTENT });
    onTestFinished(() => cluster.stop());
    const { store, stream } = stage(cluster.url);
    const owner = await cluster.ownerOf(KEY);
    const other = cluster.nodes.slice(0, 3).find((node) => node !== owner) as TestRedis;
    const [from, to] = await Promise.all([owner, other].map((node) => node.command('CLUSTER', 'MYID')));
    const slot = String(await owner.command('CLUSTER', 'KEYSLOT', KEY));
    const tell = (id: unknown) =>
      [owner, other].map((node) => node.command('CLUSTER', 'SETSLOT', slot, 'NODE', `${id}`));
    await load(store, 60, async (n) => {
      if (n === 20) {
        await drained(stream);
        await other.command('CLUSTER', 'SETSLOT', slot, 'IMPORTING', `${from}`);
        await owner.command('CLUSTER', 'SETSLOT', slot, 'MIGRATING', `${to}`);
        // From now on the one has it no more, and the other not for everybody.
        await owner.command('MIGRATE', '127.0.0.1', `${other.port}`, KEY, '0', '5000');
      }
      if (n === 30) await Promise.all(tell(to));
      if (n === 40) {
        await drained(stream);
        // What the replica has taken over is what it has: it must have all before.
        await other.command('WAIT', '1', '5000');
        await cluster.failOver(other);
      }
    });
    await drained(stream);
    const master = await cluster.ownerOf(KEY);
    expect([owner, other]).not.toContain(master);
    for (const id of ['a', 'b', 'c']) {
      expect(timesOf(await told(master), id)).toEqual(Array.from({ length: 60 }, (_, n) => n));
    }
  });
});
