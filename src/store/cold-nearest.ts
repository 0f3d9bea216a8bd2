import { compareIds } from '../compare-ids.ts';
import type { Position } from '../fix.ts';
import { Circle } from '../geo/circle.ts';
import { toEcef } from '../geo/ecef.ts';
import { overlap } from '../geo/overlap.ts';
import { type CellRange, joined, rangesOf, without } from './cell-ranges.ts';
import type { ColdConditions, ColdNearby } from './cold-positions.ts';
import type { Read } from './fleet-reader.ts';
import { countInRanges } from './range-count.ts';
import { scanRanges } from './range-scan.ts';

/** Cells that a circle is covered with to be read, by a third too much, and to be judged. */
const MAX_CELLS = 64;
const ROUGH_CELLS = 24;
/** So many rows, or so many times what is asked for, are read without looking for a smaller circle. */
const FEW = 500;
const FEW_TIMES = 4;
/** A circle that holds so many times what is asked for is likely to do. */
const ENOUGH = 2;
/** The smallest circle that is looked for, metres: of those who are nearer to each other all are read. */
const SMALLEST = 20;

/** A driver and how far it is, in metres. */
interface Found {
  readonly position: Position;
  readonly distance: number;
}

/**
 * The nearest in a circle: out of a smaller one that holds enough, if there is one, and then out of larger and larger ones
 * as long as some of those who were found may be further away than others who were not.
 */
export async function findNearest(
  read: Read,
  fleet: string,
  { lat, lng, radius }: Circle,
  limit: number,
  conditions: ColdConditions,
): Promise<ColdNearby> {
  const { bounds } = conditions;
  // Nobody within the bounds is further away than their far side.
  const reach = bounds === undefined ? radius : Math.min(radius, bounds.furthestFrom(lat, lng));
  const nearest = new Nearest(new Circle(lat, lng, radius), limit + 1, conditions);
  const rangesTo = (metres: number, cells = MAX_CELLS) =>
    rangesOf(overlap(new Circle(lat, lng, metres), bounds), cells);
  let seen: readonly CellRange[] = [];
  let metres = await firstRadius(read, fleet, reach, limit + 1, rangesTo);
  for (; ; metres = Math.min(2 * metres, reach)) {
    const ranges = rangesTo(metres);
    for await (const { positions } of scanRanges(read, fleet, without(ranges, seen), conditions))
      nearest.add(positions);
    if (metres >= reach || nearest.isSettledWithin(metres)) return nearest.answer(limit);
    seen = joined([...seen, ...ranges].map(({ low, high }) => ({ low, high, inside: false })));
  }
}

/** The radius of a circle that holds enough and not much more; `reach` where all there are in it are few. */
async function firstRadius(
  read: Read,
  fleet: string,
  reach: number,
  wanted: number,
  rangesTo: (metres: number, cells: number) => readonly CellRange[],
): Promise<number> {
  const few = Math.max(FEW, FEW_TIMES * wanted);
  const [all] = await countInRanges(read, fleet, [rangesTo(reach, ROUGH_CELLS)], few);
  if (all < few) return reach;
  const radii: number[] = [];
  for (let metres = reach / 2; metres >= SMALLEST; metres /= 2) radii.push(metres);
  const enough = ENOUGH * wanted;
  const sets = radii.map((metres) => rangesTo(metres, ROUGH_CELLS));
  const counts = await countInRanges(read, fleet, sets, enough);
  const last = counts.lastIndexOf(enough);
  return radii[last] ?? radii[0] ?? reach;
}

/** The nearest of all that are added, as memory would find them. */
class Nearest {
  readonly #circle: Circle;
  readonly #wanted: number;
  readonly #conditions: ColdConditions;
  readonly #place = new Float64Array(3);
  #best: Found[] = [];

  constructor(circle: Circle, wanted: number, conditions: ColdConditions) {
    this.#circle = circle;
    this.#wanted = wanted;
    this.#conditions = conditions;
  }

  add(positions: readonly Position[]): void {
    const { where, bounds } = this.#conditions;
    const worst = this.#best.length < this.#wanted ? this.#circle.radius : this.#best[this.#wanted - 1].distance;
    for (const position of positions) {
      const { lat, lng, attributes } = position;
      toEcef(lat, lng, this.#place, 0);
      const [x, y, z] = this.#place;
      const distance = this.#circle.distanceTo(x, y, z, lat, lng);
      if (!(distance <= worst)) continue;
      if (where !== undefined && !where(attributes)) continue;
      if (bounds === undefined || bounds.contains(x, y, z, lat, lng)) this.#best.push({ position, distance });
    }
    this.#best.sort((a, b) => a.distance - b.distance || compareIds(a.position.driverId, b.position.driverId));
    if (this.#best.length > this.#wanted) this.#best.length = this.#wanted;
  }

  /** Whether nobody further away can be among them. */
  isSettledWithin(metres: number): boolean {
    return this.#best.length === this.#wanted && this.#best[this.#wanted - 1].distance <= metres;
  }

  answer(limit: number): ColdNearby {
    const found = this.#best.slice(0, limit);
    return {
      positions: found.map(({ position }) => position),
      distances: found.map(({ distance }) => distance),
      truncated: this.#best.length > limit,
    };
  }
}
