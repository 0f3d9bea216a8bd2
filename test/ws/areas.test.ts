import { expect, test, vi } from 'vitest';
import { named } from '../geo/shapes.ts';
import { type AskedArea, areasIn, around, box, circle, everywhere, frame } from '../support/areas.ts';
import type { Place } from '../support/geodesic.ts';
import { turns } from '../support/pressure.ts';
import { seeded } from '../support/random.ts';
import { startServer, type TestServer, token } from '../support/server.ts';
import { Traffic } from '../support/traffic.ts';

/** A server whose clock the test moves on. */
async function setUp() {
  const clock = { offset: 0 };
  const server = await startServer({ now: () => Date.now() + clock.offset });
  const put = (driverId: string, lat: number, lng = -97, attributes?: Record<string, string>) =>
    expect(server.tracker.accept('default', { driverId, lat, lng, attributes })).toBe('accepted');
  const pass = (seconds: number) => {
    clock.offset += 1000 * seconds;
    server.tracker.expire();
  };
  return { server, put, pass, watcher: await server.connect() };
}

const ids = (list: { driverId: string }[] | undefined) => list?.map(({ driverId }) => driverId).sort();
const subscribe = (fields: object) => ({ type: 'subscribe', subscription: 's', ...fields });
const update = (fields: object) => ({ type: 'update', subscription: 's', ...fields });

/** Fields of an update that go from whatever area to another. */
function replacing({ kind, fields }: AskedArea): object {
  return kind === 'everywhere'
    ? { latitude: null, longitude: null, radius: null, bbox: null, polygon: null, around: null }
    : fields;
}

test.each<[string, Place]>([
  ['a city', [30, -97]],
  ['the antimeridian', [-16.5, 179.99]],
  ['a place near a pole', [84, 12]],
])(
  '[8.1, 11.1, 11.8] in %s, what is told of areas of every kind, through updates from any to any, adds up to brute force',
  async (_, centre) => {
    const random = seeded('areas');
    const { server, watcher } = await setUp();
    const traffic = new Traffic(server, random, 150, centre);
    const watched = new Map<string, AskedArea>();
    const errors: string[] = [];
    watcher.socket.on('message', (data) => {
      if (String(data).startsWith('{"type":"error"')) errors.push(String(data));
    });
    const anyArea = (): AskedArea => {
      const [lat, lng] = [centre[0] + 0.02 * random.normal(), named(centre[1] + 0.005 * random.normal())];
      const areas = [...areasIn([lat, lng], `d${random.below(150)}`), circle(lat, lng, random.pick([0, 500, 50_000]))];
      // In the end some driver is not known.
      return random.below(10) === 0 ? around('nobody', 1_000) : random.pick(areas);
    };
    for (let step = 0; step < 400; step++) {
      traffic.move(random.below(5));
      const name = `s${random.below(8)}`;
      const area = anyArea();
      if (!watched.has(name)) watcher.send({ ...subscribe(area.fields), subscription: name });
      else if (random.below(4) === 0) watcher.send({ ...update(replacing(area)), subscription: name });
      else continue;
      watched.set(name, area);
      // Some are sent together with the moves of the turn before, some are not.
      if (random.below(3) > 0) await turns();
    }
    await watcher.settled();
    expect(errors).toEqual([]);
    expect(watcher.contradictions).toEqual([]);
    for (const [name, area] of watched) {
      expect(watcher.inside(name), `${name}: ${JSON.stringify(area.fields)}`).toEqual(traffic.inside(area));
      expect(traffic.isBelieved(watcher.belief(name), area)).toBe(true);
    }
  },
);

test('[8.2] a box over the antimeridian holds both sides of it and nothing between', async () => {
  const { put, watcher } = await setUp();
  put('west', 0, 179.5);
  put('east', 0, -179.5);
  put('on it', 0, 180);
  put('far', 0, 0);
  const snapshot = await watcher.ask(subscribe({ bbox: [179, -1, -179, 1] }));
  expect(ids(snapshot.drivers)).toEqual(['east', 'on it', 'west']);
  put('far', 0, -180);
  expect(ids((await watcher.next()).enter)).toEqual(['far']);
  put('west', 0, 178.9);
  expect((await watcher.next()).exit).toEqual([{ driverId: 'west', reason: 'left' }]);
});

test('[8.4] who drives into the hole of a polygon has left', async () => {
  const { put, watcher } = await setUp();
  put('a', 30.015, -97);
  expect(ids((await watcher.ask(subscribe(frame(30, -97, 0.02).fields))).drivers)).toEqual(['a']);
  put('a', 30.005, -97);
  expect((await watcher.next()).exit).toEqual([{ driverId: 'a', reason: 'left' }]);
  put('a', 29.985, -97);
  expect(ids((await watcher.next()).enter)).toEqual(['a']);
});

test('[8.8, 11.6] an area goes where its driver goes and holds it too; who it comes upon enters, who is left behind exits', async () => {
  const { put, watcher } = await setUp();
  put('bus', 30);
  put('here', 30.001);
  put('there', 30.1);
  const snapshot = await watcher.ask(subscribe({ around: 'bus', radius: 1000 }));
  expect(snapshot).toMatchObject({ followed: 'here' });
  expect(ids(snapshot.drivers)).toEqual(['bus', 'here']);
  put('bus', 30.1);
  const changes = await watcher.next();
  expect(ids(changes.enter)).toEqual(['there']);
  expect(ids(changes.move)).toEqual(['bus']);
  expect(changes.exit).toEqual([{ driverId: 'here', reason: 'left' }]);
  // Only when it has changed.
  expect(changes.followed).toBeUndefined();
});

test('[11.6] when the driver that is followed goes stale everybody exits; when it comes back its circle does', async () => {
  const { put, pass, watcher } = await setUp();
  expect(await watcher.ask(subscribe({ around: 'bus', radius: 1000 }))).toMatchObject({
    drivers: [],
    followed: 'unknown',
  });
  put('bus', 30);
  expect(await watcher.next()).toMatchObject({ enter: [{ driverId: 'bus' }], followed: 'here' });
  pass(200);
  put('other', 30);
  expect(ids((await watcher.next()).enter)).toEqual(['other']);
  pass(101);
  const gone = await watcher.next();
  expect(gone).toMatchObject({ followed: 'stale' });
  expect(gone.exit).toContainEqual({ driverId: 'bus', reason: 'stale' });
  expect(ids(gone.exit)).toEqual(['bus', 'other']);
  put('other', 30.001);
  await watcher.settled();
  expect(watcher.heard).toEqual([]);
  put('bus', 30.002);
  const back = await watcher.next();
  expect(back).toMatchObject({ followed: 'here' });
  expect(ids(back.enter)).toEqual(['bus', 'other']);
  expect(watcher.contradictions).toEqual([]);
});

test('[11.6, 5.3] when the driver that is followed goes off duty the area says so', async () => {
  const { server, put, watcher } = await setUp();
  put('bus', 30);
  put('other', 30);
  await watcher.ask(subscribe({ around: 'bus', radius: 1000 }));
  const answer = await fetch(`http://127.0.0.1:${server.port}/v1/drivers/bus`, {
    method: 'DELETE',
    headers: { authorization: `Bearer ${token()}` },
  });
  expect(answer.status).toBe(204);
  const changes = await watcher.next();
  expect(changes).toMatchObject({ followed: 'offline' });
  expect(changes.exit).toContainEqual({ driverId: 'bus', reason: 'offline' });
  expect(ids(changes.exit)).toEqual(['bus', 'other']);
  expect(await watcher.ask(update({ radius: 500 }))).toMatchObject({ type: 'changes' });
});

test('[11.3, 5.3] who grows older than maxAge without a newer fix exits as stale, and enters with one', async () => {
  const { put, pass, watcher } = await setUp();
  put('a', 30);
  put('b', 30);
  await watcher.ask(subscribe({ ...circle(30, -97, 1000).fields, maxAge: 60 }));
  pass(40);
  put('b', 30.001);
  await watcher.next();
  pass(21);
  expect((await watcher.next()).exit).toEqual([{ driverId: 'a', reason: 'stale' }]);
  put('a', 30.001);
  expect(ids((await watcher.next()).enter)).toEqual(['a']);
  pass(40);
  expect((await watcher.next()).exit).toEqual([{ driverId: 'b', reason: 'stale' }]);
});

test('[11.7] an update is a merge: what it does not name stays, null takes away', async () => {
  const { put, pass, watcher } = await setUp();
  put('old', 30, -97, { status: 'free' });
  pass(100);
  put('free', 30, -97, { status: 'free' });
  put('busy', 30, -97, { status: 'busy' });
  put('far', 30.05, -97, { status: 'free' });
  const area = circle(30, -97, 1000).fields;
  const snapshot = await watcher.ask(subscribe({ ...area, where: { status: 'free' }, maxAge: 60 }));
  expect(ids(snapshot.drivers)).toEqual(['free']);
  for (const [fields, inside] of [
    [{ radius: 10_000 }, ['far', 'free']],
    [{ maxAge: null }, ['far', 'free', 'old']],
    [{ where: null }, ['busy', 'far', 'free', 'old']],
    [{ latitude: 30.05, longitude: -97, radius: 1000 }, ['far']],
    [{ latitude: 30, longitude: -97 }, ['busy', 'free', 'old']],
    [{ around: 'far' }, ['far']],
    [{ radius: 10_000 }, ['busy', 'far', 'free', 'old']],
    [{ maxAge: 60, where: { status: ['busy', 'off'] } }, ['busy']],
    [{ bbox: [-98, 30.04, -96, 31], where: null }, ['far']],
    [{ bbox: null }, ['busy', 'far', 'free']],
    [{ maxAge: null, polygon: frame(30, -97, 2).fields.polygon }, []],
    [
      { latitude: null, longitude: null, radius: null, bbox: null, polygon: null, around: null },
      ['busy', 'far', 'free', 'old'],
    ],
  ] as const) {
    expect(await watcher.ask(update(fields)), JSON.stringify(fields)).toMatchObject({ type: 'changes' });
    expect(watcher.inside('s'), JSON.stringify(fields)).toEqual(inside);
  }
  expect(watcher.contradictions).toEqual([]);
  expect(watcher.beliefs.get('s')?.full).toBe(1);
});

test('[11.7] an update that is refused changes nothing', async () => {
  const { put, watcher } = await setUp();
  put('a', 30);
  await watcher.ask(subscribe(box(-98, 29, -96, 31).fields));
  for (const fields of [
    { radius: 1000 },
    { latitude: 30 },
    { latitude: 40, longitude: -97 },
    { bbox: [0, 0, 1, 1], around: 'a', radius: 10 },
    { around: 'a' },
    { bbox: [0, 0, 1, 1], maxRate: 0 },
    { bbox: [0, 0, 1, 1], cursor: 'x' },
    { bbox: [0, 0, 1, 1], where: 5 },
  ]) {
    expect(await watcher.ask(update(fields)), JSON.stringify(fields)).toMatchObject({
      type: 'error',
      code: 'invalid',
      subscription: 's',
    });
  }
  put('a', 30.1);
  expect(await watcher.next()).toMatchObject({ type: 'changes', move: [{ driverId: 'a' }] });
});

test('[4.3] the URL form subscribes to any area, with filters, a pace and a cursor', async () => {
  const { server, put } = await setUp();
  for (let i = 0; i < 30; i++) put(`d${i}`, 30 + 0.003 * i, -97 + 0.002 * i, { status: i % 2 === 0 ? 'free' : 'busy' });
  const places = new Map(Array.from({ length: 30 }, (_, i) => [`d${i}`, [30 + 0.003 * i, -97 + 0.002 * i] as const]));
  const headers = { authorization: `Bearer ${token()}` };
  for (const area of areasIn([30, -97], 'd5')) {
    // The whole fleet has no field to ask for it with.
    if (area === everywhere) continue;
    const path = `/ws?${area.query}&attributes.status=free&maxRate=1000&minDisplacement=5&maxAge=1000`;
    const watcher = await server.connect(path, undefined, headers);
    const { cursor, drivers, resumed } = await watcher.next('snapshot');
    const expected = [...places].filter(([id, place]) => Number(id.slice(1)) % 2 === 0 && area.holds(place, places));
    expect(ids(drivers), area.kind).toEqual(expected.map(([id]) => id).sort());
    expect(expected.length, area.kind).toBeGreaterThan(0);
    expect(resumed).toBe(false);
    const again = await server.connect(`${path}&cursor=${encodeURIComponent(cursor)}`, undefined, headers);
    again.beliefs.set('default', watcher.belief());
    expect(await again.next('snapshot')).toMatchObject({ resumed: true, drivers: [] });
    expect(again.contradictions).toEqual([]);
  }
});

test('nothing is left of areas around drivers when their watchers are gone', async () => {
  const { server, put, pass, watcher } = await setUp();
  put('bus', 30);
  for (const name of ['s', 't'])
    await watcher.ask({ ...subscribe({ around: 'bus', radius: 1000 }), subscription: name });
  await watcher.ask(update(everywhere.fields));
  await watcher.ask({ type: 'unsubscribe', subscription: 't' }, 'unsubscribed');
  watcher.socket.close();
  await vi.waitUntil(() => server.tracker.driver({ fleet: 'default' }, 'bus')?.watchers.length === 0);
  put('bus', 30.1);
  const epoch = async (of: TestServer) => (await (await of.get('/v1/drivers')).json()).cursor.split('.')[0];
  const before = await epoch(server);
  pass(301);
  put('bus', 30);
  expect(await epoch(server)).not.toBe(before);
});
