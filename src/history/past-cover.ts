import { Circle } from '../geo/circle.ts';
import { distance } from '../geo/distance.ts';
import { historyCells } from './cells.ts';

/** Cells that one area may have; a larger one is read as the whole fleet. A circle of 100 km has some 1,200. */
export const MAX_CELLS = 2_000;

/**
 * A circle that goes along is covered so much further than it reaches, as a part of its radius and in metres at the least:
 * it then takes a new cover only once in a while.
 */
const LEEWAY = 0.25;
const MIN_LEEWAY = 1_000;

/** The cells that a circle touches on its way. */
export class PastCover {
  readonly cells = new Set<string>();
  readonly #radius: number;
  readonly #leeway: number;
  #centre: Circle | undefined;

  /** @param radius metres */
  constructor(radius: number) {
    this.#radius = radius;
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
    const cells = historyCells(circle, MAX_CELLS)?.filter((cell) => !this.cells.has(cell));
    if (cells === undefined || this.cells.size + cells.length > 2 * MAX_CELLS) return false;
    for (const cell of cells) this.cells.add(cell);
    this.#centre = circle;
    return true;
  }
}
