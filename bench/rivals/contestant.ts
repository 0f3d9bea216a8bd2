import type { Places } from '../places.ts';
import type { Job } from '../rounds.ts';
import type { Walk } from '../walk.ts';

/** An answer: drivers by number, nearest first, and how far away each is in metres. */
export interface Found {
  readonly drivers: ArrayLike<number>;
  readonly distances: ArrayLike<number>;
}

/** How far an answer may be from the geodesic: the greater of a share of the distance and of metres. */
export interface Tolerance {
  readonly share: number;
  readonly metres: number;
}

/** The great circle on a sphere is off by 0.56 % at most (Earth's radii of curvature are 6,335 to 6,400 km). */
export const HAVERSINE: Tolerance = { share: 0.006, metres: 0.001 };

/** Somebody who holds drivers and finds the nearest: Nearcast, or what one would take instead. */
export interface Contestant {
  readonly name: string;
  readonly tolerance: Tolerance;
  /** Takes all drivers in, numbered as they come. */
  build(at: Places): void | Promise<void>;
  /** The `limit` nearest within `radius` metres, nearest first, with their distances. */
  nearest(lat: number, lng: number, radius: number, limit: number): Found | Promise<Found>;
  /** Asks {@link nearest} around one centre after the other. */
  queries(centres: Places, radius: number, limit: number): Job;
  /** Moves drivers along a walk. */
  updates(walk: Walk): Job;
  /** Bytes that it says it holds, where it does; otherwise they are weighed. */
  bytes?(): number | undefined | Promise<number>;
  /** What a reader should know of how it was measured. */
  notes?(): string[];
  close?(): Promise<void>;
}

/** The queries of a contestant in this process. */
export function syncQueries(
  contestant: { nearest(lat: number, lng: number, radius: number, limit: number): Found },
  { lats, lngs }: Places,
  radius: number,
  limit: number,
): Job {
  let next = 0;
  return {
    run(count) {
      let sum = 0;
      for (let i = 0; i < count; i++) {
        const { drivers, distances } = contestant.nearest(lats[next], lngs[next], radius, limit);
        if (drivers.length > 0) sum += drivers[0] + distances[distances.length - 1];
        if (++next === lats.length) next = 0;
      }
      return sum;
    },
  };
}

/** The updates of a contestant in this process that moves one driver at a time. */
export function syncUpdates(move: (driver: number, lat: number, lng: number) => void, walk: Walk): Job {
  return {
    prepare: (count) => walk.prepare(count),
    run(count) {
      const { drivers, lats, lngs } = walk;
      for (let i = 0; i < count; i++) move(drivers[i], lats[i], lngs[i]);
      return count;
    },
  };
}
