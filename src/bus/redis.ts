import { type Bus, BusAway, type BusListener } from './bus.ts';
import { askOnce, messageOf, type RedisClient, type RedisSettings } from './redis-connection.ts';
import { type NodeListener, RedisNode } from './redis-node.ts';
import { slotOf } from './redis-slots.ts';
import { askTopology, isSameTopology, NOBODY, type RedisTopology } from './redis-topology.ts';
import { nameOf, type RedisAddress, type RedisTarget } from './redis-url.ts';

/** How often a cluster that works is asked who has which slots, milliseconds. */
const LOOK_EVERY = 10_000;
/** While something is amiss: the first wait is up to this long, each further one up to twice as long. */
const FIRST_WAIT = 100;
const LONGEST_WAIT = 1_000;
/** What is published at the very end gets so long to be taken. */
const LAST_WORDS = 500;

export interface RedisBusOptions {
  readonly target: RedisTarget;
  /** Certificates, as PEM, that are trusted instead of those that Node trusts. */
  readonly ca?: string;
  /** Why the bus is away, once for each reason; it holds no credentials. */
  readonly onFault?: (fault: string) => void;
  /** 0 … 1 */
  readonly random?: () => number;
}

/** Somebody who waits for channels to be open. */
interface Waiter {
  left: number;
  resolve(): void;
  reject(error: Error): void;
}

/**
 * The bus over Redis 7 or Valkey, by sharded publishing and subscribing: a single server or a cluster, which is found out by
 * asking. In a cluster each master has connections of its own, and each channel is its slot's master's; it is up while all
 * masters are. The library's own client for clusters does not tell what was missed when, so its client for one server is
 * used for each.
 */
export class RedisBus implements Bus {
  readonly #settings: RedisSettings;
  readonly #random: () => number;
  readonly #nodes = new Map<string, RedisNode>();
  /** What is subscribed, and at which node; nowhere while that is not known. */
  readonly #channels = new Map<string, RedisNode | undefined>();
  readonly #waiters = new Map<string, Waiter[]>();
  readonly #unsent = new Set<string>();
  readonly #closing = new Set<Promise<void>>();
  readonly #ending = new AbortController();
  /** Reported since it was up last. */
  readonly #faults = new Set<string>();
  #listener: BusListener | undefined;
  #topology: RedisTopology | undefined;
  /** By the places of `masters` in the topology. */
  #masters: readonly RedisNode[] = [];
  #isUp = false;
  #isLooking = false;
  #looks = Promise.resolve();
  #failedLooks = 0;
  #nextLook: NodeJS.Timeout | undefined;
  #telling: NodeJS.Immediate | undefined;

  constructor({ target, ca, onFault, random = Math.random }: RedisBusOptions) {
    this.#random = random;
    this.#settings = {
      target,
      ca,
      random,
      onFault: (fault) => {
        if (this.#isClosed || this.#faults.has(fault)) return;
        this.#faults.add(fault);
        onFault?.(fault);
      },
    };
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  get #isClosed(): boolean {
    return this.#ending.signal.aborted;
  }

  listen(listener: BusListener): void {
    this.#listener = listener;
    this.#look();
  }

  publish(channel: string, data: Buffer): void {
    if (this.#isClosed) return;
    const node = this.#nodeOf(channel);
    if (node === undefined) this.#notSent(channel);
    else node.publisher.publish(channel, data);
  }

  async subscribe(channels: readonly string[]): Promise<void> {
    if (this.#isClosed) throw new BusAway('The bus is closed');
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter: Waiter = { left: 0, resolve, reject };
    for (const channel of channels) {
      const node = this.#nodeOf(channel);
      this.#channels.set(channel, node);
      if (this.#isUp && node?.subscriber.isOpen(channel)) continue;
      // While the bus is away nobody waits: then it is told as lost when it is open.
      node?.subscriber.add(channel, !this.#isUp);
      if (!this.#isUp) continue;
      waiter.left++;
      const others = this.#waiters.get(channel);
      if (others === undefined) this.#waiters.set(channel, [waiter]);
      else others.push(waiter);
    }
    if (!this.#isUp) throw new BusAway('Redis cannot be reached');
    if (waiter.left > 0) await promise;
  }

  unsubscribe(channels: readonly string[]): void {
    for (const channel of channels) {
      this.#channels.get(channel)?.subscriber.remove(channel);
      this.#channels.delete(channel);
      this.#resolve(channel);
    }
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    const drained = Promise.all(this.#masters.map((node) => node.publisher.drained()));
    this.#ending.abort();
    clearTimeout(this.#nextLook);
    clearImmediate(this.#telling);
    this.#isUp = false;
    this.#rejectAll('The bus is closed');
    let late: NodeJS.Timeout | undefined;
    await Promise.race([drained, new Promise((resolve) => (late = setTimeout(resolve, LAST_WORDS)))]);
    clearTimeout(late);
    await Promise.all([...this.#closing, ...[...this.#nodes.values()].map((node) => node.close()), this.#looks]);
  }

  #nodeOf(channel: string): RedisNode | undefined {
    const topology = this.#topology;
    if (topology === undefined) return undefined;
    return topology.isCluster ? this.#masters[topology.owners[slotOf(channel)]] : this.#masters[0];
  }

  readonly #nodeListener: NodeListener = {
    onMessage: (channel, data) => {
      if (!this.#isClosed) this.#listener?.onMessage(channel, data);
    },
    onOpened: (channels) => {
      for (const channel of channels) this.#resolve(channel);
    },
    onLost: (channels) => {
      const lost = channels.filter((channel) => this.#channels.has(channel));
      if (!this.#isClosed && lost.length > 0) this.#listener?.onLost(lost);
    },
    onChange: () => this.#judge(),
    onUnsent: (channel) => this.#notSent(channel),
    onMoved: (client, address) => this.#look(client, address),
  };

  /** Tells it in the next turn: whoever publishes is not to hear of it meanwhile. */
  #notSent(channel: string): void {
    if (this.#isClosed) return;
    this.#unsent.add(channel);
    this.#telling ??= setImmediate(() => {
      this.#telling = undefined;
      const channels = [...this.#unsent];
      this.#unsent.clear();
      this.#listener?.onUnsent(channels);
    });
  }

  /** Whether it is up may be otherwise now. */
  #judge(): void {
    if (this.#isClosed) return;
    const isUp =
      this.#topology !== undefined &&
      !this.#topology.owners.includes(NOBODY) &&
      this.#masters.every((node) => node.isUp);
    if (isUp === this.#isUp) return;
    this.#isUp = isUp;
    if (isUp) {
      this.#faults.clear();
      this.#listener?.onUp();
      return;
    }
    this.#listener?.onDown();
    for (const channel of this.#waiters.keys()) this.#channels.get(channel)?.subscriber.add(channel, true);
    this.#rejectAll('Redis cannot be reached');
    // Another may have taken over from a node that is away.
    this.#look();
  }

  #resolve(channel: string): void {
    const waiters = this.#waiters.get(channel);
    if (waiters === undefined) return;
    this.#waiters.delete(channel);
    for (const waiter of waiters) {
      waiter.left--;
      if (waiter.left === 0) waiter.resolve();
    }
  }

  #rejectAll(message: string): void {
    const waiters = new Set([...this.#waiters.values()].flat());
    this.#waiters.clear();
    for (const waiter of waiters) waiter.reject(new BusAway(message));
  }

  /** Has it found out who serves what. @param client of the node at `address`, which knows best */
  #look(client?: RedisClient, address?: RedisAddress): void {
    // A single server is always the same; its connections are made again by themselves.
    if (this.#isClosed || this.#isLooking || this.#topology?.isCluster === false) return;
    this.#isLooking = true;
    clearTimeout(this.#nextLook);
    this.#looks = this.#find(client, address).then((isFound) => {
      this.#isLooking = false;
      if (this.#isClosed) return;
      this.#judge();
      if (this.#topology?.isCluster === false) return;
      this.#failedLooks = isFound && this.#isUp ? 0 : this.#failedLooks + 1;
      const limit = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** Math.min(this.#failedLooks, 10));
      this.#nextLook = setTimeout(() => this.#look(), this.#isUp ? LOOK_EVERY : this.#random() * limit);
    });
  }

  async #find(client: RedisClient | undefined, address: RedisAddress | undefined): Promise<boolean> {
    const known = [...this.#nodes.values()];
    const asked: [RedisAddress, RedisClient | undefined][] = [
      ...(client !== undefined && address !== undefined ? [[address, client] as [RedisAddress, RedisClient]] : []),
      ...this.#shuffled(
        known.map((node) => [node.address, node.publisher.client] as [RedisAddress, RedisClient | undefined]),
      ),
      ...this.#shuffled(this.#settings.target.seeds.map((seed) => [seed, undefined] as [RedisAddress, undefined])),
    ];
    for (const [at, open] of asked) {
      // Nodes that are away are known to be; seeds are tried.
      if (open === undefined && known.some((node) => nameOf(node.address) === nameOf(at) && !node.isUp)) continue;
      try {
        const topology =
          open !== undefined
            ? await askTopology(open, at)
            : await askOnce(at, this.#settings, this.#ending.signal, (once) => askTopology(once, at));
        if (this.#isClosed) return false;
        if (!topology.isCluster && this.#settings.target.seeds.length > 1) {
          throw new Error('is no node of a cluster, but REDIS_URL names several');
        }
        this.#apply(topology);
        return true;
      } catch (error) {
        if (this.#isClosed) return false;
        // Of what is wrong with an open connection it is told by that itself.
        if (open === undefined) this.#settings.onFault(`${nameOf(at)}: ${messageOf(error)}`);
      }
    }
    return false;
  }

  #apply(topology: RedisTopology): void {
    if (this.#topology !== undefined && isSameTopology(topology, this.#topology)) return;
    // A cluster that knows of nobody is being made, or broken: what is known is better.
    if (topology.masters.length === 0) return;
    this.#topology = topology;
    this.#masters = topology.masters.map((address) => {
      const name = nameOf(address);
      const node =
        this.#nodes.get(name) ?? new RedisNode(address, topology.isCluster, this.#settings, this.#nodeListener);
      this.#nodes.set(name, node);
      return node;
    });
    for (const [channel, before] of this.#channels) {
      const now = this.#nodeOf(channel);
      if (now === before) continue;
      before?.subscriber.remove(channel);
      now?.subscriber.add(channel, true);
      this.#channels.set(channel, now);
    }
    for (const [name, node] of this.#nodes) {
      if (this.#masters.includes(node)) continue;
      this.#nodes.delete(name);
      const closed = node.close().finally(() => this.#closing.delete(closed));
      this.#closing.add(closed);
    }
    this.#judge();
  }

  #shuffled<T>(list: readonly T[]): T[] {
    return list
      .map((item) => ({ item, at: this.#random() }))
      .sort((a, b) => a.at - b.at)
      .map(({ item }) => item);
  }
}
