import type { Random } from '../src/sim/random.ts';
import { type Distribution, METRES_A_DEGREE, type Places } from './places.ts';

/** How far an update moves a driver. */
export type Stride = 'little' | 'far' | 'anywhere';

/** What each is called in a report. */
export const STRIDES: Readonly<Record<Stride, string>> = {
  little: '10 m on',
  far: '500 m on',
  anywhere: 'anywhere',
};

/** Metres: little further than between two fixes of a car in town (8 m/s), and to another cell for sure. */
const METRES = { little: 10, far: 500 };
/** One step in so many takes a new heading. */
const TURN = 50;
const RADIANS = Math.PI / 180;

/**
 * Makes updates ahead of the measurement: drivers in turn, in an order without pattern, each going on from where it is.
 * No driver comes again before all others have come.
 */
export class Walk implements Places {
  drivers = new Int32Array(0);
  lats = new Float64Array(0);
  lngs = new Float64Array(0);

  readonly #at: Places;
  readonly #stride: Stride;
  readonly #distribution: Distribution;
  readonly #random: Random;
  /** Radians clockwise from north, by driver. */
  readonly #headings: Float32Array;
  readonly #step: number;
  #driver = 0;

  /** @param at where the drivers are; kept up to date */
  constructor(at: Places, stride: Stride, distribution: Distribution, random: Random) {
    this.#at = at;
    this.#stride = stride;
    this.#distribution = distribution;
    this.#random = random;
    this.#headings = Float32Array.from(at.lats, () => 2 * Math.PI * random());
    this.#step = stepThrough(at.lats.length);
  }

  /** Writes the next `count` updates to {@link drivers}, {@link lats} and {@link lngs}. */
  prepare(count: number): void {
    if (this.drivers.length < count) {
      this.drivers = new Int32Array(count);
      this.lats = new Float64Array(count);
      this.lngs = new Float64Array(count);
    }
    const { lats, lngs } = this.#at;
    for (let i = 0; i < count; i++) {
      const driver = this.#driver;
      this.#driver = (driver + this.#step) % lats.length;
      this.#move(driver);
      this.drivers[i] = driver;
      this.lats[i] = lats[driver];
      this.lngs[i] = lngs[driver];
    }
  }

  #move(driver: number): void {
    const { lats, lngs } = this.#at;
    if (this.#stride === 'anywhere') {
      [lats[driver], lngs[driver]] = this.#distribution.place(this.#random);
      return;
    }
    const metres = METRES[this.#stride];
    if (this.#random() * TURN < 1) this.#headings[driver] = 2 * Math.PI * this.#random();
    const heading = this.#headings[driver];
    const degrees = metres / METRES_A_DEGREE;
    const lat = lats[driver] + degrees * Math.cos(heading);
    // Who would step over a pole stands still.
    if (Math.abs(lat) > 89.9) return;
    const lng = lngs[driver] + (degrees * Math.sin(heading)) / Math.cos(lat * RADIANS);
    lats[driver] = lat;
    lngs[driver] = lng > 180 ? lng - 360 : lng < -180 ? lng + 360 : lng;
  }
}

/** A step that, taken over and over modulo `count`, comes to everyone: near the golden section, with no common divisor. */
function stepThrough(count: number): number {
  let step = Math.max(1, Math.round(count * 0.618034));
  while (divisor(step, count) !== 1) step++;
  return step;
}

function divisor(a: number, b: number): number {
  return b === 0 ? a : divisor(b, a % b);
}
