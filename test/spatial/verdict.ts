import { Circle } from '../../src/geo/circle.ts';
import type { CellTree } from '../../src/spatial/cell-tree.ts';
import { type Place, trueDistance } from '../support/geodesic.ts';
import type { Shadow } from './shadow.ts';

/** What an independent judge knows of one question. */
export interface Truth {
  readonly centre: Place;
  readonly radius: number;
  /** Slots of all drivers that could be an answer, wherever they are. */
  readonly candidates: ReadonlySet<number>;
  /** Metres from the centre to a candidate, by slot. */
  readonly distance: ArrayLike<number>;
  /**
   * How much two distances may differ, in metres, at a distance. Whoever is this near the rim is not judged, but for
   * those at the centre itself, who are always inside.
   */
  slack(distance: number): number;
}

/**
 * 20 nm for rounding, and up to where GeographicLib takes over (500 km, and 128 m for the chord) what the correction of
 * a chord may be off: less than a millimetre at 500 km, and by the fifth power of the distance.
 */
const slack = (distance: number) => 2e-8 + (distance < 500_200 ? 1e-3 * (distance / 500_000) ** 5 : 0);

/** A degree of latitude is nowhere less, in metres: the least radius of curvature, b²/a, times π/180. */
const LEAST_DEGREE = 110_574;

/** Measures every driver with GeographicLib, except those whom their latitude alone puts outside. */
export function bruteForce(shadow: Shadow, centre: Place, radius: number): Truth {
  const distance: number[] = [];
  for (const slot of shadow.slots) {
    const place = shadow.place(slot);
    const least = LEAST_DEGREE * Math.abs(place[0] - centre[0]);
    distance[slot] = least > radius + 1 ? least : trueDistance(...centre, ...place);
  }
  return { centre, radius, candidates: new Set(shadow.slots), distance, slack };
}

/** Whom the tree visits within a circle. */
export function visited(tree: CellTree, [lat, lng]: Place, radius: number): number[] {
  const slots: number[] = [];
  tree.within(new Circle(lat, lng, radius), (slot) => slots.push(slot));
  return slots;
}

/** Names of one place are one: a pole has any longitude, and −180° is 180°. */
function isAt([lat1, lng1]: Place, [lat2, lng2]: Place): boolean {
  return lat1 === lat2 && (lng1 === lng2 || Math.abs(lat1) === 90 || (Math.abs(lng1) === 180 && lng1 === -lng2));
}

/**
 * Throws unless `found` is a right answer to "the nearest `limit`": each within the radius and at its true distance,
 * nearest first, nobody left out who is nearer than the last, and those at one place by id, also where the limit cuts.
 *
 * @returns the number of rows judged
 */
export function judgeNearest(
  found: ReturnType<CellTree['nearest']>,
  limit: number,
  truth: Truth,
  shadow: Shadow,
): number {
  const { slots, distances } = found;
  const fail = (what: string, slot: number) => {
    const at = `${shadow.id(slot)} (slot ${slot}) at ${shadow.place(slot)}, ${truth.distance[slot]} m`;
    throw new Error(`${what}: ${at}; radius ${truth.radius}, limit ${limit}, found ${slots.length}`);
  };
  if (slots.length !== distances.length) throw new Error(`${slots.length} slots, ${distances.length} distances`);
  if (slots.length > limit) fail('more than the limit', slots[limit]);
  const among = new Set<number>();
  for (const [rank, slot] of slots.entries()) {
    if (!truth.candidates.has(slot)) fail('is no candidate', slot);
    if (among.has(slot)) fail('found twice', slot);
    among.add(slot);
    const distance = truth.distance[slot];
    const slack = truth.slack(distance);
    // Written so that NaN fails.
    if (!(Math.abs(distances[rank] - distance) <= slack)) fail(`wrong distance ${distances[rank]}`, slot);
    if (distance > truth.radius + slack) fail('outside', slot);
    if (rank === 0) continue;
    const before = slots[rank - 1];
    if (truth.distance[before] > distance + slack) fail('too late', slot);
    if (distances[rank - 1] > distances[rank]) fail('not in the order of the distances given', slot);
    // Equally far ones come by id; so those at one place are together, for they are equally far to the bit.
    if (distances[rank - 1] === distances[rank] && shadow.id(before) >= shadow.id(slot)) fail('not by id', slot);
    if (isAt(shadow.place(before), shadow.place(slot)) && distances[rank - 1] !== distances[rank]) {
      fail('one place, two distances', slot);
    }
  }
  const lastSlot = slots.length === limit ? slots[limit - 1] : -1;
  const last = lastSlot < 0 ? Number.POSITIVE_INFINITY : truth.distance[lastSlot];
  for (const slot of truth.candidates) {
    const distance = truth.distance[slot];
    const slack = truth.slack(distance);
    if (among.has(slot) || distance > last + slack) continue;
    if (distance > truth.radius - slack && !isAt(shadow.place(slot), truth.centre)) continue;
    if (distance < last - slack) fail('left out', slot);
    if (isAt(shadow.place(slot), shadow.place(lastSlot)) && shadow.id(slot) < shadow.id(lastSlot)) {
      fail('cut off although first by id', slot);
    }
  }
  return slots.length;
}

/**
 * Throws unless `visited` is everybody within the radius, once.
 *
 * @returns the number of verdicts: candidates less those too near the rim
 */
export function judgeWithin(visited: readonly number[], truth: Truth, shadow: Shadow): number {
  const inside = new Set(visited);
  if (inside.size !== visited.length) throw new Error('visited twice');
  let verdicts = 0;
  let known = 0;
  for (const slot of truth.candidates) {
    const distance = truth.distance[slot];
    const found = inside.has(slot);
    if (found) known++;
    const nearRim = Math.abs(distance - truth.radius) <= truth.slack(distance);
    if (nearRim && !isAt(shadow.place(slot), truth.centre)) continue;
    verdicts++;
    if (found !== (nearRim || distance < truth.radius)) {
      const side = found ? 'visited although outside' : 'not visited';
      throw new Error(`${side}: ${shadow.id(slot)} at ${shadow.place(slot)}, ${distance} m; radius ${truth.radius}`);
    }
  }
  if (known !== inside.size) throw new Error('visited somebody who is not there');
  return verdicts;
}
