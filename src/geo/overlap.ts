import { EVERYWHERE, NOWHERE } from './everywhere.ts';
import { EDGE, INSIDE, OUTSIDE, type Region, type Side } from './region.ts';

/** What two regions have in common. */
class Overlap implements Region {
  readonly #a: Region;
  readonly #b: Region;

  constructor(a: Region, b: Region) {
    this.#a = a;
    this.#b = b;
  }

  get work(): number {
    return (this.#a.work ?? 0) + (this.#b.work ?? 0);
  }

  contains(x: number, y: number, z: number, lat: number, lng: number): boolean {
    return this.#a.contains(x, y, z, lat, lng) && this.#b.contains(x, y, z, lat, lng);
  }

  side(x: number, y: number, z: number, bound: number): Side {
    const side = this.#a.side(x, y, z, bound);
    if (side === OUTSIDE) return OUTSIDE;
    const other = this.#b.side(x, y, z, bound);
    if (other === OUTSIDE) return OUTSIDE;
    return side === INSIDE && other === INSIDE ? INSIDE : EDGE;
  }

  identify(mark: (number: number) => void): void {
    mark(5);
    this.#a.identify(mark);
    this.#b.identify(mark);
  }
}

/** The part of a region that is within bounds. @param region absent: everywhere @param bounds absent: there are none */
export function overlap(region: Region, bounds: Region | undefined): Region;
export function overlap(region: Region | undefined, bounds: Region | undefined): Region | undefined;
export function overlap(region: Region | undefined, bounds: Region | undefined): Region | undefined {
  if (bounds === undefined || region === NOWHERE) return region;
  return region === undefined || region === EVERYWHERE ? bounds : new Overlap(region, bounds);
}
