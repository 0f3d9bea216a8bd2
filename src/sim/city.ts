import type { Random } from './random.ts';
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
  /** Metres from the first avenue to the last, for a city on an island. Absent: as wide as it is long. */
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

/** Ways to leave a crossing, clockwise: up the avenue, right along the street, down the avenue, left along the street. */
export type Direction = 0 | 1 | 2 | 3;

const ACROSS = [0, 1, 0, -1] as const;
const ALONG = [1, 0, -1, 0] as const;

/** A street grid. Crossings are named by whole numbers: `i` avenues to the right and `j` streets up from the centre. */
export class City {
  readonly settings: CitySettings;
  readonly #plane: TangentPlane;
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
    this.#plane = new TangentPlane(lat, lng);
    this.#sin = Math.sin((bearing * Math.PI) / 180);
    this.#cos = Math.cos((bearing * Math.PI) / 180);
  }

  /** Whether a crossing is in the city. The street between two such crossings is too, as the city is convex. */
  has(i: number, j: number): boolean {
    const { blockLength, blockWidth, radius, width = 2 * radius } = this.settings;
    return Math.abs(i * blockWidth) * 2 <= width && Math.hypot(i * blockWidth, j * blockLength) <= radius;
  }

  /** Whether there is a street from a crossing in a direction. */
  leads(i: number, j: number, direction: Direction): boolean {
    return this.has(i + ACROSS[direction], j + ALONG[direction]);
  }

  /** The next crossing in a direction. */
  next(i: number, j: number, direction: Direction): [i: number, j: number] {
    return [i + ACROSS[direction], j + ALONG[direction]];
  }

  /** Metres to the next crossing in a direction. */
  block(direction: Direction): number {
    return direction % 2 === 0 ? this.settings.blockLength : this.settings.blockWidth;
  }

  /** Where one is `metres` past a crossing in a direction, and the heading there. */
  locate(i: number, j: number, direction: Direction, metres: number): { lat: number; lng: number; heading: number } {
    const across = i * this.settings.blockWidth + ACROSS[direction] * metres;
    const along = j * this.settings.blockLength + ALONG[direction] * metres;
    return this.#plane.locate(
      across * this.#cos + along * this.#sin,
      along * this.#cos - across * this.#sin,
      this.settings.bearing + direction * 90,
    );
  }

  /** Any crossing of the city, each as likely. */
  randomCrossing(random: Random): [i: number, j: number] {
    const { blockLength, blockWidth, radius } = this.settings;
    const columns = Math.floor(radius / blockWidth);
    const rows = Math.floor(radius / blockLength);
    for (;;) {
      const i = Math.floor(random() * (2 * columns + 1)) - columns;
      const j = Math.floor(random() * (2 * rows + 1)) - rows;
      if (this.has(i, j)) return [i, j];
    }
  }
}
