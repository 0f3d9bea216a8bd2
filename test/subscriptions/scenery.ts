import type { Where } from '../../src/subscriptions/where.ts';
import { boxRing, degreesOf, named, star } from '../geo/shapes.ts';
import type { Random } from '../support/random.ts';
import type { Place, PlainArea } from './areas.ts';
import type { NaiveFleet, Question } from './model.ts';
import type { Pace } from './peer.ts';
import type { PlainSight } from './seen-fleet.ts';

/** Ids that are easily taken for something else, and plain ones. */
export const IDS = [
  ...['__proto__', 'constructor', 'a"b\\c', 'é', '👩', '0'],
  ...Array.from({ length: 39 }, (_, i) => `d${i}`),
];

/** Where drivers gather: each town has its own difficulty. */
const TOWNS: readonly Place[] = [
  { lat: 30.25, lng: -97.75 },
  // Across the antimeridian.
  { lat: -17, lng: 180 },
  { lat: 88.5, lng: 180 },
  { lat: 90, lng: 0 },
  { lat: -90, lng: 77 },
  // A pentagon of H3.
  { lat: 64.7, lng: 10.536 },
  { lat: 0, lng: 0 },
];
/** Where everybody and every edge stands on a grid whose numbers are exact. */
const GRID: Place = { lat: 10, lng: 20 };
const STEP = 1 / 1024;

/** Random places, areas and questions in a few towns, so that much happens in little space. */
export class Scenery {
  readonly #random: Random;
  readonly #towns: readonly Place[];

  constructor(random: Random) {
    this.#random = random;
    this.#towns = [random.pick(TOWNS), random.pick(TOWNS), GRID];
  }

  place(): Place {
    const random = this.#random;
    const town = random.pick(this.#towns);
    if (town === GRID) return { lat: GRID.lat + STEP * this.#steps(20), lng: GRID.lng + STEP * this.#steps(20) };
    if (random.below(30) === 0) return town;
    const reach = random.pick([0.001, 0.02, 0.02, 0.1, 0.7]);
    const lng = Math.abs(town.lat) === 90 ? random.between(-180, 180) : town.lng + reach * random.normal();
    return tidy(town.lat + reach * random.normal(), lng);
  }

  /** A place some metres away. */
  near({ lat, lng }: Place): Place {
    const random = this.#random;
    if (this.#isOnGrid(lat, lng)) return { lat: lat + STEP * this.#steps(1), lng: lng + STEP * this.#steps(1) };
    const [height, width] = degreesOf(10 ** random.between(-1, 3), Math.min(89.99, Math.abs(lat)));
    return tidy(lat + height * random.normal(), lng + width * random.normal());
  }

  question(fleet: NaiveFleet): Question {
    const random = this.#random;
    return {
      area: this.area(fleet),
      where: random.below(2) === 0 ? undefined : this.#where(),
      maxAge: random.below(3) > 0 ? undefined : random.pick([0, 1, 5, 30, 120, 400]),
    };
  }

  pace(): Pace {
    const random = this.#random;
    return {
      maxRate: random.below(3) > 0 ? undefined : random.pick([0.5, 1, 3, 7, 1000]),
      minDisplacement: random.below(2) > 0 ? undefined : random.pick([0, 1, 50, 150, 500, 100_000]),
    };
  }

  area(fleet: NaiveFleet): PlainArea {
    const random = this.#random;
    const somebody = fleet.place(random.pick(IDS));
    const centre = somebody !== undefined && random.below(4) === 0 ? somebody : this.place();
    const radius = random.pick([0, 30, 300, 2_000, 2_000, 10_000, 10_000, 100_000, 500_000, 3_000_000]);
    const kind = random.below(20);
    if (kind < 6) return { kind: 'circle', ...centre, radius };
    if (kind < 12) return { kind: 'around', driverId: random.pick(IDS), radius };
    if (kind < 15) return this.#box(centre, fleet);
    if (kind < 18) return { kind: 'polygon', polygons: this.#polygons(centre) };
    return { kind: 'everywhere' };
  }

  /** What some may see. */
  sights(): PlainSight[] {
    const random = this.#random;
    const bounds = () => ({ ...this.place(), radius: random.pick([0, 500, 2_000, 10_000, 50_000, 5_000_000]) });
    return [
      { bounds: bounds() },
      { bounds: bounds() },
      { precision: random.pick([0, 3, 5, 6]) },
      { precision: random.pick([7, 8, 9]), bounds: bounds() },
      { driverId: random.pick(IDS) },
      { driverId: random.pick(IDS), precision: random.pick([4, 15]), bounds: bounds() },
    ];
  }

  #where(): Where {
    const random = this.#random;
    return random.pick<Where>([
      {},
      { status: 'free' },
      { status: ['busy', 'free'] },
      { seats: '2' },
      { status: ['free', 'off'], seats: [1, 2] },
      { constructor: 'x' },
    ]);
  }

  #box({ lat, lng }: Place, fleet: NaiveFleet): PlainArea {
    const random = this.#random;
    const what = random.below(8);
    if (what === 0) return { kind: 'box', west: -180, south: -90, east: 180, north: random.between(-90, 90) };
    if (what === 1) return { kind: 'box', west: lng, south: lat, east: lng, north: lat };
    // Through somebody's place.
    const other = fleet.place(random.pick(IDS));
    if (what === 2 && other !== undefined) {
      const [south, north] = [lat, other.lat].sort((a, b) => a - b);
      return { kind: 'box', west: lng, south, east: other.lng, north };
    }
    const steps = 1 + random.below(20);
    const reach = this.#isOnGrid(lat, lng) ? STEP * steps : random.between(0, 0.1);
    const wide = Math.abs(lat) > 89 ? random.between(0, 179) : reach;
    const { lat: south } = tidy(lat < 0 ? Math.max(-90, lat - reach) : lat - reach, 0);
    return {
      kind: 'box',
      west: named(lng - wide),
      south: Math.max(-90, south),
      east: named(lng + wide),
      north: Math.min(90, lat + reach),
    };
  }

  #polygons({ lat, lng }: Place): number[][][] {
    const random = this.#random;
    if (this.#isOnGrid(lat, lng)) {
      const [a, b] = [STEP * (2 + random.below(20)), STEP * (1 + random.below(20))];
      const outer = [lat - a, lng - b, lat, lng + b, lat + a, lng - b, lat - a, lng - b];
      const hole = boxRing(lng - STEP, lat - STEP, lng + STEP, lat + STEP);
      return random.below(2) === 0 ? [[outer]] : [[outer, hole], [boxRing(lng - 4 * STEP, lat, lng, lat + b)]];
    }
    if (Math.abs(lat) > 89) {
      const pole = lat < 0 ? -90 : 90;
      const cap = lat < 0 ? -89.9 : 89.9;
      const [south, north] = pole < cap ? [pole, cap] : [cap, pole];
      // A cap; and half of it.
      if (random.below(2) === 0) return [[boxRing(-180, south, 0, north)], [boxRing(0, south, 180, north)]];
      return [[boxRing(lng, south, lng + 170, north)]];
    }
    const size = degreesOf(10 ** random.between(1, 4.3), lat);
    const outer = star(random, 4 + random.below(20), lat, lng, size);
    if (random.below(2) === 0) return [[outer]];
    const [height, width] = size;
    const hole = star(random, 5, lat, lng, [0.3 * height, 0.3 * width]);
    return [[outer, hole], [star(random, 3, lat + height, lng, size)]];
  }

  #isOnGrid(lat: number, lng: number): boolean {
    return Number.isInteger(lat / STEP) && Number.isInteger(lng / STEP) && Math.abs(lat) < 89 && Math.abs(lng) < 179;
  }

  #steps(most: number): number {
    return this.#random.below(2 * most + 1) - most;
  }
}

/** What is beyond a pole is on the other side, about. */
function tidy(lat: number, lng: number): Place {
  const beyond = lat > 90 ? 180 - lat : lat < -90 ? -180 - lat : lat;
  // No −0, which the wire does not know.
  return { lat: beyond + 0, lng: named(lng) + 0 };
}
