import type { Random } from '../src/sim/random.ts';

/** Metres in a degree of latitude, on average. */
export const METRES_A_DEGREE = 111_195;
const RADIANS = Math.PI / 180;

/** Degrees of latitude (22 km): two thirds of the drivers of a city are within about 34 km of its centre. */
const SIGMA = 0.2;
const CENTRE = { lat: 45.4642, lng: 9.19 };

/** How drivers lie, and with them those who ask for them. */
export interface Distribution {
  readonly name: string;
  /** A place, in degrees. */
  place(random: Random): readonly [lat: number, lng: number];
}

/** Normal around a place at a middle latitude, as wide on the ground to the east as to the north. @param scale 1: {@link SIGMA} */
export function city(scale = 1): Distribution {
  const sigma = SIGMA * scale;
  return {
    name: 'city',
    place(random) {
      const lat = CENTRE.lat + sigma * normal(random);
      return [lat, CENTRE.lng + (sigma / Math.cos(CENTRE.lat * RADIANS)) * normal(random)];
    },
  };
}

/** Even over the sphere. */
export const planet: Distribution = {
  name: 'planet',
  place: (random) => [Math.asin(2 * random() - 1) / RADIANS, 360 * random() - 180],
};

/** Places by number. */
export interface Places {
  readonly lats: Float64Array;
  readonly lngs: Float64Array;
}

/** Draws places. */
export function draw(distribution: Distribution, count: number, random: Random): Places {
  const lats = new Float64Array(count);
  const lngs = new Float64Array(count);
  for (let i = 0; i < count; i++) [lats[i], lngs[i]] = distribution.place(random);
  return { lats, lngs };
}

/** Normal, mean 0, deviation 1 (Box and Muller). */
function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
