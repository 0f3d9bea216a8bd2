import { coarsePosition } from './coarse-position.ts';
import type { Position } from './fix.ts';
import type { Fleet } from './fleet.ts';
import type { Sight } from './sight.ts';
import type { Driver } from './subscriptions/driver.ts';

/** An aspect that nobody watches or asks about for so long is let go of, milliseconds. */
const IDLE_TIME = 10 * 60_000;

/** What is seen of a fleet by those who may not see all of it. */
class Aspect {
  readonly key: string;
  readonly fleet: Fleet;
  readonly driverId: string | undefined;
  readonly #precision: number | undefined;
  /** When it was last asked for, epoch milliseconds. */
  askedAt = 0;

  constructor(key: string, fleet: Fleet, { driverId, precision }: Sight) {
    this.key = key;
    this.fleet = fleet;
    this.driverId = driverId;
    this.#precision = precision;
  }

  /** A position of a driver that is seen, as it is told. */
  told(position: Position): Position {
    return this.#precision === undefined ? position : coarsePosition(position, this.#precision);
  }
}

/**
 * A fleet, and what is seen of it by those who may see one driver alone, or places by their cells alone: for each kind of
 * them a fleet of its own, into which nothing else ever gets. So whatever they ask (who is near, how far, a filter, a
 * cursor), and in whatever order, no answer can depend on what they may not know.
 *
 * An aspect is made when it is first asked for, in O(drivers) (see docs/operations.md for what that takes), and from then
 * on each fix of a driver that it shows costs as much again.
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
  constructor(make: (onRemoved?: (driverId: string, reason: 'stale' | 'offline') => void) => Fleet, now: () => number) {
    this.whole = make((driverId, reason) => {
      for (const { fleet } of this.#showing(driverId)) {
        const driver = fleet.drivers.get(driverId);
        if (driver !== undefined) fleet.remove(driver, reason);
      }
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
    if (sight.precision === undefined && sight.driverId === undefined) return this.whole;
    const key = `${sight.precision ?? ''} ${sight.driverId ?? ''}`;
    const aspect = this.#byKey.get(key) ?? this.#begin(key, sight);
    aspect.askedAt = this.#now();
    return aspect.fleet;
  }

  /** Makes `position` that of its driver, in all aspects that show it. */
  place(position: Position): Driver {
    const driver = this.whole.place(position);
    if (this.#byKey.size > 0) {
      for (const aspect of this.#showing(position.driverId)) aspect.fleet.place(aspect.told(position));
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

  #begin(key: string, sight: Sight): Aspect {
    const { driverId } = sight;
    const aspect = new Aspect(key, this.#make(), sight);
    if (driverId === undefined) {
      for (const { position } of this.whole.drivers.values()) aspect.fleet.restore(aspect.told(position));
      this.#ofAll.push(aspect);
    } else {
      const driver = this.whole.drivers.get(driverId);
      if (driver !== undefined) aspect.fleet.restore(aspect.told(driver.position));
      this.#ofOne.set(driverId, [...(this.#ofOne.get(driverId) ?? []), aspect]);
    }
    aspect.fleet.settle();
    this.#byKey.set(key, aspect);
    return aspect;
  }

  #end(aspect: Aspect): void {
    this.#byKey.delete(aspect.key);
    const { driverId } = aspect;
    if (driverId === undefined) {
      this.#ofAll.splice(this.#ofAll.indexOf(aspect), 1);
      return;
    }
    const others = (this.#ofOne.get(driverId) as Aspect[]).filter((other) => other !== aspect);
    if (others.length > 0) this.#ofOne.set(driverId, others);
    else this.#ofOne.delete(driverId);
  }
}
