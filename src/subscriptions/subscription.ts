import type { Region } from '../geo/region.ts';
import type { Driver } from './driver.ts';
import type { Test } from './where.ts';

/** Why a driver is no longer in a subscription. */
export type ExitReason = 'left' | 'stale' | 'offline' | 'filtered';

/** What the client has yet to be told of one driver. */
export type Change = 'enter' | 'move' | ExitReason;

/** The fleet that a subscription asks about. */
export interface Subject {
  /** Mark of the present moment in the fleet's stream of changes. */
  readonly cursor: string;
  readonly drivers: ReadonlyMap<string, Driver>;
}

/** Where a subscription's messages go. */
export interface Recipient {
  /** Something is waiting in the subscription. */
  wake(subscription: Subscription): void;
}

/**
 * A client's standing question about an area of one fleet: who is inside now, and what the client has yet to be told.
 *
 * What waits is conflated by driver: against what the client believes, only the net change is kept, so what waits is
 * bounded by the drivers that it believes inside plus those that are.
 */
export class Subscription {
  readonly id: string;
  readonly subject: Subject;
  readonly recipient: Recipient;
  area: Region;
  where: Test | undefined;
  readonly inside = new Set<Driver>();
  /** The registry's count of the last update that matched this subscription; see `Registry.moved`. */
  matchedBy = 0;

  readonly #waiting = new Map<string, Change>();
  #snapshotDue = true;
  #answerDue = false;

  constructor(id: string, subject: Subject, recipient: Recipient, area: Region, where: Test | undefined) {
    this.id = id;
    this.subject = subject;
    this.recipient = recipient;
    this.area = area;
    this.where = where;
  }

  /** The driver came in. */
  enter(driver: Driver): void {
    this.inside.add(driver);
    if (this.#snapshotDue) return;
    // An exit that the client has not heard of: for it, the driver never left.
    this.#waiting.set(driver.id, isExit(this.#waiting.get(driver.id)) ? 'move' : 'enter');
    this.recipient.wake(this);
  }

  /** The driver, already inside, has a new position. */
  move(driver: Driver): void {
    if (this.#snapshotDue) return;
    if (this.#waiting.has(driver.id)) return;
    this.#waiting.set(driver.id, 'move');
    this.recipient.wake(this);
  }

  /** The driver, inside until now, is not any more. */
  exit(driver: Driver, reason: ExitReason): void {
    this.inside.delete(driver);
    if (this.#snapshotDue) return;
    if (this.#waiting.get(driver.id) === 'enter') {
      this.#waiting.delete(driver.id);
      return;
    }
    this.#waiting.set(driver.id, reason);
    this.recipient.wake(this);
  }

  /** The client asked for something that deserves a message even when nothing changed. */
  answer(): void {
    this.#answerDue = true;
    this.recipient.wake(this);
  }

  get snapshotDue(): boolean {
    return this.#snapshotDue;
  }

  /** Whether there is anything to send; what came and went again while waiting leaves nothing. */
  get due(): boolean {
    return this.#snapshotDue || this.#answerDue || this.#waiting.size > 0;
  }

  /** Takes note that the snapshot goes out now. */
  takeSnapshot(): ReadonlySet<Driver> {
    this.#snapshotDue = false;
    return this.inside;
  }

  /** Hands over all that waits, by driver, and starts anew. */
  takeChanges(visit: (driverId: string, change: Change) => void): void {
    this.#answerDue = false;
    for (const [driverId, change] of this.#waiting) visit(driverId, change);
    this.#waiting.clear();
  }
}

function isExit(change: Change | undefined): boolean {
  return change !== undefined && change !== 'enter' && change !== 'move';
}
