import type { Fix, Position } from '../../src/fix.ts';
import { type Instance, TTL } from './sim-instance.ts';
import { LEEWAY, type Truth } from './sim-truth.ts';
import { FLEET } from './sim-watcher.ts';

/** What a driver has sent, until it is acknowledged. */
interface Sent {
  /** `undefined`: it goes off duty. */
  readonly fix: Fix | undefined;
  instance: Instance;
}

/** A client that sends positions of one driver, and again what was not acknowledged by an instance that died. */
export class SimDriver {
  readonly id: string;
  /** Its connection. */
  home: Instance;
  /** The last fix that it sent. */
  last: Fix | undefined;
  readonly unacknowledged = new Set<Sent>();
  readonly #truth: Truth;
  readonly #now: () => number;
  readonly #count: (what: string) => void;
  /** What waits at an instance behind something, in its order. */
  readonly #lines = new Map<Instance, (() => void)[]>();
  /** By what it was told, as long as it speaks to one instance at a time. */
  known: { timestamp: number; attributes: Fix['attributes']; receivedAt: number } | undefined;
  /** Whether verdicts must be right. */
  isCertain = true;
  readonly faults: string[] = [];
  /** What was acknowledged, whatever the verdict. */
  readonly acknowledged: Fix[] = [];
  removedAt = 0;
  /** Asked just before it goes off duty. */
  mayLeave = () => true;
  /** The numbers of the instances that may know it by itself. */
  readonly spokenTo = new Set<number>();
  #heardAt = Number.NEGATIVE_INFINITY;

  constructor(id: string, home: Instance, truth: Truth, now: () => number, count: (what: string) => void) {
    this.id = id;
    this.home = home;
    this.#truth = truth;
    this.#now = now;
    this.#count = count;
  }

  send(fix: Fix, instance: Instance): void {
    this.last = fix;
    this.#send({ fix, instance });
  }

  goOffDuty(instance: Instance): void {
    this.#send({ fix: undefined, instance });
  }

  /** Sends again what an instance that is no more did not acknowledge. */
  sendAgain(choose: () => Instance): void {
    const lost = [...this.unacknowledged].filter(({ instance }) => instance.isDead);
    if (lost.length === 0) return;
    for (const sent of lost) this.unacknowledged.delete(sent);
    // What was before it went off duty is of no use any more.
    const again = lost.slice(Math.max(0, lost.map(({ fix }) => fix).lastIndexOf(undefined)));
    const instance = choose();
    this.home = instance;
    for (const sent of again) {
      this.#count('sent again');
      this.#send({ fix: sent.fix, instance });
    }
  }

  #send(sent: Sent): void {
    this.unacknowledged.add(sent);
    const { instance, fix } = sent;
    this.spokenTo.add(instance.number);
    const line = this.#lines.get(instance);
    const begin = () => {
      if (instance.isDead) return undefined;
      return fix === undefined ? instance.cluster.seek(FLEET, this.id) : instance.cluster.meet(FLEET, [this.id]);
    };
    const act = () => {
      if (instance.isDead) return;
      if (fix === undefined) this.#leave(sent);
      else this.#accept(sent, fix);
    };
    const go = () => {
      const waited = begin();
      if (waited === undefined) {
        act();
        this.#next(instance);
        return;
      }
      waited.then(act, () => this.#again(sent)).then(() => this.#next(instance));
    };
    if (line !== undefined) {
      line.push(go);
      return;
    }
    this.#lines.set(instance, []);
    go();
  }

  #next(instance: Instance): void {
    const line = this.#lines.get(instance);
    const go = line?.shift();
    if (go === undefined) this.#lines.delete(instance);
    else go();
  }

  #accept(sent: Sent, fix: Fix): void {
    const { instance } = sent;
    const now = this.#now();
    const outcome = instance.tracker.accept(FLEET, fix, (error) => {
      if (error !== undefined) return;
      this.unacknowledged.delete(sent);
      if (outcome !== 'late') this.#truth.stored(this.id, fix.timestamp as number);
      this.acknowledged.push(fix);
    });
    this.#count(outcome);
    this.#truth.heard(this.id, now);
    const driver = instance.tracker.knownFleet(FLEET)?.drivers.get(this.id);
    const position = outcome === 'accepted' ? driver?.position : undefined;
    if (position !== undefined) this.#truth.accepted(position);
    if (this.isCertain) this.#judge(fix, outcome, position, now);
  }

  /** Compares a verdict with what it must be where there are no others. */
  #judge(fix: Fix, outcome: string, position: Position | undefined, now: number): void {
    const { known } = this;
    const timestamp = fix.timestamp as number;
    const isStale = now - this.#heardAt > TTL - LEEWAY;
    this.#heardAt = now;
    if (isStale || (known !== undefined && now - known.receivedAt > TTL - LEEWAY)) {
      // It may have been forgotten, or not.
      if (position !== undefined) this.known = { timestamp, attributes: position.attributes, receivedAt: now };
      return;
    }
    const truth =
      known === undefined || timestamp > known.timestamp
        ? 'accepted'
        : timestamp === known.timestamp
          ? 'duplicate'
          : 'late';
    if (outcome !== truth) this.faults.push(`${this.id}@${timestamp} is ${outcome} instead of ${truth}`);
    if (position === undefined) return;
    const attributes = fix.attributes ?? known?.attributes;
    if (JSON.stringify(position.attributes) !== JSON.stringify(attributes)) {
      const [is, must] = [position.attributes, attributes].map((one) => JSON.stringify(one));
      this.faults.push(`${this.id}@${timestamp} has ${is} instead of ${must}`);
    }
    this.known = { timestamp, attributes, receivedAt: now };
  }

  #leave(sent: Sent): void {
    if (!this.mayLeave()) {
      this.unacknowledged.delete(sent);
      return;
    }
    const { instance } = sent;
    const driver = instance.tracker.knownFleet(FLEET)?.drivers.get(this.id);
    const at = Math.max(this.#now(), driver?.position.receivedAt ?? 0);
    const outcome = instance.tracker.goOffDuty(FLEET, this.id, (error) => {
      if (error === undefined) this.unacknowledged.delete(sent);
    });
    this.#count(outcome);
    if (outcome === 'gone') {
      this.#truth.removed(this.id, at);
      this.removedAt = at;
    }
    const mayBeStale = this.#now() - (this.known?.receivedAt ?? 0) > TTL - LEEWAY;
    if (this.isCertain && !mayBeStale && outcome !== 'gone') {
      this.faults.push(`${this.id} went off duty: ${outcome}`);
    }
    this.known = undefined;
  }

  /** The store could not be asked: a client comes back. */
  #again(sent: Sent): void {
    this.unacknowledged.delete(sent);
    this.#count('refused');
    if (sent.fix !== undefined) this.#send(sent);
  }
}
