import geographiclib from 'geographiclib-geodesic';
import { expect, test } from 'vitest';
import { seeded } from '../support/random.ts';
import { startServer, type TestServer, token } from '../support/server.ts';

const wgs84 = geographiclib.Geodesic.WGS84;

async function put(server: TestServer, positions: object[]): Promise<void> {
  const response = await server.post('/v1/positions', { positions });
  expect(response.status).toBe(200);
}

const nearby = async (server: TestServer, query: string, headers?: Record<string, string>) =>
  (await server.get(`/v1/drivers/nearby?${query}`, headers)).json();

test('nearby gives the drivers within the radius, nearest first, with distances to a decimal, as brute force does', async () => {
  const random = seeded('nearby');
  const server = await startServer();
  const drivers = Array.from({ length: 500 }, (_, i) => ({
    driverId: `d${i}`,
    latitude: 30.27 + 0.03 * random.normal(),
    longitude: -97.74 + 0.03 * random.normal(),
  }));
  await put(server, drivers);
  for (let i = 0; i < 50; i++) {
    const [latitude, longitude] = [30.27 + 0.03 * random.normal(), -97.74 + 0.03 * random.normal()];
    const radius = random.pick([0, 200, 1000, 5000]);
    const limit = random.pick([1, 10, 1000]);
    const answer = await nearby(server, `latitude=${latitude}&longitude=${longitude}&radius=${radius}&limit=${limit}`);
    const expected = drivers
      .map((driver) => ({
        ...driver,
        distance: wgs84.Inverse(latitude, longitude, driver.latitude, driver.longitude).s12 as number,
      }))
      .filter(({ distance }) => distance <= radius)
      .sort((a, b) => a.distance - b.distance);
    expect(answer.drivers.map(({ driverId }: { driverId: string }) => driverId)).toEqual(
      expected.slice(0, limit).map(({ driverId }) => driverId),
    );
    expect(answer.truncated ?? false).toBe(expected.length > limit);
    answer.drivers.forEach(({ distance }: { distance: number }, k: number) => {
      expect(Math.abs(distance - expected[k].distance)).toBeLessThanOrEqual(0.0501);
      expect(distance).toBe(Math.round(distance * 10) / 10);
    });
    expect(Math.abs(answer.serverTime - Date.now())).toBeLessThan(5_000);
    expect(typeof answer.cursor).toBe('string');
  }
});

test('without radius and limit: 5 km and 20 drivers; a limit above 1000 is taken as 1000', async () => {
  const server = await startServer();
  await put(
    server,
    Array.from({ length: 1000 }, (_, i) => ({ driverId: `d${i}`, latitude: i < 30 ? 0 : 0.01, longitude: 0 })),
  );
  await put(server, [
    { driverId: 'near', latitude: 0.04, longitude: 1 },
    { driverId: 'far', latitude: 0.05, longitude: 1 },
    { driverId: 'one more', latitude: 0, longitude: 0 },
  ]);
  expect((await nearby(server, 'latitude=0&longitude=0')).drivers.length).toBe(20);
  expect(
    (await nearby(server, 'latitude=0&longitude=1')).drivers.map(({ driverId }: { driverId: string }) => driverId),
  ).toEqual(['near']);
  const many = await nearby(server, 'latitude=0&longitude=0&limit=5000');
  expect(many.drivers.length).toBe(1000);
  expect(many.truncated).toBe(true);
});

test('filters choose among all drivers, not among the nearest', async () => {
  const server = await startServer();
  await put(
    server,
    Array.from({ length: 600 }, (_, i) => ({
      driverId: `d${i}`,
      latitude: i * 1e-5,
      longitude: 0,
      attributes: { status: i < 590 ? 'busy' : 'available', seats: i % 2 === 0 ? 4 : 6 },
    })),
  );
  const ask = async (filters: string) =>
    (await nearby(server, `latitude=0&longitude=0&limit=3&${filters}`)).drivers.map(
      ({ driverId }: { driverId: string }) => driverId,
    );
  expect(await ask('attributes.status=available')).toEqual(['d590', 'd591', 'd592']);
  expect(await ask('attributes.status=available&attributes.seats=6')).toEqual(['d591', 'd593', 'd595']);
  expect(await ask('attributes.status=available&attributes.status=busy')).toEqual(['d0', 'd1', 'd2']);
  expect(await ask('attributes.status=off')).toEqual([]);
  expect(await ask('attributes.colour=red')).toEqual([]);
  expect((await server.get('/v1/drivers/nearby?latitude=0&longitude=0&attributes.__proto__=x')).status).toBe(400);
});

test('maxAge goes by the timestamp of the position', async () => {
  const server = await startServer();
  await put(server, [
    { driverId: 'old', latitude: 0, longitude: 0, timestamp: Date.now() - 120_000 },
    { driverId: 'new', latitude: 0, longitude: 0 },
  ]);
  const ask = async (maxAge: string) =>
    (await nearby(server, `latitude=0&longitude=0&maxAge=${maxAge}`)).drivers.length;
  expect(await ask('60')).toBe(1);
  expect(await ask('600')).toBe(2);
});

test('GeoJSON has longitude first, and the same drivers', async () => {
  const server = await startServer();
  await put(server, [{ driverId: 'd', latitude: 1.5, longitude: 2.5, heading: 90, attributes: { a: 1 } }]);
  const response = await server.get('/v1/drivers/nearby?latitude=1.5&longitude=2.5', {
    accept: 'application/geo+json',
    authorization: `Bearer ${token()}`,
  });
  expect(response.headers.get('content-type')).toMatch('application/geo+json');
  expect(response.headers.get('vary')).toMatch(/accept/i);
  expect(await response.json()).toMatchObject({
    type: 'FeatureCollection',
    features: [
      {
        type: 'Feature',
        id: 'd',
        geometry: { type: 'Point', coordinates: [2.5, 1.5] },
        properties: { driverId: 'd', heading: 90, attributes: { a: 1 }, distance: 0 },
      },
    ],
  });
});

test('one driver by id, whatever its characters; 404 for one not known', async () => {
  const server = await startServer();
  const driverId = 'Ünïcode/driver 100%?#[]';
  await put(server, [{ driverId, latitude: 1, longitude: 2 }]);
  const response = await server.get(`/v1/drivers/${encodeURIComponent(driverId)}`);
  expect(await response.json()).toMatchObject({ driverId, latitude: 1, longitude: 2 });
  const longest = '駅'.repeat(128);
  await put(server, [{ driverId: longest, latitude: 1, longitude: 2 }]);
  expect((await server.get(`/v1/drivers/${encodeURIComponent(longest)}`)).status).toBe(200);
  const missing = await server.get('/v1/drivers/nobody');
  expect(missing.status).toBe(404);
  expect(await missing.json()).toMatchObject({ code: 'not_found', status: 404 });
});

test('a driver not heard of for the TTL is found no more', async () => {
  const clock = { now: Date.now() };
  const server = await startServer({ now: () => clock.now, env: { DRIVER_TTL_SECONDS: '60' } });
  await put(server, [{ driverId: 'd', latitude: 1, longitude: 2 }]);
  clock.now += 60_001;
  server.tracker.expire();
  expect((await server.get('/v1/drivers/d')).status).toBe(404);
  expect((await nearby(server, 'latitude=1&longitude=2')).drivers).toEqual([]);
});
