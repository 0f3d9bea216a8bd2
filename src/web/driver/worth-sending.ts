import { offset } from '../phone/offset.ts';
import type { Place } from '../phone/place.ts';

/** Metres. A device that stands still wavers by about as much. */
const MOVED = 10;

/** As much of a `GeolocationPosition` as this takes. */
export interface Taken {
  readonly coords: Place & { readonly accuracy: number };
  /** Epoch milliseconds. */
  readonly timestamp: number;
}

/**
 * Whether a position is worth waking the radio for, which costs a phone more than to know where it is: when it has moved (10 m,
 * or half of the accuracy where that is worse), and else when nothing was sent for a while, so that whoever stands still is not
 * taken for gone. A car on its way sends every position that the device tells, about one a second.
 *
 * @param silence milliseconds
 */
export function isWorthSending(next: Taken, last: Taken | undefined, silence: number): boolean {
  if (last === undefined || next.timestamp - last.timestamp >= silence) return true;
  return offset(last.coords, next.coords).distance >= Math.max(MOVED, next.coords.accuracy / 2);
}
