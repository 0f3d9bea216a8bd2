import { expect, test } from 'vitest';
import type { Position } from '../../src/fix.ts';
import type { Stretch } from '../../src/history/track-source.ts';
import { MemoryTracks } from '../../src/store/memory-tracks.ts';
import { parseCsv, parseXml } from '../protocol/formats.ts';
import type { Message } from '../support/client.ts';
import { destination, type Place, trueDistance } from '../support/geodesic.ts';
import { type Random, seeded } from '../support/random.ts';
import { startServer, type TestServer, token } from '../support/server.ts';
import { ask, faultsOf, put } from './pages.ts';

const T0 = 1_763_766_000_000;

type Answer = Awaited<ReturnType<TestServer['get']>>;
type Fix = Position & { readonly fleet: string };

/** A server with a history that can be added to. */
async function historian(fixes: Fix[] = []): Promise<{ server: TestServer; fixes: Fix[] }> {
  const tracks = new MemoryTracks({ fixesOf: (fleet) => fixes.filter((fix) => fix.fleet === fleet) });
  const none = async () => [];
  return { server: await startServer({ history: { tracks, replays: { latest: none, fixes: none } } }), fixes };
}

function fixAt(timestamp: number, changes: Partial<Fix> = {}): Fix {
  const lat = 40.7 + (timestamp - T0) / 1e8;
  return { fleet: 'default', driverId: 'd', lat, lng: -74, timestamp, receivedAt: timestamp + 7, ...changes };
}

/** A drive through a town, a fix every second or so. */
function drive(random: Random, count: number, driverId = 'd'): Fix[] {
  let place: Place = [40.7, -74];
  let azimuth = 0;
  let timestamp = T0;
  return Array.from({ length: count }, () => {
    azimuth += 20 * random.normal();
    place = destination(place, azimuth, random.between(0, 15));
    timestamp += 1 + random.below(2_000);
    return fixAt(timestamp, { driverId, lat: place[0], lng: place[1] });
  });
}

/** All timestamps and positions of all pages, by following `next`. */
async function follow(server: TestServer, path: string, between?: () => void) {
  const timestamps: number[] = [];
  const places: [lng: number, lat: number][] = [];
  const sizes: number[] = [];
  for (let next: string | undefined = path; next !== undefined; ) {
    const { geometry, properties }: Message = await ask(server, next);
    expect(properties.truncated ?? false).toBe(properties.next !== undefined);
    sizes.push(properties.timestamps.length);
    timestamps.push(...properties.timestamps);
    places.push(
      ...(geometry === null ? [] : geometry.type === 'Point' ? [geometry.coordinates] : geometry.coordinates),
    );
    next = properties.next;
    if (next !== undefined) between?.();
  }
  return { timestamps, places, sizes };
}

test('[16.1] a track is a Feature of all fixes, in the order of their timestamps, however late they came', async () => {
  const { server, fixes } = await historian();
  fixes.push(
    fixAt(T0 + 2_000, { lat: 40.9, accuracy: 5, attributes: { status: 'free' } }),
    fixAt(T0, { altitude: 12.5 }),
    fixAt(T0 + 1_000, { lat: 40.8, receivedAt: T0 + 9_000 }),
    fixAt(T0 + 500, { driverId: 'other' }),
    fixAt(T0 + 600, { fleet: 'another' }),
  );
  const response = await server.get('/v1/drivers/d/track');
  expect(response.headers.get('content-type')).toBe('application/geo+json; charset=utf-8');
  expect(response.headers.get('vary')).toMatch(/accept/i);
  expect(response.headers.get('cache-control')).toBe('no-store');
  expect(response.headers.get('link')).toBeNull();
  expect(await response.json()).toEqual({
    type: 'Feature',
    id: 'd',
    geometry: {
      type: 'LineString',
      coordinates: [
        [-74, 40.7],
        [-74, 40.8],
        [-74, 40.9],
      ],
    },
    properties: {
      driverId: 'd',
      timestamps: [T0, T0 + 1_000, T0 + 2_000],
      receivedAt: [T0 + 7, T0 + 9_000, T0 + 2_007],
      altitude: [12.5, null, null],
      accuracy: [null, null, 5],
      attributes: [{ index: 2, attributes: { status: 'free' } }],
      serverTime: expect.any(Number),
    },
  });
});

test('[16.2] from and to are both included, in every spelling that a fix may be dated in', async () => {
  const { server } = await historian([0, 1, 2, 3, 4].map((i) => fixAt(T0 + 1_000 * i)));
  const count = async (query: string) => (await follow(server, `/v1/drivers/d/track?${query}`)).timestamps.length;
  const iso = (ms: number) => new Date(ms).toISOString();
  // Unless it is escaped, the plus is a space to whoever reads a query string.
  const offset = (ms: number) => iso(ms + 7_200_000).replace('Z', '+02:00');
  for (const write of [
    String,
    iso,
    offset,
    (ms: number) => encodeURIComponent(offset(ms)),
    (ms: number) => `${ms}.9`,
  ]) {
    const [second, fourth] = [write(T0 + 1_000), write(T0 + 3_000)];
    expect(await count(`from=${second}&to=${fourth}`), second).toBe(3);
    expect(await count(`from=${second}`)).toBe(4);
    expect(await count(`to=${second}`)).toBe(2);
    expect(await count(`from=${second}&to=${second}`)).toBe(1);
    expect(await count(`after=${second}`)).toBe(3);
    expect(await count(`from=${fourth}&after=${second}`)).toBe(2);
    expect(await count(`to=${second}&after=${fourth}`)).toBe(0);
  }
  expect(await count(`from=${T0 + 1_001}&to=${T0 + 1_999}`)).toBe(0);
  expect(await count('to=1e300')).toBe(5);
  expect(await count('from=1e300')).toBe(0);
});

test('[16.3] the pages put together are the whole, for any limit, and fixes that come late are in their place', async () => {
  const random = seeded('pages of a track');
  const { server, fixes } = await historian(drive(random, 300));
  const whole = fixes.map(({ timestamp }) => timestamp);
  for (const limit of [1, 2, 7, 100, 299, 300, 301]) {
    const { timestamps, places, sizes } = await follow(server, `/v1/drivers/d/track?limit=${limit}`);
    expect(timestamps).toEqual(whole);
    expect(places).toEqual(fixes.map(({ lng, lat }) => [lng, lat]));
    expect(sizes.slice(0, -1)).toEqual(Array(Math.ceil(300 / limit) - 1).fill(limit));
  }
  // Some come while it is read: those behind are passed by, those ahead are in.
  const taken = new Set(whole);
  let behind = 0;
  const { timestamps } = await follow(server, '/v1/drivers/d/track?limit=20', () => {
    const timestamp = T0 + random.below(300_000);
    if (taken.has(timestamp)) return;
    taken.add(timestamp);
    fixes.push(fixAt(timestamp));
    behind++;
  });
  expect(behind).toBeGreaterThan(5);
  expect(timestamps).toEqual([...new Set(timestamps)].sort((a, b) => a - b));
  expect(whole.filter((it) => !timestamps.includes(it))).toEqual([]);
  expect(timestamps.filter((it) => !taken.has(it))).toEqual([]);
  expect((await follow(server, '/v1/drivers/d/track')).timestamps).toEqual([...taken].sort((a, b) => a - b));
});

test('[16.3] 1000 fixes unless a limit says otherwise, and no more than 10,000', async () => {
  const { server } = await historian(Array.from({ length: 10_002 }, (_, i) => fixAt(T0 + i)));
  expect((await follow(server, '/v1/drivers/d/track')).sizes.slice(0, 2)).toEqual([1_000, 1_000]);
  expect((await follow(server, '/v1/drivers/d/track?limit=1000000')).sizes).toEqual([10_000, 2]);
});

test('[16.3] a page of fixes that say much of themselves is shorter, and all together are the whole', async () => {
  const wordy = (i: number) =>
    Object.fromEntries(Array.from({ length: 16 }, (_, n) => [`${n}`.padEnd(64, 'k'), `${i}`.padEnd(256, 'v')]));
  const { server } = await historian(Array.from({ length: 3_500 }, (_, i) => fixAt(T0 + i, { attributes: wordy(i) })));
  const { timestamps, sizes } = await follow(server, '/v1/drivers/d/track?limit=10000');
  expect(timestamps).toEqual(Array.from({ length: 3_500 }, (_, i) => T0 + i));
  expect(sizes.length).toBeGreaterThan(1);
  const length = (await (await server.get('/v1/drivers/d/track?limit=10000')).text()).length;
  expect(length).toBeLessThan(10_000_000);
});

test('[16.3] next, in the body and in Link of every format, has all parameters as written and never the token', async () => {
  const driverId = 'Ünïcode/driver <100%>"?#[],;\'';
  const { server } = await historian(Array.from({ length: 5 }, (_, i) => fixAt(T0 + i, { driverId })));
  const jwt = token();
  const path = `/v1/drivers/${encodeURIComponent(driverId)}/track`;
  for (const [accept, read] of [
    ['*/*', async (it) => ((await it.json()) as Message).properties.timestamps],
    [
      'text/csv',
      async (it) =>
        parseCsv(await it.text())
          .slice(1)
          .map(([timestamp]) => Number(timestamp)),
    ],
    [
      'application/gpx+xml',
      async (it) => {
        const [, segment] = parseXml(await it.text()).children[0].children;
        return segment.children.map(({ children }) => Date.parse(children[0].text));
      },
    ],
  ] as [string, (response: Answer) => Promise<number[]>][]) {
    const found: number[] = [];
    let next: string | undefined = `${path}?access_token=${jwt}&from=2025-01-01T00:00:00%2B02:00&foo=bar&limit=2`;
    for (let page = 0; next !== undefined; page++) {
      const authorization: Record<string, string> = page === 0 ? {} : { authorization: `Bearer ${jwt}` };
      const response: Answer = await server.get(next, { accept, ...authorization });
      expect(response.status).toBe(200);
      if (accept !== '*/*') expect(response.headers.get('content-type')).toBe(`${accept}; charset=utf-8`);
      const link: string | null = response.headers.get('link');
      next = link?.match(/^<([^<>\s]+)>; rel="next"$/)?.[1];
      expect(next === undefined).toBe(link === null);
      if (next !== undefined) {
        expect(next).toBe(`${path}?from=2025-01-01T00:00:00%2B02:00&limit=2&after=${T0 + 2 * page + 1}`);
      }
      if (accept === '*/*') {
        const body: Message = await response.clone().json();
        expect(body.properties.next).toBe(next);
      }
      found.push(...(await read(response)));
    }
    expect(found).toEqual([0, 1, 2, 3, 4].map((i) => T0 + i));
  }
});

test('[16.7] simplified, every page keeps its ends, and what it leaves out is within the tolerance of the rest', async () => {
  const random = seeded('a simplified track');
  const { server, fixes } = await historian(drive(random, 500));
  for (const [tolerance, limit] of [
    [3, 1_000],
    [25, 1_000],
    [25, 90],
    [10_000, 1_000],
  ]) {
    const path = `/v1/drivers/d/track?simplify=${tolerance}&limit=${limit}`;
    const { timestamps, sizes } = await follow(server, path);
    const kept = new Set(timestamps);
    expect(sizes.length).toBe(Math.ceil(500 / limit));
    for (let from = 0; from < 500; from += limit) {
      const page = fixes.slice(from, from + limit);
      expect([kept.has(page[0].timestamp), kept.has(page[page.length - 1].timestamp)]).toEqual([true, true]);
    }
    if (tolerance === 10_000 && limit === 1_000) expect(timestamps.length).toBe(2);
    expect(timestamps.length).toBeLessThan(tolerance === 3 ? 450 : 200);
    for (const [i, { timestamp, lat, lng }] of fixes.entries()) {
      if (kept.has(timestamp)) continue;
      const before = fixes.findLast((it, j) => j < i && kept.has(it.timestamp)) as Fix;
      const after = fixes.find((it, j) => j > i && kept.has(it.timestamp)) as Fix;
      // Within a town a straight line in degrees is one on the ground, and a few thousand places of it are nearly all.
      const nearest = Math.min(
        ...Array.from({ length: 101 }, (_, n) => {
          const share = n / 100;
          const [y, x] = [before.lat + share * (after.lat - before.lat), before.lng + share * (after.lng - before.lng)];
          return trueDistance(lat, lng, y, x);
        }),
      );
      const step = trueDistance(before.lat, before.lng, after.lat, after.lng) / 200;
      expect(nearest).toBeLessThanOrEqual(Math.hypot(tolerance, step));
    }
  }
});

test('[16.8] who is known, and has no fix in the time asked for, has an empty track in every format', async () => {
  const { server } = await historian([fixAt(T0)]);
  put(server, [{ driverId: 'unstored', lat: 1, lng: 1 }]);
  for (const path of ['/v1/drivers/d/track?from=1&to=2', '/v1/drivers/unstored/track']) {
    const empty = await ask(server, path);
    expect(empty.geometry).toBeNull();
    expect(empty.properties).toMatchObject({ timestamps: [], receivedAt: [] });
    const headers = { authorization: `Bearer ${token()}` };
    const csv = await (await server.get(path, { ...headers, accept: 'text/csv' })).text();
    expect(parseCsv(csv).length).toBe(1);
    const gpx = await (await server.get(path, { ...headers, accept: 'application/gpx+xml' })).text();
    expect(parseXml(gpx).children[0].children[1].children).toEqual([]);
  }
  expect((await ask(server, `/v1/drivers/d/track?to=${T0}`)).geometry).toEqual({
    type: 'Point',
    coordinates: [-74, 40.7],
  });
});

test('[16.8] 404 for who was never heard of, or in another fleet alone, and on a server that keeps no history', async () => {
  const { server } = await historian([fixAt(T0), fixAt(T0, { driverId: 'theirs', fleet: 'another' })]);
  for (const path of ['/v1/drivers/nobody/track', '/v1/drivers/theirs/track', `/v1/drivers/nobody/track?from=${T0}`]) {
    const response = await server.get(path);
    expect([response.status, (await response.json()).code]).toEqual([404, 'not_found']);
  }
  const theirs = { authorization: `Bearer ${token({ fleet: 'another' })}` };
  expect((await server.get('/v1/drivers/theirs/track', theirs)).status).toBe(200);
  expect((await server.get('/v1/drivers/d/track', theirs)).status).toBe(404);
  const forgetful = await startServer();
  put(forgetful, [{ driverId: 'd', lat: 1, lng: 1 }]);
  expect(await (await forgetful.get('/v1/drivers/d/track')).json()).toMatchObject({
    status: 404,
    code: 'not_found',
    detail: 'This server keeps no history.',
  });
});

test('a track needs a token that may read positions', async () => {
  const { server } = await historian([fixAt(T0)]);
  const status = async (headers: Record<string, string>) => (await server.get('/v1/drivers/d/track', headers)).status;
  expect(await status({})).toBe(401);
  expect(await status({ authorization: `Bearer ${token({ scope: 'positions:write:any' })}` })).toBe(403);
  expect(await status({ authorization: `Bearer ${token({ scope: 'positions:read' })}` })).toBe(200);
});

const MOMENT = /epoch milliseconds or an ISO 8601 time with its offset/;

test.each<[string, string, RegExp]>([
  ['from=yesterday', 'from', MOMENT],
  ['from=', 'from', MOMENT],
  ['from=-1', 'from', MOMENT],
  ['from=2026-01-31', 'from', MOMENT],
  ['from=2026-01-31T12:00:00', 'from', MOMENT],
  ['from=2026-02-30T12:00:00Z', 'from', MOMENT],
  ['from=1969-12-31T23:00:00Z', 'from', MOMENT],
  ['from=1&from=2', 'from', MOMENT],
  ['to=NaN', 'to', MOMENT],
  ['to=0x10', 'to', MOMENT],
  ['after=now', 'after', MOMENT],
  ['from=2&to=1', 'from', /must not be after to/],
  ['from=2026-01-31T12:00:00Z&to=2026-01-31T12:00:00%2B02:00', 'from', /must not be after to/],
  ['limit=0', 'limit', /whole number from 1/],
  ['limit=1.5', 'limit', /whole number from 1/],
  ['limit=all', 'limit', /whole number from 1/],
  ['simplify=0', 'simplify', /metres above 0 and up to 10000/],
  ['simplify=-5', 'simplify', /metres above 0 and up to 10000/],
  ['simplify=10001', 'simplify', /metres above 0 and up to 10000/],
  ['simplify=Infinity', 'simplify', /metres above 0 and up to 10000/],
  ['simplify=', 'simplify', /metres above 0 and up to 10000/],
  ['where=x', 'where', /not of this call/],
  ['attributes.status=free', 'attributes.status', /not of this call/],
  ['maxAge=60', 'maxAge', /not of this call/],
])('a track with %s is a problem that names the field', async (query, field, rule) => {
  const { server } = await historian([fixAt(T0)]);
  expect(await faultsOf(await server.get(`/v1/drivers/d/track?${query}`))).toEqual({
    [field]: expect.stringMatching(rule),
  });
});

test('every fault of a track is named at once', async () => {
  const { server } = await historian();
  const faults = await faultsOf(await server.get('/v1/drivers/d/track?from=x&to=y&limit=z&simplify=0&after=&maxAge=1'));
  expect(Object.keys(faults).sort()).toEqual(['after', 'from', 'limit', 'maxAge', 'simplify', 'to']);
  const id = await server.get(`/v1/drivers/${'x'.repeat(129)}/track`);
  expect(await faultsOf(id)).toEqual({ driverId: 'must have at most 128 characters' });
});

test('browsers of other origins may read Link', async () => {
  const server = await startServer({ env: { CORS_ORIGINS: 'https://a.example' } });
  const { headers } = await server.get('/livez', { origin: 'https://a.example' });
  expect(headers.get('access-control-expose-headers')).toMatch(/link/i);
});

test('[16.3] after the end of time there is nothing, and no database is asked for what it cannot name', async () => {
  const asked: number[][] = [];
  const tracks = {
    track: async ({ from, to }: Stretch) => {
      asked.push([from, to]);
      return [];
    },
    knows: async () => true,
  };
  const none = async () => [];
  const server = await startServer({ history: { tracks, replays: { latest: none, fixes: none } } });
  const end = Date.parse('9999-12-31T23:59:59.999Z');
  for (const after of [end, end + 1, '99999999999999999', '9999-12-31T23:59:59-14:00']) {
    const { geometry, properties }: Message = await ask(server, `/v1/drivers/d/track?after=${after}`);
    expect([geometry, properties.next]).toEqual([null, undefined]);
  }
  await ask(server, `/v1/drivers/d/track?after=${end - 1}`);
  expect(asked).toEqual([[end, end]]);
});
