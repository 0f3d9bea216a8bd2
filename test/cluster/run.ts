import { setTimeout as delay } from 'node:timers/promises';
import type { Cluster, Instance } from '../support/cluster.ts';
import { Random } from '../support/random.ts';
import { type Cast, Driver, type Way } from './driver.ts';
import { type Question, question } from './question.ts';
import { type Scene, scenes } from './scenes.ts';
import type { Trouble } from './trouble.ts';
import { Truth } from './truth.ts';
import { type Transport, Watcher } from './watcher.ts';

/** How large a run is. */
export interface Size {
  readonly drivers: number;
  readonly watchers: number;
  /** Questions that are asked of every instance after each round. */
  readonly questions: number;
  /** Milliseconds between two steps of a driver, at the least and the most. */
  readonly pace: readonly [number, number];
  /**
   * Nobody watches all of the fleet, and none at the instance that is asked: so each holds the cells alone that are looked at
   * there.
   */
  readonly isApart?: boolean;
}

/** What came of a round. */
export interface Round {
  readonly name: string;
  /** Milliseconds until all was right, after the last fix was acknowledged. */
  readonly settled: number;
  /** Milliseconds that the slowest answer to a fix took. */
  readonly slowest: number;
  /** What was wrong. */
  readonly faults: readonly string[];
}

/** Milliseconds between two looks, and two things that watchers do. */
const LOOK = 25;
const ACT = 60;
/** Of each kind of what is wrong so many lines are told. */
const LINES = 5;

const WAYS: readonly Way[] = ['phone', 'phone', 'wanderer', 'poster'];
const TRANSPORTS: readonly Transport[] = ['socket', 'socket', 'socket', 'stream', 'poll'];

/** Drivers, watchers and those who ask, on all instances of a cluster; what they are told is compared with what is so. */
export class Run implements Cast {
  readonly cluster: Cluster;
  readonly fleet: string;
  readonly truth = new Truth();
  readonly faults: string[] = [];
  readonly scenes: readonly Scene[];
  slowest = 0;
  isCautious = false;
  confused: Cast['confused'] = 'nobody';
  readonly #random: Random;
  readonly #size: Size;
  readonly #drivers: readonly Driver[];
  readonly #watchers: readonly Watcher[];

  constructor(cluster: Cluster, fleet: string, random: Random, size: Size) {
    this.cluster = cluster;
    this.fleet = fleet;
    this.#random = random;
    this.#size = size;
    // So many that no instance comes to know all of them.
    this.scenes = Array.from({ length: size.isApart ? 4 : 1 }, () => scenes(random)).flat();
    const own = () => new Random(random.below(2 ** 32));
    this.#drivers = Array.from(
      { length: size.drivers },
      (_, i) => new Driver(`d${String(i).padStart(3, '0')}`, this, own(), WAYS[i % WAYS.length]),
    );
    this.#watchers = Array.from(
      { length: size.watchers },
      (_, i) => new Watcher(`w${i}`, this, own(), TRANSPORTS[i % TRANSPORTS.length], this.#ids),
    );
    for (const watcher of this.#watchers) watcher.start();
  }

  /** Where somebody may watch. */
  get watched(): readonly Instance[] {
    return this.#size.isApart ? this.cluster.instances.slice(0, -1) : this.cluster.instances;
  }

  /** Where something may be asked. */
  get asked(): readonly Instance[] {
    return this.#size.isApart ? this.cluster.instances.slice(-1) : this.cluster.instances;
  }

  get isApart(): boolean {
    return this.#size.isApart ?? false;
  }

  get #ids(): string[] {
    return this.#drivers.map(({ id }) => id);
  }

  /**
   * Drivers drive and watchers look here and there, as long as something happens; then all that everybody is told must become
   * right.
   *
   * @param within milliseconds in which all must be right
   */
  async round(
    { name, happen, isOfStore = false, isOfBus = false, isOfAll = false }: Trouble,
    within: number,
  ): Promise<Round> {
    this.slowest = 0;
    this.isCautious = isOfStore;
    this.confused = isOfAll ? 'all' : isOfBus ? 'wanderers' : 'nobody';
    const stop = new AbortController();
    const drives = Promise.all(this.#drivers.map((driver) => driver.run(stop.signal, this.#size.pace)));
    const looks = this.#lookAround(stop.signal);
    try {
      await happen();
    } finally {
      stop.abort();
      await Promise.all([drives, looks]);
    }
    // Who went to and fro meanwhile says once more all there is to say.
    if (isOfBus) await Promise.all(this.#drivers.map((driver) => driver.isConfused && driver.startAfresh()));
    return this.settle(name, within);
  }

  /** Nobody moves; resolves when all is right, or as soon as it should have been. */
  async settle(name: string, within: number): Promise<Round> {
    const since = performance.now();
    const watchers = await this.#until(since + within, () => this.#wrongBeliefs());
    const settled = performance.now() - since;
    const questions = Array.from({ length: this.#size.questions }, () => this.#question());
    const answers = await this.#until(since + within, () => this.#wrongAnswers(questions));
    const contradictions = new Set(this.#watchers.flatMap(contradictionsOf));
    const faults = [watchers, answers, [...contradictions], this.faults.splice(0)].flatMap((some) =>
      some.slice(0, LINES),
    );
    return {
      name,
      settled: Math.round(Math.max(settled, performance.now() - since)),
      slowest: Math.round(this.slowest),
      faults: faults.map((fault) => `${name}: ${fault}`),
    };
  }

  /** What is wrong at any look within so many milliseconds, in which nobody moves: what was right stays right. */
  async observe(milliseconds: number): Promise<string[]> {
    const until = performance.now() + milliseconds;
    while (performance.now() < until) {
      const wrong = this.#wrongBeliefs();
      if (wrong.length > 0) return wrong.map((what) => `what was right is wrong again: ${what}`);
      await delay(LOOK);
    }
    return [];
  }

  /** Acknowledged fixes that are not in the history of their driver. */
  async lost(): Promise<string[]> {
    const lost: string[] = [];
    for (const { id, kept } of this.#drivers) {
      const found = new Set<number>();
      const instance = this.#random.pick(this.cluster.up);
      for (let path: string | undefined = `/v1/drivers/${id}/track?limit=10000`; path !== undefined; ) {
        const { status, body, text } = await instance.get(this.fleet, path);
        if (status !== 200) throw new Error(`${path} is answered ${status} by ${instance.name}: ${text}`);
        for (const timestamp of body.properties.timestamps) found.add(timestamp);
        path = body.properties.next;
      }
      for (const timestamp of kept) {
        if (!found.has(timestamp)) lost.push(`${id} at ${timestamp} was acknowledged, and is not in its track`);
      }
    }
    return lost;
  }

  /** Fixes that were acknowledged. */
  get acknowledged(): number {
    return this.#drivers.reduce((sum, { kept }) => sum + kept.size, 0);
  }

  async end(): Promise<void> {
    for (const driver of this.#drivers) driver.end();
    await Promise.all(this.#watchers.map((watcher) => watcher.stop()));
  }

  /** Watchers move, go and come back; whoever asks is answered, whatever it is. */
  async #lookAround(stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      const watcher = this.#random.pick(this.#watchers);
      if (this.#random.below(3) === 0) watcher.reconnect();
      else watcher.move();
      const { path } = this.#question();
      const instance = this.#random.pick(this.asked.filter(({ isUp }) => isUp));
      const answer = await instance?.get(this.fleet, path).catch(() => undefined);
      if (answer !== undefined && ![200, 404, 503].includes(answer.status)) {
        this.faults.push(`${path} is answered ${answer.status} by ${instance.name}: ${answer.text}`);
      }
      await delay(ACT);
    }
  }

  #question(): Question {
    return question(this.fleet, this.truth, this.#random.pick(this.scenes), this.#ids, this.#random);
  }

  #wrongBeliefs(): string[] {
    return this.#watchers.flatMap((watcher) => {
      const { wrong } = watcher;
      return wrong === undefined ? [] : [`${watcher.description}: ${wrong}`];
    });
  }

  async #wrongAnswers(questions: readonly Question[]): Promise<string[]> {
    const wrong = await Promise.all(
      this.asked
        .filter(({ isUp }) => isUp)
        .flatMap((instance) =>
          questions.map(async ({ path, ask }) => {
            const fault = await ask(instance).catch(String);
            return fault === undefined ? [] : [`${path} at ${instance.name}: ${fault}`];
          }),
        ),
    );
    return wrong.flat();
  }

  async #until(deadline: number, look: () => string[] | Promise<string[]>): Promise<string[]> {
    for (;;) {
      const wrong = await look();
      if (wrong.length === 0 || performance.now() > deadline) return wrong;
      await delay(LOOK);
    }
  }
}

function contradictionsOf(watcher: Watcher): string[] {
  return watcher.contradictions.map((what) => `${watcher.name}, by ${watcher.transport}: ${what}`);
}
