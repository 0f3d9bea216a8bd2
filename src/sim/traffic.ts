import { createDriver, type Driver, type Ride, type Status, send, step } from './driver.ts';
import { memberSeed, type Random, type Range, seededRandom, within } from './random.ts';
import { type Place, randomSpot, type Spot, type Streets } from './streets.ts';

/** What traffic is made of. */
export interface TrafficSettings {
  readonly streets: Streets;
  readonly drivers: number;
  readonly seed: number;
  /** How many of the drivers send nothing at a time, 0 … 1. 0 or absent: none. */
  readonly silent?: number;
  /** How many are off duty, likewise. */
  readonly offDuty?: number;
}

/** How many drivers do what. */
export interface TrafficCount extends Readonly<Record<Status, number>> {
  readonly silent: number;
  readonly offDuty: number;
}

/** A driver sends fixes; it drives and sends none; it stands still and sends none. */
export type Presence = 'on duty' | 'silent' | 'off duty';

/** The share of drivers that rides are to keep from being available. */
const ENGAGED = 0.5;
/** Seconds in which rides are asked for so many drivers as are missing to that. */
const CATCHING_UP = 60;
/** More than the share, as in these seconds others end their ride. */
const HEADROOM = 1.1;
/** Seconds: who is free is counted no more often. */
const BETWEEN_RIDES = 1;
/** Rides asked for in a second at the most: ways are looked for, which takes time. */
const MAX_RIDES = 200;
/** Drivers that have a rider from the first moment on, at the most, for the same reason. */
const MAX_FIRST_RIDES = 1_000;
/** Metres from where a ride begins to where it ends, as the crow flies, if there are such places. */
const RIDE: Range = [500, 4_000];
/** Of so many places the one nearest to the centre is where somebody wants to go from, or to: alike, as drivers stay there. */
const DRAWS = 2;
/** How often another place to go to is looked for, when one is not at such a distance. */
const ATTEMPTS = 8;
/** Seconds. */
const SILENCE: Range = [120, 300];
const BREAK: Range = [300, 900];
const NEVER = Number.POSITIVE_INFINITY;

/**
 * Drivers on streets, and riders who ask for them: the nearest one that is available is sent. Its time is in seconds
 * since it began, and the driver's is moved on one by one. The same seed and the same times give the same traffic.
 */
export class Traffic {
  readonly streets: Streets;
  readonly drivers: readonly Driver[];
  /** Rides ever given to drivers, and those that nobody was free for. */
  readonly rides = { given: 0, refused: 0 };
  readonly #random: Random;
  readonly #x: Float64Array;
  readonly #y: Float64Array;
  /** Until when each was moved, and until when its presence stays. */
  readonly #at: Float64Array;
  readonly #until: Float64Array;
  readonly #presence: Presence[];
  /** Those that take a break as soon as their ride is over. */
  readonly #isTired: Uint8Array;
  readonly #moods: Random[] = [];
  readonly #place: Place = { x: 0, y: 0, bearing: 0 };
  readonly #shares: { readonly silent: number; readonly offDuty: number };
  #time = 0;
  #patience: number;

  constructor({ streets, drivers, seed, silent = 0, offDuty = 0 }: TrafficSettings) {
    this.streets = streets;
    this.#random = seededRandom(memberSeed(seed, -1));
    this.#shares = { silent, offDuty };
    this.#x = new Float64Array(drivers);
    this.#y = new Float64Array(drivers);
    this.#at = new Float64Array(drivers);
    this.#until = new Float64Array(drivers).fill(NEVER);
    this.#isTired = new Uint8Array(drivers);
    this.#presence = new Array(drivers).fill('on duty');
    const digits = String(drivers - 1).length;
    this.drivers = Array.from({ length: drivers }, (_, n) =>
      createDriver(streets, seed, n, `driver-${String(n).padStart(digits, '0')}`),
    );
    const first = Math.min(drivers * ENGAGED, MAX_FIRST_RIDES);
    for (let n = 0; n < drivers; n++) {
      if (silent + offDuty > 0) {
        this.#moods[n] = seededRandom(memberSeed(~seed, n));
        this.#until[n] = this.#onDuty(n);
      }
      this.#locate(n);
      if (this.#random() * drivers < first) {
        const { street, metres } = this.drivers[n];
        send(streets, this.drivers[n], this.#ride({ street, metres }), 'busy');
      }
    }
    this.#patience = exponential(this.#random);
  }

  /** Seconds for which it has been going on. */
  get time(): number {
    return this.#time;
  }

  /** Riders ask for rides until so many seconds since the beginning. */
  advance(time: number): void {
    if (time - this.#time < BETWEEN_RIDES) return;
    const { pickup, busy } = this.count();
    const missing = this.drivers.length * ENGAGED * HEADROOM - pickup - busy;
    const asked = Math.min(MAX_RIDES, Math.max(0, missing) / CATCHING_UP) * (time - this.#time);
    this.#time = time;
    this.#patience -= asked;
    while (this.#patience <= 0) {
      this.#patience += exponential(this.#random);
      this.#ask();
    }
  }

  /** Moves a driver on until so many seconds since the beginning. @returns whether it says where it is */
  move(n: number, time: number): Presence {
    while (time >= this.#until[n]) this.#change(n);
    const dt = time - this.#at[n];
    if (dt > 0) {
      this.#at[n] = time;
      if (this.#presence[n] !== 'off duty') {
        step(this.streets, this.drivers[n], dt);
        this.#locate(n);
        if (this.#isTired[n] && this.drivers[n].ride === undefined) this.#rest(n, time);
      }
    }
    return this.#presence[n];
  }

  /** Where a driver is and how it moves, as a device would tell. */
  read(n: number): { lat: number; lng: number; heading: number } {
    const { street, metres } = this.drivers[n];
    this.streets.place(street, metres, this.#place);
    return this.streets.plane.locate(this.#place.x, this.#place.y, this.#place.bearing);
  }

  /** Who does what. What the silent ones do is not known, as it is to the server. */
  count(): TrafficCount {
    const count = { available: 0, pickup: 0, busy: 0, silent: 0, offDuty: 0 };
    for (let n = 0; n < this.drivers.length; n++) {
      const presence = this.#presence[n];
      count[presence === 'on duty' ? this.drivers[n].status : presence === 'silent' ? presence : 'offDuty']++;
    }
    return count;
  }

  /** Somebody asks for a ride: the nearest driver that is available gets it. */
  #ask(): void {
    const from = this.#anywhere();
    const { x, y } = this.#placeOf(from);
    const xs = this.#x;
    const ys = this.#y;
    let nearest = -1;
    let least = Number.POSITIVE_INFINITY;
    for (let n = 0; n < xs.length; n++) {
      const dx = xs[n] - x;
      const dy = ys[n] - y;
      const square = dx * dx + dy * dy;
      if (square >= least || this.drivers[n].ride !== undefined || this.#presence[n] !== 'on duty') continue;
      least = square;
      nearest = n;
    }
    if (nearest < 0) this.rides.refused++;
    else send(this.streets, this.drivers[nearest], this.#ride(from), 'pickup');
  }

  /** A ride from somewhere to somewhere. */
  #ride(from: Spot): Ride {
    const { x, y } = this.#placeOf(from);
    let to: Spot;
    let attempts = 0;
    do {
      to = this.#anywhere();
      const place = this.#placeOf(to);
      const distance = Math.hypot(place.x - x, place.y - y);
      if (distance >= RIDE[0] && distance <= RIDE[1]) break;
    } while (++attempts < ATTEMPTS);
    return { id: `ride-${++this.rides.given}`, from, to };
  }

  #anywhere(): Spot {
    let chosen = randomSpot(this.streets, this.#random);
    let least = this.#fromCentre(chosen);
    for (let n = 1; n < DRAWS; n++) {
      const spot = randomSpot(this.streets, this.#random);
      const distance = this.#fromCentre(spot);
      if (distance >= least) continue;
      least = distance;
      chosen = spot;
    }
    return chosen;
  }

  #fromCentre(spot: Spot): number {
    const { x, y } = this.#placeOf(spot);
    return x * x + y * y;
  }

  #placeOf({ street, metres }: Spot): { x: number; y: number } {
    this.streets.place(street, metres, this.#place);
    return { x: this.#place.x, y: this.#place.y };
  }

  #locate(n: number): void {
    const { street, metres } = this.drivers[n];
    this.streets.place(street, metres, this.#place);
    this.#x[n] = this.#place.x;
    this.#y[n] = this.#place.y;
  }

  /** A driver goes silent, or takes a break, or comes back from it, at the time at which it was to. */
  #change(n: number): void {
    const mood = this.#moods[n];
    const at = this.#until[n];
    if (this.#presence[n] !== 'on duty') {
      this.#presence[n] = 'on duty';
      this.#until[n] = at + this.#onDuty(n);
      return;
    }
    const silences = this.#shares.silent / mean(SILENCE);
    const breaks = this.#shares.offDuty / mean(BREAK);
    if (mood() * (silences + breaks) < silences) {
      this.#presence[n] = 'silent';
      this.#until[n] = at + within(mood, SILENCE);
    } else if (this.drivers[n].ride !== undefined) {
      this.#isTired[n] = 1;
      this.#until[n] = NEVER;
    } else this.#rest(n, at);
  }

  /** A driver takes its break. */
  #rest(n: number, at: number): void {
    this.#isTired[n] = 0;
    this.#presence[n] = 'off duty';
    this.#until[n] = at + within(this.#moods[n], BREAK);
  }

  /** Seconds until a driver goes silent or takes a break, so that the shares come about. */
  #onDuty(n: number): number {
    const { silent, offDuty } = this.#shares;
    return (exponential(this.#moods[n]) * (1 - silent - offDuty)) / (silent / mean(SILENCE) + offDuty / mean(BREAK));
  }
}

/** How long one waits for what happens once in a unit of time, on average. */
function exponential(random: Random): number {
  return -Math.log(1 - random());
}

function mean([low, high]: Range): number {
  return (low + high) / 2;
}
