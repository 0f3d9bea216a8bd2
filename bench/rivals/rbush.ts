import RBush from 'rbush';
import { METRES_A_DEGREE, type Places } from '../places.ts';
import type { Job } from '../rounds.ts';
import type { Walk } from '../walk.ts';
import { type Contestant, type Found, HAVERSINE, syncQueries, syncUpdates } from './contestant.ts';
import { EARTH_RADIUS, haversine } from './haversine.ts';

const RADIANS = Math.PI / 180;

interface Item {
  readonly driver: number;
  minX: number;
  minY: number;
  maxX: number;
  maxY: number;
}

/** A dynamic R-tree over degrees: a box around the circle, then the haversine of all in it, then a sort. */
export class Rbush implements Contestant {
  readonly name = 'rbush';
  readonly tolerance = HAVERSINE;
  readonly #tree = new RBush<Item>();
  #items: Item[] = [];

  build({ lats, lngs }: Places): void {
    this.#items = Array.from(lats, (lat, driver) => {
      const lng = lngs[driver];
      return { driver, minX: lng, minY: lat, maxX: lng, maxY: lat };
    });
    this.#tree.clear();
    this.#tree.load(this.#items);
  }

  nearest(lat: number, lng: number, radius: number, limit: number): Found {
    const found: { driver: number; distance: number }[] = [];
    for (const box of boxes(lat, lng, radius)) {
      for (const { driver, minX, minY } of this.#tree.search(box)) {
        const distance = haversine(lat, lng, minY, minX);
        if (distance <= radius) found.push({ driver, distance });
      }
    }
    found.sort((a, b) => a.distance - b.distance);
    if (found.length > limit) found.length = limit;
    return { drivers: found.map(({ driver }) => driver), distances: found.map(({ distance }) => distance) };
  }

  queries(centres: Places, radius: number, limit: number): Job {
    return syncQueries(this, centres, radius, limit);
  }

  updates(walk: Walk): Job {
    return syncUpdates((driver, lat, lng) => {
      const item = this.#items[driver];
      this.#tree.remove(item);
      item.minX = item.maxX = lng;
      item.minY = item.maxY = lat;
      this.#tree.insert(item);
    }, walk);
  }
}

/** The boxes around a circle: two where it crosses the antimeridian. */
function boxes(lat: number, lng: number, radius: number) {
  // A thousandth more than the circle, for the rounded length of a degree.
  const dLat = (radius * 1.001) / METRES_A_DEGREE;
  const minY = lat - dLat;
  const maxY = lat + dLat;
  if (minY <= -90 || maxY >= 90) return [{ minX: -180, minY, maxX: 180, maxY }];
  const dLng = (Math.asin(Math.sin(radius / EARTH_RADIUS) / Math.cos(lat * RADIANS)) / RADIANS) * 1.001;
  const box = { minX: lng - dLng, minY, maxX: lng + dLng, maxY };
  if (box.minX < -180) return [box, { ...box, minX: box.minX + 360, maxX: 180 }];
  if (box.maxX > 180) return [box, { ...box, minX: -180, maxX: box.maxX - 360 }];
  return [box];
}
