import type { Bus } from '../bus/bus.ts';
import { DomainError } from '../errors.ts';
import { FleetLeases } from './fleet-leases.ts';
import { isReadTwice, Lease, type LoadReason } from './lease.ts';
import { channelOf } from './outgoing.ts';
import type { ClusterStats } from './stats.ts';

/**
 * Milliseconds after which what was read of a cell is read once more: what was published before its channel was open is stored
 * by then, or published again (see {@link SLOW_COMMIT} in cluster.ts).
 */
export const LATE = 1_000;
/** How often a cell that is watched is read while the bus is away, milliseconds. */
const AWAY = 5_000;
/** How often a cell is compared with the store all the same, milliseconds; each time up to a fifth earlier. */
const CHECK = 5 * 60_000;
/** A lease that nobody needs or asks about for so long is dropped, milliseconds. */
const IDLE = 60_000;
/** Leases that nobody holds, of all fleets; above it those that were asked about longest ago are dropped. */
const MAX_IDLE = 2_000;
/** Cells that are read by one statement, and statements at a time, so that there are connections left for questions. */
const MAX_CELLS = 64;
const MAX_LOADS = 2;
/** Milliseconds between two reads of a cell in which something was missed, and after one that failed. */
const PAUSE = 250;
const RETRY = 1_000;

/** Whom the messages of a channel are about. */
export interface Subject {
  readonly leases: FleetLeases;
  /** Absent: it is the fleet's own channel. */
  readonly lease?: Lease;
}

export interface LeasesOptions {
  readonly bus: Bus;
  /** Whether all that any instance accepts is heard, as far as is known. */
  readonly hearsAll: () => boolean;
  /** The server's clock, epoch milliseconds. */
  readonly now: () => number;
  /** What channels' names begin with. */
  readonly prefix: string;
  readonly stats: ClusterStats;
  /** Milliseconds after which a lease that nobody needs is dropped; absent: a minute. */
  readonly idleTime?: number;
  /** 0 … 1 */
  readonly random: () => number;
  /** Reads cells of a fleet into memory. @returns whether that should be done again soon @throws {StoreUnavailable} */
  readonly load: (leases: FleetLeases, cells: readonly Lease[]) => Promise<boolean>;
  /** Cells could not be read; it is tried again. */
  readonly onFailed: (error: unknown) => void;
  /** Whether memory knows nobody in a cell. */
  readonly isEmpty: (leases: FleetLeases, lease: Lease) => boolean;
  /** What a lease held may be forgotten. */
  readonly onDropped: (leases: FleetLeases, lease: Lease) => void;
  /** Something may have been missed that concerns a fleet as a whole. */
  readonly onFleetMissed: (leases: FleetLeases) => void;
}

/**
 * The coarse cells that this instance holds, of all fleets. A lease's channel is opened first, then its cell is read from the
 * store, and read again a little later; where something may have been missed it is read anew. (A long file: each step of a
 * lease's life may come between any two others.)
 */
export class Leases {
  readonly #options: LeasesOptions;
  readonly #bus: Bus;
  readonly #now: () => number;
  readonly #stats: ClusterStats;
  readonly #fleets = new Map<string, FleetLeases>();
  readonly #subjects = new Map<string, Subject>();
  /** Cells to be read now, by fleet: each has its turn, so that none waits behind all that another asks for. */
  readonly #toLoad = new Map<FleetLeases, Set<Lease>>();
  #loading = 0;
  #opening: { readonly channels: string[]; readonly done: Promise<boolean> } | undefined;
  #closed = false;

  constructor(options: LeasesOptions) {
    this.#options = options;
    this.#bus = options.bus;
    this.#now = options.now;
    this.#stats = options.stats;
  }

  /** The fleets of which something is held. */
  get fleets(): Iterable<FleetLeases> {
    return this.#fleets.values();
  }

  /** What is held of a fleet. Its own channel is heard from now on. */
  of(fleet: string): FleetLeases {
    let leases = this.#fleets.get(fleet);
    if (leases === undefined) {
      const channel = `${this.#options.prefix}/${encodeURIComponent(fleet)}`;
      leases = new FleetLeases(fleet, channel, this.#now());
      this.#fleets.set(fleet, leases);
      this.#subjects.set(channel, { leases });
      void this.#listen(leases);
    }
    leases.usedAt = this.#now();
    return leases;
  }

  /** Whom the messages of a channel are about; `undefined` of one that was given up. */
  subject(channel: string): Subject | undefined {
    return this.#subjects.get(channel);
  }

  /** The lease of a cell; it is opened where there is none. */
  take(leases: FleetLeases, key: number): Lease {
    let lease = leases.leases.get(key);
    if (lease === undefined) {
      lease = new Lease(key, channelOf(leases, key), this.#now());
      leases.leases.set(key, lease);
      this.#subjects.set(lease.channel, { leases, lease });
      void this.#open(leases, lease);
    }
    return lease;
  }

  /** Whether memory knows all that is in a cell, as far as is known. */
  isHeld(leases: FleetLeases, key: number): boolean {
    return leases.leases.get(key)?.state === 'held';
  }

  /**
   * Gets cells ready to be answered from; they are kept for a while.
   *
   * @returns `undefined` when they are; otherwise resolves once they are @throws {DomainError} `unavailable`
   */
  ready(leases: FleetLeases, keys: Iterable<number>): Promise<unknown> | undefined {
    const waiting: Promise<void>[] = [];
    for (const key of keys) {
      const lease = this.take(leases, key);
      lease.askedAt = this.#now();
      if (lease.state === 'held') continue;
      // Nobody tells what others accept: it is read each time that somebody begins to look.
      if (lease.state === 'doubtful' && !this.#options.hearsAll()) this.reload(leases, lease, 'away');
      // Whatever left it so: who waits is not to wait for the next comparison.
      else if (lease.state === 'doubtful') lease.schedule('gap', this.#now() + RETRY);
      waiting.push(lease.ready());
    }
    return waiting.length === 0 ? undefined : Promise.all(waiting);
  }

  /** Has a cell read again. @param at epoch milliseconds, at the earliest */
  reload(leases: FleetLeases, lease: Lease, reason: LoadReason, at = this.#now()): void {
    lease.schedule(reason, at);
    if (at <= this.#now()) this.#enqueue(leases, lease);
  }

  /** Something of a channel may have been missed. */
  missed({ leases, lease }: Subject, reason: LoadReason): void {
    if (lease !== undefined) {
      this.#doubt(leases, lease, reason);
      return;
    }
    leases.term++;
    for (const one of leases.leases.values()) this.#doubt(leases, one, reason);
    this.#options.onFleetMissed(leases);
  }

  /** The bus is back: whatever was told meanwhile was missed. */
  missedOn(channels: Iterable<string>): void {
    for (const channel of channels) {
      const subject = this.#subjects.get(channel);
      if (subject !== undefined) this.missed(subject, 'return');
    }
  }

  /** The bus is away: what others accept is not heard. */
  onDown(): void {
    for (const { leases } of this.#fleets.values()) {
      for (const lease of leases.values()) if (lease.state === 'held') lease.state = 'doubtful';
    }
  }

  /**
   * The bus is there again. Where nothing was missed, as it could be heard all the while and nothing be told, nothing else has the
   * cells read that may be doubted.
   */
  onUp(): void {
    for (const leases of this.#fleets.values()) {
      for (const lease of leases.leases.values()) if (lease.state === 'doubtful') this.reload(leases, lease, 'return');
    }
  }

  /** What is to be done now and then; to be called every second. */
  tick(): void {
    const now = this.#now();
    const idle: { readonly leases: FleetLeases; readonly lease: Lease }[] = [];
    for (const leases of this.#fleets.values()) {
      leases.prune(now);
      for (const lease of leases.leases.values()) {
        const missed = lease.sequences.check(now);
        if (missed === 'gap') {
          this.#stats.gaps++;
          this.#doubt(leases, lease, 'gap');
        } else if (missed === 'stranger') lease.schedule('beat', now);
        if (!this.#options.hearsAll() && (lease.holds > 0 || leases.isWhole) && now - lease.loadedAt >= AWAY)
          lease.schedule('away', now);
        if (lease.due !== undefined && lease.due.at <= now) this.#enqueue(leases, lease);
        if (lease.holds === 0 && !lease.isAwaited && !leases.isWhole) idle.push({ leases, lease });
      }
      const missed = leases.sequences.check(now);
      if (missed !== undefined) this.missed({ leases }, missed === 'gap' ? 'gap' : 'beat');
    }
    const idleTime = this.#options.idleTime ?? IDLE;
    let spare = MAX_IDLE;
    if (idle.length > spare) idle.sort((a, b) => b.lease.askedAt - a.lease.askedAt);
    for (const { leases, lease } of idle) {
      if (--spare < 0 || lease.askedAt < now - idleTime) this.drop(leases, lease);
    }
  }

  /** Gives a lease up. */
  drop(leases: FleetLeases, lease: Lease): void {
    lease.over = true;
    leases.leases.delete(lease.key);
    this.#subjects.delete(lease.channel);
    this.#dequeue(leases, lease);
    this.#bus.unsubscribe([lease.channel]);
    lease.settle(unavailable());
    this.#options.onDropped(leases, lease);
  }

  /** Gives up a fleet of which nothing is leased. */
  leave(leases: FleetLeases): void {
    this.#fleets.delete(leases.name);
    this.#subjects.delete(leases.channel);
    this.#bus.unsubscribe([leases.channel]);
  }

  /** Nobody waits any more. */
  close(): void {
    this.#closed = true;
    this.#toLoad.clear();
    for (const { leases } of this.#fleets.values()) for (const lease of leases.values()) lease.settle(unavailable());
  }

  /** Begins to hear what concerns a fleet. What was taken for granted before may have been told to others then. */
  async #listen(leases: FleetLeases): Promise<void> {
    if (await this.#subscribe(leases.channel)) leases.term++;
  }

  async #open(leases: FleetLeases, lease: Lease): Promise<void> {
    await this.#subscribe(lease.channel);
    // Given up before it was subscribed.
    if (lease.over && !this.#subjects.has(lease.channel)) this.#bus.unsubscribe([lease.channel]);
    if (lease.over || this.#closed) return;
    if (lease.state === 'opening') lease.state = 'loading';
    this.reload(leases, lease, 'open');
  }

  /** Subscribes all channels of a turn together. @returns false: the bus is away, and will do so when it is back */
  #subscribe(channel: string): Promise<boolean> {
    if (this.#opening === undefined) {
      const channels: string[] = [];
      const done = new Promise(setImmediate).then(async () => {
        this.#opening = undefined;
        if (this.#closed) return false;
        try {
          await this.#bus.subscribe(channels);
          return true;
        } catch {
          // `onLost` names them when they are open.
          return false;
        }
      });
      this.#opening = { channels, done };
    }
    this.#opening.channels.push(channel);
    return this.#opening.done;
  }

  #doubt(leases: FleetLeases, lease: Lease, reason: LoadReason): void {
    lease.doubts++;
    if (lease.state === 'held') lease.state = 'doubtful';
    // Where messages are lost one after the other, the store is not to be asked after each.
    this.reload(leases, lease, reason, Math.max(this.#now(), lease.loadedAt + PAUSE));
  }

  #enqueue(leases: FleetLeases, lease: Lease): void {
    // It is read when its channel is open.
    if (this.#closed || lease.over || lease.state === 'opening') return;
    const cells = this.#toLoad.get(leases);
    if (cells === undefined) this.#toLoad.set(leases, new Set([lease]));
    else cells.add(lease);
    if (this.#loading < MAX_LOADS) void this.#load();
  }

  #dequeue(leases: FleetLeases, lease: Lease): void {
    const cells = this.#toLoad.get(leases);
    if (cells?.delete(lease) && cells.size === 0) this.#toLoad.delete(leases);
  }

  /** Reads what is to be read, the cells of one fleet together, until nothing is left. */
  async #load(): Promise<void> {
    this.#loading++;
    // Those of this turn share a statement.
    await new Promise(setImmediate);
    for (;;) {
      const [first] = this.#toLoad;
      if (first === undefined) break;
      const [leases, waiting] = first;
      const cells = [...waiting.values().take(MAX_CELLS)];
      // Behind the others.
      this.#toLoad.delete(leases);
      if (waiting.size > cells.length) this.#toLoad.set(leases, waiting);
      for (const lease of cells) waiting.delete(lease);
      await this.#read(leases, cells);
    }
    this.#loading--;
  }

  async #read(leases: FleetLeases, cells: readonly Lease[]): Promise<void> {
    const doubts = cells.map((lease) => lease.doubts);
    const reasons = cells.map(({ due }) => due?.reason ?? 'check');
    for (const [i, lease] of cells.entries()) {
      lease.due = undefined;
      this.#stats.loads[reasons[i]]++;
    }
    let isEarly: boolean;
    try {
      isEarly = await this.#options.load(leases, cells);
    } catch (error) {
      this.#stats.failedLoads++;
      for (const lease of cells) {
        if (lease.over) this.#forget(leases, lease);
        else this.#failed(leases, lease, error);
      }
      return;
    }
    const now = this.#now();
    for (const [i, lease] of cells.entries()) {
      if (lease.over) {
        this.#forget(leases, lease);
        continue;
      }
      lease.loadedAt = now;
      if (lease.doubts !== doubts[i]) {
        // Missed again while it was read.
        lease.schedule('gap', now + PAUSE);
        if (lease.state === 'loading') lease.state = 'doubtful';
        continue;
      }
      lease.state = this.#options.hearsAll() ? 'held' : 'doubtful';
      lease.settle();
      if (isReadTwice(reasons[i]) || isEarly) lease.schedule('late', now + LATE);
      else if (reasons[i] === 'check' && this.#isIdleOfWhole(leases, lease)) this.drop(leases, lease);
      else lease.schedule('check', now + CHECK * (1 - this.#options.random() / 5));
    }
  }

  /** Whether a cell is leased only as somebody of its fleet was there, and nobody is. Whoever comes there is told of. */
  #isIdleOfWhole(leases: FleetLeases, lease: Lease): boolean {
    return leases.isWhole && lease.holds === 0 && !lease.isAwaited && this.#options.isEmpty(leases, lease);
  }

  /** What came of a cell that was given up while it was read is given up too. */
  #forget(leases: FleetLeases, lease: Lease): void {
    if (!leases.leases.has(lease.key)) this.#options.onDropped(leases, lease);
  }

  #failed(leases: FleetLeases, lease: Lease, error: unknown): void {
    // Who was read once is answered from memory as it is; of others nothing is known.
    if (lease.loadedAt > 0) lease.settle();
    else lease.settle(unavailable());
    if (lease.loadedAt === 0 && lease.holds === 0 && !leases.isWhole) this.drop(leases, lease);
    else lease.schedule('gap', this.#now() + RETRY);
    this.#options.onFailed(error);
  }
}

/** What somebody hears who asked about what could not be read. */
export function unavailable(): DomainError {
  return new DomainError('unavailable', 'What is there cannot be read now; try again later.');
}
