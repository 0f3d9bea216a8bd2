import { Circle } from '../geo/circle.ts';
import { distance } from '../geo/distance.ts';
import { overlap } from '../geo/overlap.ts';
import type { Region } from '../geo/region.ts';
import { historyCells } from './cells.ts';

/** Cells that one area may have; a larger one is read as the whole fleet. A circle of 100 km has some 1,200. */
export const MAX_CELLS = 2_000;

/**
 * A circle that goes along is covered so much further than it reaches, as a part of its radius and in metres at the least:
 * it then takes a new cover only once in a while.
 */
const LEEWAY = 0.25;
const MIN_LEEWAY = 1_000;

/** The cells that a circle touches on its way, within bounds. */
export class PastCover {
  readonly cells = new Set<string>();
  readonly #radius: number;
  readonly #leeway: number;
  readonly #bounds: Region | undefined;
  #centre: Circle | undefined;

  /**
   * @param radius metres
   * @param bounds nothing outside of them matters; absent: everything does
   */
  constructor(radius: number, bounds?: Region) {
    this.#radius = radius;
    this.#bounds = bounds;
    this.#leeway = Math.max(LEEWAY * radius, MIN_LEEWAY);
  }

  /**
   * The circle comes to a place. There is room for at least two places.
   *
   * @returns whether it is covered there; otherwise nothing has changed
   */
  reach(lat: number, lng: number): boolean {
    const before = this.#centre;
    if (before !== undefined && distance(before.lat, before.lng, lat, lng) <= this.#leeway) return true;
    const circle = new Circle(lat, lng, this.#radius + this.#leeway);
    const cells = historyCells(overlap(circle, this.#bounds), MAX_CELLS)?.filter((cell) => !this.cells.has(cell));
    if (cells === undefined || this.cells.size + cells.length > 2 * MAX_CELLS) return false;
    for (const cell of cells) this.cells.add(cell);
    this.#centre = circle;
    return true;
  }
}
