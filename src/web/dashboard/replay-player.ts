import { effect, type ReadonlySignal, type Signal, signal } from '@preact/signals';
import type { Changes, Nearcast, NearcastError, Position, Replay, Where } from '../../client/index.ts';
import type { Period } from './replay-period.ts';
import type { WatchedArea } from './subject.ts';

/**
 * How the player stands: `off` (the map is live), `loading` (what was there then has yet to come), `playing`, `paused`,
 * `ended`, `waiting` (to try again: see the problem), `failed` (see the problem).
 */
export type PlayerState = 'off' | 'loading' | 'playing' | 'paused' | 'ended' | 'waiting' | 'failed';

/** What is played on: the map, with what it asks for. */
export interface Stage {
  readonly session: { readonly client: ReadonlySignal<Nearcast | undefined> };
  /** Where the map looks. */
  readonly area: WatchedArea;
  readonly where: ReadonlySignal<Where>;
  /** Change when the area does. */
  readonly subject: ReadonlySignal<unknown>;
  readonly rested: ReadonlySignal<number>;
  /** The subscription is silent. */
  readonly paused: Signal<boolean>;
  useClock(clock: (() => number) | undefined): void;
  put(position: Position): void;
  exit(driverId: string, reason: string): void;
  /** These are on the map, and nobody else. */
  only(drivers: ReadonlyMap<string, Position>): void;
  /** Another time is to be shown: nobody is there. */
  leap(): void;
  failed(error: unknown): void;
}

/** How often the clock is told, milliseconds. */
const PACE = 200;
/** How long the map or the slider rests before it is played from there, milliseconds. */
const REST = 200;
/** The clock that is shown is not set back by less than this on the wall, milliseconds: it waits. */
const SLACK = 1_000;
/** Who is paused looks at one moment. */
const SLOWEST = 0.1;

/** Plays a part of the past on the map, in place of what happens now. What is asked for elsewhere is played anew from there. */
export class ReplayPlayer {
  readonly state: ReadonlySignal<PlayerState>;
  readonly period: ReadonlySignal<Period | undefined>;
  /** The clock, a few times a second: epoch milliseconds. */
  readonly time: ReadonlySignal<number>;
  readonly speed: ReadonlySignal<number>;
  /** Why it waits, or failed. */
  readonly problem: ReadonlySignal<NearcastError | undefined>;
  /** Whether anybody was seen in what was asked for last. */
  readonly hasSeen: ReadonlySignal<boolean>;
  /** Whether it is to go on, as soon as it can, or to stand at one moment. */
  readonly isRunning: ReadonlySignal<boolean>;
  readonly #stage: Stage;
  readonly #wall: () => number;
  readonly #state = signal<PlayerState>('off');
  readonly #period = signal<Period | undefined>(undefined);
  readonly #time = signal(0);
  readonly #speed = signal(60);
  readonly #problem = signal<NearcastError | undefined>(undefined);
  readonly #hasSeen = signal(false);
  readonly #isRunning = signal(false);
  #replay: Replay | undefined;
  /** It goes on: messages come. */
  #isGoing = false;
  /** What is asked for is of another time than what is shown: nobody glides there. */
  #isLeap = false;
  /** The time that was last told of, when that was on the wall, and that which the clock does not go below. */
  #toldTime = 0;
  #toldAt = 0;
  #floor = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #ticker: ReturnType<typeof setInterval> | undefined;
  #unwatch: (() => void) | undefined;

  /** @param wall milliseconds of a clock that is never set */
  constructor(stage: Stage, wall: () => number = () => performance.now()) {
    this.#stage = stage;
    this.#wall = wall;
    this.state = this.#state;
    this.period = this.#period;
    this.time = this.#time;
    this.speed = this.#speed;
    this.problem = this.#problem;
    this.hasSeen = this.#hasSeen;
    this.isRunning = this.#isRunning;
  }

  /** The clock: between two messages it goes on as the server’s does. Epoch milliseconds. */
  get now(): number {
    const { to } = this.#period.peek() ?? { to: 0 };
    const since = this.#isGoing ? (this.#wall() - this.#toldAt) * this.#speed.peek() : 0;
    return Math.min(Math.max(this.#floor, this.#toldTime + since), to);
  }

  /** Plays a period from its beginning. */
  begin(period: Period): void {
    this.#hangUp();
    this.#period.value = period;
    this.#hasSeen.value = false;
    this.#isRunning.value = true;
    this.#isLeap = true;
    this.#setClock(period.from);
    if (this.#unwatch !== undefined) {
      this.#play();
      return;
    }
    this.#stage.paused.value = true;
    this.#stage.useClock(() => this.now);
    this.#ticker = setInterval(() => {
      this.#time.value = this.now;
    }, PACE);
    const { session, where, subject, rested } = this.#stage;
    let asked: string | undefined;
    let client: Nearcast | undefined;
    this.#unwatch = effect(() => {
      for (const { value } of [subject, rested]) void value;
      const before = { asked, client };
      client = session.client.value;
      asked = JSON.stringify([this.#stage.area, where.value]);
      if (before.asked === undefined) this.#play();
      // A map that goes along with a driver rests now and then, and asks for the same.
      else if (asked !== before.asked || client !== before.client) this.#playSoon();
    });
  }

  /** Goes on; at the end, from the beginning. */
  play(): void {
    const period = this.#period.peek();
    if (period === undefined) return;
    if (this.now >= period.to) this.begin(period);
    else {
      this.#isRunning.value = true;
      this.#play();
    }
  }

  /** Stands still, and shows just what was so then. */
  pause(): void {
    const wasGoing = this.#isGoing;
    this.#isRunning.value = false;
    this.#play();
    if (wasGoing) this.#state.value = 'paused';
  }

  /** Goes on from another time, or stands still there. */
  seek(time: number): void {
    const period = this.#period.peek();
    if (period === undefined) return;
    this.#hangUp();
    this.#isLeap = true;
    this.#setClock(Math.min(Math.max(time, period.from), period.to));
    this.#state.value = 'loading';
    this.#playSoon();
  }

  /** @param speed how much faster than it happened */
  setSpeed(speed: number): void {
    if (speed === this.#speed.peek()) return;
    this.#stop();
    this.#speed.value = speed;
    if (this.#isRunning.peek()) this.#play();
  }

  /** Ends it: the map is live again. */
  close(): void {
    if (this.#unwatch === undefined) return;
    this.#unwatch();
    this.#unwatch = undefined;
    clearInterval(this.#ticker);
    this.#hangUp();
    this.#state.value = 'off';
    this.#period.value = undefined;
    this.#stage.useClock(undefined);
    this.#stage.leap();
    this.#stage.paused.value = false;
  }

  /** Where and whom it asks for may be changing. */
  #playSoon(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#play(), REST);
  }

  #play(): void {
    const client = this.#stage.session.client.peek();
    const period = this.#period.peek();
    this.#hangUp();
    this.#state.value = 'loading';
    if (client === undefined || period === undefined) return;
    // Also of the last moment there is something to be seen.
    const from = Math.max(period.from, Math.min(Math.floor(this.#toldTime), period.to - 1));
    const speed = this.#isRunning.peek() ? this.#speed.peek() : SLOWEST;
    const replay = client.replay(this.#stage.area, { from, to: period.to, speed, where: this.#stage.where.peek() });
    this.#replay = replay;
    // Of one that was replaced nothing is told.
    const current = <Event>(listener: (event: Event) => void) => {
      return (event: Event) => {
        if (this.#replay === replay) listener(event);
      };
    };
    let whole = false;
    replay.on(
      'changes',
      current((changes) => {
        this.#show(changes, replay.drivers, !whole);
        whole = true;
      }),
    );
    replay.on(
      'state',
      current((state) => {
        if (state === 'ended') this.#end(period.to);
        else if (state === 'interrupted') this.#stop();
      }),
    );
    replay.on(
      'error',
      current((error) => {
        this.#problem.value = error;
        this.#state.value = replay.state === 'failed' ? 'failed' : 'waiting';
        // Who is on the map was there at another time.
        if (this.#isLeap) this.#stage.leap();
        // The page asks for another token.
        if (error.code === 'unauthorized') this.#stage.failed(error);
      }),
    );
  }

  /** @param whole all of what is asked for is there: whoever is not among them is gone */
  #show({ enter, move, exit, serverTime }: Changes, drivers: ReadonlyMap<string, Position>, whole: boolean): void {
    // While the clock stands still nobody gets anywhere by gliding.
    if (this.#isLeap || !this.#isRunning.peek()) this.#stage.leap();
    this.#isLeap = false;
    if (this.#isRunning.peek()) this.#tell(serverTime);
    for (const { driverId, reason } of exit) this.#stage.exit(driverId, reason);
    for (const position of enter) this.#stage.put(position);
    for (const position of move) this.#stage.put(position);
    if (whole) this.#stage.only(drivers);
    if (drivers.size > 0) this.#hasSeen.value = true;
    if (this.#isRunning.peek()) {
      this.#problem.value = undefined;
      this.#state.value = 'playing';
      return;
    }
    this.#hangUp();
    this.#state.value = this.now >= (this.#period.peek() as Period).to ? 'ended' : 'paused';
  }

  #end(time: number): void {
    this.#isRunning.value = false;
    this.#hangUp();
    this.#setClock(time);
    this.#state.value = 'ended';
  }

  /** A message told of a time. */
  #tell(time: number): void {
    const shown = this.now;
    // The clock that was shown may have been a little ahead, and then waits.
    this.#floor = this.#isGoing && shown - time < SLACK * this.#speed.peek() ? Math.max(shown, time) : time;
    this.#toldTime = time;
    this.#toldAt = this.#wall();
    this.#isGoing = true;
  }

  /** The clock stands still where it is. */
  #stop(): void {
    this.#setClock(this.now);
    this.#isGoing = false;
  }

  #setClock(time: number): void {
    this.#toldTime = time;
    this.#toldAt = this.#wall();
    this.#floor = time;
    this.#time.value = time;
  }

  /** Nothing more is told. */
  #hangUp(): void {
    clearTimeout(this.#timer);
    this.#stop();
    const replay = this.#replay;
    this.#replay = undefined;
    replay?.close();
    this.#problem.value = undefined;
  }
}
