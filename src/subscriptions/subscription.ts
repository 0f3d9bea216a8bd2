import { Circle } from '../geo/circle.ts';
import { NOWHERE } from '../geo/everywhere.ts';
import type { Region } from '../geo/region.ts';
import { AgeQueue } from './age-queue.ts';
import { Around, type Followed } from './area.ts';
import { type Seal, writeCursor } from './cursor.ts';
import type { Driver } from './driver.ts';
import { Fingerprint } from './fingerprint.ts';
import type { Tally } from './tally.ts';
import { Told } from './told.ts';
import { questionKey, type View } from './view.ts';
import { compileWhere, type Test } from './where.ts';

/** Why a driver is no longer in a subscription. */
export type ExitReason = 'left' | 'stale' | 'offline' | 'filtered';

/** What the client has yet to be told of one driver. */
export type Change = 'enter' | 'move' | ExitReason;

/** The fleet that a subscription asks about. */
export interface Subject {
  /** Tells the fleet's stream of changes from any other. */
  readonly epoch: string;
  /** Number of changes until now. */
  readonly revision: number;
  readonly drivers: ReadonlyMap<string, Driver>;
  /** For those who may see a part of it alone. */
  readonly seal?: Seal | undefined;
  isIn(region: Region, driver: Driver): boolean;
  /** Has a subscription look at a view from now on, wherever that is now: who came in and who is out is told to it. */
  lookAt(subscription: Subscription, view: View): void;
  /** The driver in a slot of the fleet's cell tree. */
  at(slot: number): Driver;
}

/** Where a subscription's messages go. */
export interface Recipient {
  /** Where it is counted what becomes of what waits, if anywhere. */
  readonly tally?: Tally | undefined;
  /** Something is waiting in the subscription. */
  wake(subscription: Subscription): void;
}

/** The moment from which a client goes on, having been told all that was so then. */
export interface Past {
  /** The fleet's revision then. */
  readonly revision: number;
  /** What the area was then. */
  readonly region: Region;
  /** Epoch milliseconds; whose position is dated before may have been too old then. */
  readonly oldest: number;
  /** Fingerprint of those who were inside then, where it is known. */
  readonly members?: string;
}

/** Everything inside, or all that has changed since a {@link Past}. */
export interface Snapshot {
  readonly resumed: boolean;
  /** All who are inside; of a resumed one, those who came in or moved since. */
  readonly drivers: Iterable<Driver>;
  /** Of a resumed one, the others who are inside. */
  readonly unchanged: readonly Driver[];
}

/** A driver that is no longer inside, and why. */
export interface Exit {
  readonly driverId: string;
  readonly reason: ExitReason;
}

/** What has changed since the last message. */
export interface Changes {
  readonly enter: readonly Driver[];
  readonly move: readonly Driver[];
  readonly exit: readonly Exit[];
  /** News of the driver that the area goes around. */
  readonly followed: Followed | undefined;
}

const NOBODY: Driver[] = [];
const NO_EXITS: Exit[] = [];

/**
 * A client's standing question about an area of one fleet: who is inside now, and what the client has yet to be told.
 *
 * What waits is conflated by driver: against what the client believes, only the net change is kept, so what waits is
 * bounded by the drivers that it believes inside plus those that are. The rules, by what waits and what comes:
 *
 * | waits   | enter | move  | exit    |
 * |---------|-------|-------|---------|
 * | nothing | enter | move  | exit    |
 * | enter   |       | enter | nothing |
 * | move    |       | move  | exit    |
 * | exit    | move  |       |         |
 *
 * Position and reason are always the last ones. The combinations left empty cannot happen.
 *
 * (A long file: what is asked, what is inside, what the client believes and what waits are one state.)
 */
export class Subscription {
  readonly id: string;
  readonly subject: Subject;
  readonly recipient: Recipient;
  /** What whoever asks may see, whatever it is asked to look at; `undefined` where that is all of the subject. */
  readonly bounds: Region | undefined;
  /** What it looks at; what it is asked to look at may wait, see {@link ask}. */
  view: View;
  /** Where the area is now. */
  region: Region;
  where: Test | undefined;
  readonly inside = new Set<Driver>();
  /** The drivers inside by age, where age matters. */
  ages: AgeQueue | undefined;
  /** The registry's count of the last update that matched this subscription; see `Registry.moved`. */
  matchedBy = 0;
  /** Epoch milliseconds before which changes are not due, when there is a `maxRate`; for the outbox to keep. */
  notBefore = 0;

  #key: string;
  /** Where it matters how far drivers are from where the client was told that they are. */
  #told: Told | undefined;
  readonly #waiting = new Map<string, Change>();
  #snapshotDue = true;
  #past: Past | undefined;
  /** What it is to look at from the next message on. */
  #next: View | undefined;
  #answerDue = false;
  #followed: Followed | undefined;
  #followedTold: Followed | undefined;

  constructor(id: string, subject: Subject, recipient: Recipient, view: View, past?: Past, bounds?: Region) {
    this.id = id;
    this.subject = subject;
    this.recipient = recipient;
    this.bounds = bounds;
    this.view = view;
    this.#next = view;
    this.region = view.area instanceof Around ? NOWHERE : view.area;
    this.where = compileWhere(view.where);
    this.ages = view.maxAge === undefined ? undefined : new AgeQueue(this.inside);
    this.#key = questionKey(view.area, view, this.bounds);
    this.#told = view.minDisplacement ? new Told(view.minDisplacement) : undefined;
    this.#past = past;
  }

  /**
   * Has it look at something else, or where the driver is that it goes around. That is done when the next message goes
   * out, and until then what happens is told as before: whoever asks a thousand times in a turn, or does not read, has
   * it done once.
   */
  ask(view: View): void {
    this.#next = view;
    this.recipient.wake(this);
  }

  /** What it is asked to look at. */
  get asked(): View {
    return this.#next ?? this.view;
  }

  /** Does what {@link ask} put off. */
  settle(): void {
    const view = this.#next;
    if (view === undefined) return;
    this.#next = undefined;
    this.subject.lookAt(this, view);
  }

  /** Looks at something else from now on; who is inside of it is for the registry to tell. */
  look(view: View): void {
    if (followedBy(view) !== followedBy(this.view)) {
      this.#followed = undefined;
      this.#followedTold = undefined;
    }
    this.view = view;
    this.where = compileWhere(view.where);
    this.#key = questionKey(view.area, view, this.bounds);
    // What the client was to go on from was told of another question.
    this.#past = undefined;
    if (view.maxAge === undefined) this.ages = undefined;
    else if (this.ages === undefined) {
      this.ages = new AgeQueue(this.inside);
      for (const driver of this.inside) this.ages.add(driver);
    }
    this.#setMinDisplacement(view.minDisplacement ?? 0);
  }

  /** Mark of the present moment in the stream. @param members whether it also tells who is inside */
  cursor(members = false): string {
    const { epoch, revision, seal } = this.subject;
    const followed = this.view.area instanceof Around && this.region instanceof Circle ? this.region : undefined;
    const cursor = {
      epoch,
      revision,
      key: this.#key,
      minDisplacement: this.#told?.minDisplacement ?? 0,
      followed,
      members: members ? this.#members() : undefined,
    };
    return writeCursor(cursor, this.bounds && seal);
  }

  /** The driver came in. */
  enter(driver: Driver): void {
    this.inside.add(driver);
    this.ages?.add(driver);
    if (this.#snapshotDue) return;
    // An exit that the client has not heard of: for it, the driver never left.
    const isBack = isExit(this.#waiting.get(driver.id));
    if (isBack) this.#conflated(1);
    this.#wait(driver.id, isBack ? 'move' : 'enter');
  }

  /** The driver, already inside, has a new position. */
  move(driver: Driver): void {
    if (this.#snapshotDue) return;
    if (this.#waiting.has(driver.id)) this.#conflated(1);
    else if (this.#told?.isNews(driver) !== false) this.#wait(driver.id, 'move');
  }

  /** The driver, inside until now, is not any more. */
  exit(driver: Driver, reason: ExitReason): void {
    this.inside.delete(driver);
    if (this.#snapshotDue) return;
    const waiting = this.#waiting.get(driver.id);
    if (waiting === 'enter') {
      this.#waiting.delete(driver.id);
      this.#conflated(2);
      return;
    }
    if (waiting !== undefined) this.#conflated(1);
    this.#wait(driver.id, reason);
  }

  /** What is known of the driver that the area goes around; `undefined` when it goes around none. */
  get followed(): Followed | undefined {
    return this.#followed;
  }

  follow(followed: Followed): void {
    this.#followed = followed;
    if (!this.#snapshotDue && this.#followedTold !== followed) this.recipient.wake(this);
  }

  /** The client asked for something that deserves a message even when nothing changed. */
  answer(): void {
    this.#answerDue = true;
    this.recipient.wake(this);
  }

  get answerDue(): boolean {
    return this.#answerDue;
  }

  get snapshotDue(): boolean {
    return this.#snapshotDue;
  }

  /** Whether there is anything to send; what came and went again while waiting leaves nothing. */
  get due(): boolean {
    return this.#snapshotDue || this.#answerDue || this.#waiting.size > 0 || this.isUnsettled || this.#isFollowedNews;
  }

  /** Whether what it looks at is yet to be placed, which may take long. */
  get isUnsettled(): boolean {
    return this.#next !== undefined;
  }

  get #isFollowedNews(): boolean {
    return this.#followed !== this.#followedTold;
  }

  /** Whether what is due is not to wait for the pace of changes: it is what the client asked for. */
  get urgent(): boolean {
    return this.#snapshotDue || this.#answerDue;
  }

  /** Least milliseconds between two messages of changes, whole as those of the clock; 0 when there is no `maxRate`. */
  get interval(): number {
    return this.view.maxRate === undefined ? 0 : Math.ceil(1000 / this.view.maxRate);
  }

  /** How many drivers wait. */
  get backlog(): number {
    return this.#waiting.size;
  }

  /**
   * Goes on without a snapshot, when a resumed one would say nothing: who is inside was then, and nobody has moved
   * since. To be asked right after subscribing.
   */
  skipSnapshot(): boolean {
    this.settle();
    const past = this.#past;
    if (past?.members === undefined || past.members !== this.#members()) return false;
    // That the driver that the area goes around is known, or is not any more, is news even when nobody is inside.
    if ((past.region === NOWHERE) !== (this.region === NOWHERE)) return false;
    for (const { revision } of this.inside) if (revision > past.revision) return false;
    this.#snapshotDue = false;
    this.#followedTold = this.#followed;
    return true;
  }

  /** Takes note that the snapshot goes out now. */
  takeSnapshot(): Snapshot {
    this.settle();
    const past = this.#past;
    this.#snapshotDue = false;
    this.#past = undefined;
    this.#followedTold = this.#followed;
    if (past === undefined) {
      for (const driver of this.inside) this.#told?.tell(driver);
      return { resumed: false, drivers: this.inside, unchanged: [] };
    }
    const drivers: Driver[] = [];
    const unchanged: Driver[] = [];
    for (const driver of this.inside) {
      if (this.#hasChanged(driver, past)) {
        drivers.push(driver);
        this.#told?.tell(driver);
      } else unchanged.push(driver);
    }
    return { resumed: true, drivers, unchanged };
  }

  /** Hands over all that waits, and starts anew. */
  takeChanges(): Changes {
    this.settle();
    // Most messages have one kind of change alone.
    let enter = NOBODY;
    let move = NOBODY;
    let exit = NO_EXITS;
    this.#answerDue = false;
    for (const [driverId, change] of this.#waiting) {
      if (change !== 'enter' && change !== 'move') {
        if (exit === NO_EXITS) exit = [];
        exit.push({ driverId, reason: change });
        this.#told?.forget(driverId);
        continue;
      }
      // Whoever is to enter or move is inside, and whoever is inside is known to the fleet.
      const driver = this.subject.drivers.get(driverId) as Driver;
      if (change === 'enter') {
        if (enter === NOBODY) enter = [];
        enter.push(driver);
      } else {
        // It may have gone back while it waited.
        if (this.#told?.isNews(driver) === false) {
          this.#conflated(1);
          continue;
        }
        if (move === NOBODY) move = [];
        move.push(driver);
      }
      this.#told?.tell(driver);
    }
    this.#waiting.clear();
    const followed = this.#isFollowedNews ? this.#followed : undefined;
    this.#followedTold = this.#followed;
    return { enter, move, exit, followed };
  }

  /** So many changes are told by none of their own. */
  #conflated(count: number): void {
    const { tally } = this.recipient;
    if (tally !== undefined) tally.conflated += count;
  }

  #wait(driverId: string, change: Change): void {
    this.#waiting.set(driverId, change);
    this.recipient.wake(this);
  }

  /** A lower minimum may make news of what was none. */
  #setMinDisplacement(minDisplacement: number): void {
    const before = this.#told;
    if (minDisplacement === (before?.minDisplacement ?? 0)) return;
    this.#told = minDisplacement === 0 ? undefined : new Told(minDisplacement, before);
    if (before === undefined) {
      // Until now, what did not wait was told.
      if (this.#snapshotDue) return;
      for (const driver of this.inside) if (!this.#waiting.has(driver.id)) this.#told?.tell(driver);
    } else if (minDisplacement < before.minDisplacement) {
      // Also of those of whom nothing was told since resuming: nobody knows where the client believes them.
      for (const driver of this.inside) if (!before.knows(driver)) this.move(driver);
    }
  }

  /** Whether a driver inside was not, or was elsewhere; also where that cannot be told. */
  #hasChanged(driver: Driver, { revision, region, oldest }: Past): boolean {
    if (driver.revision > revision || driver.position.timestamp < oldest) return true;
    return region !== this.region && !this.subject.isIn(region, driver);
  }

  #members(): string {
    const fingerprint = new Fingerprint();
    fingerprint.members(ids(this.inside));
    return fingerprint.toString();
  }
}

/** Whom a view's area goes around, if it goes around anybody. */
function followedBy({ area }: View): string | undefined {
  return area instanceof Around ? area.driverId : undefined;
}

function* ids(drivers: Iterable<Driver>): Iterable<string> {
  for (const { id } of drivers) yield id;
}

function isExit(change: Change | undefined): boolean {
  return change !== undefined && change !== 'enter' && change !== 'move';
}
