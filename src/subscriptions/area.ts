import { Box } from '../geo/box.ts';
import { Circle } from '../geo/circle.ts';
import { Polygon } from '../geo/polygon.ts';
import type { Region } from '../geo/region.ts';

/** Everything no further than `radius` metres from where a driver is, wherever it goes. It holds the driver too. */
export class Around {
  readonly driverId: string;
  readonly radius: number;

  constructor(driverId: string, radius: number) {
    this.driverId = driverId;
    this.radius = radius;
  }
}

/** What a subscription looks at. */
export type Area = Region | Around;

/** The kinds of areas. */
export const AREA_KINDS = ['around', 'circle', 'box', 'polygon', 'everywhere'] as const;
export type AreaKind = (typeof AREA_KINDS)[number];

/** Which kind an area is of. */
export function kindOf(area: Area): AreaKind {
  if (area instanceof Around) return 'around';
  if (area instanceof Circle) return 'circle';
  if (area instanceof Box) return 'box';
  return area instanceof Polygon ? 'polygon' : 'everywhere';
}

/** What is known of the driver that an area goes around: `unknown` until it is first heard of. */
export type Followed = 'here' | 'stale' | 'offline' | 'unknown';
