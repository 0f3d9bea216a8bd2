import type { AskedArea, Places } from '../support/areas.ts';
import type { Belief, Message } from '../support/belief.ts';
import { type Place, trueDistance } from '../support/geodesic.ts';

export type Attributes = Readonly<Record<string, string | number | boolean>>;

/** Where a driver is, as far as it was told so. */
export interface Known {
  readonly driverId: string;
  readonly latitude: number;
  readonly longitude: number;
  readonly timestamp: number;
  readonly attributes: Attributes;
}

/** What a watcher asks for, beside the area. */
export interface Filters {
  /** Attribute and the values that it may have. */
  readonly where?: readonly [name: string, values: readonly (string | number)[]];
  /** Seconds. */
  readonly maxAge?: number;
  /** Metres. */
  readonly minDisplacement?: number;
}

/** Rounding may decide within it, metres. */
const MILLIMETRE = 1e-3;

/** What is so, by what drivers were told alone: the newest acknowledged fix of each that is on duty. */
export class Truth {
  readonly drivers = new Map<string, Known>();

  get places(): Places {
    return new Map([...this.drivers].map(([id, { latitude, longitude }]) => [id, [latitude, longitude] as Place]));
  }

  /** Who is inside an area and passes the filters, by driverId. */
  inside(area: AskedArea, { where, maxAge }: Filters = {}): Known[] {
    const { places } = this;
    const since = maxAge === undefined ? Number.NEGATIVE_INFINITY : Date.now() - 1000 * maxAge;
    return [...this.drivers.values()]
      .filter(({ timestamp, attributes }) => {
        if (timestamp < since) return false;
        return where === undefined || where[1].map(String).includes(String(attributes[where[0]]));
      })
      .filter(({ latitude, longitude }) => area.holds([latitude, longitude], places))
      .sort((a, b) => (a.driverId < b.driverId ? -1 : 1));
  }

  /** What somebody who watches believes that is not so, in words; nothing when all is right. */
  wrongIn(belief: Belief, area: AskedArea, filters: Filters): string | undefined {
    const faults: string[] = [];
    const inside = new Map(this.inside(area, filters).map((known) => [known.driverId, known]));
    for (const [id, known] of inside) {
      const told = belief.drivers.get(id);
      if (told === undefined) faults.push(`lacks ${id}`);
      else {
        const fault = differs(told, known, filters.minDisplacement ?? 0);
        if (fault !== undefined) faults.push(fault);
      }
    }
    for (const [id, told] of belief.drivers) {
      if (inside.has(id)) continue;
      const known = this.drivers.get(id);
      faults.push(`still has ${placeOf(told)}, who is ${known === undefined ? 'off duty' : placeOf(known)}`);
    }
    if (area.kind === 'around') {
      const isHere = this.drivers.has(String(area.fields.around));
      if ((belief.followed === 'here') !== isHere) {
        faults.push(`takes ${area.fields.around}, who is ${isHere ? '' : 'not '}here, for ${belief.followed}`);
      }
    }
    return faults.length === 0 ? undefined : faults.join('; ');
  }
}

const placeOf = ({ driverId, latitude, longitude, timestamp, attributes }: Known | Message) =>
  `${driverId} at ${latitude}, ${longitude} at ${timestamp} with ${JSON.stringify(attributes)}`;

/** How a position that was told differs from what is so. @param displacement metres that need not be told */
export function differs(told: Message, known: Known, displacement = 0): string | undefined {
  const { driverId, latitude, longitude, timestamp, attributes } = known;
  const lists = [told.attributes ?? {}, attributes].map((list) => JSON.stringify(Object.entries(list).sort()));
  if (lists[0] !== lists[1]) return `${driverId} has attributes ${lists[0]} instead of ${lists[1]}`;
  if (displacement > 0) {
    const metres = trueDistance(told.latitude, told.longitude, latitude, longitude);
    return metres < displacement + MILLIMETRE ? undefined : `${driverId} is ${metres} m from where it is told to be`;
  }
  if (told.latitude === latitude && told.longitude === longitude && told.timestamp === timestamp) return undefined;
  const is = `${told.latitude}, ${told.longitude} at ${told.timestamp}`;
  return `${driverId} is told to be at ${is} instead of ${latitude}, ${longitude} at ${timestamp}`;
}
