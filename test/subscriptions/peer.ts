import { isDeepStrictEqual } from 'node:util';
import { messageEncoder } from '../../src/protocol/encode.ts';
import { HIGH_WATER, Outbox, type Socket } from '../../src/subscriptions/outbox.ts';
import type { Recipient, Subscription } from '../../src/subscriptions/subscription.ts';
import type { View } from '../../src/subscriptions/view.ts';
import { toArea } from './areas.ts';
import { type Belief, Believer, fail, type Message } from './believer.ts';
import type { FakeClock } from './fake-clock.ts';
import { type NaiveFleet, type Question, Watch } from './model.ts';
import type { World } from './world.ts';

/** How closely a client wants to be told. */
export interface Pace {
  readonly maxRate?: number;
  readonly minDisplacement?: number;
}

/** A moment from which a client may go on, and what it believed then. */
export interface Mark {
  readonly cursor: string;
  readonly fleet: NaiveFleet;
  readonly generation: number;
  /** Nothing was ever known of the fleet. */
  readonly isNothing: boolean;
  readonly question: Question;
  readonly minDisplacement: number;
  readonly belief: Belief;
  /** The answer was not all that was asked for. */
  readonly isPart?: boolean;
}

export function mark(
  fleet: NaiveFleet,
  fields: Pick<Mark, 'cursor' | 'question' | 'belief' | 'isPart'>,
  pace: Pace,
): Mark {
  const { generation, changed } = fleet;
  return { ...fields, fleet, generation, isNothing: !changed, minDisplacement: pace.minDisplacement ?? 0 };
}

/** One subscription of a peer, from subscribing to its end. */
export class Live {
  readonly subscription: Subscription;
  readonly watch: Watch;
  readonly believer: Believer;
  pace: Pace;
  /** An update is to be answered. */
  isAsked = false;
  /** Whether the snapshot must go on from the cursor. */
  mustResume: boolean;
  /** The least `minDisplacement` since the last message. */
  least: number;
  /** The server's clock at the last message, and how often it had been set back. */
  toldAt: number | undefined;
  setBacks = 0;

  constructor(subscription: Subscription, watch: Watch, believer: Believer, pace: Pace, mustResume: boolean) {
    this.subscription = subscription;
    this.watch = watch;
    this.believer = believer;
    this.pace = pace;
    this.mustResume = mustResume;
    this.least = pace.minDisplacement ?? 0;
  }

  get displacement(): number {
    return this.pace.minDisplacement ?? 0;
  }
}

/** A client: a socket that takes what it is sent now or later, and what the client has read of it. */
export class Peer implements Socket {
  readonly lives = new Map<string, Live>();
  /** What the client knew when it read the last message under each name. */
  readonly read = new Map<string, Mark>();
  /** Its cursors tell who is inside, as those of polls. */
  readonly polls: boolean;
  readonly outbox: Outbox;
  /** The last message that was sent. */
  last: Message | undefined;
  readonly #world: World;
  readonly #clock: FakeClock;
  /** Sent and not read. */
  #underway: { readonly name: string; readonly mark: Mark }[] = [];
  #unsent = 0;
  #stalled = false;
  #closed = false;
  #subscribing = false;

  constructor(world: World, polls: boolean) {
    this.#world = world;
    this.#clock = world.clock;
    this.polls = polls;
    const cursor = polls ? (subscription: Subscription) => subscription.cursor(true) : undefined;
    this.outbox = new Outbox(
      this,
      messageEncoder(() => this.#clock.now, cursor),
      this.#clock.of(this),
    );
  }

  get bufferedAmount(): number {
    return this.#unsent;
  }

  /** The network takes no more than what is missing to `room` bytes below the mark at which sending stops. */
  stall(room: number): void {
    this.#stalled = true;
    this.#unsent = Math.max(this.#unsent, HIGH_WATER + 1 - room);
  }

  /** The network takes some. */
  drain(bytes: number): void {
    this.#unsent = Math.max(0, this.#unsent - bytes);
    this.outbox.drained();
  }

  /** The network takes everything again. */
  relieve(): void {
    this.#stalled = false;
    this.drain(Number.POSITIVE_INFINITY);
  }

  /** The client reads some messages. */
  readSome(count: number): void {
    for (const { name, mark } of this.#underway.splice(0, count)) this.read.set(name, mark);
  }

  subscribe(name: string, fleet: NaiveFleet, question: Question, pace: Pace, cursor?: string, from?: Mark): Live {
    this.drop(name);
    const mustResume = cursor !== undefined && from !== undefined && fits(from, fleet, question, pace);
    const recipient: Recipient = { wake: (subscription) => this.#wake(subscription) };
    this.#subscribing = true;
    const { sight } = fleet;
    fleet.asked(this.#clock.now);
    const subscription = this.#world.tracker.subscribe(sight, name, recipient, toView(question, pace), cursor);
    this.#subscribing = false;
    const watch = new Watch(fleet, question, this.#clock.now);
    const live = new Live(subscription, watch, new Believer(watch, from?.belief), pace, mustResume);
    this.lives.set(name, live);
    if (this.polls && subscription.skipSnapshot()) {
      if (!mustResume || from === undefined) fail('it goes on from a cursor that does not fit');
      live.believer.goOn(live.displacement);
      // Nothing is sent, so what the client knows is what it goes on from; what came late of the old one it passes over.
      this.#underway = this.#underway.filter((one) => one.name !== name);
      this.read.set(name, { ...from, belief: live.believer.belief });
      this.#world.count('went on');
    }
    return live;
  }

  update(name: string, question: Question, pace: Pace): void {
    const live = this.lives.get(name) as Live;
    live.isAsked = true;
    live.mustResume = false;
    live.pace = pace;
    live.least = Math.min(live.least, live.displacement);
    this.#world.tracker.update(live.subscription, toView(question, pace));
    live.watch.ask(question, this.#clock.now);
  }

  /** Ends a subscription, as a connection does. */
  drop(name: string): void {
    const live = this.lives.get(name);
    if (live === undefined) return;
    this.#world.tracker.unsubscribe(live.subscription);
    this.outbox.forget(live.subscription);
    live.watch.fleet.watches.delete(live.watch);
    this.lives.delete(name);
  }

  /** The connection breaks; what was not read is lost. */
  close(): void {
    this.#closed = true;
    this.outbox.close();
    for (const name of [...this.lives.keys()]) this.drop(name);
    this.#underway = [];
    if (this.#clock.timers(this) > 0) fail('a timer runs for a connection that is closed');
  }

  send(data: string): void {
    if (this.#closed) fail('sent after the end');
    if (this.#unsent > HIGH_WATER) fail('sent to a peer that does not read');
    if (this.#stalled) this.#unsent += data.length;
    const message = JSON.parse(data) as Message;
    this.last = message;
    const name = message.subscription;
    const live = this.lives.get(name) ?? fail(`told of ${name}, which is over`);
    const { subscription, watch, believer, pace } = live;
    const { now } = this.#clock;
    if (message.serverTime !== now) fail('another time');
    if (subscription.backlog > 0) fail('something is left');
    watch.passed(now);
    const isAnswer = message.type === 'changes' && live.isAsked;
    if (message.type === 'snapshot') {
      if (message.resumed !== live.mustResume) fail(`resumed: ${message.resumed}`);
    } else if (!isAnswer && pace.maxRate !== undefined && live.toldAt !== undefined) {
      const pause = now - live.toldAt;
      if (live.setBacks === this.#clock.setBacks && pause < 1000 / pace.maxRate - 1e-6) fail(`told after ${pause} ms`);
    }
    believer.hear(message, live.displacement, live.least, isAnswer, this.#clock.setBacks);
    if (message.type === 'changes') live.isAsked = false;
    live.toldAt = now;
    live.setBacks = this.#clock.setBacks;
    live.least = live.displacement;
    this.#world.countMessage(message, isAnswer);
    const { cursor } = message;
    const fields = { cursor, question: watch.question, belief: believer.belief };
    this.#underway.push({ name, mark: mark(watch.fleet, fields, pace) });
  }

  /** Throws unless what waits is bounded, and waits for something. */
  inspect(turnIsOver: boolean): void {
    for (const [name, live] of this.lives) {
      const { subscription, believer, pace, watch, displacement, isAsked, toldAt, setBacks } = live;
      const { backlog } = subscription;
      // Those who are waited for by what it looked at until now may be others.
      if (!subscription.isUnsettled && !believer.canBe(backlog)) fail(`${backlog} wait in ${name}`);
      if (!turnIsOver || this.#unsent > HIGH_WATER) continue;
      if (isAsked || !believer.begun) fail(`${name} is not answered`);
      if (subscription.due) {
        if (pace.maxRate === undefined) fail(`${name} waits for nothing`);
        const rest = this.#clock.next(this) ?? fail(`${name} rests for ever`);
        const interval = Math.ceil(1000 / pace.maxRate);
        const isTimely = setBacks === this.#clock.setBacks && toldAt !== undefined;
        const left = isTimely ? toldAt + interval - this.#clock.now : interval;
        if (rest > Math.max(left, 1)) fail(`${name} rests for ${rest} ms instead of ${left}`);
      } else {
        watch.passed(this.#clock.now);
        believer.agree(displacement);
      }
    }
  }

  #wake(subscription: Subscription): void {
    if (!this.#subscribing && this.lives.get(subscription.id)?.subscription !== subscription) {
      fail(`${subscription.id} wakes after its end`);
    }
    this.outbox.wake(subscription);
  }
}

function toView(question: Question, pace: Pace): View {
  return { ...question, ...pace, area: toArea(question.area) };
}

/** Whether a client can go on from a mark. */
function fits(from: Mark, fleet: NaiveFleet, question: Question, { minDisplacement = 0 }: Pace): boolean {
  if (from.isPart || from.minDisplacement > minDisplacement || meaning(from.question) !== meaning(question))
    return false;
  if (!isDeepStrictEqual(from.fleet.bounds, fleet.bounds)) return false;
  return from.isNothing || (from.fleet === fleet && from.generation === fleet.generation);
}

/** The same text for questions that mean the same. */
function meaning({ area, where, maxAge }: Question): string {
  const conditions = Object.entries(where ?? {}).map(([key, allowed]) => [
    key,
    [...new Set((Array.isArray(allowed) ? allowed : [allowed]).map(String))].sort(),
  ]);
  return JSON.stringify([area, conditions.sort(), maxAge]);
}
