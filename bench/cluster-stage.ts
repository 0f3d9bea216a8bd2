import { randomBytes } from 'node:crypto';
import { createDatabase, type TestPostgres } from '../test/support/postgres.ts';
import type { TestRedis } from '../test/support/redis.ts';
import { Cluster } from './cluster-instances.ts';
import { Crowd, type CrowdTurn } from './fanout-crowd.ts';
import type { FanoutPlan, FanoutPlanSettings } from './fanout-plan.ts';
import { PATHS } from './fanout-targets.ts';
import { cpuSecondsOfAll } from './process-usage.ts';

/** Some instances that take turns with others, and what they are called. */
export interface Line {
  readonly name: string;
  readonly cluster: Cluster;
  readonly turns: ClusterTurn[];
}

/** What instances did in one turn; of all of them together. */
export interface ClusterTurn extends CrowdTurn {
  readonly size: number;
  /** Processor time in seconds. */
  readonly instances: number;
  readonly redis: number;
  readonly postgres: number;
  /** Bytes. */
  readonly rss: number;
  readonly messagesOut: number;
  readonly messagesIn: number;
  readonly bytesOut: number;
  readonly bytesIn: number;
  /** Times that messages of another instance were missed, or could not be read. */
  readonly missed: number;
  /** Reads of cells from the database, which there are none of while nothing is missed. */
  readonly reads: number;
}

/** How the stage is set. */
export interface ClusterStageSettings {
  readonly plan: FanoutPlanSettings;
  /** How many instances a cluster has, cluster by cluster. */
  readonly sizes: readonly number[];
  readonly gateways: number;
  readonly watcherProcesses: number;
  /** Whoever watches the same city is connected to the same instance. */
  readonly byCity: boolean;
  readonly profile: boolean;
}

/** One instance without a bus, and clusters: each with a database of its own, all with the same drivers and watchers. */
export class ClusterStage {
  readonly lines: readonly Line[];
  readonly #crowd: Crowd;
  readonly #postgres: TestPostgres;
  readonly #redis: TestRedis;

  private constructor(lines: readonly Line[], crowd: Crowd, postgres: TestPostgres, redis: TestRedis) {
    this.lines = lines;
    this.#crowd = crowd;
    this.#postgres = postgres;
    this.#redis = redis;
  }

  /** @param atEnd gets what must be called in the end, even when this fails */
  static async set(
    settings: ClusterStageSettings,
    { postgres, redis }: { readonly postgres: TestPostgres; readonly redis: TestRedis },
    progress: (text: string) => void,
    atEnd: (() => unknown)[],
  ): Promise<ClusterStage> {
    const { sizes, profile, byCity, plan } = settings;
    const secret = randomBytes(32).toString('hex');
    const lines: Line[] = [];
    const start = async (name: string, size: number, prefix?: string) => {
      progress(name);
      const databaseUrl = await createDatabase(postgres, `cluster-${lines.length}`);
      const bus = prefix === undefined ? undefined : { url: redis.url, prefix };
      lines.push({ name, cluster: await Cluster.start({ size, secret, databaseUrl, bus, profile }, atEnd), turns: [] });
    };
    await start('1, without a bus', 1);
    for (const size of sizes) await start(`${size}`, size, `bench-${lines.length}`);
    progress('drivers and watchers');
    const crowd = await Crowd.gather(
      {
        ...settings,
        targets: lines.map(({ cluster: { ports } }) => ({ kind: 'nearcast', ports, path: PATHS.nearcast })),
        resolution: 9,
        // Not one radius here and another there.
        homeOf: (watcher, all) => (byCity ? all.cityOf(watcher) : Math.floor(watcher / plan.radii.length)),
        secret,
        pin: false,
      },
      atEnd,
    );
    return new ClusterStage(lines, crowd, postgres, redis);
  }

  get plan(): FanoutPlan {
    return this.#crowd.plan;
  }

  /** Drives to one cluster for a while. */
  async turn(line: Line, seconds: number, perSecond: number): Promise<ClusterTurn> {
    const before = await this.#usage(line);
    const turn = await this.#crowd.turn(this.lines.indexOf(line), seconds, perSecond);
    const after = await this.#usage(line);
    const used = (what: keyof typeof before) => after[what] - before[what];
    return {
      ...turn,
      size: line.cluster.ports.length,
      instances: used('cpu'),
      redis: used('redis'),
      postgres: used('postgres'),
      rss: after.rss,
      messagesOut: used('messagesOut'),
      messagesIn: used('messagesIn'),
      bytesOut: used('bytesOut'),
      bytesIn: used('bytesIn'),
      missed: used('missed'),
      reads: used('reads'),
    };
  }

  /** See {@link Crowd.verify}. */
  verify(line: Line): Promise<string[]> {
    return this.#crowd.verify(this.lines.indexOf(line));
  }

  async #usage({ cluster }: Line) {
    const { bus, ...usage } = await cluster.usage();
    const redis = String(await this.#redis.command('INFO', 'cpu'));
    return { ...usage, ...bus, redis: redisSeconds(redis), postgres: cpuSecondsOfAll(this.#postgres.pid) };
  }
}

/** Processor time, in what Redis says of itself. */
function redisSeconds(info: string): number {
  const [system, user] = ['sys', 'user'].map((kind) => Number(new RegExp(`used_cpu_${kind}:(\\S+)`).exec(info)?.[1]));
  return system + user;
}
