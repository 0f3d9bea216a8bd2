import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Child } from './child.ts';
import { machineTime } from './clock.ts';
import type { Driven, DriversOptions, DriversRequest, Settled } from './fanout-drivers.ts';
import { FanoutPlan, type FanoutPlanSettings } from './fanout-plan.ts';
import { PATHS, type Target, type TargetKind } from './fanout-targets.ts';
import type { Beliefs, Heard, WatchersOptions, WatchersRequest } from './fanout-watchers.ts';
import { Histogram } from './histogram.ts';
import { usageOf } from './process-usage.ts';
import { pin } from './rest-process.ts';
import type { NearcastOptions } from './servers/nearcast.ts';
import type { RoomsOptions } from './servers/rooms.ts';
import type { Listening, ServerRequest, ServerUsage } from './servers/serve.ts';

/** What one server did in one turn. */
export interface FanoutTurn extends Driven {
  /** In which drivers sent. */
  readonly seconds: number;
  /** Seconds until all was heard. */
  readonly clock: number;
  readonly positions: number;
  readonly messages: number;
  readonly bytes: number;
  readonly latencies: Histogram;
  /** Processor time in seconds. */
  readonly server: number;
  readonly drivers: number;
  readonly watchers: number;
  /** Bytes. */
  readonly rss: number;
}

/** A server, and what it is called. */
export interface Contestant {
  readonly name: string;
  readonly kind: TargetKind;
  readonly server: Child<ServerRequest, Listening>;
}

/** How the stage is set. */
export interface StageSettings {
  readonly plan: FanoutPlanSettings;
  readonly kinds: readonly TargetKind[];
  /** H3's, of the cells that are rooms. */
  readonly resolution: number;
  readonly gateways: number;
  /** Processes over which the watchers are spread. */
  readonly watcherProcesses: number;
  readonly pin: boolean;
}

const NAMES: Readonly<Record<TargetKind, string>> = {
  broadcast: 'bare ws broadcast',
  nearcast: 'Nearcast',
  rooms: 'Socket.IO, H3 rooms',
};
/** Milliseconds in which nothing is heard any more when all was heard. */
const QUIET = 200;
/** Milliseconds that it may take a server to send what it has taken. */
const ECHO = 20_000;
/** Milliseconds until every change must have come. */
const PATIENCE = 15_000;

/** Servers, drivers and watchers, each in processes of their own. */
export class Stage {
  readonly contestants: readonly Contestant[];
  readonly plan: FanoutPlan;
  readonly #drivers: Child<DriversRequest>;
  readonly #watchers: readonly Child<WatchersRequest>[];

  private constructor(
    plan: FanoutPlan,
    contestants: readonly Contestant[],
    drivers: Child<DriversRequest>,
    watchers: readonly Child<WatchersRequest>[],
  ) {
    this.plan = plan;
    this.contestants = contestants;
    this.#drivers = drivers;
    this.#watchers = watchers;
  }

  /** @param atEnd gets what must be called in the end, even when this fails */
  static async set(settings: StageSettings, atEnd: (() => unknown)[]): Promise<Stage> {
    const secret = randomBytes(32).toString('hex');
    const keep = <T, R>(child: Child<T, R>, processor: 'first' | 'last'): Child<T, R> => {
      atEnd.push(() => child.stop());
      if (settings.pin) pin(child.pid, processor);
      return child;
    };
    const { resolution } = settings;
    const serverOptions: NearcastOptions & RoomsOptions = { secret, store: { kind: 'memory' }, resolution };
    const contestants: Contestant[] = [];
    for (const kind of settings.kinds) {
      const server = await Child.start<ServerRequest, Listening>(`servers/${kind}.ts`, serverOptions);
      contestants.push({ name: NAMES[kind], kind, server: keep(server, 'last') });
    }
    const targets = contestants.map(
      ({ kind, server }): Target => ({ kind, port: server.ready.port, path: PATHS[kind] }),
    );
    const epoch = Date.now() - machineTime();
    const plan = new FanoutPlan(settings.plan);
    const share = Math.ceil(plan.circles.length / settings.watcherProcesses);
    const watchers: Child<WatchersRequest>[] = [];
    for (let first = 0; first < plan.circles.length; first += share) {
      const circles = plan.circles.slice(first, first + share);
      const options: WatchersOptions = { targets, circles, first, resolution, secret, epoch };
      watchers.push(keep(await Child.start<WatchersRequest>('fanout-watchers.ts', options), 'first'));
    }
    const options: DriversOptions = { plan: settings.plan, targets, gateways: settings.gateways, secret, epoch };
    const drivers = keep(await Child.start<DriversRequest>('fanout-drivers.ts', options), 'first');
    return new Stage(plan, contestants, drivers, watchers);
  }

  /** Drives to one server for a while. */
  async turn(target: number, seconds: number, perSecond: number): Promise<FanoutTurn> {
    const { server } = this.contestants[target];
    await Promise.all(this.#watchers.map((child) => child.ask({ do: 'begin', target })));
    const before = await this.#usage(server);
    const startedAt = performance.now();
    const driven = await this.#drivers.ask<Driven>({ do: 'drive', target, seconds, perSecond });
    const took = (performance.now() - startedAt) / 1000;
    const heard = await this.#hearAll(target);
    const after = await this.#usage(server);
    const latencies = new Histogram();
    for (const { latencies: counts } of heard) latencies.merge(new Histogram(counts));
    return {
      ...driven,
      seconds: took,
      clock: (performance.now() - startedAt) / 1000,
      latencies,
      positions: sum(heard.map(({ positions }) => positions)),
      messages: sum(heard.map(({ messages }) => messages)),
      bytes: sum(heard.map(({ bytes }) => bytes)),
      server: after.server - before.server,
      drivers: after.drivers - before.drivers,
      watchers: after.watchers - before.watchers,
      rss: after.rss,
    };
  }

  /**
   * Everybody sends once more; then each watcher must believe what brute force says, and of a server that tells more than
   * was asked for that at least.
   *
   * @returns how the beliefs differ, if they do
   */
  async verify(target: number): Promise<string[]> {
    const { turns, timestamps } = await this.#drivers.ask<Settled>({ do: 'settle', target });
    const expected = this.plan.inside(turns);
    const until = performance.now() + PATIENCE;
    for (;;) {
      const beliefs = await Promise.all(this.#watchers.map((child) => child.ask<Beliefs>({ do: 'beliefs', target })));
      const exact = this.contestants[target].kind !== 'rooms';
      const differences = beliefs
        .flat()
        .flatMap((belief, n) => this.#differ(n, belief, expected[n], timestamps, exact));
      if (differences.length === 0 || performance.now() > until) return differences;
      await delay(100);
    }
  }

  /** Waits until nothing comes any more. */
  async #hearAll(target: number): Promise<readonly Heard[]> {
    const until = performance.now() + ECHO;
    let before = -1;
    for (;;) {
      const heard = await Promise.all(this.#watchers.map((child) => child.ask<Heard>({ do: 'end', target })));
      const now = sum(heard.map(({ positions }) => positions));
      if (now === before || performance.now() > until) return heard;
      before = now;
      await delay(QUIET);
    }
  }

  #differ(
    watcher: number,
    belief: ReadonlyMap<string, number>,
    expected: ReadonlyMap<number, boolean>,
    timestamps: Float64Array,
    exact: boolean,
  ): string[] {
    const differences: string[] = [];
    const known = new Set<string>();
    for (const [driver, onRim] of expected) {
      const id = this.plan.driverId(driver);
      known.add(id);
      if (onRim || belief.get(id) === timestamps[driver]) continue;
      differences.push(`watcher ${watcher} believes ${belief.get(id)} of ${id} inside, not ${timestamps[driver]}`);
    }
    for (const id of belief.keys()) {
      if (exact && !known.has(id)) differences.push(`watcher ${watcher} believes ${id} inside, who is not`);
    }
    return differences;
  }

  async #usage(child: Child<ServerRequest, Listening>) {
    const cpuSeconds = (pid: number) => usageOf(pid)?.cpuSeconds ?? Number.NaN;
    const { cpu, rss } = await child.ask<ServerUsage>({ do: 'usage' });
    return {
      server: cpu / 1e6,
      rss,
      drivers: cpuSeconds(this.#drivers.pid),
      watchers: sum(this.#watchers.map(({ pid }) => cpuSeconds(pid))),
    };
  }
}

export function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
