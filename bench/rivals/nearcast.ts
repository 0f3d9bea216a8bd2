import { CellTree } from '../../src/spatial/cell-tree.ts';
import type { Places } from '../places.ts';
import type { Job } from '../rounds.ts';
import type { Walk } from '../walk.ts';
import { type Contestant, type Found, syncQueries, syncUpdates } from './contestant.ts';

/** Nearcast's index alone, as its server uses it. */
export class Nearcast implements Contestant {
  readonly name = 'Nearcast';
  /** Right to a millimetre. */
  readonly tolerance = { share: 0, metres: 0.001 };
  readonly #tree = new CellTree((a, b) => a - b);

  build({ lats, lngs }: Places): void {
    for (let i = 0; i < lats.length; i++) {
      // The bench takes a slot for the driver's number.
      if (this.#tree.add(lats[i], lngs[i]) !== i) throw new Error('a fresh tree must give slots in order');
    }
  }

  nearest(lat: number, lng: number, radius: number, limit: number): Found {
    const { slots, distances } = this.#tree.nearest(lat, lng, radius, limit);
    return { drivers: slots, distances };
  }

  queries(centres: Places, radius: number, limit: number): Job {
    return syncQueries(this, centres, radius, limit);
  }

  updates(walk: Walk): Job {
    return syncUpdates((driver, lat, lng) => this.#tree.move(driver, lat, lng), walk);
  }

  bytes(): number | undefined {
    return (this.#tree as { readonly bytes?: number }).bytes;
  }
}
