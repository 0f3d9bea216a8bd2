import type { Position } from '../fix.ts';
import type { FollowHold } from './follow.ts';
import type { Lease } from './lease.ts';
import { Sequences } from './sequences.ts';

/** Milliseconds for which what is still on its way of a driver that went off duty, or away, is not taken for its return. */
const REMOVED_TIME = 30_000;

/** The position by which a driver went to where nobody looks here. */
interface Left {
  readonly timestamp: number;
  readonly receivedAt: number;
  /** When that was heard, epoch milliseconds. */
  readonly at: number;
}

/** What this instance holds of one fleet, and shares with others. */
export class FleetLeases {
  readonly name: string;
  /** On which is told what concerns all who hold anything of the fleet: who went off duty, who is heard by another instance now. */
  readonly channel: string;
  readonly sequences = new Sequences();
  readonly leases = new Map<number, Lease>();
  /** Those who follow a driver wherever it goes. */
  readonly follows = new Map<string, Set<FollowHold>>();
  /**
   * In which term it is. What this instance knows of a driver whose fixes it takes is all there is to know, until another one
   * takes one; where that may have been missed, a new term begins, and nothing is taken for granted.
   */
  term = 1;
  /** Whoever needs all of it; with none it is given up once it is idle. */
  wholeHolds = 0;
  wholeAskedAt = Number.NEGATIVE_INFINITY;
  /** All cells are leased in which somebody is, and from now on each in which somebody comes to be. */
  isWhole = false;
  /** The search for its cells that is under way. */
  surveying: Promise<void> | undefined;
  usedAt: number;
  readonly #removed = new Map<string, number>();
  readonly #left = new Map<string, Left>();

  constructor(name: string, channel: string, now: number) {
    this.name = name;
    this.channel = channel;
    this.usedAt = now;
  }

  /** A driver went off duty. @param at what was received of it until then does not count @returns whether that is news */
  remove(driverId: string, at: number): boolean {
    const before = this.#removed.get(driverId);
    if (before !== undefined && before >= at) return false;
    this.#removed.delete(driverId);
    this.#removed.set(driverId, at);
    return true;
  }

  /** Whether a position is of before its driver went off duty. */
  isRemoved(driverId: string, receivedAt: number): boolean {
    const at = this.#removed.get(driverId);
    return at !== undefined && receivedAt <= at;
  }

  /** When a driver went off duty, epoch milliseconds, if it did lately. */
  removedAt(driverId: string): number | undefined {
    return this.#removed.get(driverId);
  }

  /** A driver is where nobody looks here. @param now epoch milliseconds */
  leave({ driverId, timestamp, receivedAt }: Position, now: number): void {
    this.#left.delete(driverId);
    this.#left.set(driverId, { timestamp, receivedAt, at: now });
  }

  /** Whether a position is of before its driver went to where nobody looks here. */
  hasLeft({ driverId, timestamp, receivedAt }: Position): boolean {
    const left = this.#left.get(driverId);
    return left !== undefined && timestamp < left.timestamp && receivedAt <= left.receivedAt;
  }

  /** Forgets who went off duty, or away, long ago. @param now epoch milliseconds */
  prune(now: number): void {
    for (const [driverId, at] of this.#removed) {
      if (at < now - REMOVED_TIME) this.#removed.delete(driverId);
      // They are about in the order of time.
      else break;
    }
    for (const [driverId, { at }] of this.#left) {
      if (at < now - REMOVED_TIME) this.#left.delete(driverId);
      else break;
    }
  }
}
