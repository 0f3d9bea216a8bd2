import { cellToLatLng, latLngToCell } from 'h3-js';
import { MemoryStore } from '../../src/store/memory.ts';
import { MemoryReplays } from '../../src/store/memory-replays.ts';
import { MemoryTracks } from '../../src/store/memory-tracks.ts';
import { Issuer } from '../support/issuer.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { ask } from './ask.ts';
import { withRoutes } from './routes.ts';
import { makeShare, revoke } from './shares.ts';
import { AUDIENCE, claims, ISSUER, jwt, KEYS } from './tokens.ts';

/** Where the fleets are: so near that only what keeps fleets apart tells one from the other, yet not in one cell. */
export const RED = { lat: 30.0012345, lng: -97.0054321 };
export const BLUE = { lat: 30.0015432, lng: -97.0154321 };
/** The resolution at which drivers are counted, and the one that a token for coarse places has. */
export const CELLS = 9;
export const COARSE = 7;

/** The cell in which somebody is counted. */
const cellOf = ({ lat, lng }: typeof RED) => latLngToCell(lat, lng, CELLS);

const [lat, lng] = cellToLatLng(latLngToCell(RED.lat, RED.lng, COARSE));

/** What nobody but its fleet may be told: its name for itself, and where it is. */
const MARKS = {
  red: ['of the reds', cellOf({ lat, lng }), String(RED.lat), cellOf(RED)],
  blue: ['of the blues', String(BLUE.lat), cellOf(BLUE)],
} as const;

/** Those of them that say exactly where. */
const EXACTLY = MARKS.red.slice(2);

export type FleetName = keyof typeof MARKS;

/** A server with two fleets that have the same drivers, `d1` and `d2`. */
export interface Scene extends TestServer {
  readonly routes: ReadonlySet<string>;
  /** Tokens of shares that show `d1`, and who is where the reds are; made by one of the reds whose subject is `maker`. */
  readonly shares: { readonly driver: string; readonly circle: string };
  /** Tokens that were good, or might have been, by why they are no more. */
  readonly bad: Readonly<Record<string, string>>;
  /** When their first fixes were taken, epoch milliseconds. */
  readonly since: number;
  /** Puts drivers who moved or went, back. */
  restore(): void;
  /** Where everybody of a fleet is, as text that tells any change. */
  stateOf(fleet: FleetName): string;
}

export async function makeScene(): Promise<Scene> {
  const since = Date.now() - 60_000;
  let ahead = 0;
  const store = new MemoryStore(undefined, 0);
  const issuer = await Issuer.start(...Object.values(KEYS));
  const { made: server, routes } = await withRoutes(() =>
    startServer({
      env: { JWT_ISSUER: ISSUER, JWT_AUDIENCE: AUDIENCE, JWKS_URL: issuer.url },
      now: () => Date.now() + ahead,
      store,
      history: { tracks: new MemoryTracks(store), replays: new MemoryReplays(store) },
    }),
  );
  const { tracker } = server;
  const restore = () => {
    for (const [fleet, place] of [['red', RED] as const, ['blue', BLUE] as const]) {
      for (const driverId of ['d1', 'd2']) {
        if (tracker.driver({ fleet }, driverId)?.position.timestamp === since) continue;
        tracker.goOffDuty(fleet, driverId, () => {});
        tracker.accept(fleet, { driverId, ...place, timestamp: since, attributes: { mark: MARKS[fleet][0] } });
      }
    }
  };
  restore();
  // What is read of the past has been written.
  await new Promise<void>((resolve) => tracker.whenStored(() => resolve()));
  const stateOf = (fleet: FleetName) =>
    JSON.stringify(['d1', 'd2'].map((driverId) => tracker.driver({ fleet }, driverId)?.position));

  const maker = jwt(claims({ sub: 'maker' }));
  const circle = { latitude: RED.lat, longitude: RED.lng, radius: 1 };
  const shares = {
    driver: (await makeShare(server, maker, { driverId: 'd1' })).token,
    circle: (await makeShare(server, maker, { ...circle, label: MARKS.red[0] })).token,
  };
  await makeShare(server, jwt(claims({ fleet: 'blue', sub: 'maker' })), { driverId: 'd1', label: MARKS.blue[0] });
  const ended = await makeShare(server, maker, { driverId: 'd1' });
  await ask(server, 'DELETE', `/v1/shares/${ended.id}`, maker);
  const revoked = jwt(claims({ jti: `${MARKS.red[0]}, who were near ${RED.lat}` }));
  const orphan = await makeShare(server, revoked, { driverId: 'd1' });
  await revoke(server, maker, `${MARKS.red[0]}, who were near ${RED.lat}`);
  await revoke(server, jwt(claims({ fleet: 'blue' })), MARKS.blue[0]);
  const brief = await makeShare(server, maker, { driverId: 'd1', expiresIn: 1 });
  ahead = 1_500;
  const bad = {
    'that was revoked': revoked,
    'of a share that was ended': ended.token,
    'of a share made with a token that was revoked': orphan.token,
    'of a share that has expired': brief.token,
    'of a share that never was': `${brief.token.slice(0, -8)}AAAAAAAA`,
    'of a share, cut': shares.driver.slice(0, -1),
  };
  return { ...server, routes, since, shares, bad, restore, stateOf };
}

/**
 * Whose marks a text has: `sees`, the reds’; `coarse`, theirs, yet not where exactly they are; `apart`, the blues’; `blind`,
 * nobody’s.
 */
export function seen(text: string): string {
  const has = (marks: readonly string[]) => marks.some((mark) => text.includes(mark));
  if (has(MARKS.blue)) return has(MARKS.red) ? 'sees both fleets' : 'apart';
  if (has(EXACTLY)) return 'sees';
  return has(MARKS.red) ? 'coarse' : 'blind';
}
