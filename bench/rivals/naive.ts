import type { Places } from '../places.ts';
import type { Job } from '../rounds.ts';
import type { Walk } from '../walk.ts';
import { type Contestant, type Found, HAVERSINE, syncQueries, syncUpdates } from './contestant.ts';
import { EARTH_RADIUS } from './haversine.ts';

const RADIANS = Math.PI / 180;

/** Looks at every driver: the haversine over typed arrays, and a sorted list of the best so far. */
export class Naive implements Contestant {
  readonly name = 'naive scan';
  readonly tolerance = HAVERSINE;
  #lats = new Float64Array(0);
  #lngs = new Float64Array(0);
  #cosines = new Float64Array(0);

  build({ lats, lngs }: Places): void {
    this.#lats = lats.map((lat) => lat * RADIANS);
    this.#lngs = lngs.map((lng) => lng * RADIANS);
    this.#cosines = this.#lats.map(Math.cos);
  }

  nearest(lat: number, lng: number, radius: number, limit: number): Found {
    const lats = this.#lats;
    const lngs = this.#lngs;
    const cosines = this.#cosines;
    const lat1 = lat * RADIANS;
    const lng1 = lng * RADIANS;
    const cosine = Math.cos(lat1);
    const drivers: number[] = [];
    // The haversines; they rise with the distance, so the roots and arc sines wait until the end.
    const best: number[] = [];
    let worst = Math.sin(Math.min(radius / EARTH_RADIUS, Math.PI) / 2) ** 2;
    for (let i = 0; i < lats.length; i++) {
      const sinLat = Math.sin((lats[i] - lat1) / 2);
      const sinLng = Math.sin((lngs[i] - lng1) / 2);
      const h = sinLat * sinLat + cosine * cosines[i] * sinLng * sinLng;
      if (h > worst) continue;
      let at = best.length === limit ? limit - 1 : best.length;
      for (; at > 0 && best[at - 1] > h; at--) {
        best[at] = best[at - 1];
        drivers[at] = drivers[at - 1];
      }
      best[at] = h;
      drivers[at] = i;
      if (best.length === limit) worst = best[limit - 1];
    }
    return { drivers, distances: best.map((h) => 2 * EARTH_RADIUS * Math.asin(Math.sqrt(h))) };
  }

  queries(centres: Places, radius: number, limit: number): Job {
    return syncQueries(this, centres, radius, limit);
  }

  updates(walk: Walk): Job {
    return syncUpdates((driver, lat, lng) => {
      this.#lats[driver] = lat * RADIANS;
      this.#lngs[driver] = lng * RADIANS;
      this.#cosines[driver] = Math.cos(lat * RADIANS);
    }, walk);
  }
}
