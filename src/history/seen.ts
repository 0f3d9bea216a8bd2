import type { Position } from '../fix.ts';
import { Circle } from '../geo/circle.ts';
import { distance } from '../geo/distance.ts';
import { type Sight, told } from '../sight.ts';
import { coarseReach } from '../spatial/coarse.ts';

/** Metres, more than any two ways to reckon a distance differ by. */
const ROUNDING = 1;

/** A fix as it is shown to somebody; `undefined` where it is not. */
export function seen(fix: Position, sight: Sight): Position | undefined {
  const shown = told(fix, sight);
  const { bounds } = sight;
  if (shown === undefined || bounds === undefined) return shown;
  return distance(bounds.lat, bounds.lng, shown.lat, shown.lng) <= bounds.radius ? shown : undefined;
}

/** Where all fixes were taken that are shown, and some more: for a store to look in. Absent: anywhere. */
export function roughBounds({ bounds, precision }: Sight): Circle | undefined {
  if (bounds === undefined) return undefined;
  return new Circle(bounds.lat, bounds.lng, bounds.radius + leeway(precision));
}

/** Metres from where a fix was taken to where it is shown, at the most. */
export function leeway(precision: number | undefined): number {
  return precision === undefined ? ROUNDING : coarseReach(precision) + ROUNDING;
}
