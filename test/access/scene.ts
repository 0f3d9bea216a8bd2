import { latLngToCell } from 'h3-js';
import { MemoryStore } from '../../src/store/memory.ts';
import { MemoryReplays } from '../../src/store/memory-replays.ts';
import { MemoryTracks } from '../../src/store/memory-tracks.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { withRoutes } from './routes.ts';
import { AUDIENCE, ISSUER } from './tokens.ts';

/** Where the fleets are: so near that only what keeps fleets apart tells one from the other, yet not in one cell. */
export const RED = { lat: 30, lng: -97 };
export const BLUE = { lat: 30.005, lng: -97 };
export const CELLS = 9;

/** What nobody but its fleet may be told. */
const MARKS = {
  red: ['of the reds', latLngToCell(RED.lat, RED.lng, CELLS)],
  blue: ['of the blues', latLngToCell(BLUE.lat, BLUE.lng, CELLS)],
} as const;

export type FleetName = keyof typeof MARKS;

/** A server with two fleets that have the same drivers, `d1` and `d2`. */
export interface Scene extends TestServer {
  readonly routes: ReadonlySet<string>;
  /** When their first fixes were taken, epoch milliseconds. */
  readonly since: number;
  /** Puts drivers who went, back. */
  restore(): void;
  /** Where everybody of a fleet is, as text that tells any change. */
  stateOf(fleet: FleetName): string;
}

export async function makeScene(): Promise<Scene> {
  const since = Date.now() - 60_000;
  const store = new MemoryStore(undefined, 0);
  const { made: server, routes } = await withRoutes(() =>
    startServer({
      env: { JWT_ISSUER: ISSUER, JWT_AUDIENCE: AUDIENCE },
      store,
      history: { tracks: new MemoryTracks(store), replays: new MemoryReplays(store) },
    }),
  );
  const { tracker } = server;
  const restore = () => {
    for (const [fleet, place] of [['red', RED] as const, ['blue', BLUE] as const]) {
      for (const driverId of ['d1', 'd2']) {
        if (tracker.driver(fleet, driverId) !== undefined) continue;
        tracker.accept(fleet, { driverId, ...place, timestamp: since, attributes: { mark: MARKS[fleet][0] } });
      }
    }
  };
  restore();
  // What is read of the past has been written.
  await new Promise<void>((resolve) => tracker.whenStored(() => resolve()));
  const stateOf = (fleet: FleetName) =>
    JSON.stringify(['d1', 'd2'].map((driverId) => tracker.driver(fleet, driverId)?.position));
  return { ...server, routes, since, restore, stateOf };
}

/** Whose marks a text has: `sees`, the reds’; `apart`, the blues’; `blind`, nobody’s. */
export function seen(text: string): string {
  const [reds, blues] = [MARKS.red, MARKS.blue].map((marks) => marks.some((mark) => text.includes(mark)));
  if (reds) return blues ? 'sees both fleets' : 'sees';
  return blues ? 'apart' : 'blind';
}
