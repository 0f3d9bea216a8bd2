import type { Position } from './fix.ts';
import type { Circle } from './geo/circle.ts';
import { coarsened } from './spatial/coarse.ts';

/** What somebody may see: of one fleet, all or a part. */
export interface Sight {
  readonly fleet: string;
  /** Nobody outside of it is seen. Absent: wherever. */
  readonly bounds?: Circle;
  /** H3 resolution: everybody is seen at the centre of its cell (see `spatial/coarse.ts`). Absent: where it is. */
  readonly precision?: number;
  /** Nobody but this driver is seen. Absent: anybody. */
  readonly driverId?: string;
}

/** Whether a sight shows everybody of its fleet where they are, as far as its bounds go. */
export function isPlain({ precision, driverId }: Sight): boolean {
  return precision === undefined && driverId === undefined;
}

/** Whether two sights show the same. */
export function isSameSight(a: Sight, b: Sight): boolean {
  return (
    a.fleet === b.fleet &&
    a.precision === b.precision &&
    a.driverId === b.driverId &&
    a.bounds?.lat === b.bounds?.lat &&
    a.bounds?.lng === b.bounds?.lng &&
    a.bounds?.radius === b.bounds?.radius
  );
}

/**
 * A position as it is told to somebody, if it is within the sight's bounds; `undefined` of a driver that is none of theirs.
 * Where places are told by cells, how well it was measured, how high, where to and how fast it goes are left out: from
 * these, fix by fix, the way would be found again.
 */
export function told(position: Position, sight: Sight): Position | undefined {
  if (sight.driverId !== undefined && position.driverId !== sight.driverId) return undefined;
  if (sight.precision === undefined) return position;
  const { driverId, timestamp, receivedAt, attributes } = position;
  const [lat, lng] = coarsened(position.lat, position.lng, sight.precision);
  return { driverId, lat, lng, timestamp, receivedAt, attributes };
}
