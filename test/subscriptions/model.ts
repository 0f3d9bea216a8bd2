import type { Attributes, Fix } from '../../src/fix.ts';
import type { Sight } from '../../src/sight.ts';
import type { Followed } from '../../src/subscriptions/area.ts';
import type { Where } from '../../src/subscriptions/where.ts';
import { type Place, type PlainArea, type Side, sideOf } from './areas.ts';

/** A position as it is in a message. */
export interface Told {
  readonly driverId: string;
  readonly latitude: number;
  readonly longitude: number;
  readonly timestamp: number;
  readonly receivedAt: number;
  readonly accuracy?: number;
  readonly heading?: number;
  readonly attributes?: Attributes;
}

/** A question as a client asks it. */
export interface Question {
  readonly area: PlainArea;
  readonly where?: Where;
  /** Seconds. */
  readonly maxAge?: number;
}

export type Reason = 'left' | 'filtered' | 'stale' | 'offline';

interface Known {
  told: Told;
  heardAt: number;
  /** Its place in the order of hearing. */
  heardAs: number;
  /** The server dated its position. */
  stamped: boolean;
}

export const TTL = 300_000;
export const MAX_FUTURE = 30_000;

/** One fleet of the naive world: who is where, and who is asked about. */
export class NaiveFleet {
  readonly name: string;
  readonly drivers = new Map<string, Known>();
  readonly watches = new Set<Watch>();
  /** Counts how often the fleet was forgotten. */
  generation = 0;
  /** Whether anything was ever known in this generation. */
  changed = false;
  #heard = 0;

  constructor(name: string) {
    this.name = name;
  }

  /** What is asked of the server with. */
  get sight(): Sight {
    return { fleet: this.name };
  }

  /** Outside of which nobody is seen; cursors are good for the same alone. */
  get bounds(): unknown {
    return undefined;
  }

  /** Somebody asks about it. */
  asked(_now: number): void {}

  place(driverId: string): Place | undefined {
    const told = this.drivers.get(driverId)?.told;
    return told === undefined ? undefined : { lat: told.latitude, lng: told.longitude };
  }

  /** What must become of a fix. */
  accept(fix: Fix, now: number, full: boolean): string {
    const { lat, lng, attributes, timestamp: taken, ...rest } = fix;
    if (taken !== undefined && taken > now + MAX_FUTURE) return 'future';
    if (full) return 'unavailable';
    const known = this.drivers.get(fix.driverId);
    let timestamp = taken ?? now;
    if (known !== undefined) {
      const last = known.told.timestamp;
      // Undated fixes are in the order in which they come.
      if (taken === undefined && (last === now || (known.stamped && last > now))) timestamp = last + 1;
      if (timestamp <= last) {
        known.heardAt = now;
        known.heardAs = ++this.#heard;
        return timestamp === last ? 'duplicate' : 'late';
      }
    }
    const told = {
      ...rest,
      latitude: lat,
      longitude: lng,
      timestamp,
      receivedAt: now,
      attributes: attributes ?? known?.told.attributes,
    };
    this.changed = true;
    this.put(told, now, taken === undefined);
    return 'accepted';
  }

  /** A driver has a position. */
  protected put(told: Told, now: number, stamped = false): void {
    const { driverId } = told;
    this.drivers.set(driverId, { told, heardAt: now, heardAs: ++this.#heard, stamped });
    for (const watch of this.watches) watch.moved(driverId, now);
  }

  /** @param driverIds all that go in one go; `left` is to where it may not be seen */
  remove(driverIds: readonly string[], reason: 'stale' | 'offline' | 'left', now: number): void {
    for (const driverId of driverIds) this.drivers.delete(driverId);
    if (driverIds.length > 0) this.changed = true;
    for (const watch of this.watches) watch.removed(driverIds, reason, now);
  }

  /**
   * Those who were not heard for the TTL. Where the clock was set back, one may linger as long as another who was heard
   * before it by a later clock: about such a one the world asks.
   */
  expire(now: number, isKnown: (driverId: string) => boolean): readonly string[] {
    const gone: string[] = [];
    for (const [driverId, { heardAt, heardAs }] of this.drivers) {
      if (heardAt >= now - TTL) continue;
      const mayLinger = [...this.drivers.values()].some(
        (other) => other.heardAs < heardAs && other.heardAt >= now - TTL,
      );
      if (!mayLinger || !isKnown(driverId)) gone.push(driverId);
    }
    this.remove(gone, 'stale', now);
    for (const watch of this.watches) watch.tick(now);
    return gone;
  }

  /** To be called where a fleet that is empty is forgotten. @returns whether it is */
  forget(isWatched: boolean): boolean {
    if (this.drivers.size > 0 || this.watches.size > 0 || isWatched) return false;
    this.generation++;
    this.changed = false;
    return true;
  }
}

// Bits, in the order in which reasons go before one another.
const REASONS: readonly Reason[] = ['left', 'filtered', 'stale', 'offline'];
const LEFT = 1;
const FILTERED = 2;
const STALE = 4;
const OFFLINE = 8;

/** What is so of one driver for one question. */
interface Status {
  place: Side;
  passes: boolean;
  /** `either` from when it is too old until somebody looks; and after the clock was set back. */
  age: Side;
  state: Side;
  /** Bits of the reasons that an exit may give. */
  reasons: number;
  /** It was not surely inside at some time since the last message. */
  wavered: boolean;
}

/** The naive answer to one standing question, kept up to date one driver at a time. */
export class Watch {
  readonly fleet: NaiveFleet;
  question: Question;
  /** What a client must have been told of the driver that is followed. */
  followed: Followed | undefined;
  #statuses = new Map<string, Status>();
  /**
   * What it looks at was to become another since the last message. That is done with the next one, and until then exits are
   * told of as before: for any reason that was so by the one or the other.
   */
  #isUnsettled = false;
  /** It went around another driver, or none, since the one that it goes around was last known. */
  isOthers = true;

  constructor(fleet: NaiveFleet, question: Question, now: number) {
    this.fleet = fleet;
    this.question = question;
    this.#ask(now);
    fleet.watches.add(this);
  }

  /** Asks something else. */
  ask(question: Question, now: number): void {
    const { area } = this.question;
    const { followed } = this;
    this.question = question;
    this.#isUnsettled = true;
    this.isOthers = true;
    this.#ask(now);
    // Of the same driver nothing else becomes known by that.
    if (
      area.kind === 'around' &&
      question.area.kind === 'around' &&
      area.driverId === question.area.driverId &&
      this.followed === 'unknown'
    ) {
      this.followed = followed;
    }
  }

  state(driverId: string): Side {
    return this.#statuses.get(driverId)?.state ?? 'out';
  }

  reasons(driverId: string): Reason[] {
    if (this.#isUnsettled) return [...REASONS];
    const { reasons = 0 } = this.#statuses.get(driverId) ?? {};
    return REASONS.filter((_, i) => (reasons & (1 << i)) !== 0);
  }

  /** Whether it was not surely inside at some time since the last message, by what it looks at or what it looked at. */
  wavered(driverId: string): boolean {
    if (this.#isUnsettled) return true;
    return this.#statuses.get(driverId)?.wavered ?? true;
  }

  /** Who must be inside, and who may be. */
  *inside(): Iterable<[driverId: string, state: 'in' | 'either']> {
    for (const [driverId, { state }] of this.#statuses) if (state !== 'out') yield [driverId, state];
  }

  /** The client is told all there is. */
  told(): void {
    this.#isUnsettled = false;
    if (this.followed === 'here') this.isOthers = false;
    for (const [driverId, status] of this.#statuses) {
      status.wavered = status.state !== 'in';
      if (!this.fleet.drivers.has(driverId)) this.#statuses.delete(driverId);
    }
  }

  moved(driverId: string, now: number): void {
    const { area } = this.question;
    this.#judge(driverId, now);
    if (area.kind !== 'around' || area.driverId !== driverId) return;
    this.followed = 'here';
    this.#isUnsettled = true;
    for (const other of this.fleet.drivers.keys()) if (other !== driverId) this.#relocate(other, 0);
  }

  removed(driverIds: readonly string[], reason: 'stale' | 'offline' | 'left', now: number): void {
    const { area } = this.question;
    const lost = area.kind === 'around' && driverIds.includes(area.driverId);
    for (const driverId of driverIds) {
      const status = this.#statuses.get(driverId);
      if (status === undefined) continue;
      const bit = { stale: STALE, offline: OFFLINE, left: LEFT }[reason];
      const why = bit | (status.age === 'in' ? 0 : STALE);
      // In which order those who go together went is not for the client to know.
      this.#set(status, 'out', lost && driverId !== (area as { driverId: string }).driverId ? why | LEFT : why, false);
      status.place = 'out';
    }
    if (!lost) return;
    this.followed = reason === 'left' ? 'unknown' : reason;
    this.#isUnsettled = true;
    for (const other of this.fleet.drivers.keys()) this.#relocate(other, 0);
    this.passed(now);
  }

  /** Somebody looks who is too old. */
  tick(now: number): void {
    this.passed(now);
    for (const [driverId, status] of this.#statuses) {
      if (status.age !== 'either' || !this.#isTooOld(driverId, now)) continue;
      status.age = 'out';
      this.#conclude(status);
    }
  }

  /** Time passed, or the clock was set back. */
  passed(now: number): void {
    if (this.question.maxAge === undefined) return;
    for (const [driverId, status] of this.#statuses) {
      if (status.age === 'either' || !this.fleet.drivers.has(driverId)) continue;
      if (this.#isTooOld(driverId, now) === (status.age === 'out')) continue;
      status.age = 'either';
      this.#conclude(status);
    }
  }

  #ask(now: number): void {
    const { area } = this.question;
    if (area.kind !== 'around') this.followed = undefined;
    else this.followed = this.fleet.drivers.has(area.driverId) ? 'here' : 'unknown';
    for (const driverId of this.fleet.drivers.keys()) this.#judge(driverId, now);
  }

  /** All about a driver anew. */
  #judge(driverId: string, now: number): void {
    let status = this.#statuses.get(driverId);
    if (status === undefined) {
      status = { place: 'out', passes: false, age: 'in', state: 'out', reasons: 0, wavered: true };
      this.#statuses.set(driverId, status);
    }
    const { attributes } = (this.fleet.drivers.get(driverId) as Known).told;
    status.passes = Object.entries(this.question.where ?? {}).every(([key, allowed]) => {
      const list: readonly unknown[] = Array.isArray(allowed) ? allowed : [allowed];
      return list.some((value) => attributes?.[key] !== undefined && String(attributes[key]) === String(value));
    });
    const pending = status.age === 'either' ? STALE : 0;
    status.age = this.#isTooOld(driverId, now) ? 'out' : 'in';
    this.#relocate(driverId, pending);
  }

  /** Where the area lies may have changed. @param pending reasons that were in the air */
  #relocate(driverId: string, pending: number): void {
    const status = this.#statuses.get(driverId) as Status;
    const { area } = this.question;
    const followed = area.kind === 'around' ? this.fleet.place(area.driverId) : undefined;
    status.place = sideOf(area, this.fleet.place(driverId) as Place, followed);
    this.#conclude(status, pending);
  }

  #conclude(status: Status, pending = 0): void {
    const { place, passes, age } = status;
    const why = (place === 'in' ? 0 : LEFT) | (passes ? 0 : FILTERED) | (age === 'in' ? 0 : STALE);
    const isOut = place === 'out' || !passes || age === 'out';
    this.#set(status, isOut ? 'out' : why === 0 ? 'in' : 'either', why | pending, pending === 0 && place !== 'either');
  }

  #set(status: Status, state: Side, why: number, isCertain: boolean): void {
    if (state === 'in') status.reasons = 0;
    // Of several that are so at once the first is told, where nothing was in the air.
    else if (status.state === 'in' && state === 'out' && isCertain) status.reasons = why & -why;
    else if (status.state !== 'out' || state !== 'out') status.reasons |= why;
    if (state !== 'in') status.wavered = true;
    status.state = state;
  }

  #isTooOld(driverId: string, now: number): boolean {
    const { maxAge } = this.question;
    const told = this.fleet.drivers.get(driverId)?.told;
    return maxAge !== undefined && told !== undefined && told.timestamp < now - 1000 * maxAge;
  }
}
