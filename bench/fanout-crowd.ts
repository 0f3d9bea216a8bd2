import { setTimeout as delay } from 'node:timers/promises';
import { Child } from './child.ts';
import { machineTime } from './clock.ts';
import type { Driven, DriversOptions, DriversRequest, Settled } from './fanout-drivers.ts';
import { FanoutPlan, type FanoutPlanSettings } from './fanout-plan.ts';
import type { Target } from './fanout-targets.ts';
import type { Beliefs, Heard, WatchersOptions, WatchersRequest } from './fanout-watchers.ts';
import { Histogram } from './histogram.ts';
import { usageOf } from './process-usage.ts';
import { pin } from './rest-process.ts';

/** What drivers did in one turn, and watchers heard of it. */
export interface CrowdTurn extends Driven {
  /** In which drivers sent. */
  readonly seconds: number;
  /** Seconds until all was heard. */
  readonly clock: number;
  readonly positions: number;
  readonly messages: number;
  readonly bytes: number;
  /** Of all positions, of those of drivers on the watcher's instance, and of those on others. */
  readonly latencies: Histogram;
  readonly here: Histogram;
  readonly elsewhere: Histogram;
  /** Processor time in seconds. */
  readonly drivers: number;
  readonly watchers: number;
}

/** Who drives and who watches, and how they are spread. */
export interface CrowdSettings {
  readonly plan: FanoutPlanSettings;
  readonly targets: readonly Target[];
  /** H3's, of the cells that are rooms. */
  readonly resolution: number;
  readonly gateways: number;
  /** Processes over which the watchers are spread. */
  readonly watcherProcesses: number;
  /** The instance that a watcher is connected to, taken modulo how many there are. */
  readonly homeOf: (watcher: number, plan: FanoutPlan) => number;
  readonly secret: string;
  /** Keeps them to the first processor. */
  readonly pin: boolean;
}

/** Milliseconds in which nothing is heard any more when all was heard. */
const QUIET = 200;
/** Milliseconds that it may take a server to send what it has taken. */
const ECHO = 20_000;
/** Milliseconds until every change must have come. */
const PATIENCE = 15_000;

/** Drivers and watchers of all targets, in processes of their own. */
export class Crowd {
  readonly plan: FanoutPlan;
  readonly #targets: readonly Target[];
  readonly #drivers: Child<DriversRequest>;
  readonly #watchers: readonly Child<WatchersRequest>[];

  private constructor(
    plan: FanoutPlan,
    targets: readonly Target[],
    drivers: Child<DriversRequest>,
    watchers: readonly Child<WatchersRequest>[],
  ) {
    this.plan = plan;
    this.#targets = targets;
    this.#drivers = drivers;
    this.#watchers = watchers;
  }

  /** Connects them; watchers have their snapshots then. @param atEnd gets what must be called in the end, even when this fails */
  static async gather(settings: CrowdSettings, atEnd: (() => unknown)[]): Promise<Crowd> {
    const { targets, resolution, gateways, secret } = settings;
    const keep = <T, R>(child: Child<T, R>): Child<T, R> => {
      atEnd.push(() => child.stop());
      if (settings.pin) pin(child.pid, 'first');
      return child;
    };
    const epoch = Date.now() - machineTime();
    const plan = new FanoutPlan(settings.plan);
    const homes = plan.circles.map((_, watcher) => settings.homeOf(watcher, plan));
    const share = Math.ceil(plan.circles.length / settings.watcherProcesses);
    const watchers: Child<WatchersRequest>[] = [];
    for (let first = 0; first < plan.circles.length; first += share) {
      const options: WatchersOptions = {
        targets,
        circles: plan.circles.slice(first, first + share),
        homes: homes.slice(first, first + share),
        gateways,
        first,
        resolution,
        secret,
        epoch,
      };
      watchers.push(keep(await Child.start<WatchersRequest>('fanout-watchers.ts', options)));
    }
    const options: DriversOptions = { plan: settings.plan, targets, gateways, secret, epoch };
    const drivers = keep(await Child.start<DriversRequest>('fanout-drivers.ts', options));
    return new Crowd(plan, targets, drivers, watchers);
  }

  /** Drives to one target for a while, and resolves when all was heard. */
  async turn(target: number, seconds: number, perSecond: number): Promise<CrowdTurn> {
    await Promise.all(this.#watchers.map((child) => child.ask({ do: 'begin', target })));
    const before = this.#usage();
    const startedAt = performance.now();
    const driven = await this.#drivers.ask<Driven>({ do: 'drive', target, seconds, perSecond });
    const took = (performance.now() - startedAt) / 1000;
    const heard = await this.#hearAll(target);
    const after = this.#usage();
    const here = merged(heard.map((one) => one.here));
    const elsewhere = merged(heard.map((one) => one.elsewhere));
    return {
      ...driven,
      seconds: took,
      clock: (performance.now() - startedAt) / 1000,
      latencies: merged([here.counts, elsewhere.counts]),
      here,
      elsewhere,
      positions: sum(heard.map(({ positions }) => positions)),
      messages: sum(heard.map(({ messages }) => messages)),
      bytes: sum(heard.map(({ bytes }) => bytes)),
      drivers: after.drivers - before.drivers,
      watchers: after.watchers - before.watchers,
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
      const exact = this.#targets[target].kind !== 'rooms';
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

  #usage() {
    const cpuSeconds = (pid: number) => usageOf(pid)?.cpuSeconds ?? Number.NaN;
    return {
      drivers: cpuSeconds(this.#drivers.pid),
      watchers: sum(this.#watchers.map(({ pid }) => cpuSeconds(pid))),
    };
  }
}

/** Adds numbers up. */
export function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function merged(all: readonly Uint32Array[]): Histogram {
  const histogram = new Histogram();
  for (const counts of all) histogram.merge(new Histogram(counts));
  return histogram;
}
