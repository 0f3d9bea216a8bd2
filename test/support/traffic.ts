import { named } from '../geo/shapes.ts';
import type { AskedArea, Places } from './areas.ts';
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
  inside(area: AskedArea): string[] {
    return inside(area, this.places);
  }

  /** Whether a client believes just what is so: who is inside, and where. */
  isBelieved(belief: Belief, area: AskedArea): boolean {
    return isBelieved(belief, area, this.places);
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

/** The ids of those who are inside an area, sorted, by brute force. */
export function inside({ holds }: AskedArea, places: Places): string[] {
  return [...places]
    .filter(([, place]) => holds(place, places))
    .map(([id]) => id)
    .sort();
}

/** Whether a client believes just what is so: who is inside, and where. */
export function isBelieved(belief: Belief, area: AskedArea, places: Places): boolean {
  return String(belief.inside) === String(inside(area, places)) && misplaced(belief, places).length === 0;
}

/** What a client believes that is not so, in words. */
export function missed(belief: Belief, area: AskedArea, places: Places): string {
  const [is, believed] = [inside(area, places), belief.inside];
  const lacks = is.filter((id) => !believed.includes(id));
  const invents = believed.filter((id) => !is.includes(id));
  return `lacks ${lacks}; still has ${invents}; has elsewhere ${misplaced(belief, places)}`;
}

function misplaced({ drivers }: Belief, places: Places): string[] {
  return [...drivers]
    .filter(([id, { latitude, longitude }]) => {
      const [lat, lng] = places.get(id) ?? [];
      return latitude !== lat || longitude !== lng;
    })
    .map(([id]) => id);
}
