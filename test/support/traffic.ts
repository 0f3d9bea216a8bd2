import { named } from '../geo/shapes.ts';
import type { AskedArea } from './areas.ts';
import type { Belief } from './belief.ts';
import type { Place } from './geodesic.ts';
import type { Random } from './random.ts';
import type { TestServer } from './server.ts';

/** Drivers that wander about a place, handed to the core directly: the wire would take its time with thousands. */
export class Traffic {
  /** Where each is. */
  readonly places = new Map<string, Place>();
  readonly #server: TestServer;
  readonly #random: Random;
  readonly #centre: Place;
  readonly #fleet: string;

  constructor(server: TestServer, random: Random, count: number, centre: Place, fleet = 'default') {
    this.#server = server;
    this.#random = random;
    this.#centre = centre;
    this.#fleet = fleet;
    for (let i = 0; i < count; i++) this.#put(`d${i}`, this.#anywhere());
  }

  /** Moves so many drivers: most by a little, some to elsewhere. */
  move(count: number): void {
    const ids = [...this.places.keys()];
    for (let i = 0; i < count; i++) {
      const id = this.#random.pick(ids);
      const [lat, lng] = this.places.get(id) as Place;
      const near: Place = [lat + 0.002 * this.#random.normal(), named(lng + 0.002 * this.#random.normal())];
      this.#put(id, this.#random.below(5) === 0 ? this.#anywhere() : near);
    }
  }

  /** Moves every driver. */
  moveAll(): void {
    for (const id of this.places.keys()) this.#put(id, this.#anywhere());
  }

  /** The ids inside an area, sorted. */
  inside({ holds }: AskedArea): string[] {
    return [...this.places]
      .filter(([, place]) => holds(place, this.places))
      .map(([id]) => id)
      .sort();
  }

  /** Whether a client believes just what is so: who is inside, and where. */
  isBelieved({ drivers, inside }: Belief, area: AskedArea): boolean {
    if (String(inside) !== String(this.inside(area))) return false;
    return [...drivers].every(([id, { latitude, longitude }]) => {
      const [lat, lng] = this.places.get(id) as Place;
      return latitude === lat && longitude === lng;
    });
  }

  #anywhere(): Place {
    const [lat, lng] = this.#centre;
    return [lat + 0.03 * this.#random.normal(), named(lng + 0.03 * this.#random.normal())];
  }

  #put(driverId: string, place: Place): void {
    const [lat, lng] = place;
    const outcome = this.#server.tracker.accept(this.#fleet, { driverId, lat, lng });
    if (outcome !== 'accepted') throw new Error(`${driverId} was not accepted: ${outcome}`);
    this.places.set(driverId, place);
  }
}
