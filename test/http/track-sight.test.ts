import { cellToLatLng, latLngToCell } from 'h3-js';
import { expect, test } from 'vitest';
import type { Position } from '../../src/fix.ts';
import { MemoryTracks } from '../../src/store/memory-tracks.ts';
import { parseCsv, parseXml } from '../protocol/formats.ts';
import type { Message } from '../support/client.ts';
import { destination, type Place, trueDistance } from '../support/geodesic.ts';
import { type Random, seeded } from '../support/random.ts';
import { startServer, type TestServer, token } from '../support/server.ts';
import { ask, put } from './pages.ts';

const T0 = 1_763_766_000_000;
const CENTRE: Place = [40.7, -74];

type Fix = Position & { readonly fleet: string };
/** As the claims of a token have it. */
interface Seeing {
  readonly area?: { readonly latitude: number; readonly longitude: number; readonly radius: number };
  readonly precision?: number;
}

async function historian(fixes: readonly Fix[]): Promise<TestServer> {
  const tracks = new MemoryTracks({ fixesOf: (fleet) => fixes.filter((fix) => fix.fleet === fleet) });
  const none = async () => [];
  return startServer({ history: { tracks, replays: { latest: none, fixes: none } } });
}

/** A drive in and out of a town: several kilometres either way. */
function drive(random: Random, count: number, driverId = 'd'): Fix[] {
  let place = CENTRE;
  let azimuth = 0;
  return Array.from({ length: count }, (_, i) => {
    azimuth += 30 * random.normal();
    place = trueDistance(...CENTRE, ...place) > 8_000 ? CENTRE : destination(place, azimuth, random.between(0, 400));
    const [lat, lng] = place;
    const timestamp = T0 + 1_000 * i + random.below(1_000);
    const more = { accuracy: 5, altitude: 31.25, heading: 270, speed: 12.5, attributes: { n: i } };
    return { fleet: 'default', driverId, lat, lng, timestamp, receivedAt: timestamp + 7, ...more };
  });
}

const area = (radius: number, [latitude, longitude] = CENTRE) => ({ latitude, longitude, radius });

/** The naive answer: what may be seen of each fix, if anything. */
function visible(fixes: readonly Fix[], { area, precision }: Seeing): { timestamp: number; place: Place }[] {
  return fixes
    .map(({ timestamp, lat, lng }) => ({
      timestamp,
      place: precision === undefined ? ([lat, lng] as Place) : cellToLatLng(latLngToCell(lat, lng, precision)),
    }))
    .filter(({ place }) => !area || trueDistance(area.latitude, area.longitude, ...place) <= area.radius);
}

async function follow(server: TestServer, path: string, seeing: Seeing) {
  const headers = { authorization: `Bearer ${token(seeing)}` };
  const found: { timestamp: number; place: Place }[] = [];
  const sizes: number[] = [];
  for (let next: string | undefined = path; next !== undefined; ) {
    const { geometry, properties }: Message = await ask(server, next, { headers });
    const places = geometry === null ? [] : geometry.type === 'Point' ? [geometry.coordinates] : geometry.coordinates;
    sizes.push(places.length);
    for (const [i, timestamp] of properties.timestamps.entries()) {
      found.push({ timestamp, place: [places[i][1], places[i][0]] });
    }
    // Nothing that is told of a page may tell of a fix between.
    if (properties.next !== undefined) {
      const after = Number(new URL(properties.next, 'http://host').searchParams.get('after'));
      expect(after).toBe(properties.timestamps.at(-1));
    }
    next = properties.next;
  }
  return { found, sizes };
}

test('[16.10] a track holds what may be seen alone, in full pages, for any bounds, precision and limit', async () => {
  const random = seeded('tracks by sight');
  const fixes = drive(random, 1_500);
  const server = await historian(fixes);
  const seeings: Seeing[] = [{ precision: 9 }, { precision: 0 }, { precision: 15 }, { area: area(20_000) }];
  for (let n = 0; n < 9; n++) {
    const about = destination(CENTRE, random.between(0, 360), 6_000 * random.next());
    seeings.push({
      area: area(random.between(50, 5_000), about as [number, number]),
      ...(random.next() < 0.6 && { precision: 5 + random.below(7) }),
    });
  }
  let most = 0;
  for (const seeing of seeings) {
    const expected = visible(fixes, seeing);
    most = Math.max(most, fixes.length - expected.length);
    // Limits that divide what there is, too.
    for (const limit of [1_000, Math.max(1, expected.length), 1 + random.below(400)]) {
      if (expected.length === 0 || expected.length / limit > 25) continue;
      const { found, sizes } = await follow(server, `/v1/drivers/d/track?limit=${limit}`, seeing);
      expect(found).toEqual(expected);
      expect(sizes.slice(0, -1)).toEqual(Array(sizes.length - 1).fill(limit));
      expect(sizes.at(-1)).toBeGreaterThan(0);
    }
  }
  expect(most).toBeGreaterThan(500);
});

test('[16.10] by cells a track has places, times and attributes, and nothing from which the way would be found', async () => {
  const random = seeded('tracks by cells');
  const fixes = drive(random, 50);
  const server = await historian(fixes);
  const authorization = `Bearer ${token({ precision: 8 })}`;
  const get = (accept: string) => server.get('/v1/drivers/d/track', { authorization, accept });
  const { geometry, properties } = await (await get('application/geo+json')).json();
  expect(Object.keys(properties).sort()).toEqual(['attributes', 'driverId', 'receivedAt', 'serverTime', 'timestamps']);
  expect(geometry.coordinates.every((it: number[]) => it.length === 2)).toBe(true);
  expect(properties.attributes.length).toBe(50);
  const [names, ...rows] = parseCsv(await (await get('text/csv')).text());
  for (const name of ['altitude', 'accuracy', 'heading', 'speed']) {
    expect(rows.map((row) => row[names.indexOf(name)]).join('')).toBe('');
  }
  const points = parseXml(await (await get('application/gpx+xml')).text()).children[0].children[1].children;
  expect(points.map(({ children }) => children.map(({ name }) => name))).toEqual(Array(50).fill(['time']));
  const told = JSON.stringify([geometry, rows, points]);
  for (const { lat, lng } of fixes) {
    // As short as that, it may be the beginning of another.
    if (lat === CENTRE[0]) continue;
    expect(told).not.toContain(String(lat));
    expect(told).not.toContain(String(lng));
  }
});

test('[16.10] who may not be seen is as unknown as who never was, whatever is asked', async () => {
  const random = seeded('tracks of the unseen');
  const far = destination(CENTRE, 90, 5_000) as [number, number];
  // Not a metre beyond the bounds, where a store alone might look.
  const near = destination(CENTRE, 45, 1_000.5);
  const [lat, lng] = near;
  const edge: Fix[] = [{ fleet: 'default', driverId: 'edge', lat, lng, timestamp: T0, receivedAt: T0 }];
  const fixes = [...drive(random, 300, 'far').map((fix) => ({ ...fix, lat: far[0], lng: far[1] })), ...edge];
  const server = await historian(fixes);
  put(server, [
    { driverId: 'far', lat: far[0], lng: far[1] },
    { driverId: 'edge', lat, lng },
  ]);
  for (const seeing of [{ area: area(1_000) }, { area: area(1_000), precision: 15 }, { area: area(0) }]) {
    const answerOf = async (driverId: string, query: string) => {
      const headers = { authorization: `Bearer ${token(seeing)}` };
      const response = await server.get(`/v1/drivers/${driverId}/track?${query}`, headers);
      const { requestId, ...problem } = await response.json();
      return { status: response.status, problem: JSON.stringify(problem).replaceAll(driverId, 'ID') };
    };
    for (const query of ['', `from=${T0}`, 'to=1', 'limit=1', `after=${T0}&simplify=5`]) {
      const unknown = await answerOf('nobody', query);
      expect(unknown.status).toBe(404);
      for (const driverId of ['far', 'edge']) expect(await answerOf(driverId, query)).toEqual(unknown);
    }
  }
  // And who was seen once is known, with an empty track of another time.
  const headers = { authorization: `Bearer ${token({ area: area(1_001) })}` };
  expect((await ask(server, '/v1/drivers/edge/track?to=1', { headers })).geometry).toBeNull();
});
