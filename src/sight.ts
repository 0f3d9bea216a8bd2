import type { Circle } from './geo/circle.ts';

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
