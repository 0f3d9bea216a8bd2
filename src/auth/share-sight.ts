import { DomainError } from '../errors.ts';
import type { Circle } from '../geo/circle.ts';
import { distance } from '../geo/distance.ts';
import { MAX_DISTANCE } from '../geo/ellipsoid.ts';
import type { Sight } from '../sight.ts';

/** What is to be shown: one driver, or whoever is in a circle. */
export type Shown = { readonly driverId: string } | { readonly circle: Circle };

/**
 * What a share shows: never more than who makes it sees. Whether there is such a driver is not asked, so that nobody learns
 * it by making a share.
 *
 * @throws {DomainError} `forbidden`: the circle reaches out of what the maker sees
 */
export function shareSight(maker: Sight, shown: Shown): Sight {
  if ('driverId' in shown) return { ...maker, driverId: shown.driverId };
  const { circle } = shown;
  if (maker.bounds !== undefined && !isWithin(circle, maker.bounds)) {
    throw new DomainError('forbidden', 'The circle must lie within the area that the token allows.');
  }
  return { ...maker, bounds: circle };
}

/** Whether all of a circle is in another: no point of it is further from the other's centre than both of these together. */
function isWithin(circle: Circle, other: Circle): boolean {
  if (other.radius >= MAX_DISTANCE) return true;
  return distance(circle.lat, circle.lng, other.lat, other.lng) + circle.radius <= other.radius;
}
