import type { Fix } from '../../src/fix.ts';
import { Circle } from '../../src/geo/circle.ts';
import { encodePosition } from '../../src/protocol/position.ts';
import { WatchTree } from '../../src/subscriptions/watch-tree.ts';
import { type Nearby, Tracker, type Within } from '../../src/tracker.ts';
import { toArea } from './areas.ts';
import { type Belief, fail, type Message } from './believer.ts';
import { FakeClock } from './fake-clock.ts';
import { MAX_FUTURE, NaiveFleet, type Question, type Told, TTL, Watch } from './model.ts';
import { type Mark, mark, type Peer } from './peer.ts';
import type { SeenFleet } from './seen-fleet.ts';

/** The trees of cells that are watched, of the world that was made last; nothing else gives them away. */
let watched = new Set<WatchTree>();
const { add } = WatchTree.prototype;
WatchTree.prototype.add = function (this: WatchTree, ...args) {
  watched.add(this);
  return add.apply(this, args);
};

/** The real tracker and the naive world beside it: whatever is done is done to both. */
export class World {
  readonly clock = new FakeClock();
  readonly tracker: Tracker;
  readonly fleets: readonly NaiveFleet[];
  /** What some may see of the fleets, where they may not see all. */
  readonly seen = new Map<NaiveFleet, readonly SeenFleet[]>();
  readonly peers = new Set<Peer>();
  /** How often what happened; so that a test can tell that it tested something. */
  readonly counts: Map<string, number>;
  readonly #writer = { full: false, write() {}, writeLate() {}, remove() {}, whenStored() {} };
  readonly #trees = new Set<WatchTree>();

  constructor(fleets: readonly string[], counts = new Map<string, number>()) {
    this.counts = counts;
    this.fleets = fleets.map((name) => new NaiveFleet(name));
    this.tracker = new Tracker({
      writer: this.#writer,
      now: () => this.clock.now,
      instance: 'i',
      encode: encodePosition,
      ttlSeconds: TTL / 1000,
      maxFutureSeconds: MAX_FUTURE / 1000,
    });
    watched = this.#trees;
  }

  count(what: string, times = 1): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + times);
  }

  countMessage(message: Message, isAnswer: boolean): void {
    const { followed } = message;
    this.count(isAnswer ? 'answer' : message.type);
    if (followed !== undefined) this.count(`${message.type} followed ${followed}`);
    if (message.type === 'snapshot') {
      this.count(message.resumed ? 'resumed' : 'not resumed');
      if (message.resumed) this.count('resumed drivers', message.drivers.length);
      this.count('unchanged', message.unchanged?.length ?? 0);
      return;
    }
    this.count('enter', message.enter?.length ?? 0);
    this.count('move', message.move?.length ?? 0);
    for (const { reason } of message.exit ?? []) this.count(reason);
  }

  /** The store is too far behind, or no more. */
  set full(full: boolean) {
    this.#writer.full = full;
  }

  accept(fleet: NaiveFleet, fix: Fix): void {
    const real = this.tracker.accept(fleet.name, fix);
    const truth = fleet.accept(fix, this.clock.now, this.#writer.full);
    if (real !== truth) fail(`a fix is ${real} instead of ${truth}`);
    this.count(truth);
    if (truth !== 'accepted') return;
    const { driverId } = fix;
    const { told } = fleet.drivers.get(driverId) as { told: Told };
    for (const seen of this.#seenOf(fleet)) {
      seen.see(told, this.clock.now, () => this.tracker.driver(seen.sight, driverId) !== undefined);
    }
  }

  goOffDuty(fleet: NaiveFleet, driverId: string): void {
    const isKnown = fleet.drivers.has(driverId);
    const real = this.tracker.goOffDuty(fleet.name, driverId, () => {});
    const truth = this.#writer.full ? 'unavailable' : isKnown ? 'gone' : 'unknown';
    if (real !== truth) fail(`off duty: ${real} instead of ${truth}`);
    if (truth !== 'gone') return;
    fleet.remove([driverId], 'offline', this.clock.now);
    for (const seen of this.#seenOf(fleet)) seen.lose([driverId], 'offline', this.clock.now);
  }

  /** What the server does every second or so. */
  expire(): void {
    this.tracker.expire();
    for (const fleet of this.fleets) {
      const isKnown = (driverId: string) => this.tracker.driver({ fleet: fleet.name }, driverId) !== undefined;
      const gone = fleet.expire(this.clock.now, isKnown);
      const parts = this.#seenOf(fleet);
      for (const seen of parts) {
        seen.lose(gone, 'stale', this.clock.now);
        seen.tick(this.clock.now);
      }
      if (fleet.forget(parts.some(({ watches }) => watches.size > 0))) for (const seen of parts) seen.begin();
    }
  }

  setBack(milliseconds: number): void {
    this.clock.setBack(milliseconds);
    this.#agePassed();
  }

  pass(milliseconds: number): void {
    this.clock.pass(milliseconds);
    this.#agePassed();
  }

  /** The answer of `nearby` or `within`, as a moment to go on from. */
  ask(fleet: NaiveFleet, question: Question, limit: number): Mark | undefined {
    const area = toArea(question.area);
    const { sight } = fleet;
    fleet.asked(this.clock.now);
    const watch = new Watch(fleet, question, this.clock.now);
    fleet.watches.delete(watch);
    const isNearby = area instanceof Circle && limit % 2 === 1;
    const found: Nearby | Within | undefined = isNearby
      ? this.tracker.nearby(sight, area, limit, question)
      : this.tracker.within(sight, area, question, limit);
    if (found === undefined) {
      if (watch.followed === 'here') fail('there is no answer');
      return undefined;
    }
    const drivers = new Map<string, Told>();
    for (const { id } of found.drivers) {
      if (watch.state(id) === 'out') fail(`${id} is found, and not inside`);
      drivers.set(id, fleet.drivers.get(id)?.told ?? fail(`${id} is found, and unknown`));
    }
    if (!found.truncated) {
      for (const [id, state] of watch.inside()) if (state === 'in' && !drivers.has(id)) fail(`${id} is not found`);
    }
    const belief: Belief = { drivers, followed: watch.followed };
    return mark(fleet, { cursor: found.cursor, question, belief, isPart: found.truncated }, {});
  }

  /** Lets everything reach everybody, and throws unless all then believe what is so. */
  settle(): void {
    for (const peer of this.peers) peer.relieve();
    this.clock.endTurn();
    for (let i = 0; ; i++) {
      if (i > 10_000) fail('it does not come to rest');
      this.expire();
      this.clock.endTurn();
      const next = this.clock.next();
      if (next === undefined) break;
      this.pass(next);
    }
    for (const peer of this.peers) {
      peer.inspect(true);
      for (const [name, { subscription, watch }] of peer.lives) {
        if (subscription.due) fail(`${name} is still due`);
        this.#recheck(watch);
      }
      peer.readSome(Number.POSITIVE_INFINITY);
      for (const [name, { believer, displacement }] of peer.lives) {
        believer.agree(displacement);
        const read = peer.read.get(name) ?? fail(`${name} was told nothing`);
        const sent = believer.belief;
        if (read.belief.followed !== sent.followed) fail('what was read of the followed is not what was sent');
        if ([...read.belief.drivers.keys()].sort().join() !== [...sent.drivers.keys()].sort().join()) {
          fail('what was read is not what was sent');
        }
        this.count('believed drivers compared', sent.drivers.size);
      }
    }
  }

  /** Ends everything, and throws if anything is left. */
  end(): void {
    for (const peer of this.peers) peer.close();
    this.peers.clear();
    this.full = false;
    this.clock.endTurn();
    this.pass(2 * TTL);
    // Where the clock was set back, the last are heard long before the first.
    for (let i = 0; i < 100 && this.tracker.size > 0; i++) {
      this.expire();
      this.pass(TTL);
    }
    this.expire();
    if (this.tracker.size > 0) fail('drivers are left');
    for (const { name } of this.fleets) {
      if (!this.tracker.nearby({ fleet: name }, new Circle(0, 0, 1), 1).cursor.startsWith('i-0.'))
        fail(`fleet ${name} is left`);
    }
    for (const tree of this.#trees) if (tree.nodes > 0) fail('cells are still watched');
    if (this.clock.timers() > 0) fail('a timer is left');
  }

  /** The naive answer that was kept up to date is the one from scratch. */
  #recheck(watch: Watch): void {
    const { fleet, question } = watch;
    const fresh = new Watch(fleet, question, this.clock.now);
    fleet.watches.delete(fresh);
    for (const driverId of fleet.drivers.keys()) {
      const [kept, anew] = [watch.state(driverId), fresh.state(driverId)];
      if (kept !== anew && kept !== 'either' && anew !== 'either') fail(`the test is wrong about ${driverId}`);
    }
  }

  #agePassed(): void {
    for (const fleet of this.fleets) {
      for (const { watches } of [fleet, ...this.#seenOf(fleet)]) {
        for (const watch of watches) watch.passed(this.clock.now);
      }
    }
  }

  #seenOf(fleet: NaiveFleet): readonly SeenFleet[] {
    return this.seen.get(fleet) ?? [];
  }
}
