import { cellToLatLng, getPentagons } from 'h3-js';
import type { Place } from '../support/geodesic.ts';
import type { Random } from '../support/random.ts';

/** Mean metres in a degree of latitude; places need no better. */
const DEGREE = 111_195;
const RADIANS = Math.PI / 180;

const pentagons = getPentagons(0).map((cell) => cellToLatLng(cell));

/** Longitude brought into −180 … 180; one that is there already is left as it is, ±180 included. */
const wrapped = (lng: number) => (Math.abs(lng) <= 180 ? lng : lng - 360 * Math.round(lng / 360));

/** A place about `metres` away in any direction; near a pole it is only somewhere near. */
export function step(random: Random, [lat, lng]: Place, metres: number): Place {
  const turn = random.between(0, 2 * Math.PI);
  const parallel = Math.max(Math.cos(lat * RADIANS), 1e-3);
  return [
    Math.max(-90, Math.min(90, lat + (metres / DEGREE) * Math.sin(turn))),
    wrapped(lng + ((metres / DEGREE) * Math.cos(turn)) / parallel),
  ];
}

const around =
  (centre: Place, metres: number) =>
  (random: Random): Place =>
    step(random, centre, metres * random.normal());

/** A disc of 200 m across, evenly filled. */
const stadium = (random: Random): Place => step(random, [48.2188, 11.6247], 100 * Math.sqrt(random.next()));

/** Where drivers may be: fleets that have been trouble for others. Each gives a place for one more driver. */
export const fleets: Readonly<Record<string, (random: Random) => Place>> = {
  planet: (random) => random.place(),
  'one city': (random) => [30.27 + 0.2 * random.normal(), -97.74 + 0.2 * random.normal()],
  'one point': () => [51.5, -0.12],
  'few points': (random) => [51.5 + 0.001 * random.below(3), -0.12],
  line: (random) => [48, random.between(2, 3)],
  stadium,
  'a stadium in the world': (random) => (random.below(2) === 0 ? stadium(random) : random.place()),
  // The pole itself has many names.
  pole: (random) => [random.below(10) === 0 ? 90 : 90 - Math.abs(random.normal()) * 0.05, random.between(-180, 180)],
  'south pole': (random) => [-90 + Math.abs(random.normal()) * 0.05, random.between(-180, 180)],
  dateline: (random) => [-16.5 + 0.1 * random.normal(), wrapped(180 + 0.1 * random.normal())],
  'antimeridian, by both names': (random) => [
    random.pick([0.001 * random.below(20), random.normal()]),
    random.pick([180, -180]),
  ],
  'prime meridian and equator': (random) => (random.below(2) === 0 ? [random.normal(), 0] : [0, random.normal()]),
  // Places that mirror each other, so that many are equally far to the bit; poles and ±180° by all their names.
  'every 15 degrees': (random) => [15 * (random.below(13) - 6), 15 * (random.below(25) - 12)],
  'a pentagon': around(pentagons[3], 5_000),
  'a pentagon, densely': around(pentagons[7], 20),
  // Around all twelve, at every scale, the centres themselves included.
  pentagons: (random) => step(random, random.pick(pentagons), random.below(20) === 0 ? 0 : 10 ** random.between(-1, 6)),
};
