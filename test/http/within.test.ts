import geographiclib from 'geographiclib-geodesic';
import { expect, test } from 'vitest';
import { type Random, seeded } from '../support/random.ts';
import { startServer, token } from '../support/server.ts';
import { ask, byBytes, CITY, CITY_POLYGON, ids, list, put } from './pages.ts';

const wgs84 = geographiclib.Geodesic.WGS84;

interface Place {
  readonly driverId: string;
  readonly lat: number;
  readonly lng: number;
}

const wrapped = (lng: number) => (lng > 180 ? lng - 360 : lng < -180 ? lng + 360 : lng);
const clamp = (lat: number) => Math.max(-90, Math.min(90, lat));

/** Drivers all over the globe, and crowds where naive boxes fail: at the antimeridian and at a pole. */
function fleet(random: Random, count: number): Place[] {
  return Array.from({ length: count }, (_, i) => {
    const driverId = `d${(i * 7919) % count}`;
    const [lat, lng] = random.place();
    const kind = i % 4;
    if (kind === 0) return { driverId, lat, lng };
    if (kind === 1) return { driverId, lat: random.normal(), lng: wrapped(180 + random.normal()) };
    if (kind === 2) return { driverId, lat: clamp(89 + random.normal()), lng };
    // On a lattice, so that edges of areas go through drivers.
    return { driverId, lat: random.below(21) - 10, lng: wrapped(170 + random.below(21)) };
  });
}

const expected = (drivers: readonly Place[], isIn: (place: Place) => boolean) =>
  drivers
    .filter(isIn)
    .map(({ driverId }) => driverId)
    .sort(byBytes);

test('a box holds whom brute force finds, in order, on pages of any size, over the antimeridian and at the poles', async () => {
  const random = seeded('boxes');
  const server = await startServer();
  const drivers = fleet(random, 600);
  put(server, drivers);
  let found = 0;
  const boxes: [number, number, number, number][] = [
    [-180, -90, 180, 90],
    [180, -90, -180, 90],
    [175, -5, -175, 5],
    [170, 85, -170, 90],
    [0, 90, 0, 90],
    [-10, -5, 10, -5],
  ];
  for (let i = 0; i < 40; i++) {
    const [a, b] = [random.between(-90, 90), random.between(-90, 90)];
    boxes.push([random.between(-180, 180), Math.min(a, b), random.between(-180, 180), Math.max(a, b)]);
    const [south, west] = [random.below(15) - 10, 170 + random.below(15)];
    boxes.push([wrapped(west), south, wrapped(west + random.below(6)), south + random.below(6)]);
  }
  for (const [west, south, east, north] of boxes) {
    const holds = (lng: number) => (west <= east ? lng >= west && lng <= east : lng >= west || lng <= east);
    const isIn = ({ lat, lng }: Place) =>
      lat >= south &&
      lat <= north &&
      (Math.abs(lat) === 90 || holds(lng) || (Math.abs(lng) === 180 && (holds(180) || holds(-180))));
    const limit = random.pick([1, 7, 100, 1000]);
    const inside = expected(drivers, isIn);
    if (limit === 1 && inside.length > 60) continue;
    const answered = await list(server, `/v1/drivers?bbox=${west},${south},${east},${north}&limit=${limit}`);
    expect(ids(answered), `${[west, south, east, north]}`).toEqual(inside);
    for (const driver of answered) expect(driver.distance).toBeUndefined();
    found += inside.length;
  }
  expect(found).toBeGreaterThan(2_000);
});

test('a circle holds whom GeographicLib finds, with distances; nothing is the whole fleet', async () => {
  const random = seeded('circles');
  const server = await startServer({ env: { MAX_RADIUS_METERS: '20000000' } });
  const drivers = fleet(random, 400);
  put(server, drivers);
  for (let i = 0; i < 20; i++) {
    const { lat, lng } = random.pick(drivers);
    const radius = random.pick([0, 10_000, 200_000, 3_000_000, 15_000_000]);
    const distance = (place: Place) => wgs84.Inverse(lat, lng, place.lat, place.lng).s12 as number;
    const answered = await list(
      server,
      `/v1/drivers?latitude=${lat}&longitude=${lng}&radius=${radius}&limit=${random.pick([10, 1000])}`,
    );
    expect(ids(answered)).toEqual(expected(drivers, (place) => distance(place) <= radius));
    for (const driver of answered) {
      const place = drivers.find(({ driverId }) => driverId === driver.driverId) as Place;
      // Half a decimal, and a millimetre beyond city scale.
      expect(Math.abs(driver.distance - distance(place))).toBeLessThanOrEqual(0.051);
    }
  }
  expect(ids(await list(server, '/v1/drivers'))).toEqual(expected(drivers, () => true));
});

type Position = [lng: number, lat: number];
type Geometry = { type: string; coordinates: unknown };

/** The textbook's even-odd test, in the plane of degrees. */
function isInRings(rings: readonly (readonly Position[])[], lng: number, lat: number): boolean {
  let inside = false;
  for (const ring of rings) {
    for (let i = 1; i < ring.length; i++) {
      const [x1, y1] = ring[i - 1];
      const [x2, y2] = ring[i];
      if (y1 > lat !== y2 > lat && lng < ((x2 - x1) * (lat - y1)) / (y2 - y1) + x1) inside = !inside;
    }
  }
  return inside;
}

const isInPolygons = (polygons: readonly (readonly (readonly Position[])[])[], { lat, lng }: Place) =>
  polygons.some((rings) => [-360, 0, 360].some((turn) => isInRings(rings, lng + turn, lat)));

/** A star around a place; its edges cross nothing, unless it is tangled. */
function star(random: Random, lng: number, lat: number, size: number, tangled = false): Position[] {
  const corners = 3 + random.below(12);
  const ring = Array.from({ length: corners }, (_, i): Position => {
    const angle = tangled ? random.between(0, 2 * Math.PI) : ((i + random.next()) / corners) * 2 * Math.PI;
    const reach = size * random.between(0.3, 1);
    return [lng + reach * Math.cos(angle), lat + reach * Math.sin(angle)];
  });
  return [...ring, ring[0]];
}

test('a polygon holds whom the even-odd rule says, with holes, in parts, tangled and over the antimeridian', async () => {
  const random = seeded('polygons');
  const server = await startServer();
  const drivers = fleet(random, 600);
  put(server, drivers);
  let found = 0;
  for (let i = 0; i < 60; i++) {
    const polygon = () => {
      const [lng, lat] = [random.between(177, 183), random.between(-3, 3)];
      const size = random.between(0.5, 4);
      const rings = [star(random, lng, lat, size, random.below(3) === 0)];
      if (random.below(2) === 0) {
        const hole = star(random, lng, lat, size / 3);
        // However thin the ring is, it and the hole have something in common.
        hole[1] = rings[0][0];
        rings.push(hole);
      }
      return rings;
    };
    const polygons = Array.from({ length: 1 + random.below(3) }, polygon);
    const geometry =
      polygons.length === 1
        ? { type: 'Polygon', coordinates: polygons[0] }
        : { type: 'MultiPolygon', coordinates: polygons };
    // The same, a turn further west.
    const moved: Geometry = JSON.parse(JSON.stringify(geometry), (_key, value) =>
      Array.isArray(value) && typeof value[0] === 'number' ? [value[0] - 360, value[1], 12] : value,
    );
    const inside = expected(drivers, (place) => isInPolygons(polygons, place));
    const bodies = [geometry, { type: 'Feature', properties: null, geometry }, { polygon: geometry, limit: 7 }, moved];
    for (const body of bodies) {
      expect(ids(await list(server, '/v1/drivers/search', { body })), JSON.stringify(geometry)).toEqual(inside);
    }
    found += inside.length;
  }
  expect(found).toBeGreaterThan(500);
});

test('a polygon of the corners of a box is that box, its edges with it; so is one cut at the antimeridian', async () => {
  const random = seeded('corners');
  const server = await startServer();
  put(server, fleet(random, 600));
  const ring = (west: number, east: number): Position[] => [
    [west, -4],
    [east, -4],
    [east, 6],
    [west, 6],
    [west, -4],
  ];
  const box = ids(await list(server, '/v1/drivers?bbox=174,-4,-175,6'));
  expect(box.length).toBeGreaterThan(50);
  for (const coordinates of [[[ring(174, 185)]], [[ring(-186, -175)]], [[ring(174, 180)], [ring(-180, -175)]]]) {
    const body = { type: 'MultiPolygon', coordinates };
    expect(ids(await list(server, '/v1/drivers/search', { body }))).toEqual(box);
  }
});

test('filters and maxAge choose among all who are inside, wherever they are given', async () => {
  const clock = { now: 2_000_000_000_000 };
  const server = await startServer({ now: () => clock.now });
  const drivers = Array.from({ length: 300 }, (_, i) => ({
    driverId: `d${String(i).padStart(3, '0')}`,
    lat: i % 2 === 0 ? 40.7 : 50,
    lng: -74,
    timestamp: clock.now - i * 1000,
    attributes: { status: i % 3 === 0 ? 'free' : 'busy', seats: i % 5 },
  }));
  put(server, drivers);
  const inside = (keep: (i: number) => boolean) =>
    drivers.filter((_, i) => i % 2 === 0 && keep(i)).map(({ driverId }) => driverId);
  const get = async (query: string) => ids(await list(server, `/v1/drivers?bbox=${CITY}&limit=4&${query}`));
  const search = async (query: string, more: object) =>
    ids(await list(server, `/v1/drivers/search?${query}`, { body: { polygon: CITY_POLYGON, ...more } }));

  const free = inside((i) => i % 3 === 0);
  expect(await get('attributes.status=free')).toEqual(free);
  expect(await search('attributes.status=free&limit=4', {})).toEqual(free);
  expect(await search('', { where: { status: 'free' }, limit: 4 })).toEqual(free);
  const either = inside((i) => i % 5 === 2 || i % 5 === 4);
  expect(await get('attributes.seats=2&attributes.seats=4')).toEqual(either);
  expect(await search('limit=4', { where: { seats: [2, '4'] } })).toEqual(either);
  const young = inside((i) => i <= 100);
  expect(await get('maxAge=100')).toEqual(young);
  expect(await search('limit=4', { maxAge: 100 })).toEqual(young);
  expect(await search('maxAge=100&attributes.status=free', { limit: 4 })).toEqual(
    inside((i) => i <= 100 && i % 3 === 0),
  );
  expect(await get('attributes.status=none')).toEqual([]);
});

test('GeoJSON has longitude first, a distance where there is a centre, and the same next', async () => {
  const server = await startServer();
  put(server, [
    { driverId: 'a', lat: 1.5, lng: 2.5, attributes: { n: 1 } },
    { driverId: 'b', lat: 1.5, lng: 2.5 },
  ]);
  const headers = { accept: 'application/geo+json' };
  const path = '/v1/drivers?latitude=1.5&longitude=2.5&radius=5&limit=1';
  const collection = await ask(server, path, { headers });
  expect(collection).toMatchObject({ type: 'FeatureCollection', truncated: true, next: `${path}&after=a` });
  expect(collection.features).toEqual([
    {
      type: 'Feature',
      id: 'a',
      geometry: { type: 'Point', coordinates: [2.5, 1.5] },
      properties: {
        driverId: 'a',
        timestamp: expect.any(Number),
        receivedAt: expect.any(Number),
        attributes: { n: 1 },
        distance: 0,
      },
    },
  ]);
  const searched = await server.post(
    '/v1/drivers/search',
    {
      type: 'Polygon',
      coordinates: [
        [
          [2, 1],
          [3, 1],
          [3, 2],
          [2, 1],
        ],
      ],
    },
    { ...headers, authorization: `Bearer ${token()}`, 'content-type': 'application/geo+json; charset=utf-8' },
  );
  expect(searched.headers.get('content-type')).toMatch('application/geo+json');
  expect(searched.headers.get('vary')).toMatch(/accept/i);
  const { features, next } = await searched.json();
  expect(features.map(({ id }: { id: string }) => id)).toEqual(['a', 'b']);
  expect(features[0].properties.distance).toBeUndefined();
  expect(next).toBeUndefined();
});

test('an answer of a server with CORS depends on the origin as well as on what is accepted', async () => {
  const server = await startServer({ env: { CORS_ORIGINS: 'https://a.example,https://b.example' } });
  const { headers } = await server.get('/v1/drivers', {
    origin: 'https://a.example',
    authorization: `Bearer ${token()}`,
  });
  expect(headers.get('vary')?.toLowerCase()).toMatch(/origin.*accept/);
});

test('fleets do not mix, and one of which nothing is known is empty', async () => {
  const server = await startServer();
  put(server, [{ driverId: 'mine', lat: 40.7, lng: -74 }], 'one');
  put(server, [{ driverId: 'theirs', lat: 40.7, lng: -74 }], 'two');
  for (const [fleet, inside] of [
    ['one', ['mine']],
    ['two', ['theirs']],
    ['three', []],
  ] as const) {
    const headers = { authorization: `Bearer ${token({ fleet })}` };
    expect(ids(await list(server, '/v1/drivers', { headers }))).toEqual(inside);
    expect(ids(await list(server, `/v1/drivers?bbox=${CITY}`, { headers }))).toEqual(inside);
    expect(ids(await list(server, '/v1/drivers/search', { headers, body: CITY_POLYGON }))).toEqual(inside);
  }
  expect(
    await ask(server, '/v1/drivers', { headers: { authorization: `Bearer ${token({ fleet: 'three' })}` } }),
  ).toEqual({
    serverTime: expect.any(Number),
    cursor: expect.any(String),
    drivers: [],
  });
});
