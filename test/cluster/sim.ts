import { setImmediate as turn } from 'node:timers/promises';
import { LocalHub } from '../../src/bus/local.ts';
import type { Attributes } from '../../src/fix.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import type { Place } from '../subscriptions/areas.ts';
import { FakeClock } from '../subscriptions/fake-clock.ts';
import { Random } from '../support/random.ts';
import { SimDriver } from './sim-driver.ts';
import type { Road } from './sim-far-store.ts';
import { IDLE_TIME, Instance, TTL } from './sim-instance.ts';
import { IDS, Places } from './sim-places.ts';
import { askAll } from './sim-questions.ts';
import { answerOf, followedOf, isSame, Truth } from './sim-truth.ts';
import { FLEET, Watcher } from './sim-watcher.ts';

const INSTANCES = 3;
const MOST_WATCHERS = 14;

export interface SimOptions {
  readonly seed: number;
  readonly operations: number;
  /** Whether things break, or only take their time. */
  readonly isRough: boolean;
  readonly counts?: Map<string, number>;
  /** Hears what is done, one line each. */
  readonly trace?: (line: string) => void;
}

type Actions = readonly (readonly [weight: number, name: string, action: () => unknown])[];

/** Several instances of one database and one bus, in one process and by one clock, and everything that can happen to them. */
class Sim {
  readonly random: Random;
  readonly clock = new FakeClock();
  readonly shared = new MemoryStore(TTL, 0);
  readonly hub = new LocalHub();
  readonly truth = new Truth();
  readonly places: Places;
  readonly instances: Instance[] = [];
  readonly drivers: readonly SimDriver[];
  readonly watchers: Watcher[] = [];
  readonly log: string[] = [];
  readonly #options: SimOptions;
  readonly #actions: Actions;
  #instancesMade = 0;
  /** How long things take, milliseconds at most. */
  #slow = { commit: 5, ask: 2, answer: 2 };
  #failing = 0;
  readonly #road: Road;

  constructor(options: SimOptions) {
    this.#options = options;
    const random = new Random(options.seed);
    this.random = random;
    this.places = new Places(random);
    const some = (most: number) => most && (random.below(3) === 0 ? random.next() : random.next() * most);
    this.#road = {
      isAway: false,
      commit: () => some(this.#slow.commit),
      ask: () => some(this.#slow.ask),
      answer: () => some(this.#slow.answer),
      fails: () => this.#failing > 0 && random.next() < this.#failing,
    };
    for (let i = 0; i < INSTANCES; i++) this.instances.push(this.#start());
    const now = () => this.clock.now;
    this.drivers = IDS.map((id) => {
      const driver = new SimDriver(id, random.pick(this.instances), this.truth, now, (what) => this.count(what));
      // What an instance that does not hear of it has yet to store comes back when it does.
      driver.mayLeave = () => !options.isRough || this.instances.every(({ writer }) => writer.pending === 0);
      driver.isCertain = !options.isRough && random.below(3) > 0;
      return driver;
    });
    const calm: Actions = [
      [600, 'fix', () => this.#fix()],
      [options.isRough ? 60 : 30, 'off duty', () => this.#offDuty()],
      [60, 'subscribe', () => this.#subscribe()],
      [40, 'update', () => this.#pickWatcher()?.update(this.#question())],
      [30, 'end', () => this.#end(this.random.below(MOST_WATCHERS))],
      [60, 'ask', () => this.#ask()],
      [60, 'a while', () => this.pass(random.below(2_000))],
      [6, 'a longer while', () => this.pass(random.below(30_000))],
      [20, 'slow', () => this.#setSlow()],
    ];
    const rough: Actions = [
      [8, 'drop', () => this.hub.dropNext(1 + random.below(3))],
      [8, 'duplicate', () => this.hub.duplicateNext(1 + random.below(3))],
      [8, 'reorder', () => this.hub.reorder(random.below(2) === 0)],
      [10, 'cut', () => this.#cut()],
      [12, 'heal', () => this.#heal()],
      [4, 'kill', () => this.#kill()],
      [6, 'away', () => this.#setAway()],
      [8, 'failing', () => this.#setFailing()],
    ];
    this.#actions = options.isRough ? [...calm, ...rough] : calm;
  }

  count(what: string): void {
    const { counts } = this.#options;
    counts?.set(what, (counts.get(what) ?? 0) + 1);
  }

  note(line: string): void {
    this.log.push(line);
    this.#options.trace?.(`${this.clock.now % 10_000_000} ${line}`);
  }

  async run(): Promise<void> {
    const { operations } = this.#options;
    const sum = this.#actions.reduce((total, [weight]) => total + weight, 0);
    for (let left = operations; left > 0; left--) {
      let dice = this.random.below(sum);
      for (const [weight, name, action] of this.#actions) {
        dice -= weight;
        if (dice >= 0) continue;
        if (name !== 'fix') this.note(name);
        await action();
        break;
      }
      for (let turns = this.random.below(4); turns > 0; turns--) await this.#turn();
      if (this.random.below(2) === 0) await this.pass(this.random.below(150));
      this.#resend();
      if (left % 150 === 1) {
        await this.settle();
        await this.check();
      }
    }
    await this.over();
  }

  /** Time passes; whatever is due at a moment has some turns for it. */
  async pass(milliseconds: number): Promise<void> {
    const end = this.clock.now + milliseconds;
    for (;;) {
      const next = this.clock.next();
      if (next === undefined || this.clock.now + next > end) break;
      this.clock.pass(next);
      await this.#turn();
      await this.#turn();
    }
    this.clock.pass(end - this.clock.now);
    await this.#turn();
  }

  /** Lets everything get well, and come to rest; but not for so long that all is read anew anyway. */
  async settle(): Promise<void> {
    this.note('settle');
    this.#road.isAway = false;
    this.#failing = 0;
    this.#slow = { commit: 0, ask: 0, answer: 0 };
    this.hub.dropNext(0);
    this.hub.duplicateNext(0);
    this.hub.reorder(false);
    for (const instance of this.instances) if (instance.isCut) instance.heal();
    for (let i = 0; this.drivers.some(({ unacknowledged }) => unacknowledged.size > 0); i++) {
      if (i > 60) fail('something is never acknowledged');
      this.#resend();
      await this.pass(500);
    }
    await this.pass(14_000);
    for (const { isWaiting, instance, question, plain } of this.watchers) {
      if (!isWaiting) continue;
      fail(`a watcher waits for ever at ${instance.number}, ${JSON.stringify({ question, plain })}`);
    }
  }

  /** Throws unless everybody knows the truth. */
  async check(): Promise<void> {
    for (const { troubles } of this.instances) if (troubles.length > 0) fail(troubles[0]);
    const { now } = this.clock;
    const rows = new Map(this.shared.positionsOf(FLEET).map((row) => [row.driverId, row]));
    const drivers = this.truth.drivers(now, (driverId) => rows.get(driverId));
    for (const [driverId, { position, state }] of drivers) {
      const row = rows.get(driverId);
      if (state === 'in' && (row === undefined || !isSame(row, position))) {
        fail(`the store has ${show(row)} instead of ${show(position)}`);
      }
    }
    const kept = new Set(this.shared.fixesOf(FLEET).map(({ driverId, timestamp }) => `${driverId} ${timestamp}`));
    for (const { acknowledged, faults } of this.drivers) {
      if (faults.length > 0) fail(faults.join('\n'));
      for (const { driverId, timestamp } of acknowledged.splice(0)) {
        if (!kept.has(`${driverId} ${timestamp}`)) fail(`${driverId}@${timestamp} was acknowledged, and is not stored`);
      }
    }
    for (const watcher of this.watchers) {
      const { belief, question, plain, instance, isOver } = watcher;
      const what = `at ${instance.number} ${JSON.stringify({ question, plain })}`;
      if (belief.contradictions.length > 0) fail(`${what}: ${belief.contradictions.join('\n')}`);
      if (isOver) continue;
      this.count('watcher checked');
      const answer = answerOf(drivers, question, plain, now);
      for (const [driverId, { state, position }] of answer) {
        const told = belief.drivers.get(driverId);
        if (told === undefined) {
          if (state === 'in') fail(`${driverId} is inside, and not told ${what}; ${show(position)}`);
          continue;
        }
        this.count('belief checked');
        if (!isSame({ ...told, lat: told.latitude, lng: told.longitude }, position)) {
          fail(`${driverId} is told to be ${JSON.stringify(told)} and is ${show(position)} ${what}`);
        }
      }
      for (const [driverId, told] of belief.drivers) {
        if (answer.has(driverId)) continue;
        const truth = drivers.get(driverId);
        fail(`${driverId} is believed inside ${JSON.stringify(told)} and is ${show(truth?.position)} ${what}`);
      }
      const followed = followedOf(drivers, question, plain);
      if (question.area.kind === 'around' && followed?.state !== 'either') {
        if ((belief.followed === 'here') !== (followed !== undefined)) fail(`followed ${belief.followed} ${what}`);
      }
    }
    const questions = [];
    for (let i = 0; i < 6; i++) questions.push({ question: this.#question(), plain: this.places.sight() });
    for (const { question, plain } of [...questions, ...this.watchers.slice(0, 3)]) {
      for (const instance of this.instances) {
        const circle = this.places.circle(this.#somewhere());
        await this.until(askAll(instance, question, circle, plain, drivers, () => this.clock.now, this.random));
        this.count('asked');
      }
    }
  }

  /** Ends all, and throws if anything is left. */
  async over(): Promise<void> {
    await this.settle();
    for (const watcher of this.watchers.splice(0)) watcher.end();
    // What is asked for as a whole is kept for a minute.
    await this.pass(IDLE_TIME + 70_000);
    for (const { cluster, tracker, number } of this.instances) {
      const { leases, interest } = cluster;
      if (interest.size > 0) fail(`${interest.size} holds are left at ${number}`);
      for (const fleet of leases.fleets) {
        if (fleet.leases.size > 0 || fleet.follows.size > 0) fail(`${fleet.leases.size} leases are left at ${number}`);
      }
      for (const driver of tracker.knownFleet(FLEET)?.drivers.values() ?? []) {
        const { spokenTo } = this.drivers.find(({ id }) => id === driver.id) as SimDriver;
        // Where things failed some may stay until they are stale.
        if (!this.#options.isRough && !spokenTo.has(number)) fail(`${driver.id} is left at ${number}, and another's`);
      }
    }
    await this.pass(TTL + 70_000);
    for (const { cluster, tracker, number } of this.instances) {
      if (tracker.size > 0) fail(`${tracker.size} drivers are left at ${number}`);
      const fleets = [...cluster.leases.fleets].length;
      if (fleets > 0) fail(`${fleets} fleets are left at ${number}`);
    }
    for (const instance of this.instances) await instance.close();
    await this.#turn();
    if (this.clock.timers() > 0) fail(`${this.clock.timers()} timers are left`);
  }

  /** Waits, as time goes by. */
  async until<T>(promise: Promise<T>): Promise<T> {
    let isDone = false;
    const done = () => {
      isDone = true;
    };
    promise.then(done, done);
    for (let i = 0; !isDone; i++) {
      if (i > 5_000) fail('an answer never comes');
      await this.#turn();
      if (i > 20) await this.pass(1);
    }
    return promise;
  }

  async #turn(): Promise<void> {
    this.clock.endTurn();
    await turn();
    this.clock.endTurn();
  }

  #start(): Instance {
    const { hub, shared, clock } = this;
    const random = () => this.random.next();
    return new Instance({ hub, shared, road: this.#road, clock, random, number: ++this.#instancesMade });
  }

  #resend(): void {
    for (const driver of this.drivers) driver.sendAgain(() => this.random.pick(this.instances));
  }

  #fix(): void {
    const { random } = this;
    const driver = random.pick(this.drivers);
    const { last } = driver;
    const what = random.below(20);
    const { now } = this.clock;
    const place = last === undefined || what === 0 ? this.places.place() : what < 3 ? last : this.places.near(last);
    let timestamp = what < 14 || last === undefined ? now : this.#oldTimestamp(last.timestamp as number);
    // A fix of before it went off duty that is stored after one of a device whose clock was set back goes before that.
    if (last !== undefined && this.#options.isRough && driver.removedAt > 0) {
      timestamp = Math.max(now, (last.timestamp as number) + 1);
      driver.removedAt = 0;
    }
    const { lat, lng } = place;
    const fix = { driverId: driver.id, lat, lng, timestamp, attributes: this.#attributes() };
    const isAgain = what === 19 && last !== undefined && driver.isCertain;
    const instance = this.#instanceFor(driver);
    if (instance === undefined) return;
    this.#options.trace?.(
      `${now % 10_000_000} ${driver.id} at ${instance.number}: ${JSON.stringify(isAgain ? last : fix)}`,
    );
    driver.send(isAgain ? last : fix, instance);
  }

  /** At which instance a driver sends next. One that is to be judged rightly goes elsewhere only when all is acknowledged. */
  #instanceFor(driver: SimDriver): Instance | undefined {
    const { random } = this;
    const mayMove = !driver.isCertain || driver.unacknowledged.size === 0;
    if (mayMove && random.below(driver.isCertain ? 6 : 3) === 0) driver.home = random.pick(this.instances);
    // Of one that comes back within the millisecond nobody can tell whether it was before.
    if (mayMove && driver.isCertain && driver.removedAt >= this.clock.now) return undefined;
    return driver.home.isDead ? undefined : driver.home;
  }

  #oldTimestamp(last: number): number {
    return this.random.pick([last, last + 1, last - 1, last - this.random.below(20_000), this.clock.now + 5_000]);
  }

  #attributes(): Attributes | undefined {
    const { random } = this;
    if (random.below(2) === 0) return undefined;
    return random.pick<Attributes>([{}, { status: 'free' }, { status: 'busy', seats: 2 }, { seats: '2' }]);
  }

  async #offDuty(): Promise<void> {
    const { isRough } = this.#options;
    const driver = this.random.pick(this.drivers);
    const instance = this.#instanceFor(driver);
    if (instance === undefined) return;
    this.note(`${driver.id} off duty at ${instance.number}`);
    driver.goOffDuty(instance);
    if (isRough) await this.pass(1);
  }

  #question() {
    return this.places.question(this.#somewhere());
  }

  #somewhere(): Place | undefined {
    const { last } = this.random.pick(this.drivers);
    return last && { lat: last.lat, lng: last.lng };
  }

  #subscribe(): void {
    if (this.watchers.length >= MOST_WATCHERS) this.#end(0);
    const instance = this.random.pick(this.instances);
    const watcher = new Watcher(instance, this.places.sight(), this.#question(), this.clock);
    this.watchers.push(watcher);
    this.note(`watch at ${instance.number} ${JSON.stringify({ question: watcher.question, plain: watcher.plain })}`);
  }

  #pickWatcher(): Watcher | undefined {
    return this.watchers.length === 0 ? undefined : this.random.pick(this.watchers);
  }

  #end(index: number): void {
    const [watcher] = this.watchers.splice(index, 1);
    if (watcher === undefined) return;
    if (watcher.belief.contradictions.length > 0) fail(watcher.belief.contradictions.join('\n'));
    watcher.end();
  }

  /** What is answered now may be behind; it must not fail. */
  #ask(): void {
    const instance = this.random.pick(this.instances);
    const circle = this.places.circle(this.#somewhere());
    const now = () => this.clock.now;
    askAll(instance, this.#question(), circle, this.places.sight(), undefined, now, this.random).catch((error) => {
      if (error.code !== 'unavailable') this.drivers[0].faults.push(String(error.stack));
    });
  }

  #setSlow(): void {
    const { random } = this;
    this.#slow = {
      commit: random.pick([0.5, 5, 300, 3_000]),
      ask: random.pick([0.5, 2, 100, 400]),
      answer: random.pick([0.5, 2, 100, 400]),
    };
    if (this.#options.isRough && random.below(3) === 0) this.#slow.answer = 3_000;
  }

  #setAway(): void {
    this.#road.isAway = !this.#road.isAway;
    this.note(`store ${this.#road.isAway ? 'away' : 'there'}`);
  }

  #setFailing(): void {
    this.#failing = this.random.pick([0, 0, 0.05, 0.3]);
  }

  #cut(): void {
    const instance = this.random.pick(this.instances);
    this.note(`cut ${instance.number}`);
    instance.cut();
  }

  #heal(): void {
    for (const instance of this.instances) if (instance.isCut) instance.heal();
  }

  #kill(): void {
    const index = this.random.below(this.instances.length);
    const dead = this.instances[index];
    // What it took in while nobody could hear it nobody hears of before the next check.
    if (dead.isCut) return;
    this.note(`kill ${dead.number}, then there is ${this.#instancesMade + 1}`);
    dead.kill();
    this.instances[index] = this.#start();
    for (let i = this.watchers.length - 1; i >= 0; i--) if (this.watchers[i].instance === dead) this.#end(i);
    for (const driver of this.drivers) if (driver.home === dead) driver.home = this.random.pick(this.instances);
  }
}

function fail(what: string): never {
  throw new Error(what);
}

function show(position: object | undefined): string {
  return JSON.stringify(position);
}

/** Runs so many operations of a seed; throws when anything was wrong, and says what was done last. */
export async function run(options: SimOptions): Promise<void> {
  const sim = new Sim(options);
  try {
    await sim.run();
  } catch (error) {
    const { seed, operations, isRough } = options;
    const what = `seed ${seed}, ${operations} operations${isRough ? ', rough' : ''}`;
    throw new Error(`${what}: ${(error as Error).message}\nlast: ${sim.log.slice(-12).join('; ')}`, { cause: error });
  }
}
