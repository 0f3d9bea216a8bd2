import { onTestFinished } from 'vitest';
import {
  type Clock,
  Nearcast,
  type NearcastEvents,
  type NearcastOptions,
  type Replay,
  type ReplayEvents,
  type Track,
  type TrackEvents,
  type Watch,
  type WatchEvents,
} from '../../src/client/index.ts';
import type { Position } from '../../src/client/wire.ts';
import type { AskedArea } from '../support/areas.ts';
import type { Belief } from '../support/belief.ts';
import { type TestServer, token } from '../support/server.ts';
import type { Traffic } from '../support/traffic.ts';

/** A client of a server in this process, with a token that may do everything; ended when the test is. */
export function clientOf({ port }: { readonly port: number }, options: Partial<NearcastOptions> = {}): Nearcast {
  const nearcast = new Nearcast({ url: `http://127.0.0.1:${port}`, token: token(), random: () => 0, ...options });
  onTestFinished(() => nearcast.close());
  return nearcast;
}

type Source = Watch | Replay | Track | Nearcast;
type EventsOf<S extends Source> = S extends Watch
  ? WatchEvents
  : S extends Replay
    ? ReplayEvents
    : S extends Track
      ? TrackEvents
      : NearcastEvents;
type On<Events, Name extends keyof Events> = (name: Name, listener: (event: Events[Name]) => void) => () => void;

function listen<S extends Source, Name extends keyof EventsOf<S>>(
  source: S,
  name: Name,
  listener: (event: EventsOf<S>[Name]) => void,
): () => void {
  return (source.on.bind(source) as unknown as On<EventsOf<S>, Name>)(name, listener);
}

/** The next event of a name for which a condition holds. */
export function next<S extends Source, Name extends keyof EventsOf<S>>(
  source: S,
  name: Name,
  condition: (event: EventsOf<S>[Name]) => boolean = () => true,
): Promise<EventsOf<S>[Name]> {
  return new Promise((resolve) => {
    const off = listen(source, name, (event) => {
      if (!condition(event)) return;
      off();
      resolve(event);
    });
  });
}

/** Keeps what a source tells from now on. */
export function collect<S extends Source, Name extends keyof EventsOf<S>>(source: S, name: Name): EventsOf<S>[Name][] {
  const events: EventsOf<S>[Name][] = [];
  listen(source, name, (event) => events.push(event));
  return events;
}

/** Time that moves when it is told to. */
export class ManualClock implements Clock {
  time = 1_800_000_000_000;
  readonly #timers = new Map<number, { at: number; callback: () => void }>();
  #next = 1;

  /** Timers that are due some time. */
  get pending(): number {
    return this.#timers.size;
  }

  /** How long until each timer is due, milliseconds, soonest first. */
  get waits(): number[] {
    return [...this.#timers.values()].map(({ at }) => at - this.time).sort((a, b) => a - b);
  }

  now(): number {
    return this.time;
  }

  setTimeout(callback: () => void, milliseconds: number): unknown {
    this.#timers.set(this.#next, { at: this.time + milliseconds, callback });
    return this.#next++;
  }

  clearTimeout(timeout: unknown): void {
    this.#timers.delete(timeout as number);
  }

  /** Lets time pass, and what is due happen in its order. */
  advance(milliseconds: number): void {
    const until = this.time + milliseconds;
    for (;;) {
      let due: [number, { at: number; callback: () => void }] | undefined;
      for (const timer of this.#timers) if (due === undefined || timer[1].at < due[1].at) due = timer;
      if (due === undefined || due[1].at > until) break;
      this.#timers.delete(due[0]);
      this.time = Math.max(this.time, due[1].at);
      due[1].callback();
    }
    this.time = until;
  }
}

/** Time as it is, but that nobody waits for the next connection. */
export function hasty() {
  const waits: number[] = [];
  const clock: Clock = {
    now: () => Date.now(),
    setTimeout: (callback, milliseconds) => {
      if (milliseconds >= 60_000) return setTimeout(callback, milliseconds);
      waits.push(milliseconds);
      return setTimeout(callback, 0);
    },
    clearTimeout: (timeout) => clearTimeout(timeout as NodeJS.Timeout),
  };
  return { waits, clock };
}

/** Makes a position of a driver on a server, beside the wire. */
export function place(server: TestServer, driverId: string, lat: number, lng: number, more: object = {}): void {
  server.tracker.accept('default', { driverId, lat, lng, ...more });
}

/** The drivers of a map, as sorted ids. */
export function idsOf(drivers: ReadonlyMap<string, Position>): string[] {
  return [...drivers.keys()].sort();
}

/** Resolves when a watch has just what is so. */
export async function untilTrue(watch: Watch, traffic: Traffic, area: AskedArea): Promise<void> {
  const isSo = () => traffic.isBelieved({ drivers: watch.drivers, inside: idsOf(watch.drivers) } as Belief, area);
  while (!isSo()) await next(watch, 'changes');
}

/** A token that says what it is told to, and is signed by nobody. */
export function jwt(claims: object): string {
  return `${part({ alg: 'none' })}.${part(claims)}.`;
}

function part(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

/** A position, told apart from others of its driver by its time. */
export function at(driverId: string, timestamp: number): Position {
  return { driverId, latitude: 30, longitude: -97, timestamp, receivedAt: timestamp };
}
