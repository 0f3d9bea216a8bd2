import type { Bus } from '../bus/bus.ts';
import type { Position } from '../fix.ts';
import type { Sight } from '../sight.ts';
import type { ColdPositions } from '../store/cold-positions.ts';
import type { CutOffs } from '../store/cut-offs.ts';
import { StoreUnavailable } from '../store/store.ts';
import type { Area } from '../subscriptions/area.ts';
import type { Driver } from '../subscriptions/driver.ts';
import type { Clock } from '../subscriptions/outbox.ts';
import type { Subscription } from '../subscriptions/subscription.ts';
import type { Peers, Tracker, Waits, Writer } from '../tracker.ts';
import { BusHints } from './bus-hints.ts';
import { CutOffWatch } from './cut-off-watch.ts';
import type { FleetLeases } from './fleet-leases.ts';
import { type Hearer, Incoming } from './incoming.ts';
import { Interest } from './interest.ts';
import { Knowledge } from './knowledge.ts';
import { leaseOf } from './lease-cells.ts';
import { LATE, Leases, unavailable } from './leases.ts';
import { FRESH, Loader } from './loader.ts';
import { Meetings } from './meetings.ts';
import { Outgoing } from './outgoing.ts';
import { ClusterStats } from './stats.ts';

/** How often leases are looked after, and at most a driver's late fixes are told of, milliseconds. */
const TICK = 1_000;
/** How often it is told how far each channel has counted, milliseconds. */
const BEAT = 5_000;
/** What takes longer than this until it is stored, milliseconds, is told of again: some others may have read the store before. */
const SLOW_COMMIT = 0.75 * LATE;
/** Milliseconds after which nobody waits any longer for what is to be watched: who asks again finds it ready, perhaps. */
const PATIENCE = 10_000;
/** Milliseconds after which a fleet of which nothing is leased and nobody heard is left. */
const IDLE = 60_000;

export interface ClusterOptions {
  readonly bus: Bus;
  readonly store: ColdPositions;
  /** Where instances say that the bus does not reach them; absent: nobody does. */
  readonly cutOffs?: CutOffs;
  readonly writer: Pick<Writer, 'remove' | 'whenStored'>;
  readonly clock: Clock;
  /** Names this process among all: 16 hexadecimal digits. */
  readonly publisher: string;
  /** What the names of channels begin with. */
  readonly prefix: string;
  readonly ttlSeconds: number;
  /** Milliseconds after which a lease that nobody needs is dropped; absent: a minute. */
  readonly idleTime?: number;
  /** 0 … 1 */
  readonly random?: () => number;
  /** Milliseconds by a clock that is never set back; absent: the process's own. */
  readonly steady?: () => number;
  /** Hears of what went wrong and is made up for. */
  readonly onTrouble?: (message: string, error?: unknown) => void;
  readonly onAvailability?: (isUp: boolean) => void;
}

/** A fix that the others were told of, and that is not stored yet. */
interface Told {
  readonly leases: FleetLeases;
  readonly driver: Driver;
  /** The cells on whose channels they were told; −1: it was in none before. */
  readonly key: number;
  readonly from: number;
  /** They were told on the fleet's channel too. */
  readonly isAdopted: boolean;
}

/**
 * Makes this process one of many. What it accepts is told to the others, on the channel of the cell that it is in; of what they
 * accept it hears and takes in what its own clients look at. (A long file: every way in which something is told or
 * heard ends here, and most are a few lines.)
 */
export class Cluster implements Peers, Waits, Hearer {
  readonly stats = new ClusterStats();
  readonly leases: Leases;
  readonly interest: Interest;
  /** Of what has changed in who may see what. */
  readonly hints: BusHints;
  readonly #bus: Bus;
  readonly #clock: Clock;
  readonly #now: () => number;
  readonly #steady: () => number;
  readonly #writer: ClusterOptions['writer'];
  readonly #ttl: number;
  readonly #options: ClusterOptions;
  readonly #outgoing: Outgoing;
  readonly #meetings: Meetings;
  readonly #knowledge: Knowledge;
  readonly #cutOffs: CutOffWatch | undefined;
  #tracker: Tracker | undefined;
  #told: Told[] = [];
  /** Who went off duty in this turn, of which the same is so. */
  #toldRemoved: { readonly leases: FleetLeases; readonly driverId: string; readonly at: number }[] = [];
  /** Of whom something was received that moved nothing, since the last tick. */
  readonly #heard = new Map<FleetLeases, Set<string>>();
  #beatAt = Number.NEGATIVE_INFINITY;
  #cancel: (() => void) | undefined;

  constructor(options: ClusterOptions) {
    const { bus, clock, store, publisher, prefix, idleTime, random = Math.random } = options;
    this.#options = options;
    this.#bus = bus;
    this.#clock = clock;
    this.#now = clock.now;
    this.#steady = options.steady ?? (() => performance.now());
    this.#writer = options.writer;
    this.#ttl = options.ttlSeconds * 1000;
    this.#outgoing = new Outgoing(bus, publisher, clock.now, this.stats, () => this.#mind());
    this.#knowledge = new Knowledge({
      tracker: () => this.tracker,
      now: clock.now,
      ttl: this.#ttl,
      hearsAll: () => this.#hearsAll,
      isHeld: (leases, key) => this.leases.isHeld(leases, key),
      onMoved: (leases, driver, key) => this.#noteMove(leases, driver, key),
    });
    this.#meetings = new Meetings(store, this.stats, clock, {
      asked: (fleet) => this.tracker.knownFleet(fleet)?.revision ?? 0,
      found: (fleet, position, revision) => {
        const leases = this.leases.of(fleet);
        if (this.#knowledge.learnStored(leases, position, 0, revision))
          this.#knowledge.doubt(leases, position.driverId);
      },
      missing: (fleet, driverId, askedAt, revision) =>
        this.#knowledge.missing(this.leases.of(fleet), driverId, askedAt, revision),
    });
    this.#cutOffs = options.cutOffs && new CutOffWatch(options.cutOffs, publisher, clock.now, () => this.#onCutOff());
    const learner = {
      learn: (leases: FleetLeases, position: Position, revision: number) =>
        this.#knowledge.learnStored(leases, position, FRESH, revision),
      isOwn: (leases: FleetLeases, driver: Driver) => this.#knowledge.isOwn(leases, driver),
      stored: () => this.#stored(),
    };
    const loader = new Loader(store, () => this.tracker, learner, clock.now, this.#ttl);
    this.leases = new Leases({
      bus,
      hearsAll: () => this.#hearsAll,
      now: clock.now,
      prefix,
      stats: this.stats,
      idleTime,
      random,
      load: (leases, cells) => loader.load(leases, cells),
      onFailed: (error) => this.#options.onTrouble?.('positions could not be read; it is tried again', error),
      isEmpty: (leases, lease) => {
        const fleet = this.#tracker?.knownFleet(leases.name);
        return fleet === undefined || lease.driversOf(fleet).length === 0;
      },
      onDropped: (leases, lease) => {
        const fleet = this.#tracker?.knownFleet(leases.name);
        if (fleet === undefined) return;
        for (const driver of lease.driversOf(fleet)) {
          // What this instance accepted may not be stored yet, and then nobody else knows it.
          if (driver.term === 0 && !leases.follows.has(driver.id)) fleet.remove(driver, 'left');
        }
      },
      onFleetMissed: (leases) => this.interest.lookAgain(leases),
    });
    this.interest = new Interest({
      leases: this.leases,
      tracker: () => this.tracker,
      find: (fleet, driverId) => this.#find(this.leases.of(fleet), [driverId]),
      lookFor: (leases, driverId) => {
        this.#knowledge.doubt(leases, driverId);
        void this.#settle(leases, new Set([driverId]));
      },
      isCurrent: (leases, driver) => this.#knowledge.isCurrent(leases, driver),
      occupied: (fleet, resolution) => store.occupied(fleet, resolution, this.staleBefore),
      now: clock.now,
    });
    this.hints = new BusHints(bus, prefix);
    new Incoming(this.leases, publisher, clock.now, this.stats, this, this.hints).listenTo(bus);
  }

  /** Begins to look after things. @param tracker is kept up to date */
  start(tracker: Tracker): void {
    this.#tracker = tracker;
    const tick = () => {
      this.#cancel = this.#clock.after(TICK, tick);
      this.#tick();
    };
    this.#cancel = this.#clock.after(TICK, tick);
  }

  /** Tells what is yet to be told, and ends all timers. The bus is ended by whoever made it, after this. */
  close(): void {
    this.#cancel?.();
    this.leases.close();
    this.#outgoing.close();
  }

  get isUp(): boolean {
    return this.#bus.isUp;
  }

  /** Whether memory knows where a driver is now, as far as is known. */
  isKnown(fleet: string, driverId: string): boolean {
    const driver = this.tracker.knownFleet(fleet)?.drivers.get(driverId);
    return driver !== undefined && this.#knowledge.isCurrent(this.leases.of(fleet), driver);
  }

  /** Who was last received before is stale, epoch milliseconds. */
  get staleBefore(): number {
    return this.#now() - this.#ttl;
  }

  get tracker(): Tracker {
    if (this.#tracker === undefined) throw new Error('The cluster was not started');
    return this.#tracker;
  }

  /**
   * Asks the store about those drivers of whom this instance cannot know the last fix, so that verdicts are right and attributes
   * stay.
   *
   * @returns `undefined` when there is nobody to ask about; otherwise resolves when they may be judged. Never rejects
   */
  meet(fleet: string, driverIds: Iterable<string>): Promise<void> | undefined {
    const leases = this.leases.of(fleet);
    const known = this.tracker.knownFleet(fleet)?.drivers;
    let strangers: Set<string> | undefined;
    for (const driverId of driverIds) {
      const driver = known?.get(driverId);
      if (driver !== undefined && this.#knowledge.isOwn(leases, driver)) continue;
      strangers ??= new Set();
      strangers.add(driverId);
    }
    return strangers && this.#meet(leases, strangers);
  }

  ready(sight: Sight, area: Area): Promise<unknown> | undefined {
    const ready = this.interest.ready(sight, area);
    return ready && this.#inTime(ready);
  }

  seek(fleet: string, driverId: string): Promise<void> | undefined {
    if (this.isKnown(fleet, driverId)) return undefined;
    return this.#find(this.leases.of(fleet), [driverId]).catch((error) => {
      throw error instanceof StoreUnavailable ? unavailable() : error;
    });
  }

  accepted(fleet: string, driver: Driver, before: number): void {
    const leases = this.leases.of(fleet);
    const { position } = driver;
    const key = leaseOf(this.tracker.fleet(fleet).whole.cellHigh(driver));
    const from = before < 0 ? -1 : leaseOf(before);
    const isAdopted = driver.term !== leases.term;
    if (isAdopted) {
      driver.term = leases.term;
      this.stats.adopted++;
      this.#outgoing.adopted(leases, position, from);
    }
    this.#outgoing.position(leases, key, position);
    if (from >= 0 && from !== key) this.#outgoing.position(leases, from, position);
    this.#told.push({ leases, driver, key, from, isAdopted });
    this.#noteMove(leases, driver, key);
  }

  heard(fleet: string, driver: Driver): void {
    const leases = this.leases.of(fleet);
    let heard = this.#heard.get(leases);
    if (heard === undefined) {
      heard = new Set();
      this.#heard.set(leases, heard);
    }
    heard.add(driver.id);
  }

  receivedAt(fleet: string, driverId: string, now: number): number {
    const removedAt = this.leases.of(fleet).removedAt(driverId);
    return removedAt === undefined || removedAt < now ? now : removedAt + 1;
  }

  removed(fleet: string, driverId: string, at: number): void {
    const leases = this.leases.of(fleet);
    leases.remove(driverId, at);
    this.#outgoing.removed(leases, driverId, at);
    this.#toldRemoved.push({ leases, driverId, at });
  }

  hold(subscription: Subscription, area: Area, sight?: Sight): void {
    this.interest.hold(subscription, area, sight);
  }

  release(subscription: Subscription): void {
    this.interest.release(subscription);
  }

  onPosition(leases: FleetLeases, position: Position): void {
    const isOut =
      this.#knowledge.learnNews(leases, position) === undefined && !this.#knowledge.concerns(leases, position);
    // What is being read of the cell that it left may be of before.
    if (isOut) leases.leave(position, this.#now());
  }

  onAdopted(leases: FleetLeases, position: Position, before: number): void {
    const fleet = this.tracker.knownFleet(leases.name);
    const driver = fleet?.drivers.get(position.driverId);
    const last = fleet === undefined || driver === undefined ? -1 : leaseOf(fleet.cellHigh(driver));
    const wasOwn = driver !== undefined && this.#knowledge.isOwn(leases, driver);
    const now = this.#knowledge.learnNews(leases, position);
    if (now === undefined && driver !== undefined && driver.term > 0) {
      // Its new owner could not know what this instance accepted, or what of it the store will hold.
      if (driver.position.timestamp > position.timestamp) this.#outgoing.adopted(leases, driver.position, last);
      else driver.term = 0;
    }
    if (!wasOwn || now === undefined) return;
    // Its new owner may not have known the cell where it was last, whose holders would keep it there.
    if (last !== before && last !== now) this.#outgoing.position(leases, last, position);
  }

  onHeard(leases: FleetLeases, driverId: string): void {
    const fleet = this.tracker.knownFleet(leases.name);
    const driver = fleet?.drivers.get(driverId);
    if (driver !== undefined) fleet?.heard(driver, this.#now());
  }

  onRemoved(leases: FleetLeases, driverId: string, at: number): void {
    if (!leases.remove(driverId, at)) return;
    // What this instance accepted of it may still be on its way to the store; and who told this may be gone before it is stored.
    this.#writer.remove({ fleet: leases.name, driverId }, at);
    const fleet = this.tracker.knownFleet(leases.name);
    const driver = fleet?.drivers.get(driverId);
    if (fleet === undefined || driver === undefined || driver.position.receivedAt > at) return;
    fleet.remove(driver, 'offline');
    this.#knowledge.doubt(leases, driverId);
  }

  onStrange(leases: FleetLeases, key: number): void {
    if (leases.isWhole) this.leases.take(leases, key);
  }

  onBad(channel: string, error: unknown): void {
    this.#options.onTrouble?.(`a message on ${channel} could not be taken in; what it was about is read anew`, error);
  }

  onUnsent(channels: readonly string[]): void {
    this.#outgoing.unsent(channels);
  }

  onUp(): void {
    this.#outgoing.mend();
    void this.#cutOffs?.look(true);
    this.#options.onAvailability?.(true);
  }

  onDown(): void {
    void this.#cutOffs?.look(false);
    this.#options.onAvailability?.(false);
  }

  /** Whoever cannot be looked up now is judged by what is known, and looked up as soon as that can be. */
  async #meet(leases: FleetLeases, driverIds: ReadonlySet<string>): Promise<void> {
    if (await this.#meetings.meetSoon(leases.name, driverIds, this.#written(leases, driverIds))) return;
    for (const driverId of driverIds) this.#knowledge.doubt(leases, driverId);
  }

  /** Looks drivers up in the store. @throws {StoreUnavailable} */
  async #find(leases: FleetLeases, driverIds: Iterable<string>): Promise<void> {
    await this.#written(leases, driverIds);
    await this.#meetings.meet(leases.name, driverIds);
  }

  /** What this instance accepted of a driver has to be stored, if it is to mean something that the store has nothing. */
  #written(leases: FleetLeases, driverIds: Iterable<string>): Promise<void> | undefined {
    const drivers = this.tracker.knownFleet(leases.name)?.drivers;
    for (const driverId of driverIds) if ((drivers?.get(driverId)?.term ?? 0) > 0) return this.#stored();
    return undefined;
  }

  /** Looks up those of whom the store may know better, and forgets those who are nobody's concern here. */
  async #settle(leases: FleetLeases, driverIds: ReadonlySet<string>): Promise<void> {
    try {
      await this.#find(leases, driverIds);
    } catch {
      for (const driverId of driverIds) this.#knowledge.doubt(leases, driverId);
      return;
    }
    // Fixes that waited for the same answer are judged first.
    await new Promise(setImmediate);
    const fleet = this.tracker.knownFleet(leases.name);
    for (const driverId of driverIds) {
      const driver = fleet?.drivers.get(driverId);
      if (driver?.term === 0 && !this.#knowledge.concerns(leases, driver.position)) fleet?.remove(driver, 'left');
    }
  }

  /** Resolves once all that this instance has accepted is stored. @throws {StoreUnavailable} */
  #stored(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#writer.whenStored((error) => (error === undefined ? resolve() : reject(error)));
    });
  }

  /** What is waited for, unless it takes too long. */
  async #inTime(ready: Promise<unknown>): Promise<unknown> {
    const { promise: late, reject } = Promise.withResolvers<never>();
    const cancel = this.#clock.after(PATIENCE, () => reject(unavailable()));
    try {
      return await Promise.race([ready, late]);
    } finally {
      cancel();
    }
  }

  /** Whether all instances hear each other, as far as is known. */
  get #hearsAll(): boolean {
    return this.#bus.isUp && this.#cutOffs?.othersAre !== true;
  }

  /** Another instance is not heard now, or all are again: what it accepted meanwhile is in the store. */
  #onCutOff(): void {
    if (!this.#hearsAll) {
      this.leases.onDown();
      return;
    }
    for (const leases of this.leases.fleets) this.leases.missed({ leases }, 'return');
  }

  /** A driver is in a cell now. */
  #noteMove(leases: FleetLeases, driver: Driver, key: number): void {
    if (leases.isWhole && !leases.leases.has(key)) this.leases.take(leases, key);
    if (leases.follows.size > 0) this.interest.moved(leases, driver);
  }

  /** Minds what was told in this turn, to tell it again if it takes long until it is stored. */
  #mind(): void {
    if (this.#told.length === 0 && this.#toldRemoved.length === 0) return;
    const told = this.#told;
    const removed = this.#toldRemoved;
    this.#told = [];
    this.#toldRemoved = [];
    const since = this.#steady();
    this.#writer.whenStored((error) => {
      if (error !== undefined || this.#steady() - since < SLOW_COMMIT) return;
      for (const { leases, driverId, at } of removed) this.#outgoing.removed(leases, driverId, at);
      for (const { leases, driver, key, from, isAdopted } of told) {
        const known = this.tracker.knownFleet(leases.name);
        // Of one that was taken over another instance tells. The bus may have been away, so that this one is not sure of it.
        if (known?.drivers.get(driver.id) !== driver || driver.term === 0) continue;
        // Where it is now, also to those who would still have it in a cell that it left.
        const { position } = driver;
        // Another instance may have taken the driver over meanwhile, and could not be heard.
        if (isAdopted || !this.#knowledge.isOwn(leases, driver)) this.#outgoing.adopted(leases, position, from);
        for (const cell of new Set([key, from, leaseOf(known.cellHigh(driver))])) {
          if (cell >= 0) this.#outgoing.position(leases, cell, position);
        }
      }
    });
  }

  #tick(): void {
    void this.#cutOffs?.look(this.#bus.isUp);
    this.leases.tick();
    this.interest.tick();
    for (const [leases, heard] of this.#heard) {
      const fleet = this.tracker.knownFleet(leases.name);
      for (const driverId of heard) {
        const driver = fleet?.drivers.get(driverId);
        if (fleet === undefined || driver === undefined) continue;
        this.#outgoing.heard(leases, leaseOf(fleet.cellHigh(driver)), driverId);
      }
    }
    this.#heard.clear();
    for (const [leases, driverIds] of this.#knowledge.takeDoubted()) void this.#settle(leases, driverIds);
    this.#outgoing.mend();
    const now = this.#now();
    if (now - this.#beatAt >= BEAT) {
      this.#beatAt = now;
      this.#outgoing.beat();
    }
    for (const leases of this.leases.fleets) {
      if (leases.leases.size > 0 || leases.follows.size > 0 || leases.isWhole) continue;
      if (leases.usedAt < now - IDLE && this.tracker.knownFleet(leases.name) === undefined) this.leases.leave(leases);
    }
  }
}
