import { City, MANHATTAN } from '../src/sim/city.ts';
import { createDriver, step } from '../src/sim/driver.ts';
import { memberSeed, seededRandom } from '../src/sim/random.ts';
import { locate, randomSpot } from '../src/sim/streets.ts';
import { geodesic } from './judge.ts';
import { METRES_A_DEGREE } from './places.ts';
import type { Circle } from './watcher.ts';

/** Who drives and who watches. */
export interface FanoutPlanSettings {
  readonly drivers: number;
  /** Seconds between two fixes of a driver at the pace that the case is about. */
  readonly interval: number;
  readonly watchers: number;
  /** Metres, in turn. */
  readonly radii: readonly number[];
  /** Metres. */
  readonly cityRadius: number;
  /** So many cities, far from each other, each with an even share of drivers and watchers; absent: one. */
  readonly cities?: number;
  /** Metres from street to street, both ways; absent: as in Manhattan. */
  readonly block?: number;
  readonly seed: number;
}

const DRIVER = 'driver-';
/** Places of a driver; then it goes back the way that it came. */
const STEPS = 24;
/** On the plane a distance is off by less than this share of it, at what a circle may measure here. */
const PLANE = 0.01;
/** Metres: nearer to the rim it is a matter of rounding who is inside. */
const RIM = 0.001;
const RADIANS = Math.PI / 180;
/** Degrees of longitude from city to city: 170 km, so that no coarse cell has two of them. */
const APART = 2;

/**
 * Where drivers are at each of their fixes, and who watches what: the same in every process. What a server without
 * geography is told, and what watchers must believe in the end, is found here by brute force, with GeographicLib.
 */
export class FanoutPlan {
  readonly settings: FanoutPlanSettings;
  readonly circles: readonly Circle[];
  readonly #cities: readonly City[];
  readonly #lats: Float64Array;
  readonly #lngs: Float64Array;
  readonly #rest: string[] = [];
  // Of each circle: degrees, metres a degree of longitude has there, squares of the metres that are surely in or out.
  readonly #centres: Float64Array;

  constructor(settings: FanoutPlanSettings) {
    this.settings = settings;
    const { drivers, interval, watchers, radii, cityRadius, cities = 1, block, seed } = settings;
    this.#cities = Array.from(
      { length: cities },
      (_, n) =>
        new City({
          ...MANHATTAN,
          lng: MANHATTAN.lng + n * APART,
          radius: cityRadius,
          width: 2 * cityRadius,
          blockLength: block ?? MANHATTAN.blockLength,
          blockWidth: block ?? MANHATTAN.blockWidth,
        }),
    );
    this.circles = Array.from({ length: watchers }, (_, n) =>
      circleIn(this.#cities[this.cityOf(n)], radii[n % radii.length], memberSeed(~seed, n)),
    );
    this.#centres = Float64Array.from(
      this.circles.flatMap(({ lat, lng, radius }) => [
        lat,
        lng,
        METRES_A_DEGREE * Math.cos(lat * RADIANS),
        (radius * (1 - PLANE)) ** 2,
        (radius * (1 + PLANE)) ** 2,
      ]),
    );
    this.#lats = new Float64Array(drivers * STEPS);
    this.#lngs = new Float64Array(drivers * STEPS);
    for (let n = 0; n < drivers; n++) {
      const city = this.#cities[Math.floor((n * cities) / drivers)];
      const driver = createDriver(city, seed, n, '');
      for (let i = 0; i < STEPS; i++) {
        const { speed, attributes } = driver;
        const { lat, lng, heading } = locate(city, driver);
        const at = n * STEPS + i;
        this.#lats[at] = round(lat, 7);
        this.#lngs[at] = round(lng, 7);
        this.#rest[at] = JSON.stringify({ heading: round(heading, 1), speed: round(speed, 2), attributes }).slice(
          1,
          -1,
        );
        step(city, driver, interval);
      }
    }
  }

  driverId(driver: number): string {
    return `${DRIVER}${String(driver).padStart(5, '0')}`;
  }

  /** The number of the city that a watcher watches. */
  cityOf(watcher: number): number {
    const { cities = 1, watchers } = this.settings;
    return Math.floor((watcher * cities) / watchers);
  }

  /** A fix as it goes over the wire. @param sentAt epoch milliseconds, of which the accuracy tells the microseconds */
  fix(driver: number, turn: number, timestamp: number, sentAt: number, id?: string): string {
    const at = this.placeOf(driver, turn);
    const micros = Math.min(999, Math.max(0, Math.floor((sentAt - timestamp) * 1000)));
    return `{${id === undefined ? '' : `"id":"${id}",`}"driverId":"${this.driverId(driver)}","latitude":${this.#lats[at]},"longitude":${this.#lngs[at]},"timestamp":${timestamp},"accuracy":${5 + micros / 1000},${this.#rest[at]}}`;
  }

  /** The watchers whose circle a driver is in; those on whose rim it is count too. */
  watchersOf(driver: number, turn: number): number[] {
    const watchers: number[] = [];
    this.#visit(driver, turn, (watcher) => watchers.push(watcher));
    return watchers;
  }

  /** For each watcher the drivers in its circle, with whether they are so near its rim that they are not to be judged. */
  inside(turns: ArrayLike<number>): Map<number, boolean>[] {
    const inside = this.circles.map(() => new Map<number, boolean>());
    for (let driver = 0; driver < this.settings.drivers; driver++) {
      this.#visit(driver, turns[driver], (watcher, onRim) => inside[watcher].set(driver, onRim));
    }
    return inside;
  }

  #visit(driver: number, turn: number, visit: (watcher: number, onRim: boolean) => void): void {
    const at = this.placeOf(driver, turn);
    const lat = this.#lats[at];
    const lng = this.#lngs[at];
    const centres = this.#centres;
    for (let i = 0; i < centres.length; i += 5) {
      const y = (lat - centres[i]) * METRES_A_DEGREE;
      const x = (lng - centres[i + 1]) * centres[i + 2];
      const square = x * x + y * y;
      if (square >= centres[i + 4]) continue;
      if (square <= centres[i + 3]) {
        visit(i / 5, false);
        continue;
      }
      const { lat: lat0, lng: lng0, radius } = this.circles[i / 5];
      const past = geodesic(lat0, lng0, lat, lng) - radius;
      if (past <= RIM) visit(i / 5, past >= -RIM);
    }
  }

  /** The number of a driver's place, over all drivers. They go to and fro: 0, 1, … last, … 1, 0, 1, … */
  placeOf(driver: number, turn: number): number {
    const i = turn % (2 * STEPS - 2);
    return driver * STEPS + (i < STEPS ? i : 2 * STEPS - 2 - i);
  }
}

/** The number of a driver. */
export function driverOf(driverId: string): number {
  return Number(driverId.slice(DRIVER.length));
}

/** A circle around somewhere on a street. */
function circleIn(city: City, radius: number, seed: number): Circle {
  const { lat, lng } = locate(city, randomSpot(city, seededRandom(seed)));
  return { lat, lng, radius };
}

function round(value: number, decimals: number): number {
  return Math.round(value * 10 ** decimals) / 10 ** decimals;
}
