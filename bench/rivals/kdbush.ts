import { around, distance } from 'geokdbush';
import KDBush from 'kdbush';
import type { Places } from '../places.ts';
import type { Job } from '../rounds.ts';
import type { Walk } from '../walk.ts';
import { type Contestant, type Found, HAVERSINE, syncQueries } from './contestant.ts';

/** A static k-d tree with great-circle search. Nothing in it can be moved: it is built anew. */
export class Kdbush implements Contestant {
  readonly name = 'geokdbush';
  readonly tolerance = HAVERSINE;
  #index = new KDBush(0);
  #places: Places = { lats: new Float64Array(0), lngs: new Float64Array(0) };

  build({ lats, lngs }: Places): void {
    const index = new KDBush(lats.length);
    for (let i = 0; i < lats.length; i++) index.add(lngs[i], lats[i]);
    this.#index = index.finish();
    this.#places = { lats, lngs };
  }

  nearest(lat: number, lng: number, radius: number, limit: number): Found {
    const drivers = around(this.#index, lng, lat, limit, radius / 1000);
    const { lats, lngs } = this.#places;
    // It gives no distances; what asked for them would have to work them out like this.
    return { drivers, distances: drivers.map((i) => 1000 * distance(lng, lat, lngs[i], lats[i])) };
  }

  queries(centres: Places, radius: number, limit: number): Job {
    return syncQueries(this, centres, radius, limit);
  }

  /** An update is a whole rebuild, for one driver that moved or for all. */
  updates(walk: Walk): Job {
    return {
      prepare: (count) => walk.prepare(count),
      run: (count) => {
        for (let i = 0; i < count; i++) this.build(this.#places);
        return count;
      },
    };
  }

  bytes(): number {
    return this.#index.data.byteLength;
  }
}
