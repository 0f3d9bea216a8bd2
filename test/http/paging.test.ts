import { expect, test } from 'vitest';
import type { Message } from '../support/client.ts';
import { seeded } from '../support/random.ts';
import { startServer, token } from '../support/server.ts';
import { ask, byBytes, CITY, CITY_POLYGON, ids, list, put } from './pages.ts';

test('100 drivers unless a limit says otherwise, and no more than 1000', async () => {
  const server = await startServer();
  put(
    server,
    Array.from({ length: 1100 }, (_, i) => ({ driverId: `d${i}`, lat: 40.7, lng: -74 })),
  );
  const size = async (path: string, body?: unknown) => (await ask(server, path, { body })).drivers.length;
  expect(await size('/v1/drivers')).toBe(100);
  expect(await size('/v1/drivers?limit=5000')).toBe(1000);
  expect(await size('/v1/drivers/search', CITY_POLYGON)).toBe(100);
  expect(await size('/v1/drivers/search', { polygon: CITY_POLYGON, limit: 5000 })).toBe(1000);
  // Exactly as many as there are is not cut.
  const all = await ask(server, '/v1/drivers?limit=1000&after=d1098');
  expect([all.truncated, all.next]).toEqual([undefined, undefined]);
  expect(await ask(server, '/v1/drivers?after=e')).toMatchObject({ drivers: [] });
});

test.each(['box', 'circle', 'whole fleet', 'polygon'])(
  'whoever is inside from the first page of a %s to the last comes exactly once, whoever moves, comes and goes',
  async (kind) => {
    const random = seeded(`pages of a ${kind}`);
    const clock = { now: 2_000_000_000_000 };
    const server = await startServer({ now: () => clock.now, env: { DRIVER_TTL_SECONDS: '60' } });
    const path = {
      box: `/v1/drivers?bbox=${CITY}&limit=7`,
      circle: '/v1/drivers?latitude=40.7&longitude=-74&radius=10000&limit=7',
      'whole fleet': '/v1/drivers?limit=20',
      polygon: '/v1/drivers/search?limit=7',
    }[kind] as string;
    const body = kind === 'polygon' ? CITY_POLYGON : undefined;
    const isIn = ({ lat }: { lat: number }) => kind === 'whole fleet' || lat < 41;
    const drivers = new Map<string, { driverId: string; lat: number; lng: number; heardAt: number }>();
    const place = () => ({ lat: (random.below(3) === 0 ? 50 : 40.7) + 0.01 * random.normal(), lng: -74 });
    const hear = (driverId: string, still = false) => {
      const known = drivers.get(driverId);
      const there = still && known !== undefined ? known : place();
      drivers.set(driverId, { driverId, lat: there.lat, lng: there.lng, heardAt: clock.now });
      put(server, [{ driverId, lat: there.lat, lng: there.lng }]);
    };
    for (let i = 0; i < 300; i++) hear(`d${random.below(100_000)}`);
    for (let round = 0; round < 4; round++) {
      const throughout = new Set([...drivers.values()].filter(isIn).map(({ driverId }) => driverId));
      const ever = new Set(throughout);
      const settle = () => {
        for (const [id, driver] of drivers) {
          if (driver.heardAt < clock.now - 60_000) drivers.delete(id);
          else if (isIn(driver)) ever.add(id);
        }
        for (const id of throughout) {
          const driver = drivers.get(id);
          if (driver === undefined || !isIn(driver)) throughout.delete(id);
        }
      };
      const between = () => {
        clock.now += 1000;
        const known = [...drivers.keys()];
        for (let i = 0; i < 10; i++) hear(random.pick(known), random.below(3) > 0);
        hear(`d${random.below(100_000)}`);
        server.tracker.expire();
        settle();
      };
      const answered = ids(await list(server, path, { body, between }));
      expect(throughout.size).toBeGreaterThan(10);
      expect(new Set(answered).size).toBe(answered.length);
      expect(answered.filter((id) => throughout.has(id))).toEqual([...throughout].sort(byBytes));
      for (const id of answered) expect(ever.has(id), id).toBe(true);
    }
  },
);

test('of a fleet of many, a page may be short and have another after it; together they are all', async () => {
  const random = seeded('many');
  const server = await startServer();
  // Around where a page has looked at as many as it may.
  const rare = new Set([7, 19_999, 20_000, 20_001, 39_999, 40_000, 44_999]);
  const drivers = Array.from({ length: 45_000 }, (_, i) => ({
    driverId: `d${String(i).padStart(5, '0')}`,
    lat: 40.7 + 0.05 * random.normal(),
    lng: -74 + 0.05 * random.normal(),
    attributes: { rare: rare.has(i), odd: i % 100 === 50 },
  }));
  put(server, drivers);
  type Place = (typeof drivers)[number];
  const inside = (isIn: (driver: Place) => boolean) => drivers.filter(isIn).map(({ driverId }) => driverId);
  const isRare = ({ attributes }: Place) => attributes.rare;
  for (const area of ['', 'bbox=-75,40,-73,41&']) {
    const first = await ask(server, `/v1/drivers?${area}attributes.rare=true`);
    expect([ids(first.drivers), first.truncated]).toEqual([['d00007', 'd19999'], true]);
    expect(ids(await list(server, `/v1/drivers?${area}attributes.rare=true`))).toEqual(inside(isRare));
    expect(await list(server, `/v1/drivers?${area}attributes.rare=maybe`)).toEqual([]);
  }
  // Areas that hold few, some, many and nearly all, by whichever way a page of them is found.
  for (const [west, east, mayBeShort] of [
    [-74.001, -74, false],
    [-74.02, -74, false],
    [-74.2, -74, true],
    [-75, -73.9, true],
  ] as const) {
    const isIn = ({ lng }: Place) => lng >= west && lng <= east;
    const path = `/v1/drivers?bbox=${west},40,${east},41`;
    expect(ids(await list(server, `${path}&limit=1000`))).toEqual(inside(isIn));
    expect(ids(await list(server, `${path}&attributes.rare=true`))).toEqual(
      inside((driver) => isIn(driver) && isRare(driver)),
    );
    if (mayBeShort) continue;
    const sizes: number[] = [];
    for (let next: string | undefined = `${path}&attributes.odd=true&limit=30`; next !== undefined; ) {
      const page: Message = await ask(server, next);
      sizes.push(page.drivers.length);
      next = page.next;
    }
    const count = inside((driver) => isIn(driver) && driver.attributes.odd).length;
    expect(sizes.slice(0, -1)).toEqual(Array(Math.max(0, Math.ceil(count / 30) - 1)).fill(30));
  }
});

test('any driverId can be paged over, and its order is that of its code points', async () => {
  const server = await startServer();
  const odd = [
    'a b',
    'a&b=c',
    'a+b',
    'a%20b',
    'a%',
    'a"b',
    "a'b",
    'a#b',
    'a\\b',
    'a/b?c',
    'ü',
    '駅',
    '\u{1f600}',
    '\u{1f600}z',
    '\u{20000}',
    '！',
    'ﬀ',
    'Z',
    'z',
  ];
  put(
    server,
    odd.map((driverId) => ({ driverId, lat: 40.7, lng: -74 })),
  );
  const sorted = [...odd].sort(byBytes);
  expect(sorted.indexOf('！')).toBeLessThan(sorted.indexOf('\u{1f600}'));
  expect(ids(await list(server, '/v1/drivers?limit=1'))).toEqual(sorted);
  expect(ids(await list(server, `/v1/drivers?bbox=${CITY}&limit=1`))).toEqual(sorted);
  expect(ids(await list(server, '/v1/drivers/search?limit=1', { body: CITY_POLYGON }))).toEqual(sorted);
  // Equally far ones of `nearby` too.
  expect(ids((await ask(server, '/v1/drivers/nearby?latitude=40.7&longitude=-74')).drivers)).toEqual(sorted);
});

test('the next path has all parameters as they were written, and never the token', async () => {
  const server = await startServer();
  put(
    server,
    ['a', 'b', 'c'].map((driverId) => ({ driverId, lat: 40.7, lng: -74, attributes: { 'x y': '1&2', z: 'ü' } })),
  );
  const jwt = token();
  const query = `bbox=-74.1%2C40.6,-73.9,40.8&attributes.x+y=1%262&access_token=${jwt}&attributes.z=%C3%BC&attributes.z=&limit=1&maxAge=1e6&foo=bar`;
  const response = await server.get(`/v1/drivers?${query}`, {});
  const text = await response.text();
  expect(text).not.toContain(jwt.slice(0, 20));
  expect(JSON.parse(text).next).toBe(
    '/v1/drivers?bbox=-74.1%2C40.6,-73.9,40.8&attributes.x+y=1%262&attributes.z=%C3%BC&attributes.z=&limit=1&maxAge=1e6&after=a',
  );
  expect(ids(await list(server, JSON.parse(text).next))).toEqual(['b', 'c']);
  const sly = await server.get(`/v1/drivers?limit=1&access%5Ftoken=${jwt}`, {});
  expect(await sly.text()).not.toContain(`${jwt.slice(0, 20)}`);
  const { next } = await ask(server, `/v1/drivers/search?access_token=${jwt}`, {
    body: { polygon: CITY_POLYGON, limit: 1 },
  });
  expect(next).toBe('/v1/drivers/search?after=a');
});

test('after in the body starts a search, and the query string goes on with it', async () => {
  const server = await startServer();
  put(
    server,
    ['a', 'b', 'c', 'd'].map((driverId) => ({ driverId, lat: 40.7, lng: -74 })),
  );
  const body = { polygon: CITY_POLYGON, after: 'a', limit: 1 };
  expect(ids(await list(server, '/v1/drivers/search', { body }))).toEqual(['b', 'c', 'd']);
  expect(ids(await list(server, '/v1/drivers/search?after=b', { body }))).toEqual(['c', 'd']);
});

test('a filter whose name cannot be decoded goes on in the next path', async () => {
  const server = await startServer();
  const drivers = Array.from({ length: 6 }, (_, i) => ({
    driverId: `d${i}`,
    lat: 1,
    lng: 1,
    attributes: { 'discount%': i % 2 === 0 ? 'yes' : 'no' },
  }));
  put(server, drivers);
  const ids: string[] = [];
  let path: string | undefined = '/v1/drivers?attributes.discount%=yes&limit=1';
  while (path !== undefined) {
    const page: Message = await ask(server, path);
    ids.push(...page.drivers.map(({ driverId }: Message) => driverId));
    path = page.next;
  }
  expect(ids).toEqual(['d0', 'd2', 'd4']);
});
