import { compareIds } from '../compare-ids.ts';
import type { Position } from '../fix.ts';
import type { Circle } from '../geo/circle.ts';
import { distance } from '../geo/distance.ts';
import { holds, type Region } from '../geo/region.ts';
import type { CellPage } from '../pages.ts';
import { MAX_RESOLUTION } from '../spatial/cell.ts';
import { cellNameAt } from '../spatial/point-index.ts';
import { rangeOf } from './cell-ranges.ts';
import type { ColdConditions, ColdNearby, ColdPage, ColdPositions } from './cold-positions.ts';
import { toPosition } from './memory-tracks.ts';

/** Where positions are held in memory, of a fleet in no stated order. */
export interface PositionsByFleet {
  positionsOf(fleet: string): readonly Position[];
}

/** Positions handed out at a time: few, so that readers meet more than one batch. */
const BATCH = 100;

/** Reads the latest positions out of a memory, by looking at each: for tests and benchmarks of what stands on them. */
export class MemoryPositions implements ColdPositions {
  readonly #held: PositionsByFleet;

  constructor(held: PositionsByFleet) {
    this.#held = held;
  }

  async byIds(fleet: string, driverIds: readonly string[], receivedSince: number): Promise<readonly Position[]> {
    const wanted = new Set(driverIds);
    return this.#of(fleet, { receivedSince }).filter(({ driverId }) => wanted.has(driverId));
  }

  async *inCells(fleet: string, cells: readonly string[], receivedSince: number): AsyncGenerator<readonly Position[]> {
    const ranges = cells.map((cell) => rangeOf(cell));
    const found = this.#of(fleet, { receivedSince }).filter((position) => {
      const index = BigInt(`0x${cellNameAt(position.lat, position.lng, MAX_RESOLUTION)}`);
      return ranges.some(({ low, high }) => low <= index && index <= high);
    });
    for (let from = 0; from < found.length; from += BATCH) yield found.slice(from, from + BATCH);
  }

  async occupied(fleet: string, resolution: number, receivedSince: number): Promise<readonly string[]> {
    return [...new Set(this.#of(fleet, { receivedSince }).map(({ lat, lng }) => cellNameAt(lat, lng, resolution)))];
  }

  async nearby(
    fleet: string,
    { lat, lng, radius }: Circle,
    limit: number,
    conditions: ColdConditions,
  ): Promise<ColdNearby> {
    const found = this.#of(fleet, conditions)
      .map((position) => ({ position, metres: distance(lat, lng, position.lat, position.lng) }))
      .filter(({ metres }) => metres <= radius)
      .sort((a, b) => a.metres - b.metres || compareIds(a.position.driverId, b.position.driverId));
    const nearest = found.slice(0, limit);
    return {
      positions: nearest.map(({ position }) => position),
      distances: nearest.map(({ metres }) => metres),
      truncated: found.length > limit,
    };
  }

  async within(
    fleet: string,
    region: Region | undefined,
    limit: number,
    conditions: ColdConditions,
    after = '',
  ): Promise<ColdPage> {
    const positions = this.#of(fleet, conditions, region)
      .filter(({ driverId }) => compareIds(driverId, after) > 0)
      .sort((a, b) => compareIds(a.driverId, b.driverId));
    if (positions.length <= limit) return { positions };
    return { positions: positions.slice(0, limit), next: positions[limit - 1].driverId };
  }

  async cells(
    fleet: string,
    region: Region | undefined,
    resolution: number,
    limit: number,
    conditions: ColdConditions,
    after = '',
  ): Promise<CellPage> {
    const counts = new Map<string, number>();
    for (const { lat, lng } of this.#of(fleet, conditions, region)) {
      const cell = cellNameAt(lat, lng, resolution);
      if (cell > after) counts.set(cell, (counts.get(cell) ?? 0) + 1);
    }
    const cells = [...counts].map(([cell, count]) => ({ cell, count })).sort((a, b) => (a.cell < b.cell ? -1 : 1));
    if (cells.length <= limit) return { cells };
    return { cells: cells.slice(0, limit), next: cells[limit - 1].cell };
  }

  #of(fleet: string, { receivedSince, since, where, bounds }: ColdConditions, region?: Region): Position[] {
    return this.#held
      .positionsOf(fleet)
      .filter(
        (it) =>
          it.receivedAt >= receivedSince &&
          (since === undefined || it.timestamp >= since) &&
          (where === undefined || where(it.attributes)) &&
          (bounds === undefined || holds(bounds, it.lat, it.lng)) &&
          (region === undefined || holds(region, it.lat, it.lng)),
      )
      .map(toPosition);
  }
}
