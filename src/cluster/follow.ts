import { Circle } from '../geo/circle.ts';
import { distance } from '../geo/distance.ts';
import type { Lease } from './lease.ts';

/** What follows a driver is leased so much further than it reaches: then not every fix of the driver changes its leases. */
const LEEWAY = 1_000;

/** Holds what is around a driver, wherever it goes. */
export class FollowHold {
  readonly driverId: string;
  readonly #radius: number;
  #centre: Circle | undefined;
  leases: readonly Lease[] = [];

  /** @param radius metres */
  constructor(driverId: string, radius: number) {
    this.driverId = driverId;
    this.#radius = radius;
  }

  /** What is to be leased now that the driver is at a place; `undefined`: what is leased will do. */
  at(lat: number, lng: number): Circle | undefined {
    const before = this.#centre;
    if (before !== undefined && distance(before.lat, before.lng, lat, lng) <= LEEWAY) return undefined;
    this.#centre = new Circle(lat, lng, this.#radius + LEEWAY);
    return this.#centre;
  }
}
