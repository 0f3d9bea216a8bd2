import type { Position } from '../src/fix.ts';
import { Fleet } from '../src/fleet.ts';
import { encodePosition } from '../src/protocol/position.ts';
import { weigh } from './heap.ts';
import type { Places } from './places.ts';

/** 2026-01-01, epoch milliseconds. */
const TIMESTAMP = 1_767_225_600_000;

/**
 * Bytes that each driver of a whole fleet takes: the index, the map by id, the driver and its position with accuracy,
 * heading and speed. Left out are the text of the ids, attributes, encoded answers and watchers.
 */
export async function weighFleet({ lats, lngs }: Places): Promise<number> {
  const ids = Array.from(lats, (_, i) => `driver-${i}`);
  const { made, heap, arrays } = await weigh(() => {
    const fleet = new Fleet('bench', '', encodePosition, () => TIMESTAMP);
    for (let i = 0; i < ids.length; i++) fleet.place(position(ids[i], lats[i], lngs[i], i));
    return fleet;
  });
  return (heap + arrays) / made.drivers.size;
}

/** No two alike, so that none shares a number with another. */
function position(driverId: string, lat: number, lng: number, i: number): Position {
  const timestamp = TIMESTAMP + i;
  const fraction = i / 1000;
  return {
    driverId,
    lat,
    lng,
    timestamp,
    accuracy: 5 + fraction,
    heading: fraction % 360,
    speed: 8 + fraction,
    receivedAt: timestamp + 40,
  };
}
