import { Circle } from './circle.ts';
import { EDGE, INSIDE, OUTSIDE, type Region, type Side } from './region.ts';

/** Every point no further than `outer` metres from the centre, and further than `inner`, along the WGS84 ellipsoid. */
export class Ring implements Region {
  readonly #inner: Circle;
  readonly #outer: Circle;

  /** @param inner metres, at least 0; @param outer metres, at least `inner` */
  constructor(lat: number, lng: number, inner: number, outer: number) {
    this.#inner = new Circle(lat, lng, inner);
    this.#outer = new Circle(lat, lng, outer);
  }

  contains(x: number, y: number, z: number, lat: number, lng: number): boolean {
    return this.#outer.contains(x, y, z, lat, lng) && !this.#inner.contains(x, y, z, lat, lng);
  }

  side(x: number, y: number, z: number, bound: number): Side {
    const outer = this.#outer.side(x, y, z, bound);
    if (outer === OUTSIDE) return OUTSIDE;
    const inner = this.#inner.side(x, y, z, bound);
    if (inner === INSIDE) return OUTSIDE;
    return outer === INSIDE && inner === OUTSIDE ? INSIDE : EDGE;
  }

  identify(mark: (number: number) => void): void {
    mark(4);
    this.#inner.identify(mark);
    this.#outer.identify(mark);
  }
}
