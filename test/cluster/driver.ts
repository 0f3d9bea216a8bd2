import { setTimeout as delay } from 'node:timers/promises';
import { type Answer, Connection } from '../crash/connection.ts';
import type { Cluster, Instance } from '../support/cluster.ts';
import type { Place } from '../support/geodesic.ts';
import type { Random } from '../support/random.ts';
import { token } from '../support/server.ts';
import { near, placeIn, type Scene } from './scenes.ts';
import type { Attributes, Known, Truth } from './truth.ts';

/**
 * How a driver reaches the cluster: over a WebSocket, to one instance as long as that is there, or to another one now and then; or
 * by HTTP, each time to any of them.
 */
export type Way = 'phone' | 'wanderer' | 'poster';

/** Milliseconds in which a fix must be answered; a driver of whom nothing was heard for so long is stuck. */
const ANSWERED = 30_000;
/** Milliseconds before what failed is tried again. */
const AGAIN = 50;
/** Milliseconds in which one instance knows what another one has acknowledged, on a busy machine. */
const KNOWN = 3_000;
/** Dates far back, but for `maxAge` alone they are like others. Milliseconds. */
const LONG_AGO = 7_200_000;

/** What all drivers of a run have in common. */
export interface Cast {
  readonly cluster: Cluster;
  readonly fleet: string;
  readonly scenes: readonly Scene[];
  readonly truth: Truth;
  /** Where somebody may watch. */
  readonly watched: readonly Instance[];
  /** Nobody watches all of the fleet. */
  readonly isApart: boolean;
  /** What was answered otherwise than the protocol says. */
  readonly faults: string[];
  /** The store is away: nobody can know what it holds, so drivers do nothing but tell all that there is to tell. */
  readonly isCautious: boolean;
  /**
   * Instances cannot know what others hear of a driver: what they say of one that goes from one to the other may be wrong. Who
   * goes, just now.
   */
  readonly confused: 'nobody' | 'wanderers' | 'all';
  /** Milliseconds that the slowest answer took. */
  slowest: number;
}

/** One who sends, waits for what is answered, and knows by that alone where the cluster must have it. */
export class Driver {
  readonly id: string;
  /** Timestamps that were acknowledged as accepted or late: these must be in its track for good. */
  readonly kept = new Set<number>();
  readonly #cast: Cast;
  readonly #random: Random;
  readonly #way: Way;
  readonly #connections = new Map<string, Connection>();
  /** Who heard of it last. */
  #last: Instance | undefined;
  #instance: Instance;
  #scene: Scene;
  #place: Place;
  /** The newest of those sent since it is on duty. */
  #timestamp: number;
  readonly #used = new Set<number>();
  /** Its next fix is older than the last that it sent before it went off duty. */
  #isBehind = false;
  #attributes: Attributes = {};
  /** Something was sent of which it is not known what became of it. */
  #unsure = true;

  constructor(id: string, cast: Cast, random: Random, way: Way) {
    this.id = id;
    this.#cast = cast;
    this.#random = random;
    this.#way = way;
    this.#instance = random.pick(cast.cluster.instances);
    this.#scene = random.pick(cast.scenes);
    this.#place = placeIn(this.#scene, random);
    this.#timestamp = Date.now() - (random.below(4) === 0 ? LONG_AGO : 0);
  }

  /** Whether it stays with an instance as long as that is there. */
  get isLoyal(): boolean {
    return this.#way === 'phone';
  }

  /** Whether what is said of it may be wrong, as instances do not hear each other. */
  get isConfused(): boolean {
    const { confused } = this.#cast;
    return confused === 'all' || (confused === 'wanderers' && !this.isLoyal);
  }

  /** Does something: mostly it moves. */
  async step(): Promise<void> {
    const random = this.#random;
    const dice = random.next();
    if (this.#unsure || this.#cast.isCautious) await this.#move(true);
    else if (dice < 0.04) await this.#offDuty();
    else if (dice < 0.1) await this.#repeat(random.pick(['late', 'duplicate']));
    else if (dice < 0.2) await this.#burst(1 + random.below(4));
    else await this.#move(random.below(3) === 0);
    if (this.#way === 'wanderer' && random.below(12) === 0) this.#instance = this.#any();
  }

  /** Steps until a signal says stop, then until all is certain. */
  async run(stop: AbortSignal, [least, most]: readonly [number, number]): Promise<void> {
    while (!stop.aborted) {
      await this.step();
      await delay(this.#random.between(least, most));
    }
    await this.settle();
  }

  /** Resolves when it is certain what the cluster must know. */
  async settle(): Promise<void> {
    const deadline = performance.now() + ANSWERED;
    while (this.#unsure) {
      await this.#move(true);
      if (performance.now() > deadline) {
        this.#cast.faults.push(`${this.id} cannot send any more`);
        return;
      }
    }
  }

  /** Says once more all there is to say, with a newer timestamp than ever. */
  async startAfresh(): Promise<void> {
    this.#timestamp = Math.max(this.#timestamp, ...this.#used);
    this.#isBehind = false;
    this.#unsure = true;
    await this.settle();
  }

  end(): void {
    for (const connection of this.#connections.values()) connection.close();
  }

  /** @param isWhole with attributes, whatever was before */
  async #move(isWhole: boolean): Promise<void> {
    await this.#send([this.#next(isWhole)]);
  }

  /** Several at once; attributes come with the first alone, if at all. */
  async #burst(count: number): Promise<void> {
    await this.#send(Array.from({ length: count }, (_, i) => this.#next(i === 0 && this.#random.below(2) === 0)));
  }

  #next(isWhole: boolean): Known & { readonly isWhole: boolean } {
    const random = this.#random;
    if (random.below(10) === 0) {
      this.#scene = random.pick(this.#cast.scenes);
      this.#place = placeIn(this.#scene, random);
    } else if (random.below(6) === 0) this.#place = placeIn(this.#scene, random);
    else this.#place = near(this.#place, random);
    if (isWhole) this.#attributes = { status: random.pick(['free', 'busy']), seats: random.below(4) };
    const isBehind = this.#isBehind || Date.now() - this.#timestamp > LONG_AGO / 2;
    this.#isBehind = false;
    this.#timestamp = isBehind ? this.#timestamp + 1 : Math.max(Date.now(), this.#timestamp + 1);
    while (this.#used.has(this.#timestamp)) this.#timestamp++;
    this.#used.add(this.#timestamp);
    const [latitude, longitude] = this.#place;
    const { id: driverId } = this;
    return { driverId, latitude, longitude, timestamp: this.#timestamp, attributes: this.#attributes, isWhole };
  }

  async #send(fixes: readonly (Known & { readonly isWhole: boolean })[]): Promise<void> {
    const wasUnsure = this.#unsure;
    await this.#choose();
    this.#unsure = true;
    const words = await this.#tell(
      fixes.map(({ isWhole, attributes, ...fix }) => (isWhole ? { ...fix, attributes } : fix)),
    );
    for (const [i, word] of words.entries()) {
      if (word === undefined) continue;
      if (word !== 'accepted') {
        const when = wasUnsure ? 'after one that was not answered' : 'after all before were answered';
        this.#fault(`a new fix (${i + 1} of ${words.length}, at ${fixes[i].timestamp}, ${when}) is ${word}`);
      }
      this.kept.add(fixes[i].timestamp);
    }
    if (words.includes(undefined)) return;
    const { isWhole: _, ...known } = fixes[fixes.length - 1];
    this.#cast.truth.drivers.set(this.id, known);
    this.#unsure = false;
  }

  /** An older fix, or the last one again: neither moves anything. */
  async #repeat(verdict: 'late' | 'duplicate'): Promise<void> {
    const known = this.#cast.truth.drivers.get(this.id);
    if (known === undefined) return;
    let fix: Known = known;
    if (verdict === 'late') {
      let timestamp = known.timestamp - 1 - this.#random.below(1000);
      while (this.#used.has(timestamp)) timestamp--;
      this.#used.add(timestamp);
      fix = { ...known, timestamp, latitude: 0, longitude: 0 };
    }
    await this.#choose();
    const [word] = await this.#tell([fix]);
    if (word === undefined) {
      this.#unsure = true;
      return;
    }
    if (word !== verdict) this.#fault(`a ${verdict} fix (${fix.timestamp}; newest ${known.timestamp}) is ${word}`);
    this.kept.add(fix.timestamp);
  }

  /** Goes off duty, at any instance, and is forgotten with its timestamp: it may go on with an older one. */
  async #offDuty(): Promise<void> {
    const known = this.#cast.truth.drivers.get(this.id);
    const at = this.isLoyal ? this.#instance : this.#any();
    await this.#introduce(at);
    const status = await at.delete(this.#cast.fleet, `/v1/drivers/${this.id}`).then(
      (answer) => answer.status,
      () => undefined,
    );
    if (status === 204 || status === 404) {
      if (status === 404 && known !== undefined) this.#fault(`it is on duty, and unknown to ${at.name}`);
      this.#cast.truth.drivers.delete(this.id);
      this.#isBehind = this.#random.below(2) === 0;
      if (this.#isBehind) this.#timestamp -= 5_000;
      // What stays of it is forgotten, so its next fix says all.
      this.#unsure = this.#random.below(2) === 0;
      if (!this.#unsure) this.#attributes = {};
    } else {
      if (status !== undefined && status !== 503) this.#fault(`going off duty is answered ${status} by ${at.name}`);
      this.#unsure = true;
      await delay(AGAIN);
    }
  }

  /** To whom it sends next. */
  async #choose(): Promise<void> {
    if (this.#way === 'poster') this.#instance = this.#any();
    await this.#introduce(this.#instance);
  }

  /** The verdicts; nothing for those of which none came. */
  async #tell(fixes: readonly object[]): Promise<(string | undefined)[]> {
    const since = performance.now();
    const words = await (this.#way === 'poster' ? this.#byPost(fixes) : this.#bySocket(fixes)).catch(() => [undefined]);
    this.#cast.slowest = Math.max(this.#cast.slowest, performance.now() - since);
    if (words.includes(undefined)) {
      this.#instance = this.#any();
      await delay(AGAIN);
    }
    return words;
  }

  async #byPost(positions: readonly object[]): Promise<(string | undefined)[]> {
    const { status, body } = await this.#instance.post(this.#cast.fleet, '/v1/positions', { positions });
    if (status === 200) return (body.results as Answer[]).map(read);
    if (status !== 503) this.#fault(`POST /v1/positions is answered ${status}: ${JSON.stringify(body)}`);
    return [undefined];
  }

  async #bySocket(fixes: readonly object[]): Promise<(string | undefined)[]> {
    const connection = await this.#connection();
    const late = delay(ANSWERED, 'late' as const, { ref: false });
    const answers = await Promise.race([Promise.all(fixes.map((fix) => connection.ask(fix))), late]);
    if (answers !== 'late') return answers.map(read);
    this.#fault(`a fix was not answered within ${ANSWERED / 1000} s`);
    connection.close();
    return [undefined];
  }

  /**
   * Before it goes to another instance than the last it waits until that has heard of what was acknowledged: what is told comes a
   * moment later than the acknowledgement.
   */
  async #introduce(to: Instance): Promise<void> {
    const isOther = this.#last !== undefined && this.#last !== to;
    this.#last = to;
    if (!isOther || this.#unsure || this.isConfused || this.#cast.isCautious) return;
    const known = this.#cast.truth.drivers.get(this.id);
    const deadline = performance.now() + KNOWN;
    for (;;) {
      const answer = await to.get(this.#cast.fleet, `/v1/drivers/${this.id}`).catch(() => undefined);
      // One that is away, or has no store, will be told another time.
      if (answer === undefined || answer.status === 503) return;
      if (answer.status === 404 ? known === undefined : answer.body.timestamp === known?.timestamp) return;
      if (performance.now() > deadline) {
        this.#fault(`${to.name} answers ${answer.status} ${answer.text} ${KNOWN} ms after ${JSON.stringify(known)}`);
        return;
      }
    }
  }

  /** Its connection to the instance that it speaks to, as that is now. */
  async #connection(): Promise<Connection> {
    const { url } = this.#instance;
    let connection = this.#connections.get(url);
    if (connection === undefined || !connection.open) {
      const jwt = token({ fleet: this.#cast.fleet, sub: this.id, scope: 'positions:write:any' });
      connection = await Connection.open(url, jwt);
      this.#connections.set(url, connection);
    }
    return connection;
  }

  #any(): Instance {
    return this.#random.pick(this.#cast.cluster.instances);
  }

  #fault(what: string): void {
    if (this.isConfused) return;
    this.#cast.faults.push(`${this.id}, by ${this.#way} at ${this.#instance.name}: ${what}`);
  }
}

/** What was said of a fix; nothing when it was not taken, and is to be sent again. */
function read(answer: Pick<Answer, 'verdict' | 'code'> | undefined): string | undefined {
  if (answer?.verdict === undefined || answer.code === 'unavailable') return undefined;
  return answer.code === undefined ? answer.verdict : `${answer.verdict} (${answer.code})`;
}
