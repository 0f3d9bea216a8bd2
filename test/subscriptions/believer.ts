import { isDeepStrictEqual } from 'node:util';
import type { Followed } from '../../src/subscriptions/area.ts';
import { trueDistance } from '../support/geodesic.ts';
import type { Reason, Told, Watch } from './model.ts';

/** What a client believes, having read some message. */
export interface Belief {
  readonly drivers: ReadonlyMap<string, Told>;
  readonly followed: Followed | undefined;
}

export const NOTHING: Belief = { drivers: new Map(), followed: undefined };

/** A message of a subscription, as it is on the wire. */
export type Message =
  | {
      readonly type: 'snapshot';
      readonly subscription: string;
      readonly cursor: string;
      readonly serverTime: number;
      readonly resumed: boolean;
      readonly drivers: readonly Told[];
      readonly unchanged?: readonly string[];
      readonly followed?: Followed;
    }
  | {
      readonly type: 'changes';
      readonly subscription: string;
      readonly cursor: string;
      readonly serverTime: number;
      readonly enter?: readonly Told[];
      readonly move?: readonly Told[];
      readonly exit?: readonly { readonly driverId: string; readonly reason: Reason }[];
      readonly followed?: Followed;
    };

export function fail(what: string): never {
  throw new Error(what);
}

const MILLIMETRE = 1e-3;

/**
 * What the reader of one subscription's messages comes to believe, who takes offence at every message that breaks the
 * protocol or the truth. It is asked message by message when they are sent, as each must leave nothing untold.
 */
export class Believer {
  readonly #watch: Watch;
  /** The snapshot is there. */
  #begun = false;
  #drivers = new Map<string, Told>();
  #followed: Followed | undefined;
  /** What it is to go on from. */
  readonly #base: Belief;
  /** Those of whom the server does not know where the client believes them. */
  #unsure = new Set<string>();
  /** The driver that was followed when last told. */
  #followedId: string | undefined;

  /** @param base what was believed at the cursor that the subscription is to go on from */
  constructor(watch: Watch, base: Belief = NOTHING) {
    this.#watch = watch;
    this.#base = base;
  }

  get begun(): boolean {
    return this.#begun;
  }

  get belief(): Belief {
    return { drivers: new Map(this.#drivers), followed: this.#followed };
  }

  /** Whether there can be so many to be told of: as many as are believed, or must or may be inside. */
  canBe(count: number): boolean {
    if (count <= this.#drivers.size) return true;
    const all = new Set(this.#drivers.keys());
    for (const [driverId] of this.#watch.inside()) all.add(driverId);
    return count <= all.size;
  }

  /** The server goes on without a snapshot: all must be as it was. */
  goOn(displacement: number): void {
    this.#begun = true;
    this.#drivers = new Map(this.#base.drivers);
    this.#unsure = new Set(this.#drivers.keys());
    this.#followed = this.#base.followed;
    // Why it is not known is not asked again.
    const { followed } = this.#watch;
    if (this.#followed !== 'here' && followed !== 'here') this.#followed = followed;
    this.#followedId = this.#asked;
    this.agree(displacement);
    this.#watch.told();
  }

  /**
   * Reads a message.
   *
   * @param displacement `minDisplacement`
   * @param least the least that it was since the last message
   * @param isAnswer the message answers an update
   * @param setBacks how often the clock was set back
   */
  hear(message: Message, displacement: number, least: number, isAnswer: boolean, setBacks: number): void {
    if (message.type === 'snapshot') this.#snapshot(message, setBacks);
    else this.#changes(message, least, isAnswer);
    this.#followedId = this.#asked;
    this.agree(displacement);
    this.#watch.told();
  }

  /** Throws unless what is believed is so. */
  agree(displacement: number): void {
    const { fleet } = this.#watch;
    for (const [driverId, state] of this.#watch.inside()) {
      if (state === 'in' && !this.#drivers.has(driverId)) fail(`${driverId} is inside, and that was not told`);
    }
    for (const [driverId, told] of this.#drivers) {
      if (this.#watch.state(driverId) === 'out') fail(`${driverId} is believed inside, and is not`);
      const truth = fleet.drivers.get(driverId)?.told ?? fail(`${driverId} is believed, and unknown`);
      if (told === truth) continue;
      if (displacement === 0) {
        if (!isSame(told, truth)) fail(`${driverId} has moved, and that was not told: ${show(told)}, ${show(truth)}`);
        continue;
      }
      const metres = apart(told, truth);
      if (metres >= displacement + MILLIMETRE) fail(`${driverId} is ${metres} m from where it is believed`);
      if (!isSame(told.attributes ?? {}, truth.attributes ?? {})) fail(`${driverId} has other attributes`);
    }
    // How a driver went is known of one that was followed when it went, and from when it is followed is seen by messages
    // alone: what is asked for is done with the next of them.
    const { isOthers } = this.#watch;
    const isGone = (followed: Followed | undefined) => followed !== undefined && followed !== 'here';
    const isEither = isOthers && isGone(this.#followed) && isGone(this.#watch.followed);
    if (this.#followed !== this.#watch.followed && !isEither) {
      fail(`the followed driver is ${this.#watch.followed}, and is believed ${this.#followed}`);
    }
  }

  #snapshot(message: Extract<Message, { type: 'snapshot' }>, setBacks: number): void {
    const { resumed, drivers, unchanged, followed } = message;
    if (this.#begun) fail('a second snapshot');
    this.#begun = true;
    if (resumed !== (unchanged !== undefined)) fail('what is unchanged belongs to a resumed snapshot');
    this.#followed = followed;
    for (const told of drivers) {
      if (this.#drivers.has(told.driverId)) fail(`${told.driverId} is twice in the snapshot`);
      this.#learn(told);
      // Who was too old before the clock was set back may have been out.
      const mayHaveBeenOut = setBacks > 0 && this.#watch.question.maxAge !== undefined;
      if (resumed && !mayHaveBeenOut && this.#base.drivers.get(told.driverId) === this.#drivers.get(told.driverId)) {
        fail(`${told.driverId} is unchanged, and told anew`);
      }
    }
    for (const driverId of unchanged ?? []) {
      if (this.#drivers.has(driverId)) fail(`${driverId} is in the snapshot, and unchanged`);
      const believed = this.#base.drivers.get(driverId) ?? fail(`${driverId} is unchanged, and was not believed`);
      this.#drivers.set(driverId, believed);
      this.#unsure.add(driverId);
    }
  }

  #changes(message: Extract<Message, { type: 'changes' }>, least: number, isAnswer: boolean): void {
    if (!this.#begun) fail('changes before the snapshot');
    const { enter, move, exit, followed } = message;
    for (const list of [enter, move, exit]) if (list?.length === 0) fail('an empty list');
    if (!isAnswer && [enter, move, exit, followed].every((field) => field === undefined)) fail('a message of nothing');
    const seen = new Set<string>();
    const once = (driverId: string) => {
      if (seen.has(driverId)) fail(`${driverId} is told of twice in a message`);
      seen.add(driverId);
    };
    for (const { driverId, reason } of exit ?? []) {
      once(driverId);
      if (!this.#drivers.delete(driverId)) fail(`exit of ${driverId}, who is not inside`);
      this.#unsure.delete(driverId);
      const reasons = this.#watch.reasons(driverId);
      if (!reasons.includes(reason)) fail(`exit of ${driverId}: ${reason} instead of ${reasons.join(' or ')}`);
    }
    for (const told of enter ?? []) {
      once(told.driverId);
      if (this.#drivers.has(told.driverId)) fail(`enter of ${told.driverId}, who is inside`);
      this.#learn(told);
    }
    for (const told of move ?? []) {
      once(told.driverId);
      this.#justify(told, least);
      this.#learn(told);
    }
    if (followed !== undefined) {
      const isOther = isAnswer && this.#followedId !== this.#asked;
      if (followed === this.#followed && !isOther) fail(`followed is still ${followed}`);
      this.#followed = followed;
    } else if (this.#asked === undefined) this.#followed = undefined;
  }

  /** A move must be worth telling. */
  #justify(told: Told, least: number): void {
    const { driverId } = told;
    const before = this.#drivers.get(driverId) ?? fail(`move of ${driverId}, who is not inside`);
    // Who was out meanwhile is told of by a move, wherever it is.
    if (this.#watch.wavered(driverId)) return;
    if (this.#unsure.has(driverId)) return;
    if (isSame(before, told)) fail(`${driverId} has not moved`);
    if (least === 0) return;
    const metres = apart(before, told);
    if (metres < least - MILLIMETRE && isDeepStrictEqual(before.attributes, told.attributes)) {
      fail(`${driverId} moved no more than ${metres} m`);
    }
  }

  #learn(told: Told): void {
    const truth = this.#watch.fleet.drivers.get(told.driverId)?.told ?? fail(`${told.driverId} is unknown`);
    if (!isSame(told, truth)) fail(`${told.driverId} is told to be ${show(told)}, and is ${show(truth)}`);
    // The world's own object is sooner compared.
    this.#drivers.set(told.driverId, truth);
    this.#unsure.delete(told.driverId);
  }

  get #asked(): string | undefined {
    const { area } = this.#watch.question;
    return area.kind === 'around' ? area.driverId : undefined;
  }
}

/** Equal but for fields that are absent. */
function isSame(a: object, b: object): boolean {
  return a === b || isDeepStrictEqual(defined(a), defined(b));
}

function defined(value: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined));
}

function apart(a: Told, b: Told): number {
  return trueDistance(a.latitude, a.longitude, b.latitude, b.longitude);
}

function show(value: unknown): string {
  return JSON.stringify(value);
}
