import { randomBytes } from 'node:crypto';
import type { FastifyBaseLogger } from 'fastify';
import { RedisBus } from '../bus/redis.ts';
import { parseRedisUrl } from '../bus/redis-url.ts';
import type { Config } from '../config.ts';
import { processClock } from '../delivery/clock.ts';
import { encodePosition } from '../protocol/position.ts';
import type { ColdPositions } from '../store/cold-positions.ts';
import type { CutOffs } from '../store/cut-offs.ts';
import type { Tracker } from '../tracker.ts';
import { Cluster, type ClusterOptions } from './cluster.ts';
import { ClusterReads } from './reads.ts';

export interface JoinOptions {
  readonly config: Pick<Config, 'redisPrefix' | 'driverTtlSeconds'>;
  /** Where the bus is. */
  readonly redisUrl: string;
  readonly store: ColdPositions;
  readonly cutOffs: CutOffs;
  readonly writer: ClusterOptions['writer'];
  readonly log: Pick<FastifyBaseLogger, 'info' | 'warn' | 'error'>;
}

/** Makes this process one of those that share a database and a Redis. Where Redis is away it goes on alone until it is there. */
export function joinCluster({ config, redisUrl, store, cutOffs, writer, log }: JoinOptions): {
  readonly cluster: Cluster;
  /** Who answers, of what a tracker knows and of the rest. */
  readsOf(tracker: Tracker): ClusterReads;
  close(): Promise<void>;
} {
  const onFault = (fault: string) => log.warn(`Redis: ${fault}`);
  const bus = new RedisBus({ target: parseRedisUrl(redisUrl), onFault });
  const cluster = new Cluster({
    bus,
    store,
    cutOffs,
    writer,
    clock: processClock(Date.now),
    publisher: randomBytes(8).toString('hex'),
    prefix: config.redisPrefix,
    ttlSeconds: config.driverTtlSeconds,
    onTrouble: seldom((message, err) => log.warn({ err }, message)),
    onAvailability: (isUp) => {
      if (isUp) log.info('Redis is there; other instances are heard');
      else
        log.error('Redis does not answer; other instances are not heard, and their fixes come from the database alone');
    },
  });
  return {
    cluster,
    readsOf: (tracker) => new ClusterReads(cluster, tracker, store, encodePosition, Date.now),
    close: async () => {
      cluster.close();
      await bus.close();
    },
  };
}

/** Milliseconds between two words about the same. */
const WORD_INTERVAL = 10_000;

/** Says each thing now and then, however often it happens; metrics count it. */
function seldom(say: (message: string, error: unknown) => void): (message: string, error?: unknown) => void {
  const saidAt = new Map<string, number>();
  return (message, error) => {
    const now = performance.now();
    if (now - (saidAt.get(message) ?? Number.NEGATIVE_INFINITY) < WORD_INTERVAL) return;
    if (saidAt.size > 100) saidAt.clear();
    saidAt.set(message, now);
    say(message, error);
  };
}
