import { askOnce, messageOf, type RedisClient } from './redis-connection.ts';
import { askTopology } from './redis-topology.ts';
import { nameOf, parseRedisUrl, type RedisAddress } from './redis-url.ts';

/** The first with sharded publishing and subscribing. */
const OLDEST = 7;
/** All answers of a node must be there by then, milliseconds. */
const TIMEOUT = 2_500;

/** Begins to add an entry, as instances do, by a script, but under an id that is none; gives what the server has against it. */
const ADD_NOTHING = "return redis.pcall('XADD', KEYS[1], 'no', 'a', 'b').err";

/** What was found. */
export interface RedisInspection {
  /** Such as `Redis 7.0.15` or `Valkey 8.0.1`. */
  readonly server: string;
  /** The masters of a cluster; absent: it is a single server. */
  readonly masters?: number;
}

/**
 * Asks every node that a REDIS_URL names whether it serves, and lets its user do what instances do, as a start would find it.
 * Changes nothing: what is published reaches nobody.
 *
 * @param prefix REDIS_PREFIX
 * @param stream REDIS_STREAM
 * @throws {Error} saying which node is not as it must be, and why, without what is secret in its address
 */
export async function inspectRedis(url: string, prefix: string, stream?: string): Promise<RedisInspection> {
  const target = parseRedisUrl(url);
  const settings = { target, random: Math.random, onFault: () => {} };
  const looks = target.seeds.map(async (address) => {
    const inTime = AbortSignal.timeout(TIMEOUT);
    try {
      return await askOnce(address, settings, inTime, (client) => look(client, address, prefix, stream));
    } catch (error) {
      const why = inTime.aborted ? `there was no answer within ${TIMEOUT / 1000} s` : messageOf(error);
      throw new Error(`${nameOf(address)}: ${why}`);
    }
  });
  const [first] = await Promise.all(looks);
  if (first.masters === undefined && looks.length > 1) {
    throw new Error('several servers are named, and they are no cluster: name one');
  }
  return first;
}

async function look(
  client: RedisClient,
  address: RedisAddress,
  prefix: string,
  stream: string | undefined,
): Promise<RedisInspection> {
  const lines = (await client.info()).split('\n').map((line) => line.trim());
  const has = (name: string) => lines.find((line) => line.startsWith(`${name}:`))?.slice(name.length + 1);
  const version = has('valkey_version') ?? has('redis_version') ?? 'of no known version';
  const server = `${has('valkey_version') === undefined ? 'Redis' : 'Valkey'} ${version}`;
  if (!(Number.parseInt(version, 10) >= OLDEST))
    throw new Error(`${server} is there, and ${OLDEST} or newer is needed`);
  const { isCluster, masters } = await askTopology(client, address);
  if (!isCluster && has('role') !== 'master') throw new Error(`${server} is a replica: name its master`);
  if (isCluster && !String(await client.sendCommand(['CLUSTER', 'INFO'])).includes('cluster_state:ok')) {
    throw new Error(`${server} is there, and its cluster is down`);
  }
  // Open connections are asked so whether they are.
  await client.sendCommand(['CLIENT', 'INFO']);
  await unlessElsewhere(client.sPublish(`${prefix}/-check`, ''));
  // What concerns shares and revocations has the prefix alone for a name.
  for (const channel of [prefix, `${prefix}/-check`]) {
    await unlessElsewhere(client.sSubscribe(channel, () => {}));
    await unlessElsewhere(client.sUnsubscribe(channel));
  }
  if (stream !== undefined) {
    const fault = await unlessElsewhere(client.eval(ADD_NOTHING, { keys: [stream] }));
    if (fault !== undefined && !/stream ID/i.test(String(fault)))
      throw new Error(`REDIS_STREAM cannot be added to: ${fault}`);
    const type = await unlessElsewhere(client.type(stream));
    if (type !== undefined && type !== 'none' && type !== 'stream') {
      throw new Error(`the key of REDIS_STREAM is there, and is a ${type}, not a stream`);
    }
  }
  return { server, ...(isCluster && { masters: masters.length }) };
}

/** Of a cluster another node may be the one to ask; that the user may is told before. */
async function unlessElsewhere<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (/^(MOVED|ASK) /.test((error as Error).message)) return undefined;
    throw error;
  }
}
