import { expect, test } from 'vitest';
import { startServer, type TestServer, token } from '../support/server.ts';
import { type Faults, faultsOf } from './pages.ts';

/** A ring, or a part of one, as text: `longitude latitude, …`. */
const ring = (text: string): unknown[] => text.split(', ').map((position) => position.split(' ').map(Number));
const polygon = (...rings: unknown[]) => ({ type: 'Polygon', coordinates: rings });
const parts = (...polygons: unknown[]) => ({ type: 'MultiPolygon', coordinates: polygons });

const triangle = ring('1 1, 2 1, 2 2, 1 1');
const POLYGON = polygon(triangle);
const LARGE = ring('0 -40, 80 -40, 80 40, 0 40, 0 -40');

const circle = (positions: number): unknown[] => {
  const circle = Array.from({ length: positions - 1 }, (_, i) => {
    const angle = (2 * Math.PI * i) / (positions - 1);
    return [Math.cos(angle), Math.sin(angle)];
  });
  return [...circle, circle[0]];
};

const search = async (server: TestServer, body: unknown, query = '') =>
  faultsOf(await server.post(`/v1/drivers/search?${query}`, body));

const ringRule = 'must be a ring: a list of at least four positions, of which the last is the first again';
const closedRule = 'must be closed: its last position must be the same as its first';
const positionRule = 'must be a position: [longitude, latitude]';
const manyRule = 'must have at most 10,000 positions in all';
const farther = (other: number, lng: number) =>
  `must be within 180° of longitude of the position before it; to cross the antimeridian write ${other} for ${lng}, or cut the polygon there`;

test('a polygon that breaks a rule is told where and which, in every form of the body', async () => {
  const server = await startServer();
  const cases: [string, unknown, Faults][] = [
    ['no ring', polygon(), { coordinates: 'must be a list of rings' }],
    ['coordinates that are no list', { type: 'Polygon', coordinates: 1 }, { coordinates: 'must be a list of rings' }],
    ['no coordinates', { type: 'Polygon' }, { coordinates: 'must be a list of rings' }],
    ['no polygon', parts(), { coordinates: 'must be a list of polygons, each a list of rings' }],
    ['no list', { type: 'MultiPolygon' }, { coordinates: 'must be a list of polygons, each a list of rings' }],
    ['a polygon that is no list', parts(1), { 'coordinates.0': 'must be a list of rings' }],
    ['a ring that is no list', polygon(1), { 'coordinates.0': ringRule }],
    ['a ring of three positions', polygon(ring('1 1, 2 1, 1 1')), { 'coordinates.0': ringRule }],
    ['a hole of none', polygon(triangle, []), { 'coordinates.1': ringRule }],
    ['a ring without its list', polygon(...triangle), { 'coordinates.0': ringRule }],
    ['an open ring', polygon(ring('1 1, 2 1, 2 2, 1 2')), { 'coordinates.0': closedRule }],
    ['a ring open in longitude', polygon(ring('1 1, 2 1, 2 2, 1.5 1')), { 'coordinates.0': closedRule }],
    ['a ring open in latitude', polygon(ring('1 1, 2 1, 2 2, 1 1.5')), { 'coordinates.0': closedRule }],
    ['an open hole', parts([triangle, ring('1 1, 2 1, 2 2, 1 2')]), { 'coordinates.0.1': closedRule }],
    [
      'a position of one number',
      polygon([...ring('1 1'), [2], ...ring('2 2, 1 1')]),
      { 'coordinates.0.1': positionRule },
    ],
    ['texts', polygon([...ring('1 1'), ['2', '1'], ...ring('2 2, 1 1')]), { 'coordinates.0.1': positionRule }],
    ['null', polygon([...ring('1 1, 2 1'), [null, 1], ...ring('1 1')]), { 'coordinates.0.2': positionRule }],
    ['an object', polygon([{ lng: 1, lat: 1 }, ...ring('2 1, 2 2, 1 1')]), { 'coordinates.0.0': positionRule }],
    [
      'latitude first',
      polygon(ring('40 -100, 41 -100, 41 -101, 40 -100')),
      { 'coordinates.0.0': 'must have a latitude between -90 and 90, not -100; a position is [longitude, latitude]' },
    ],
    [
      'longitude 361',
      polygon(ring('350 1, 361 1, 355 2, 350 1')),
      { 'coordinates.0.1': 'must have a longitude between -360 and 360, not 361' },
    ],
    ['an edge eastwards', polygon(ring('170 1, -170 1, -170 2, 170 1')), { 'coordinates.0.1': farther(190, -170) }],
    [
      'an edge westwards',
      parts([triangle], [ring('-170 1, -170 2, 170 1, -170 1')]),
      { 'coordinates.1.0.2': farther(-190, 170) },
    ],
    [
      'more than a turn',
      polygon(ring('-200 0, -40 0, 100 0, 200 0, 200 1, 40 1, -100 1, -200 1, -200 0')),
      { 'coordinates.0': 'must not go around the globe more than once' },
    ],
    [
      'a hole a turn away',
      polygon(ring('170 0, 190 0, 190 9, 170 0'), ring('-175 1, -174 1, -174 2, -175 1')),
      { 'coordinates.1': 'must lie within the longitudes of the ring it is a hole of, 170 to 190' },
    ],
    ['10,001 positions', polygon(circle(10_001)), { coordinates: manyRule }],
    ['10,004 positions in two parts', parts([circle(5_002)], [circle(5_002)]), { coordinates: manyRule }],
    ['100,000 empty rings', polygon(...Array(100_000).fill([])), { coordinates: manyRule }],
    ['100,000 empty parts', parts(...Array(100_000).fill([])), { coordinates: manyRule }],
    [
      'a large part of the globe',
      polygon(LARGE),
      {
        coordinates: expect.stringMatching(
          /^must lie within boxes of at most 50,000,000 km² in all; those around its polygons have \d{2,3},\d{3},\d{3} km²$/,
        ),
      },
    ],
    // Of these the area within is next to nothing.
    [
      'a bow-tie over the globe',
      polygon(ring('-170 -80, 0 80, 170 -80, 170 80, 0 -80, -170 80, -170 -80')),
      { coordinates: largeRule },
    ],
    ['a large part of the globe without itself', polygon(LARGE, LARGE), { coordinates: largeRule }],
  ];
  for (const [what, geometry, faults] of cases) {
    const inside = (name: string) =>
      Object.fromEntries(Object.entries(faults).map(([field, rule]) => [`${name}.${field}`, rule]));
    expect(await search(server, geometry), what).toEqual(faults);
    expect(await search(server, { type: 'Feature', geometry }), what).toEqual(inside('geometry'));
    expect(await search(server, { polygon: geometry }), what).toEqual(inside('polygon'));
  }
});

test('a polygon at the rim of a rule is allowed', async () => {
  const server = await startServer();
  const cases: [string, unknown][] = [
    ['10,000 positions', polygon(circle(10_000))],
    [
      'altitudes, which may differ',
      polygon([
        [1, 1, 5],
        [2, 1, 'high'],
        [2, 2],
        [1, 1],
      ]),
    ],
    ['no extent', polygon(ring('1 1, 1 1, 1 1, 1 1'))],
    ['an edge of just 180°', polygon(ring('-90 0, 90 0, 0 5, -90 0'))],
    ['a hole that touches the edge', polygon(triangle, ring('2 1, 2 2, 3 2, 2 1'))],
    ['nearly as much area as allowed', polygon(ring('0 0, 28 0, 28 29, 0 29, 0 0'))],
    ['longitudes to 360 and the poles', polygon(ring('355 -90, 360 -90, 360 90, 355 90, 355 -90'))],
    ['a ring around a pole', polygon(ring('-180 85, 0 85, 180 85, 180 90, 0 90, -180 90, -180 85'))],
    ['members of GeoJSON that say nothing here', { ...POLYGON, bbox: [0, 0, 1, 1], crs: null }],
  ];
  for (const [what, body] of cases) {
    const response = await server.post('/v1/drivers/search', body);
    expect([response.status, await response.json()], what).toMatchObject([200, { drivers: [] }]);
  }
});

const formRule = 'The body must be a GeoJSON Polygon or MultiPolygon, a Feature with one, or {"polygon": …}';
const requiredRule = 'is required, unless the body is a GeoJSON Polygon, MultiPolygon or Feature itself';
const typeRule =
  'must be Polygon, MultiPolygon or Feature; of a FeatureCollection or GeometryCollection send one member';
const misplaced = 'has no place in GeoJSON: put it into the query string, or beside the geometry as {"polygon": …}';
const oneKind = 'must not come with a polygon: an area is of one kind';
const largeRule = expect.stringMatching(/at most 50,000,000 km²/);
const twice = 'must not be in the query string too';
const limitRule = 'must be a whole number from 1';

test('a search that breaks a rule is told which field and which rule', async () => {
  const server = await startServer();
  const cases: [string, string, unknown, Faults][] = [
    ['a list', '', [POLYGON], { '': formRule }],
    ['a number', '', 5, { '': formRule }],
    ['null', '', 'null', { '': formRule }],
    ['nothing', '', {}, { polygon: requiredRule }],
    ['filters alone', '', { where: {} }, { polygon: requiredRule }],
    ['a collection', '', { type: 'FeatureCollection', features: [] }, { type: typeRule }],
    ['a point', '', { type: 'Point', coordinates: [1, 2] }, { type: typeRule }],
    ['a Feature of no geometry', '', { type: 'Feature', properties: {} }, { geometry: 'is required' }],
    [
      'a Feature of null',
      '',
      { type: 'Feature', geometry: null },
      { geometry: 'must be a GeoJSON Polygon or MultiPolygon' },
    ],
    [
      'a Feature of a line',
      '',
      { type: 'Feature', geometry: { type: 'LineString' } },
      { 'geometry.type': 'must be Polygon or MultiPolygon' },
    ],
    [
      'a Feature for a polygon',
      '',
      { polygon: { type: 'Feature', geometry: POLYGON } },
      { 'polygon.type': 'must be Polygon or MultiPolygon; of a Feature send the geometry' },
    ],
    ['a list for a polygon', '', { polygon: [1] }, { polygon: 'must be a GeoJSON Polygon or MultiPolygon' }],
    ['a polygon and a box', '', { polygon: POLYGON, bbox: [1, 2, 3, 4] }, { bbox: oneKind }],
    [
      'a polygon and a circle',
      '',
      { polygon: POLYGON, latitude: 1, radius: 2 },
      { latitude: oneKind, radius: oneKind },
    ],
    ['a polygon around somebody', '', { polygon: POLYGON, around: 'd' }, { around: oneKind }],
    ['a box in the query', 'bbox=1,2,3,4', POLYGON, { bbox: oneKind }],
    ['a circle in the query', 'latitude=1', { polygon: POLYGON }, { latitude: oneKind }],
    ['a polygon in the query', 'polygon=x', POLYGON, { polygon: 'belongs into the body' }],
    ['a text for a limit', '', { polygon: POLYGON, limit: '5' }, { limit: limitRule }],
    [
      'all wrong',
      '',
      { polygon: 1, limit: 0, maxAge: -1, where: 1, after: 5 },
      {
        polygon: 'must be a GeoJSON Polygon or MultiPolygon',
        limit: limitRule,
        maxAge: 'must be at least 0',
        where: 'must be an object',
        after: 'must be a string',
      },
    ],
    ['a limit twice', 'limit=5', { polygon: POLYGON, limit: 5 }, { limit: twice }],
    [
      'everything twice',
      'limit=5&maxAge=1&attributes.a=1',
      { polygon: POLYGON, limit: 5, maxAge: 2, where: {} },
      { limit: twice, maxAge: twice, where: 'must not come with attributes.NAME in the query string' },
    ],
    ['filters in a geometry', '', { ...POLYGON, where: {}, limit: 5 }, { where: misplaced, limit: misplaced }],
    [
      'paging in a Feature',
      '',
      { type: 'Feature', geometry: POLYGON, after: 'a', maxAge: 5 },
      { after: misplaced, maxAge: misplaced },
    ],
    ['a wrong query', 'limit=0&maxAge=x', POLYGON, { limit: limitRule, maxAge: 'must be a number of seconds' }],
  ];
  for (const [what, query, body, faults] of cases) expect(await search(server, body, query), what).toEqual(faults);
});

test('a search takes JSON and GeoJSON, says so of other types, and takes no more than a mebibyte', async () => {
  const server = await startServer();
  const send = async (type: string, body = JSON.stringify(POLYGON), path = '/v1/drivers/search') => {
    const response = await server.post(path, body, { authorization: `Bearer ${token()}`, 'content-type': type });
    return { status: response.status, ...(await response.json()) };
  };
  expect((await send('application/json')).status).toBe(200);
  expect((await send('application/geo+json')).status).toBe(200);
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/vnd.geo+json']) {
    expect(await send(type)).toMatchObject({
      status: 415,
      code: 'unsupported',
      detail: 'The content type must be application/json or application/geo+json.',
    });
  }
  // Positions are not GeoJSON.
  expect(await send('application/geo+json', undefined, '/v1/positions')).toMatchObject({
    status: 415,
    detail: 'The content type must be application/json.',
  });
  expect(await send('application/geo+json', '{')).toMatchObject({ status: 400, code: 'invalid' });
  expect(await send('application/geo+json', '{"__proto__":1}')).toMatchObject({ status: 400, code: 'invalid' });
  expect(await send('application/geo+json', ' '.repeat(1_100_000))).toMatchObject({ status: 413, code: 'too_large' });
});
