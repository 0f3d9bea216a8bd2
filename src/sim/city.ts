import { drawCity } from './city-drawing.ts';
import type { Random } from './random.ts';
import type { Drawing, Place, Streets } from './streets.ts';
import { TangentPlane } from './tangent-plane.ts';

/** A city as a rectangular street grid, cut to a disk and, where it is given a width, to a strip of it. */
export interface CitySettings {
  /** Centre, degrees. A crossing lies exactly on it. */
  readonly lat: number;
  readonly lng: number;
  /** Direction of the avenues: degrees clockwise from true north. */
  readonly bearing: number;
  /** Metres between two streets, walking along an avenue. */
  readonly blockLength: number;
  /** Metres between two avenues, walking along a street. */
  readonly blockWidth: number;
  /** Metres; no crossing is further from the centre. */
  readonly radius: number;
  /** Metres from the first avenue to the last, for a city between waters. Absent: as wide as it is long. */
  readonly width?: number;
}

/** Midtown Manhattan: the grid of 1811 is turned by 29°, its blocks are about 80 m by 270 m, rivers on both sides. */
export const MANHATTAN: CitySettings = {
  lat: 40.7549,
  lng: -73.984,
  bearing: 29,
  blockLength: 80,
  blockWidth: 270,
  radius: 4000,
  width: 2700,
};

/** Metres. Beyond it the plane on which the city is laid out departs too far from the ground. */
export const MAX_CITY_RADIUS = 50_000;
/** More of them would make a map that no browser takes. */
const MAX_CROSSINGS = 1_000_000;

// Ways to leave a crossing, clockwise: up the avenue, right along the street, down the avenue, left along the street.
const ACROSS = [0, 1, 0, -1] as const;
const ALONG = [1, 0, -1, 0] as const;
/** How often one who may turn, on the way to somewhere, goes straight on. */
const STRAIGHT_CHANCE = 0.85;

/**
 * A street grid. A crossing is `i` avenues to the right and `j` streets up from the centre; its number is counted
 * column by column, and that of a street is 4 times its first crossing's, plus its direction.
 */
export class City implements Streets {
  readonly settings: CitySettings;
  readonly plane: TangentPlane;
  /** The most avenues and streets there may be from the centre to one side. */
  readonly columns: number;
  readonly rows: number;
  readonly #height: number;
  readonly #sin: number;
  readonly #cos: number;

  /** @throws {RangeError} when a setting makes no city */
  constructor(settings: CitySettings) {
    const { lat, lng, bearing, blockLength, blockWidth, radius, width = 2 * radius } = settings;
    if (!(Math.abs(lat) <= 90 && Math.abs(lng) <= 180)) throw new RangeError(`no such place: ${lat},${lng}`);
    if (!(blockLength >= 10 && blockWidth >= 10)) throw new RangeError('a block must be at least 10 m long and wide');
    const least = 2 * Math.max(blockLength, blockWidth);
    if (!(radius >= least && radius <= MAX_CITY_RADIUS)) {
      throw new RangeError(`the radius of the city must be ${least} to ${MAX_CITY_RADIUS} m, not ${radius}`);
    }
    if (!(width >= 2 * blockWidth))
      throw new RangeError(`the city must be ${2 * blockWidth} m wide or more, not ${width}`);
    if (!Number.isFinite(bearing)) throw new RangeError(`the bearing must be a number of degrees, not ${bearing}`);
    this.settings = settings;
    this.plane = new TangentPlane(lat, lng);
    this.columns = Math.floor(Math.min(radius, width / 2) / blockWidth);
    this.rows = Math.floor(radius / blockLength);
    this.#height = 2 * this.rows + 1;
    if (this.#height * (2 * this.columns + 1) > MAX_CROSSINGS) {
      throw new RangeError(
        `blocks of ${blockLength} by ${blockWidth} m are too small for a radius of ${radius} m: there may be a million crossings`,
      );
    }
    this.#sin = Math.sin((bearing * Math.PI) / 180);
    this.#cos = Math.cos((bearing * Math.PI) / 180);
  }

  get centre(): { lat: number; lng: number } {
    return this.settings;
  }

  get radius(): number {
    return this.settings.radius;
  }

  /** Whether a crossing is in the city. The street between two such crossings is too, as the city is convex. */
  has(i: number, j: number): boolean {
    const { blockLength, blockWidth, radius, width = 2 * radius } = this.settings;
    const x = i * blockWidth;
    const y = j * blockLength;
    return Math.abs(x) * 2 <= width && x * x + y * y <= radius * radius;
  }

  /** The number of a crossing. */
  crossing(i: number, j: number): number {
    return (i + this.columns) * this.#height + j + this.rows;
  }

  randomCrossing(random: Random): number {
    for (;;) {
      const i = Math.floor(random() * (2 * this.columns + 1)) - this.columns;
      const j = Math.floor(random() * this.#height) - this.rows;
      if (this.has(i, j)) return this.crossing(i, j);
    }
  }

  ways(): number {
    return 4;
  }

  way(crossing: number, n: number): number {
    return this.has(this.#i(crossing) + ACROSS[n], this.#j(crossing) + ALONG[n]) ? crossing * 4 + n : -1;
  }

  from(street: number): number {
    return Math.floor(street / 4);
  }

  to(street: number): number {
    const direction = street % 4;
    return this.from(street) + ACROSS[direction] * this.#height + ALONG[direction];
  }

  back(street: number): number {
    return this.to(street) * 4 + ((street + 2) % 4);
  }

  length(street: number): number {
    return street % 2 === 0 ? this.settings.blockLength : this.settings.blockWidth;
  }

  place(street: number, metres: number, into: Place): void {
    const crossing = this.from(street);
    const direction = street % 4;
    const across = this.#i(crossing) * this.settings.blockWidth + ACROSS[direction] * metres;
    const along = this.#j(crossing) * this.settings.blockLength + ALONG[direction] * metres;
    into.x = across * this.#cos + along * this.#sin;
    into.y = along * this.#cos - across * this.#sin;
    into.bearing = this.settings.bearing + direction * 90;
  }

  /** One of the shortest ways, with few turns, and none back unless there is no other. */
  route(street: number, target: number, random: Random): number[] {
    const goal = this.from(target);
    const goalI = this.#i(goal);
    const goalJ = this.#j(goal);
    const route: number[] = [];
    let last = street;
    for (let at = this.to(street); at !== goal; at = this.to(last)) {
      const i = this.#i(at);
      const j = this.#j(at);
      const across = goalI === i ? -1 : this.#open(at, goalI > i ? 1 : 3, last);
      const along = goalJ === j ? -1 : this.#open(at, goalJ > j ? 0 : 2, last);
      let next: number;
      if (across >= 0 && along >= 0) {
        const straight = across % 4 === last % 4 || (along % 4 !== last % 4 && random() < 0.5) ? across : along;
        next = random() < STRAIGHT_CHANCE ? straight : across + along - straight;
      } else next = Math.max(across, along);
      // Where it is straight behind, a way around the block.
      if (next < 0) next = this.#aside(at, last);
      route.push(next);
      last = next;
    }
    route.push(target);
    return route.reverse();
  }

  draw(): Drawing {
    return drawCity(this);
  }

  /** A place on the plane, given metres along the streets and along the avenues from the centre. */
  turned(across: number, along: number): [x: number, y: number] {
    return [across * this.#cos + along * this.#sin, along * this.#cos - across * this.#sin];
  }

  /** The way in a direction; -1 where there is none, or it leads back. */
  #open(crossing: number, direction: number, last: number): number {
    return direction === (last + 2) % 4 ? -1 : this.way(crossing, direction);
  }

  /** A way that is not back, to a side rather than straight on; back where there is no other. */
  #aside(crossing: number, last: number): number {
    for (const turn of [1, 3, 0]) {
      const way = this.way(crossing, (last + turn) % 4);
      if (way >= 0) return way;
    }
    return this.back(last);
  }

  #i(crossing: number): number {
    return Math.floor(crossing / this.#height) - this.columns;
  }

  #j(crossing: number): number {
    return (crossing % this.#height) - this.rows;
  }
}
