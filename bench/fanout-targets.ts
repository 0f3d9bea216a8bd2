import { latLngToCell, POLYGON_TO_CELLS_FLAGS, polygonToCellsExperimental } from 'h3-js';
import { METRES_A_DEGREE } from './places.ts';
import type { Circle } from './watcher.ts';

/** Whom drivers and watchers talk to, and in which words. */
export type TargetKind = 'nearcast' | 'broadcast' | 'rooms';

/** A server, or several that are to be as one. */
export interface Target {
  readonly kind: TargetKind;
  /** Of each instance. */
  readonly ports: readonly number[];
  readonly path: string;
}

/** Drivers go by turns over connections, and these by turns over the instances: the number of a driver's. */
export function instanceOf(driver: number, gateways: number, { ports }: Target): number {
  return (driver % gateways) % ports.length;
}

export const PATHS: Readonly<Record<TargetKind, string>> = {
  nearcast: '/ws',
  broadcast: '/',
  rooms: '/socket.io/?EIO=4&transport=websocket',
};

const CORNERS = 48;

/** The room of a place. */
export function roomOf(lat: number, lng: number, resolution: number): string {
  return latLngToCell(lat, lng, resolution);
}

/** The rooms of all cells that a circle touches. */
export function roomsOf({ lat, lng, radius }: Circle, resolution: number): string[] {
  // Around the circle, so that nothing of it is cut off; and a little more, as the earth is no sphere.
  const reach = (radius * 1.01) / Math.cos(Math.PI / CORNERS) / METRES_A_DEGREE;
  const wide = reach / Math.cos((lat * Math.PI) / 180);
  const corners = Array.from({ length: CORNERS }, (_, i) => {
    const angle = (2 * Math.PI * i) / CORNERS;
    return [lat + reach * Math.sin(angle), lng + wide * Math.cos(angle)];
  });
  return polygonToCellsExperimental(corners, resolution, POLYGON_TO_CELLS_FLAGS.containmentOverlapping);
}
