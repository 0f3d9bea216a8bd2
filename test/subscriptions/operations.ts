import type { Attributes } from '../../src/fix.ts';
import { Random } from '../support/random.ts';
import type { Place } from './areas.ts';
import { type NaiveFleet, TTL } from './model.ts';
import { type Mark, Peer } from './peer.ts';
import { IDS, Scenery } from './scenery.ts';
import { SeenFleet } from './seen-fleet.ts';
import { World } from './world.ts';

const PEERS = 6;
/** Subscriptions of a peer. */
const NAMES = ['s1', 's2', 's3', 's"4'];
const MOST_MARKS = 80;

/** Everything that can happen, at random. */
class Chaos {
  readonly world: World;
  /** What was done last, to be told with a failure. */
  readonly log: string[] = [];
  readonly #random: Random;
  readonly #scenery: Scenery;
  readonly #peers: Peer[] = [];
  /** Moments from which clients may go on. */
  readonly #marks: Mark[] = [];
  /** Where drivers were before, by driverId. */
  readonly #before = new Map<string, Place>();

  /** @param sights whether most who ask may not see all */
  constructor(seed: number, counts: Map<string, number>, sights: boolean) {
    this.#random = new Random(seed);
    this.#scenery = new Scenery(this.#random);
    this.world = new World(['f', 'g'], counts);
    if (sights) {
      for (const fleet of this.world.fleets) {
        const parts = this.#scenery.sights().map((sight) => new SeenFleet(fleet, sight));
        this.world.seen.set(fleet, parts);
      }
    }
    for (let i = 0; i < PEERS; i++) this.#join(i);
  }

  step(): void {
    const random = this.#random;
    const { world } = this;
    let dice = random.below(1000);
    for (const [weight, name, action] of this.#actions) {
      dice -= weight;
      if (dice >= 0) continue;
      this.log.push(name);
      if (this.log.length > 40) this.log.shift();
      action();
      break;
    }
    if (random.below(3) > 0) {
      world.clock.endTurn();
      for (const peer of this.#peers) peer.inspect(true);
    } else for (const peer of this.#peers) peer.inspect(false);
    if (random.below(2) === 0) world.pass(random.below(100));
  }

  readonly #actions: readonly (readonly [weight: number, name: string, action: () => void])[] = [
    [587, 'fix', () => this.#fix()],
    [40, 'a while', () => this.world.pass(this.#random.below(4_000))],
    [4, 'a long while', () => this.world.pass(this.#random.below(TTL / 2))],
    [3, 'clock set back', () => this.world.setBack(this.#random.pick([1, 10, 500, 500, 5_000, 60_000]))],
    [40, 'expire', () => this.world.expire()],
    [25, 'off duty', () => this.world.goOffDuty(this.#fleet(), this.#random.pick(IDS))],
    [3, 'on the dot', () => this.#onTheDot()],
    [50, 'subscribe', () => this.#subscribe()],
    [30, 'poll', () => this.#poll()],
    [50, 'update', () => this.#update()],
    [15, 'unsubscribe', () => this.#random.pick(this.#peers).drop(this.#random.pick(NAMES))],
    [20, 'break', () => this.#break()],
    [25, 'stall', () => this.#random.pick(this.#peers).stall(this.#random.pick([0, 1, 2_000, 10_000]))],
    [15, 'drain', () => this.#random.pick(this.#peers).drain(this.#random.pick([1, 1_000, 20_000]))],
    [25, 'relieve', () => this.#random.pick(this.#peers).relieve()],
    [40, 'read', () => this.#read()],
    [20, 'ask', () => this.#ask()],
    [2, 'full', () => this.#full()],
    [6, 'settle', () => this.world.settle()],
  ];

  #fleet(): NaiveFleet {
    const { fleets } = this.world;
    return this.#random.below(8) === 0 ? fleets[1] : fleets[0];
  }

  /** A fleet as somebody may see it. */
  #asked(): NaiveFleet {
    const fleet = this.#fleet();
    const seen = this.world.seen.get(fleet);
    return seen === undefined ? fleet : this.#random.pick([fleet, ...seen]);
  }

  #fix(): void {
    const random = this.#random;
    const fleet = this.#fleet();
    const driverId = random.pick(IDS);
    const place: Place | undefined = fleet.place(driverId);
    const here = this.#next(driverId, place);
    if (place !== undefined) this.#before.set(driverId, place);
    const timestamp = this.#timestamp(fleet.drivers.get(driverId)?.told.timestamp);
    this.world.accept(fleet, {
      driverId,
      ...here,
      timestamp,
      heading: random.below(3) === 0 ? random.below(360) : undefined,
      attributes: this.#attributes(),
    });
  }

  /** Where a driver goes from a place. */
  #next(driverId: string, place: Place | undefined): Place {
    const what = this.#random.below(20);
    if (place === undefined || what < 5) return this.#scenery.place();
    if (what < 7) return place;
    // To and fro.
    if (what < 10) return this.#before.get(driverId) ?? place;
    return this.#scenery.near(place);
  }

  /** @param last that of the driver's position */
  #timestamp(last: number | undefined): number | undefined {
    const random = this.#random;
    const { now } = this.world.clock;
    const what = random.below(20);
    if (what < 9) return now;
    if (what < 13) return undefined;
    return random.pick([
      now - random.below(10_000),
      now - random.below(150_000),
      now + random.below(30_001),
      last ?? now,
      (last ?? now) + 1,
      (last ?? now) - random.below(1_000),
      now + 30_001,
    ]);
  }

  #attributes(): Attributes | undefined {
    const random = this.#random;
    const status = random.pick(['free', 'busy', 'off']);
    return random.pick<Attributes | undefined>([
      undefined,
      undefined,
      undefined,
      undefined,
      { status },
      { status, seats: 1 + random.below(3) },
      { seats: '2', status },
      {},
    ]);
  }

  #subscribe(): void {
    const random = this.#random;
    const peer = random.pick(this.#peers);
    const name = random.pick(NAMES);
    const known = peer.read.get(name);
    const fleet = this.#asked();
    const what = random.below(10);
    // On from what was read under the name, or from any other moment.
    const from = what < 4 ? known : what < 7 && this.#marks.length > 0 ? random.pick(this.#marks) : undefined;
    const other = this.#scenery.question(fleet);
    if (from === undefined) {
      const asked = known !== undefined && random.below(2) === 0 ? known.question : other;
      peer.subscribe(name, known?.fleet ?? fleet, asked, this.#scenery.pace(), this.#garbled(known));
      return;
    }
    // Mostly of the same question, so that it fits.
    const question = random.pick([
      ...[from.question, from.question, from.question, from.question, from.question, from.question],
      { ...from.question, where: other.where },
      { ...from.question, maxAge: other.maxAge },
      { ...from.question, area: other.area },
    ]);
    const pace = random.below(3) === 0 ? this.#scenery.pace() : { minDisplacement: from.minDisplacement };
    peer.subscribe(name, random.below(20) === 0 ? fleet : from.fleet, question, pace, from.cursor, from);
  }

  /** Asks the same again, going on from the last answer, as one does who polls. */
  #poll(): void {
    const peer = this.#random.pick(this.#peers.filter(({ polls }) => polls));
    if (this.#random.below(2) === 0) peer.readSome(Number.POSITIVE_INFINITY);
    for (const [name, known] of peer.read) {
      const { fleet, question, minDisplacement, cursor } = known;
      peer.subscribe(name, fleet, question, { minDisplacement }, cursor, known);
    }
  }

  /** Somebody is just as old as it may be. */
  #onTheDot(): void {
    const { clock, fleets } = this.world;
    const known = fleets[0].drivers.get(this.#random.pick(IDS));
    if (known === undefined) return;
    const { heardAt, told } = known;
    const until = this.#random.pick([heardAt + TTL, told.timestamp + 5_000, told.timestamp + 30_000]);
    if (until < clock.now) return;
    this.world.pass(until - clock.now);
    this.world.expire();
  }

  /** A cursor that this server never gave, or none. */
  #garbled(known: Mark | undefined): string | undefined {
    const random = this.#random;
    const text = known?.cursor ?? 'i-1.a~1-2';
    return random.pick([
      undefined,
      '',
      '~',
      [...text].reverse().join(''),
      `${text} `,
      text.slice(0, 4),
      text.replace(/^i/, 'j'),
      text.replace(/\.[0-9a-z]+~/, '.zzzzzzzz~'),
      text.replaceAll('~', '~~'),
    ]);
  }

  #update(): void {
    const random = this.#random;
    const peer = random.pick(this.#peers);
    const name = random.pick(NAMES);
    const live = peer.lives.get(name);
    if (live === undefined) return;
    const { fleet, question } = live.watch;
    const other = this.#scenery.question(fleet);
    const pace = this.#scenery.pace();
    const [next, nextPace] = random.pick([
      [other, pace],
      [{ ...question, area: other.area }, live.pace],
      [{ ...question, where: other.where }, live.pace],
      [{ ...question, maxAge: other.maxAge }, live.pace],
      [question, pace],
      [question, live.pace],
    ] as const);
    const { area } = next;
    const radius = random.pick([0, 500, 5_000, 50_000]);
    const resized = 'radius' in area && random.below(4) === 0 ? { ...next, area: { ...area, radius } } : next;
    peer.update(name, resized, nextPace);
  }

  #break(): void {
    const i = this.#random.below(PEERS);
    const { read } = this.#peers[i];
    this.#peers[i].close();
    this.world.peers.delete(this.#peers[i]);
    for (const mark of read.values()) this.#remember(mark);
    const next = this.#join(i);
    // The same client comes back; polls and others may go on from each other's cursors.
    for (const [name, mark] of read) next.read.set(name, mark);
  }

  #read(): void {
    const peer = this.#random.pick(this.#peers);
    peer.readSome(1 + this.#random.below(20));
    if (this.#random.below(4) > 0) return;
    for (const mark of peer.read.values()) this.#remember(mark);
  }

  #ask(): void {
    const fleet = this.#asked();
    const { maxAge, ...question } = this.#scenery.question(fleet);
    const found = this.world.ask(fleet, { ...question, maxAge }, 1 + this.#random.below(60));
    if (found !== undefined) this.#remember(found);
  }

  #full(): void {
    this.world.full = true;
    for (let i = 0; i < 3; i++) this.#fix();
    this.world.goOffDuty(this.#fleet(), this.#random.pick(IDS));
    this.world.full = false;
  }

  #remember(mark: Mark): void {
    if (this.#marks.length < MOST_MARKS) this.#marks.push(mark);
    else this.#marks[this.#random.below(MOST_MARKS)] = mark;
  }

  #join(i: number): Peer {
    const peer = new Peer(this.world, i % 3 === 0);
    this.#peers[i] = peer;
    this.world.peers.add(peer);
    return peer;
  }
}

/**
 * Lets random operations loose on a tracker, and throws at the first untruth.
 *
 * @param counts what happened is added to these
 * @param sights whether most who ask may not see all
 */
export function run(seed: number, operations: number, counts = new Map<string, number>(), sights = false): void {
  const chaos = new Chaos(seed, counts, sights);
  let operation = 0;
  try {
    for (; operation < operations; operation++) chaos.step();
    chaos.world.settle();
    chaos.world.end();
  } catch (error) {
    const { message, stack } = error as Error;
    throw new Error(`seed ${seed}, operation ${operation}: ${message}\nlast: ${chaos.log.join(', ')}\n${stack}`);
  }
}
