import type { Attributes, Position } from '../fix.ts';
import { distance } from '../geo/distance.ts';
import type { Driver } from './driver.ts';

/**
 * What a client was last told of the drivers inside, for a subscription that wants to hear of a driver again only when it
 * has moved so far. Whoever is not in it, as after resuming, is news whatever it does.
 */
export class Told {
  /** Metres, above 0. */
  readonly minDisplacement: number;
  /** By driverId, as a driver that was forgotten and is back is another one. */
  readonly #positions: Map<string, Position>;

  /** @param before what was told while another minimum held */
  constructor(minDisplacement: number, before?: Told) {
    this.minDisplacement = minDisplacement;
    this.#positions = before === undefined ? new Map() : before.#positions;
  }

  /** The client is told where the driver is. */
  tell(driver: Driver): void {
    this.#positions.set(driver.id, driver.position);
  }

  /** The client is told that the driver is not inside any more. */
  forget(driverId: string): void {
    this.#positions.delete(driverId);
  }

  /** Whether the client surely knows the driver's position. */
  knows(driver: Driver): boolean {
    return this.#positions.get(driver.id) === driver.position;
  }

  /** Whether a driver is so far from where the client believes it, or has become so different, as to be told of. */
  isNews(driver: Driver): boolean {
    const told = this.#positions.get(driver.id);
    if (told === undefined) return true;
    const { lat, lng, attributes } = driver.position;
    return (
      !sameAttributes(told.attributes, attributes) || distance(told.lat, told.lng, lat, lng) >= this.minDisplacement
    );
  }
}

/** Whether two positions say the same of their driver. Values are as on the wire, so `4` and `"4"` differ. */
function sameAttributes(a: Attributes | undefined, b: Attributes | undefined): boolean {
  if (a === b) return true;
  if (a === undefined || b === undefined) return false;
  let keys = 0;
  for (const key in a) {
    if (!Object.hasOwn(b, key) || a[key] !== b[key]) return false;
    keys++;
  }
  return Object.keys(b).length === keys;
}
