import { type Random, within } from './random.ts';
import type { TangentPlane } from './tangent-plane.ts';

/** A place on the plane of a city: metres east and north of its centre, and the direction of the street there. */
export interface Place {
  x: number;
  y: number;
  /** Degrees clockwise from the centre's north. */
  bearing: number;
}

/** Somewhere on a street: the street's number, and metres from where it begins. */
export interface Spot {
  readonly street: number;
  readonly metres: number;
}

/** A line or a ring of places, `[x, y]` in metres on the plane. */
export type Line = readonly (readonly [x: number, y: number])[];

/** What a map of the streets shows. */
export interface Drawing {
  /** Streets that are wide. */
  readonly avenues: readonly Line[];
  readonly streets: readonly Line[];
  /** Rings. */
  readonly water: readonly Line[];
  readonly parks: readonly Line[];
}

/**
 * Streets to drive on. A crossing has a whole number, and a street too: it leads from one crossing to another, one way;
 * its other way is a street of its own. All of them hang together.
 */
export interface Streets {
  /** On which all of it is laid out; it touches the ground at the centre. */
  readonly plane: TangentPlane;
  /** Degrees. */
  readonly centre: { readonly lat: number; readonly lng: number };
  /** Metres; nothing is further from the centre. */
  readonly radius: number;
  /** Any crossing, each as likely. */
  randomCrossing(random: Random): number;
  /** How many streets might leave a crossing. */
  ways(crossing: number): number;
  /** One of them, 0 … {@link ways} - 1; -1: there is none. */
  way(crossing: number, n: number): number;
  /** Where a street begins. */
  from(street: number): number;
  /** Where it ends. */
  to(street: number): number;
  /** The same street, the other way. */
  back(street: number): number;
  /** Metres. */
  length(street: number): number;
  /** Tells where one is so many metres from where a street begins. */
  place(street: number, metres: number, into: Place): void;
  /** The streets to take after one to drive another in the end; to be popped, as the last comes first. */
  route(street: number, target: number, random: Random): number[];
  /** What a map of it shows. */
  draw(): Drawing;
}

/** Anywhere on a street that leaves any crossing. */
export function randomSpot(streets: Streets, random: Random): Spot {
  const crossing = streets.randomCrossing(random);
  const street = randomWay(streets, crossing, random);
  return { street, metres: within(random, [0, streets.length(street)]) };
}

/** A street that leaves a crossing, each as likely. */
function randomWay(streets: Streets, crossing: number, random: Random): number {
  const ways = streets.ways(crossing);
  for (;;) {
    const street = streets.way(crossing, Math.floor(random() * ways));
    if (street >= 0) return street;
  }
}

/** Where a spot is, degrees. */
export function locate(streets: Streets, { street, metres }: Spot): { lat: number; lng: number; heading: number } {
  const place: Place = { x: 0, y: 0, bearing: 0 };
  streets.place(street, metres, place);
  return streets.plane.locate(place.x, place.y, place.bearing);
}

/** By how much one turns from a street into the next: degrees, 0 is straight on, 180 is back. */
export function turnOf(streets: Streets, street: number, next: number): number {
  streets.place(street, streets.length(street), end);
  streets.place(next, 0, begin);
  return turnBetween(end.bearing, begin.bearing);
}

/** By how much two bearings differ, the shorter way round: 0 … 180 degrees. */
export function turnBetween(from: number, to: number): number {
  return Math.abs(((to - from + 540) % 360) - 180);
}

// Of no use after the call; one for all, as this is asked at each crossing of each driver.
const end: Place = { x: 0, y: 0, bearing: 0 };
const begin: Place = { x: 0, y: 0, bearing: 0 };
