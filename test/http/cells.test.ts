import geographiclib from 'geographiclib-geodesic';
import { cellToBoundary, cellToParent, latLngToCell } from 'h3-js';
import { expect, test } from 'vitest';
import type { Message } from '../support/client.ts';
import { seeded } from '../support/random.ts';
import { startServer, type TestServer, token } from '../support/server.ts';
import { ask, type How, put } from './pages.ts';

const wgs84 = geographiclib.Geodesic.WGS84;

/** All cells of all pages, by following `next` as it is, and how many pages there were. */
async function cells(server: TestServer, path: string, how?: How): Promise<{ cells: Message[]; pages: number }> {
  const cells: Message[] = [];
  let pages = 0;
  for (let next: string | undefined = path; next !== undefined; pages++) {
    const page: Message = await ask(server, next, how);
    cells.push(...page.cells);
    next = page.next;
  }
  return { cells, pages };
}

test('drivers are counted by cell as h3-js says, in the order of indexes, at every resolution and on any page', async () => {
  const random = seeded('cells');
  const clock = { now: 2_000_000_000_000 };
  const server = await startServer({ now: () => clock.now });
  const drivers = Array.from({ length: 800 }, (_, i) => {
    const [lat, lng] = i % 3 === 0 ? random.place() : [40.7 + 0.02 * random.normal(), -74 + 0.02 * random.normal()];
    const timestamp = clock.now - 1000 * (i % 200);
    return { driverId: `d${i}`, lat, lng, timestamp, attributes: { status: i % 4 === 0 ? 'free' : 'busy' } };
  });
  put(server, drivers);
  type Place = (typeof drivers)[number];
  const ways: [string, (driver: Place) => boolean][] = [
    ['', () => true],
    [
      'bbox=-74.02,40.69,-73.99,40.73',
      ({ lat, lng }) => lat >= 40.69 && lat <= 40.73 && lng >= -74.02 && lng <= -73.99,
    ],
    ['bbox=100,-90,-100,90', ({ lng }) => lng >= 100 || lng <= -100],
    [
      'latitude=40.7&longitude=-74&radius=2000',
      ({ lat, lng }) => (wgs84.Inverse(40.7, -74, lat, lng).s12 as number) <= 2000,
    ],
    ['attributes.status=free', ({ attributes }) => attributes.status === 'free'],
    [
      'maxAge=100&attributes.status=busy',
      (driver) => driver.timestamp >= clock.now - 100_000 && driver.attributes.status === 'busy',
    ],
  ];
  for (let resolution = 0; resolution <= 15; resolution++) {
    const [query, isIn] = ways[resolution % ways.length];
    const counts = new Map<string, number>();
    for (const driver of drivers.filter(isIn)) {
      const cell = cellToParent(latLngToCell(driver.lat, driver.lng, 15), resolution);
      counts.set(cell, (counts.get(cell) ?? 0) + 1);
    }
    // Indexes of one resolution are equally long in hexadecimal, so their text has their order.
    const expected = [...counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([cell, count]) => ({ cell, count }));
    const limit = random.pick([7, 100, 10_000]);
    const answered = await cells(server, `/v1/cells?resolution=${resolution}&limit=${limit}&${query}`);
    expect(answered.cells, `resolution ${resolution} ${query}`).toEqual(expected);
    expect(answered.pages).toBe(Math.ceil(expected.length / limit));
    expect(expected.length).toBeGreaterThan(0);
  }
});

test('1000 cells unless a limit says otherwise, and no more than 10,000, or 2,000 with outlines', async () => {
  const random = seeded('many cells');
  const server = await startServer();
  put(
    server,
    Array.from({ length: 10_050 }, (_, i) => {
      const [lat, lng] = random.place();
      return { driverId: `d${i}`, lat, lng };
    }),
  );
  const answer = await ask(server, '/v1/cells?resolution=15');
  expect([answer.resolution, answer.cells.length, answer.next]).toEqual([
    15,
    1000,
    `/v1/cells?resolution=15&after=${answer.cells[999].cell}`,
  ]);
  expect((await ask(server, '/v1/cells?resolution=15&limit=99999')).cells.length).toBe(10_000);
  const outlines = await ask(server, '/v1/cells?resolution=15&limit=99999', {
    headers: { accept: 'application/geo+json' },
  });
  expect(outlines.features.length).toBe(2_000);
});

test('the next path has all parameters as they were written, and never the token', async () => {
  const server = await startServer();
  put(server, [
    { driverId: 'a', lat: 10, lng: 10, attributes: { z: 'ü' } },
    { driverId: 'b', lat: 50, lng: 50, attributes: { z: 'ü' } },
  ]);
  const jwt = token();
  const first = await (
    await server.get(`/v1/cells?access_token=${jwt}&resolution=3&bbox=0,0,60,60&attributes.z=%C3%BC&limit=1`, {})
  ).json();
  const [{ cell }] = first.cells;
  expect(first.next).toBe(`/v1/cells?resolution=3&bbox=0,0,60,60&attributes.z=%C3%BC&limit=1&after=${cell}`);
  // An index is a number, whatever its digits look like.
  expect((await ask(server, first.next)).cells).toEqual(
    (await ask(server, first.next.replace(cell, cell.toUpperCase()))).cells,
  );
  const rest = await ask(server, first.next);
  expect([rest.cells.length, rest.next]).toEqual([1, undefined]);
});

test('GeoJSON has the outlines of the cells, cut at the antimeridian', async () => {
  const server = await startServer();
  put(server, [
    { driverId: 'a', lat: 40.7, lng: -74 },
    { driverId: 'b', lat: 40.7, lng: -74 },
    { driverId: 'c', lat: 0, lng: 180 },
  ]);
  const response = await server.get('/v1/cells?resolution=5&limit=2', {
    accept: 'application/geo+json',
    authorization: `Bearer ${token()}`,
  });
  expect(response.headers.get('content-type')).toMatch('application/geo+json');
  expect(response.headers.get('vary')).toMatch(/accept/i);
  const collection = await response.json();
  expect(collection).toMatchObject({ type: 'FeatureCollection', resolution: 5, serverTime: expect.any(Number) });
  const cell = latLngToCell(40.7, -74, 5);
  const own = collection.features.find(({ id }: Message) => id === cell);
  expect(own).toMatchObject({ type: 'Feature', id: cell, properties: { cell, count: 2 } });
  expect(own.geometry.type).toBe('Polygon');
  const outline = cellToBoundary(cell, true);
  own.geometry.coordinates[0].forEach(([lng, lat]: [number, number], i: number) => {
    expect(lng).toBeCloseTo(outline[i][0], 6);
    expect(lat).toBeCloseTo(outline[i][1], 6);
  });
  const cut = collection.features.find(({ id }: Message) => id !== cell);
  expect(cut.geometry.type).toBe('MultiPolygon');
  expect(collection.next).toBeUndefined();
  const page = await ask(server, '/v1/cells?resolution=5&limit=1', { headers: { accept: 'application/geo+json' } });
  expect(page.next).toBe(`/v1/cells?resolution=5&limit=1&after=${page.features[0].id}`);
});

test('fleets do not mix, and one of which nothing is known is empty', async () => {
  const server = await startServer();
  put(server, [{ driverId: 'mine', lat: 40.7, lng: -74 }], 'one');
  put(server, [{ driverId: 'theirs', lat: -40.7, lng: -74 }], 'two');
  for (const [fleet, lat] of [
    ['one', 40.7],
    ['two', -40.7],
    ['three', undefined],
  ] as const) {
    const headers = { authorization: `Bearer ${token({ fleet })}` };
    for (const area of ['', '&bbox=-180,-90,180,90']) {
      expect(await ask(server, `/v1/cells?resolution=7${area}`, { headers })).toEqual({
        serverTime: expect.any(Number),
        resolution: 7,
        cells: lat === undefined ? [] : [{ cell: latLngToCell(lat, -74, 7), count: 1 }],
      });
    }
  }
});
