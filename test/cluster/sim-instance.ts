import type { LocalBus, LocalHub } from '../../src/bus/local.ts';
import { Cluster } from '../../src/cluster/cluster.ts';
import { ClusterReads } from '../../src/cluster/reads.ts';
import { encodePosition } from '../../src/protocol/position.ts';
import { GroupCommit } from '../../src/store/group-commit.ts';
import type { MemoryStore } from '../../src/store/memory.ts';
import { StoreUnavailable } from '../../src/store/store.ts';
import { Tracker } from '../../src/tracker.ts';
import type { FakeClock } from '../subscriptions/fake-clock.ts';
import { FarStore, type Road } from './sim-far-store.ts';

/** Milliseconds. */
export const TTL = 300_000;
export const MAX_FUTURE = 30_000;
export const IDLE_TIME = 20_000;
const SECOND = 1_000;

export interface InstanceOptions {
  readonly hub: LocalHub;
  readonly shared: MemoryStore;
  readonly road: Road;
  readonly clock: FakeClock;
  readonly random: () => number;
  /** No two are alike, also of those that follow each other. */
  readonly number: number;
}

/** One of several that run in the test's process, put together as `main.ts` does, but for the doors. */
export class Instance {
  readonly number: number;
  readonly bus: LocalBus;
  readonly writer: GroupCommit;
  readonly cluster: Cluster;
  readonly tracker: Tracker;
  readonly reads: ClusterReads;
  /** What went wrong although nothing was made to. */
  readonly troubles: string[] = [];
  isDead = false;
  isCut = false;
  readonly #store: FarStore;
  readonly #hub: LocalHub;
  readonly #timers = new Set<() => void>();
  readonly #clock: FakeClock;
  #cancelExpiry: () => void;

  constructor({ hub, shared, road, clock, random, number }: InstanceOptions) {
    this.number = number;
    this.#clock = clock;
    this.#hub = hub;
    this.bus = hub.bus();
    const after = (milliseconds: number, callback: () => void) => this.#after(milliseconds, callback);
    const now = () => clock.now;
    this.#store = new FarStore(shared, road, after);
    const store = this.#store;
    const onRejected = () => {
      throw new Error('nothing is rejected here');
    };
    this.writer = new GroupCommit({ store, onRejected, random, after, retryDelayMax: 1_000 });
    this.cluster = new Cluster({
      bus: this.bus,
      store,
      writer: this.writer,
      clock: { now, after, defer: setImmediate },
      publisher: number.toString(16).padStart(16, '0'),
      prefix: 'n',
      ttlSeconds: TTL / 1000,
      idleTime: IDLE_TIME,
      random,
      steady: now,
      onTrouble: (message, error) => {
        if (!(error instanceof StoreUnavailable)) this.troubles.push(`${message}: ${(error as Error)?.stack}`);
      },
    });
    this.tracker = new Tracker({
      writer: this.writer,
      now,
      instance: `i${number}`,
      encode: encodePosition,
      ttlSeconds: TTL / 1000,
      maxFutureSeconds: MAX_FUTURE / 1000,
      peers: this.cluster,
    });
    this.cluster.start(this.tracker);
    this.reads = new ClusterReads(this.cluster, this.tracker, store, encodePosition, now);
    const expire = () => {
      this.tracker.expire();
      this.#cancelExpiry = after(SECOND, expire);
    };
    this.#cancelExpiry = after(SECOND - 7 * (number % 3), expire);
  }

  /** How many timers run. */
  get timers(): number {
    return this.#timers.size;
  }

  cut(): void {
    this.isCut = true;
    this.#hub.cut(this.bus);
  }

  heal(): void {
    this.isCut = false;
    this.#hub.heal(this.bus);
  }

  /** Is no more, from one moment to the next. */
  kill(): void {
    this.isDead = true;
    this.#store.isDead = true;
    void this.bus.close();
    for (const cancel of this.#timers) cancel();
    this.#timers.clear();
  }

  /** Ends in order. */
  async close(): Promise<void> {
    this.#cancelExpiry();
    this.cluster.close();
    await this.bus.close();
    this.writer.close();
  }

  #after(milliseconds: number, callback: () => void): () => void {
    if (this.isDead) return () => {};
    const stop = this.#clock.of(this).after(milliseconds, () => {
      this.#timers.delete(cancel);
      callback();
    });
    const cancel = () => {
      this.#timers.delete(cancel);
      stop();
    };
    this.#timers.add(cancel);
    return cancel;
  }
}
