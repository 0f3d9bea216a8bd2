import { compareIds } from '../compare-ids.ts';
import type { Position } from '../fix.ts';
import { historyCell } from '../history/cells.ts';
import type { ReplaySource, Span } from '../history/replay-source.ts';
import { type FixesByFleet, toPosition } from './memory-tracks.ts';

/** Replays of what a memory holds: for tests and benchmarks. */
export class MemoryReplays implements ReplaySource {
  readonly #kept: FixesByFleet;

  constructor(kept: FixesByFleet) {
    this.#kept = kept;
  }

  async latest(span: Span, limit: number, after?: string): Promise<readonly Position[]> {
    const latest = new Map<string, Position>();
    for (const fix of this.#fixes(span)) {
      if (after !== undefined && compareIds(fix.driverId, after) <= 0) continue;
      const held = latest.get(fix.driverId);
      if (held === undefined || held.timestamp < fix.timestamp) latest.set(fix.driverId, fix);
    }
    return [...latest.values()].sort((a, b) => compareIds(a.driverId, b.driverId)).slice(0, limit);
  }

  async fixes(
    span: Span,
    drivers: readonly string[],
    limit: number,
    after?: { readonly timestamp: number; readonly driverId: string },
  ): Promise<readonly Position[]> {
    return this.#fixes(span, drivers)
      .sort(inOrder)
      .filter((fix) => after === undefined || inOrder(fix, after) > 0)
      .slice(0, limit);
  }

  /** All fixes in a span, of its drivers and of those named. */
  #fixes({ fleet, from, to, cells }: Span, named: readonly string[] = []): Position[] {
    const inTime = this.#kept.fixesOf(fleet).filter(({ timestamp }) => timestamp >= from && timestamp <= to);
    const wanted = new Set(named);
    const places = new Set(cells);
    for (const { driverId, lat, lng } of inTime) {
      if (cells === undefined || (cells.length > 0 && places.has(historyCell(lat, lng)))) wanted.add(driverId);
    }
    return inTime.filter(({ driverId }) => wanted.has(driverId)).map(toPosition);
  }
}

type Moment = Pick<Position, 'timestamp' | 'driverId'>;

function inOrder(a: Moment, b: Moment): number {
  return a.timestamp - b.timestamp || compareIds(a.driverId, b.driverId);
}
