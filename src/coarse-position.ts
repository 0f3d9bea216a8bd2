import type { Position } from './fix.ts';
import { coarsened } from './spatial/coarse.ts';

/**
 * A position as those are told it who may know places by cells of a resolution only. How well it was measured, how high,
 * where to and how fast it goes are left out: from these, fix by fix, the way would be found again.
 */
export function coarsePosition(position: Position, resolution: number): Position {
  const { driverId, timestamp, receivedAt, attributes } = position;
  const [lat, lng] = coarsened(position.lat, position.lng, resolution);
  return { driverId, lat, lng, timestamp, receivedAt, attributes };
}
