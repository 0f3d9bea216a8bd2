import type { Where } from '../../src/subscriptions/where.ts';
import { degreesOf, named, star } from '../geo/shapes.ts';
import type { Place, PlainArea } from '../subscriptions/areas.ts';
import type { Question } from '../subscriptions/model.ts';
import type { PlainSight } from '../subscriptions/seen-fleet.ts';
import type { Random } from '../support/random.ts';

export const IDS = Array.from({ length: 24 }, (_, i) => `d${i}`);

/** Where drivers gather: cells to be leased are about 45 km across, so each town has parts of several. */
const TOWNS: readonly Place[] = [
  { lat: 30.25, lng: -97.75 },
  { lat: 29.42, lng: -98.49 },
  // Across the antimeridian.
  { lat: -17, lng: 180 },
  // A pentagon of H3.
  { lat: 64.7, lng: 10.536 },
  { lat: 89.9, lng: 20 },
];

/** Random places and questions in a few towns, so that much happens in little space. */
export class Places {
  readonly #random: Random;
  readonly #towns: readonly Place[];

  constructor(random: Random) {
    this.#random = random;
    this.#towns = [random.pick(TOWNS), random.pick(TOWNS)];
  }

  place(): Place {
    const random = this.#random;
    const town = random.pick(this.#towns);
    return this.near(town, random.pick([300, 5_000, 30_000, 60_000]));
  }

  /** A place some metres away. */
  near({ lat, lng }: Place, metres = 10 ** this.#random.between(0, 5)): Place {
    const [height, width] = degreesOf(metres, Math.min(89.9, Math.abs(lat)));
    const north = lat + height * this.#random.normal();
    return {
      lat: Math.max(-90, Math.min(90, north)) + 0,
      lng: named(Math.max(-360, Math.min(360, lng + width * this.#random.normal()))) + 0,
    };
  }

  question(somebody: Place | undefined): Question {
    const random = this.#random;
    return {
      area: this.#area(somebody),
      where: random.below(3) > 0 ? undefined : this.#where(),
      maxAge: random.below(4) > 0 ? undefined : random.pick([5, 30, 120, 400]),
    };
  }

  circle(somebody: Place | undefined): PlainArea & { readonly kind: 'circle' } {
    const random = this.#random;
    const centre = somebody !== undefined && random.below(2) === 0 ? somebody : this.place();
    return { kind: 'circle', ...centre, radius: random.pick([300, 2_000, 10_000, 30_000, 100_000, 1_000_000]) };
  }

  sight(): PlainSight {
    const random = this.#random;
    const bounds =
      random.below(2) === 0 ? undefined : { ...this.place(), radius: random.pick([5_000, 30_000, 90_000]) };
    const what = random.below(12);
    if (what < 6) return {};
    if (what < 8) return { bounds };
    if (what < 10) return { bounds, precision: random.pick([3, 4, 5, 6, 7]) };
    return {
      bounds,
      driverId: random.pick(IDS),
      precision: random.below(2) === 0 ? undefined : random.pick([3, 5, 7]),
    };
  }

  #area(somebody: Place | undefined): PlainArea {
    const random = this.#random;
    const what = random.below(20);
    if (what < 6) return this.circle(somebody);
    if (what < 12) {
      return { kind: 'around', driverId: random.pick(IDS), radius: random.pick([500, 5_000, 40_000, 400_000]) };
    }
    const { lat, lng } = somebody ?? this.place();
    if (what < 15) {
      const [height, width] = [random.between(0.01, 0.6), random.between(0.01, 0.6)];
      const [south, north] = [Math.max(-90, lat - height), Math.min(90, lat + height)];
      return { kind: 'box', west: named(lng - width), south, east: named(lng + width), north };
    }
    if (what < 18 && Math.abs(lat) < 80) {
      const size = degreesOf(10 ** random.between(2, 4.7), lat);
      return { kind: 'polygon', polygons: [[star(random, 4 + random.below(8), lat, lng, size)]] };
    }
    return { kind: 'everywhere' };
  }

  #where(): Where {
    return this.#random.pick<Where>([{ status: 'free' }, { status: ['busy', 'free'] }, { seats: 2 }]);
  }
}
