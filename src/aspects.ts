import type { Position } from './fix.ts';
import type { Fleet, OnRemoved } from './fleet.ts';
import { isPlain, type Sight, told } from './sight.ts';
import type { Driver } from './subscriptions/driver.ts';

/** An aspect that nobody watches or asks about for so long is let go of, milliseconds. */
const IDLE_TIME = 10 * 60_000;
/** Drivers that are shown in one step of an aspect's beginning: some milliseconds. */
const STEP = 500;

/** What is seen of a fleet by those who may not see all of it. */
class Aspect {
  readonly key: string;
  readonly fleet: Fleet;
  readonly sight: Sight;
  /** When it was last asked for, epoch milliseconds. */
  askedAt = 0;
  /** What is left of the beginning, in steps; `undefined` once all is there. */
  beginning: Iterator<void> | undefined;

  constructor(key: string, fleet: Fleet, sight: Sight) {
    this.key = key;
    this.fleet = fleet;
    this.sight = sight;
  }

  /** Shows it a position, as it is told. @param heardAt see {@link Fleet.learn} */
  show(position: Position, heardAt?: number): void {
    const shown = told(position, this.sight);
    if (shown === undefined) return;
    if (heardAt === undefined) this.fleet.place(shown);
    else this.fleet.learn(shown, heardAt);
  }
}

/**
 * A fleet, and what is seen of it by those who may see one driver alone, or places by their cells alone: for each kind of
 * them a fleet of its own, into which nothing else ever gets. So whatever they ask (who is near, how far, a filter, a
 * cursor), and in whatever order, no answer can depend on what they may not know.
 *
 * An aspect is made when it is first asked for, in O(drivers): in steps for whoever can wait, see {@link prepare}. From then on
 * each fix of a driver that it shows costs as much again.
 */
export class Aspects {
  readonly whole: Fleet;
  readonly #make: () => Fleet;
  readonly #now: () => number;
  readonly #byKey = new Map<string, Aspect>();
  // Those of one driver are many, so a fix must not look at all of them.
  readonly #ofAll: Aspect[] = [];
  readonly #ofOne = new Map<string, Aspect[]>();

  /**
   * @param make makes an empty fleet, with a driver's leaving heard by the given function
   * @param now the server's clock, epoch milliseconds
   */
  constructor(make: (onRemoved?: OnRemoved) => Fleet, now: () => number) {
    this.whole = make((driverId, reason) => {
      let work = 0;
      for (const { fleet } of this.#showing(driverId)) {
        const driver = fleet.drivers.get(driverId);
        if (driver !== undefined) work += fleet.remove(driver, reason);
      }
      return work;
    });
    this.#make = () => make();
    this.#now = now;
  }

  /** The fleet itself, and every aspect of it. */
  *fleets(): Iterable<Fleet> {
    yield this.whole;
    for (const { fleet } of this.#byKey.values()) yield fleet;
  }

  /** Nothing is known and nobody watches. */
  get empty(): boolean {
    for (const fleet of this.fleets()) if (!fleet.empty) return false;
    return true;
  }

  /** The fleet as it shows itself to a sight, but for the sight's bounds. */
  seenBy(sight: Sight): Fleet {
    if (isPlain(sight)) return this.whole;
    const aspect = this.#ask(sight);
    for (const _ of rest(aspect));
    return aspect.fleet;
  }

  /**
   * Makes an aspect in steps, so that others need not wait for the whole of it.
   *
   * @returns what is to be gone through; nothing must be asked before its end. `undefined` when there is nothing to do
   */
  prepare(sight: Sight): Iterable<void> | undefined {
    if (isPlain(sight)) return undefined;
    const aspect = this.#ask(sight);
    return aspect.beginning && rest(aspect);
  }

  /** Makes `position` that of its driver, in all aspects that show it. */
  place(position: Position): Driver {
    const driver = this.whole.place(position);
    if (this.#byKey.size > 0) {
      for (const aspect of this.#showing(position.driverId)) aspect.show(position);
    }
    return driver;
  }

  /** The same for a position that another instance accepted; see {@link Fleet.learn}. */
  learn(position: Position, heardAt: number): Driver {
    const driver = this.whole.learn(position, heardAt);
    if (this.#byKey.size > 0) {
      for (const aspect of this.#showing(position.driverId)) aspect.show(position, heardAt);
    }
    return driver;
  }

  /** See {@link Fleet.expire}. Aspects that are idle end. */
  expire(since: number): boolean {
    const more = this.whole.expire(since);
    const idle = this.#now() - IDLE_TIME;
    for (const aspect of this.#byKey.values()) {
      if (aspect.fleet.subscriptions.size > 0) aspect.askedAt = this.#now();
      else if (aspect.askedAt < idle) {
        this.#end(aspect);
        continue;
      }
      // Nobody is stale there before being so in the whole.
      aspect.fleet.expire(Number.NEGATIVE_INFINITY);
    }
    return more;
  }

  *#showing(driverId: string): Iterable<Aspect> {
    yield* this.#ofAll;
    const own = this.#ofOne.get(driverId);
    if (own !== undefined) yield* own;
  }

  #ask(sight: Sight): Aspect {
    const key = `${sight.precision ?? ''} ${sight.driverId ?? ''}`;
    const aspect = this.#byKey.get(key) ?? this.#begin(key, sight);
    aspect.askedAt = this.#now();
    return aspect;
  }

  /** From now on each fix is shown to it; who is there already is yet to be. */
  #begin(key: string, sight: Sight): Aspect {
    const { driverId } = sight;
    const aspect = new Aspect(key, this.#make(), sight);
    if (driverId === undefined) {
      aspect.beginning = this.#showAll(aspect);
      this.#ofAll.push(aspect);
    } else {
      const driver = this.whole.drivers.get(driverId);
      if (driver !== undefined) aspect.show(driver.position);
      this.#ofOne.set(driverId, [...(this.#ofOne.get(driverId) ?? []), aspect]);
    }
    this.#byKey.set(key, aspect);
    return aspect;
  }

  /** Whoever comes or goes between two steps is shown by its fix, or is not there any more to be shown. */
  *#showAll(aspect: Aspect): Iterator<void> {
    let left = STEP;
    for (const { position } of this.whole.drivers.values()) {
      aspect.show(position);
      if (--left > 0) continue;
      left = STEP;
      yield;
    }
  }

  #end(aspect: Aspect): void {
    this.#byKey.delete(aspect.key);
    const { driverId } = aspect.sight;
    if (driverId === undefined) {
      this.#ofAll.splice(this.#ofAll.indexOf(aspect), 1);
      return;
    }
    const others = (this.#ofOne.get(driverId) as Aspect[]).filter((other) => other !== aspect);
    if (others.length > 0) this.#ofOne.set(driverId, others);
    else this.#ofOne.delete(driverId);
  }
}

/** What is left of an aspect's beginning, for one or several to go through. */
function* rest(aspect: Aspect): Iterable<void> {
  while (aspect.beginning !== undefined) {
    if (aspect.beginning.next().done) aspect.beginning = undefined;
    else yield;
  }
}
