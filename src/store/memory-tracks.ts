import type { Position } from '../fix.ts';
import { distance } from '../geo/distance.ts';
import type { Stretch, TrackSource } from '../history/track-source.ts';

/** Where fixes are kept in memory, of a fleet in no stated order. */
export interface FixesByFleet {
  fixesOf(fleet: string): readonly Position[];
}

/** Tracks out of memory: for tests of what stands on them. */
export class MemoryTracks implements TrackSource {
  readonly #fixes: FixesByFleet;

  constructor(fixes: FixesByFleet) {
    this.#fixes = fixes;
  }

  async track({ fleet, driverId, from, to, within }: Stretch, limit: number): Promise<readonly Position[]> {
    return this.#of(fleet, driverId)
      .filter(({ timestamp }) => timestamp >= from && timestamp <= to)
      .filter(({ lat, lng }) => within === undefined || distance(within.lat, within.lng, lat, lng) <= within.radius)
      .sort((a, b) => a.timestamp - b.timestamp)
      .slice(0, limit)
      .map(toPosition);
  }

  async knows(fleet: string, driverId: string): Promise<boolean> {
    return this.#of(fleet, driverId).length > 0;
  }

  #of(fleet: string, driverId: string): Position[] {
    return this.#fixes.fixesOf(fleet).filter((fix) => fix.driverId === driverId);
  }
}

/** The position alone, without what a store keeps beside it. */
export function toPosition(fix: Position): Position {
  const { driverId, lat, lng, timestamp, accuracy, altitude, heading, speed, attributes, receivedAt } = fix;
  return { driverId, lat, lng, timestamp, accuracy, altitude, heading, speed, attributes, receivedAt };
}
