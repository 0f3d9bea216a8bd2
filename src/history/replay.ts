import { DomainError } from '../errors.ts';
import type { Position } from '../fix.ts';
import { Fleet } from '../fleet.ts';
import { type Sight, told } from '../sight.ts';
import type { EncodePosition } from '../subscriptions/driver.ts';
import type { Clock } from '../subscriptions/outbox.ts';
import type { Recipient, Subscription } from '../subscriptions/subscription.ts';
import type { View } from '../subscriptions/view.ts';
import { FixQueue } from './fix-queue.ts';
import { Gate } from './gate.ts';
import { writeMark } from './mark.ts';
import { PAGE, PastReader } from './past-reader.ts';
import type { ReplaySource } from './replay-source.ts';

/** Milliseconds between two steps of the virtual clock. */
export const TICK = 50;
/** The most milliseconds that one step stands for: what a process that was held up missed is not rushed through. */
const MAX_STEP = 1_000;
/** Fixes that are placed in one turn: a few milliseconds. */
const SLICE = 500;
/** Reading goes on while fewer fixes wait than this. */
const LOW_WATER = 2 * PAGE;
/** How far ahead is read: so many milliseconds of real time … */
const AHEAD = 10_000;
/** … and of the past no less and no more than these. */
const MIN_AHEAD = 60_000;
const MAX_AHEAD = 3_600_000;

/** Drivers that a replay holds at a time, at the most: some 50 MB. */
const MAX_DRIVERS = 100_000;

/** What is to be played. Times are epoch milliseconds. */
export interface ReplayOptions {
  readonly source: ReplaySource;
  /** What whoever asks may see. */
  readonly sight: Sight;
  readonly view: View;
  readonly from: number;
  readonly to: number;
  /** Milliseconds of the past in one of now. */
  readonly speed: number;
  /** Milliseconds after its last fix for which a driver is there. */
  readonly ttl: number;
  readonly encode: EncodePosition;
  /** Drivers that may be known at a time. */
  readonly maxDrivers?: number;
  /** The turns and the time of now. */
  readonly clock: Clock;
}

/** Who watches a replay. */
export interface Audience {
  readonly recipient: Recipient;
  /** Whether it has been given all that it was told. */
  readonly isServed: () => boolean;
  /** Called once, when everything was told, or with what went wrong; not when it was stopped. */
  readonly onEnd: (error?: unknown) => void;
}

/** A position of the past: it was received, for all who ask, when it was taken, as the clock of the past has no other. */
interface PastPosition extends Position {
  /** When the server received it in truth. */
  readonly arrivedAt: number;
}

/**
 * Plays a part of a fleet's past to one subscription, as if it happened now: the fixes move the drivers of a fleet of its
 * own, whose clock runs over their timestamps. The clock goes in steps. What happens in one is placed in as many turns as
 * it takes, and told when it is complete: so every message is the truth of the time that it names.
 *
 * The clock waits for what is yet to be read, and never for the subscription's peer.
 */
export class Replay {
  /** For the outbox of its subscription. */
  readonly clock: Clock;
  readonly #options: ReplayOptions;
  readonly #reader: PastReader;
  readonly #queue = new FixQueue();
  readonly #fleet: Fleet;
  readonly #gate: Gate;
  readonly #maxDrivers: number;
  /** How far ahead is read, milliseconds of the past. */
  readonly #ahead: number;
  #subscription: Subscription | undefined;
  #audience: Audience | undefined;
  /** The virtual time that is told, whole; the fleet is as it was then. */
  #now: number;
  /** The same where the clock has come to. */
  #virtual: number;
  /** When that was, by the clock of now. */
  #steppedAt = 0;
  /** The timestamp of the newest fix placed, and whether an older one was after it. */
  #latest = Number.NEGATIVE_INFINITY;
  #isDisordered = false;
  #reading = false;
  #ending = false;
  #stopped = false;
  #cancel: (() => void) | undefined;

  constructor(options: ReplayOptions) {
    const { source, sight, view, from, to, speed, ttl, encode, clock, maxDrivers = MAX_DRIVERS } = options;
    this.#options = options;
    this.#maxDrivers = maxDrivers;
    this.#now = from;
    this.#virtual = from;
    this.#ahead = Math.min(Math.max(AHEAD * speed, MIN_AHEAD), MAX_AHEAD);
    this.#reader = new PastReader(this.#whileWanted(source), {
      sight,
      area: view.area,
      from,
      to,
      ttl,
      maxDrivers,
      window: this.#ahead,
    });
    const encodePast: EncodePosition = (position) =>
      encode({ ...position, receivedAt: (position as PastPosition).arrivedAt });
    this.#fleet = new Fleet('past', 'past', encodePast, () => this.#now);
    this.#gate = new Gate(clock);
    this.clock = this.#gate.clock;
  }

  /** The virtual time, epoch milliseconds. */
  get now(): number {
    return this.#now;
  }

  /** From where a client that was told all until now can go on. */
  get mark(): string {
    return writeMark({ at: this.#now, to: this.#options.to });
  }

  /** Drivers that are held in memory, and fixes that wait there. */
  get load(): { readonly drivers: number; readonly fixes: number } {
    return { drivers: this.#fleet.drivers.size, fixes: this.#queue.length };
  }

  /**
   * Reads who is there at the beginning.
   *
   * @throws {DomainError} `unavailable` when the store does not answer, `limit` when there are too many
   */
  async begin(): Promise<void> {
    const present = await this.#reader.begin();
    this.#limit(present.length);
    if (!this.#stopped) this.#queue.add(present);
  }

  /**
   * Plays what {@link begin} has begun with, and on to the end.
   *
   * @param id of the subscription
   */
  play(id: string, audience: Audience): Subscription {
    const { view, sight } = this.#options;
    const subscription = this.#fleet.watch(id, audience.recipient, view, undefined, sight.bounds);
    this.#subscription = subscription;
    this.#audience = audience;
    this.#steppedAt = this.clock.now();
    this.#read();
    this.#stepTo(this.#now);
    return subscription;
  }

  /** Ends it without a word; nothing of it is left but what is being read. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#cancel?.();
    this.#cancel = undefined;
    this.#gate.drop();
    this.#queue.clear();
    if (this.#subscription !== undefined) this.#fleet.unwatch(this.#subscription);
  }

  /** A source that is not asked any more once the replay is stopped: a beginning alone may be dozens of pages. */
  #whileWanted(source: ReplaySource): ReplaySource {
    const assertWanted = () => {
      if (this.#stopped) throw new DomainError('unavailable', 'The replay was stopped.');
    };
    return {
      latest: async (...asked) => {
        assertWanted();
        return source.latest(...asked);
      },
      fixes: async (...asked) => {
        assertWanted();
        return source.fixes(...asked);
      },
    };
  }

  #end(error?: unknown): void {
    if (this.#stopped) return;
    this.stop();
    this.#audience?.onEnd(error);
  }

  readonly #tick = (): void => {
    this.#cancel = undefined;
    const { speed, to } = this.#options;
    const now = this.clock.now();
    const step = Math.min(Math.max(now - this.#steppedAt, 0), MAX_STEP);
    this.#steppedAt = now;
    if (this.#ending) {
      if (this.#subscription?.due === false && this.#audience?.isServed()) this.#end();
      else this.#tickLater();
      return;
    }
    this.#virtual = Math.min(this.#virtual + step * speed, this.#reader.through, to);
    this.#stepTo(Math.floor(this.#virtual));
  };

  #tickLater(): void {
    this.#cancel = this.clock.after(TICK, this.#tick);
  }

  /** Lets happen all until a time, out of sight. */
  #stepTo(time: number): void {
    this.#now = time;
    this.#gate.close();
    // Many replays may step in one turn: who keeps that clock sees to it that they do not make it a long one.
    this.#options.clock.defer(this.#work);
  }

  readonly #work = (): void => {
    if (this.#stopped) return;
    let isMore = false;
    try {
      isMore = this.#place();
    } catch (error) {
      this.#end(error);
      return;
    }
    if (!isMore && this.#isDisordered) {
      this.#isDisordered = false;
      this.#fleet.settle();
    }
    if (isMore || this.#fleet.expire(this.#now - this.#options.ttl)) {
      this.#options.clock.defer(this.#work);
      return;
    }
    this.#gate.open();
    if (this.#now >= this.#options.to) {
      this.#ending = true;
      // What waits for its pace need not; and that the end is reached is said even where nothing has changed.
      this.#subscription?.answer();
    }
    this.#tickLater();
    this.#read();
  };

  /** @throws {DomainError} `limit` when these are too many */
  #limit(drivers: number): void {
    if (drivers <= this.#maxDrivers) return;
    throw new DomainError('limit', `A replay holds ${this.#maxDrivers} drivers at a time; ask for a smaller area.`);
  }

  /** Places some of what happens until now. @returns whether there is more */
  #place(): boolean {
    for (let i = 0; i < SLICE; i++) {
      const fix = this.#queue.take(this.#now);
      if (fix === undefined) return false;
      const shown = told(fix, this.#options.sight);
      if (shown === undefined) continue;
      const { driverId, timestamp, receivedAt } = fix;
      const known = this.#fleet.drivers.get(driverId);
      // Who is met where the area comes to may be known, and read again.
      if (known !== undefined && known.position.timestamp >= timestamp) continue;
      if (known === undefined) this.#limit(this.#fleet.drivers.size + 1);
      const position: PastPosition = { ...shown, receivedAt: timestamp, arrivedAt: receivedAt };
      this.#fleet.place(position);
      // The fleet finds those that are to go by the order in which they were placed.
      if (timestamp < this.#latest) this.#isDisordered = true;
      else this.#latest = timestamp;
    }
    return true;
  }

  /** Reads ahead, as far as there is room. */
  #read(): void {
    const reader = this.#reader;
    if (this.#reading || this.#stopped || reader.done) return;
    const isStarving = reader.through <= this.#virtual;
    if (!isStarving && this.#queue.length >= LOW_WATER) return;
    if (reader.through - this.#virtual > this.#ahead) return;
    this.#reading = true;
    reader.next().then(
      (fixes) => {
        this.#reading = false;
        if (this.#stopped) return;
        this.#queue.add(fixes);
        this.#read();
      },
      (error) => this.#end(error),
    );
  }
}
