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

/** What is known of the driver that an area goes around: `unknown` until it is first heard of. */
export type Followed = 'here' | 'stale' | 'offline' | 'unknown';
