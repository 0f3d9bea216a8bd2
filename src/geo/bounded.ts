import type { Region, Side } from './region.ts';

/** Thrown by a {@link BoundedRegion} whose bound is reached. */
export const TOO_MUCH_WORK = Symbol('too much work');

/**
 * A region that throws {@link TOO_MUCH_WORK} instead of an answer once it has taken so much work. A search may end so at
 * any question, as it changes nothing.
 */
export class BoundedRegion implements Region {
  readonly #region: Region;
  readonly #end: number;

  /** @param work more of the region's own work than this is too much; the first question is always answered */
  constructor(region: Region, work: number) {
    this.#region = region;
    this.#end = (region.work ?? 0) + work;
  }

  contains(x: number, y: number, z: number, lat: number, lng: number): boolean {
    this.#check();
    return this.#region.contains(x, y, z, lat, lng);
  }

  side(x: number, y: number, z: number, bound: number): Side {
    this.#check();
    return this.#region.side(x, y, z, bound);
  }

  identify(mark: (number: number) => void): void {
    this.#region.identify(mark);
  }

  #check(): void {
    if ((this.#region.work ?? 0) > this.#end) throw TOO_MUCH_WORK;
  }
}
