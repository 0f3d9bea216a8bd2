import { setTimeout as delay } from 'node:timers/promises';
import geographiclib from 'geographiclib-geodesic';
import type { Fix } from '../src/fix.ts';
import type { Watcher } from './watcher.ts';

/** Metres. A driver this near to the rim is not judged, as GeographicLib and the server may round differently. */
const RIM = 0.001;
/** Milliseconds until every change must have come. */
const PATIENCE = 15_000;

const wgs84 = geographiclib.Geodesic.WGS84;

/**
 * Waits until each watcher believes what brute force over the latest fixes says, or too long.
 *
 * @returns how the beliefs differ, if they do
 */
export async function verify(watchers: readonly Watcher[], latest: ReadonlyMap<string, Fix>): Promise<string[]> {
  const expected = watchers.map((watcher) => truth(watcher, latest));
  const until = performance.now() + PATIENCE;
  for (;;) {
    const differences = watchers.flatMap((watcher, n) => differ(watcher, expected[n]));
    if (differences.length === 0 || performance.now() > until) return differences;
    await delay(50);
  }
}

/** The timestamps of those inside; undefined for those on the rim. */
function truth({ circle }: Watcher, latest: ReadonlyMap<string, Fix>): Map<string, number | undefined> {
  const inside = new Map<string, number | undefined>();
  for (const { driverId, lat, lng, timestamp } of latest.values()) {
    const metres = wgs84.Inverse(circle.lat, circle.lng, lat, lng, geographiclib.Geodesic.DISTANCE).s12 as number;
    if (Math.abs(metres - circle.radius) <= RIM) inside.set(driverId, undefined);
    else if (metres < circle.radius) inside.set(driverId, timestamp);
  }
  return inside;
}

function differ({ circle, inside }: Watcher, expected: ReadonlyMap<string, number | undefined>): string[] {
  const where = `within ${circle.radius} m of ${circle.lat},${circle.lng}`;
  const differences: string[] = [];
  for (const [driverId, timestamp] of expected) {
    if (timestamp === undefined || inside.get(driverId) === timestamp) continue;
    differences.push(`${driverId} is ${where} and ${inside.has(driverId) ? 'not known up to date' : 'not known'}`);
  }
  for (const driverId of inside.keys()) {
    if (!expected.has(driverId)) differences.push(`${driverId} is not ${where} and believed to be`);
  }
  return differences;
}
