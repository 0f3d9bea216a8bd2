import { expect, test } from 'vitest';
import { type AskedArea, areasIn, around, box, circle, frame } from '../support/areas.ts';
import type { Belief } from '../support/belief.ts';
import { Client, type Message } from '../support/client.ts';
import { Network } from '../support/network.ts';
import { turns } from '../support/pressure.ts';
import { seeded } from '../support/random.ts';
import { startServer, token } from '../support/server.ts';
import { Traffic } from '../support/traffic.ts';

const area = circle(30, -97, 1000);
const subscribe = (fields: object) => ({ type: 'subscribe', subscription: 's', ...fields });
const ids = (list: { driverId: string }[] | undefined) => list?.map(({ driverId }) => driverId).sort();

async function setUp() {
  const clock = { offset: 0 };
  const server = await startServer({ now: () => Date.now() + clock.offset });
  const put = (driverId: string, lat: number, attributes?: Record<string, string>) =>
    expect(server.tracker.accept('default', { driverId, lat, lng: -97, attributes })).toBe('accepted');
  /** Subscribes on a connection of its own, going on from what was believed. */
  const resume = async (fields: object, belief: Belief): Promise<Message> => {
    const client = await server.connect();
    client.beliefs.set('s', belief);
    const snapshot = await client.ask(subscribe({ ...fields, cursor: belief.cursor }), 'snapshot');
    client.socket.close();
    await client.closed;
    return snapshot;
  };
  /** What one who watched until now believes. */
  const watched = async (fields: object): Promise<Belief> => {
    const client = await server.connect();
    await client.ask(subscribe(fields), 'snapshot');
    const belief = client.belief('s');
    client.socket.close();
    await client.closed;
    return belief;
  };
  return { clock, server, put, resume, watched };
}

test('[12.2] whoever comes back is told who is new or has moved, and who is unchanged; whoever is in neither has left', async () => {
  const { put, resume, watched } = await setUp();
  for (const id of ['stays', 'moves', 'leaves', 'returns']) put(id, 30);
  const belief = await watched(area.fields);
  put('moves', 30.001);
  put('leaves', 31);
  put('comes', 30.002);
  put('returns', 31);
  put('returns', 30);
  const snapshot = await resume(area.fields, belief);
  expect(snapshot).toMatchObject({ type: 'snapshot', resumed: true, unchanged: ['stays'] });
  expect(ids(snapshot.drivers)).toEqual(['comes', 'moves', 'returns']);
  expect(belief.inside).toEqual(['comes', 'moves', 'returns', 'stays']);
  expect(belief.contradictions).toEqual([]);
});

test('[12.1] the cursor of every message marks its moment: going on from any of them leads to what is so', async () => {
  const random = seeded('any cursor');
  const { server, resume } = await setUp();
  const traffic = new Traffic(server, random, 60, [30, -97]);
  const watched = circle(30, -97, 3_000);
  const watcher = await server.connect();
  await watcher.ask(subscribe(watched.fields), 'snapshot');
  const moments: Belief[] = [];
  for (let round = 0; round < 30; round++) {
    traffic.move(6);
    await watcher.settled();
    const { cursor, drivers } = watcher.belief('s');
    const belief = Object.assign(new (watcher.belief('s').constructor as new () => Belief)(), { cursor });
    for (const [id, position] of drivers) belief.drivers.set(id, position);
    moments.push(belief);
  }
  for (const belief of moments) {
    expect(await resume(watched.fields, belief)).toMatchObject({ resumed: true });
    expect(traffic.isBelieved(belief, watched)).toBe(true);
    expect(belief.contradictions).toEqual([]);
  }
});

test.each<
  [
    string,
    AskedArea,
    (
      get: (path: string) => Promise<Message>,
      post: (path: string, body: unknown) => Promise<Message>,
    ) => Promise<Message>,
  ]
>([
  [
    'nearby',
    circle(30, -97, 3_000),
    (get) => get('/v1/drivers/nearby?latitude=30&longitude=-97&radius=3000&limit=1000'),
  ],
  [
    'nearby without a radius',
    circle(30, -97, 5_000),
    (get) => get('/v1/drivers/nearby?latitude=30&longitude=-97&limit=1000'),
  ],
  [
    'a list of a circle',
    circle(30, -97, 3_000),
    (get) => get('/v1/drivers?latitude=30&longitude=-97&radius=3000&limit=1000'),
  ],
  [
    'a list of a box',
    box(-97.03, 29.97, -96.97, 30.03),
    (get) => get('/v1/drivers?bbox=-97.03,29.97,-96.97,30.03&limit=1000'),
  ],
  ['a list around a driver', around('d0', 20_000), (get) => get('/v1/drivers?around=d0&radius=20000&limit=1000')],
  [
    'a search in a polygon',
    frame(30, -97, 0.03),
    (_, post) => post('/v1/drivers/search?limit=1000', frame(30, -97, 0.03).fields.polygon),
  ],
])('[12.3] a subscription goes on from the cursor of %s', async (_, asked, list) => {
  const random = seeded('from a list');
  const { server, resume } = await setUp();
  const traffic = new Traffic(server, random, 80, [30, -97]);
  const answer = await list(
    async (path) => (await server.get(path)).json(),
    async (path, body) => (await server.post(path, body)).json(),
  );
  expect(answer.truncated ?? false).toBe(false);
  expect(ids(answer.drivers)).toEqual(traffic.inside(asked));
  expect(answer.drivers.length).toBeGreaterThan(2);
  const client = await server.connect();
  const belief = client.belief('s');
  belief.hear({ type: 'snapshot', resumed: false, ...answer });
  traffic.move(20);
  const snapshot = await resume(asked.fields, belief);
  expect(snapshot.resumed).toBe(true);
  expect(snapshot.unchanged.length).toBeGreaterThan(0);
  expect(traffic.isBelieved(belief, asked)).toBe(true);
  expect(belief.contradictions).toEqual([]);
});

test('[12.3] an answer that was cut by its limit, or is a page of several, gives a full snapshot', async () => {
  const { server, put, resume, watched } = await setUp();
  for (let i = 0; i < 6; i++) put(`d${i}`, 30);
  const belief = await watched(area.fields);
  const cursorOf = async (path: string, truncated = true) => {
    const { cursor, ...answer } = await (await server.get(`${path}latitude=30&longitude=-97&radius=1000`)).json();
    expect(answer.truncated ?? false).toBe(truncated);
    return cursor;
  };
  for (const cursor of [
    await cursorOf('/v1/drivers/nearby?limit=2&'),
    await cursorOf('/v1/drivers?limit=2&'),
    await cursorOf('/v1/drivers?limit=5&after=d3&', false),
  ]) {
    belief.cursor = cursor;
    const snapshot = await resume(area.fields, belief);
    expect(snapshot).toMatchObject({ resumed: false });
    expect(snapshot.drivers.length).toBe(6);
  }
});

const base = { ...area.fields, where: { status: ['free', 'off'] }, maxAge: 1000, minDisplacement: 50 };
test.each<[string, object, boolean]>([
  ['another centre', { latitude: 30.0000001 }, false],
  ['another radius', { radius: 1000.001 }, false],
  ['another condition', { where: { status: 'free' } }, false],
  ['no condition', { where: undefined }, false],
  ['another maxAge', { maxAge: 999 }, false],
  ['no maxAge', { maxAge: undefined }, false],
  ['a smaller minDisplacement', { minDisplacement: 49 }, false],
  ['no minDisplacement', { minDisplacement: undefined }, false],
  ['a greater minDisplacement', { minDisplacement: 51 }, true],
  ['the same condition in another order', { where: { status: ['off', 'free'] } }, true],
  ['another maxRate', { maxRate: 7 }, true],
])('[12.1, 12.6, 12.7] going on with %s is resumed: %j %s', async (_, change, resumed) => {
  const { put, resume, watched } = await setUp();
  put('a', 30, { status: 'free' });
  const belief = await watched(base);
  expect(await resume({ ...base, ...change }, belief)).toMatchObject({ resumed });
  expect(belief.inside).toEqual(['a']);
});

test('[12.6] after resuming, who is unchanged is told of with its next fix, however near', async () => {
  const { server, put, watched } = await setUp();
  put('a', 30);
  const belief = await watched({ ...area.fields, minDisplacement: 50 });
  const client = await server.connect();
  client.beliefs.set('s', belief);
  const fields = { ...area.fields, minDisplacement: 50, cursor: belief.cursor };
  expect(await client.ask(subscribe(fields))).toMatchObject({ resumed: true, unchanged: ['a'] });
  put('a', 30.00001);
  expect(await client.next()).toMatchObject({ move: [{ driverId: 'a' }] });
  put('a', 30.00002);
  await client.settled();
  expect(client.heard).toEqual([]);
});

test('[12.4, 12.1] a cursor of another fleet, another process or nothing at all is no error: the snapshot is full', async () => {
  const { server, put, resume, watched } = await setUp();
  put('a', 30);
  server.tracker.accept('other', { driverId: 'a', lat: 30, lng: -97 });
  const other = await server.connect('/ws', [`bearer.${token({ fleet: 'other' })}`, 'nearcast.v1']);
  const { cursor: ofFleet } = await other.ask(subscribe(area.fields), 'snapshot');
  const belief = await watched(area.fields);
  const { cursor: ofProcess } = await (await startServer()).tracker.nearby(
    { fleet: 'default' },
    new (await import('../../src/geo/circle.ts')).Circle(30, -97, 1000),
    1,
  );
  for (const cursor of [
    ofFleet,
    ofProcess.replace('test', 'elsewhere'),
    '',
    'x',
    '~'.repeat(1000),
    `${belief.cursor}~x1`,
  ]) {
    belief.cursor = cursor;
    expect(await resume(area.fields, belief), cursor).toMatchObject({ resumed: false, drivers: [{ driverId: 'a' }] });
  }
});

test('[12.5] an area around a driver is gone on with from where the driver was', async () => {
  const { clock, server, put, resume, watched } = await setUp();
  const follow = { around: 'bus', radius: 1000 };
  put('bus', 30);
  put('left behind', 29.995);
  put('kept', 30.004);
  put('ahead', 30.012);
  const belief = await watched(follow);
  expect(belief.inside).toEqual(['bus', 'kept', 'left behind']);
  put('bus', 30.008);
  let snapshot = await resume(follow, belief);
  // It did not move, but was not inside.
  expect(ids(snapshot.drivers)).toEqual(['ahead', 'bus']);
  expect(snapshot).toMatchObject({ resumed: true, unchanged: ['kept'], followed: 'here' });
  clock.offset = 200_000;
  put('kept', 30.004);
  put('ahead', 30.012);
  clock.offset = 301_000;
  server.tracker.expire();
  snapshot = await resume(follow, belief);
  expect(snapshot).toMatchObject({ resumed: true, drivers: [], unchanged: [], followed: 'unknown' });
  put('bus', 30.008);
  snapshot = await resume(follow, belief);
  expect(ids(snapshot.drivers)).toEqual(['ahead', 'bus', 'kept']);
  expect(snapshot).toMatchObject({ resumed: true, unchanged: [], followed: 'here' });
  expect(belief.contradictions).toEqual([]);
});

test('[12.2, 11.3] who has grown too old meanwhile is in neither list', async () => {
  const { clock, put, resume, watched } = await setUp();
  put('old', 30);
  clock.offset = 30_000;
  put('young', 30);
  const fields = { ...area.fields, maxAge: 60 };
  const belief = await watched(fields);
  clock.offset = 61_000;
  expect(await resume(fields, belief)).toMatchObject({ resumed: true, drivers: [], unchanged: ['young'] });
  expect(belief.inside).toEqual(['young']);
});

test('[4.2, 12.2] subscribing again on the same connection goes on from the cursor too, also after an update', async () => {
  const { server, put } = await setUp();
  put('a', 30);
  put('b', 30.05);
  const client = await server.connect();
  await client.ask(subscribe(area.fields));
  const { cursor } = await client.ask({ type: 'update', subscription: 's', radius: 10_000 });
  put('a', 30.001);
  await client.next();
  expect(await client.ask(subscribe({ ...area.fields, cursor }))).toMatchObject({ resumed: false });
  expect(client.inside('s')).toEqual(['a']);
  client.beliefs.delete('s');
  client
    .belief('s')
    .hear({ type: 'snapshot', resumed: false, drivers: [{ driverId: 'a' }, { driverId: 'b' }], cursor });
  const again = await client.ask(subscribe({ ...area.fields, radius: 10_000, cursor }));
  expect(again).toMatchObject({ resumed: true, drivers: [{ driverId: 'a' }], unchanged: ['b'] });
  expect(client.contradictions).toEqual([]);
});

test('[12.2] clients whose connections break at any moment, and go on with their last cursor, believe what is so', async () => {
  const random = seeded('drops');
  const { server } = await setUp();
  const traffic = new Traffic(server, random, 120, [30, -97]);
  const network = await Network.to(server.port);
  const watchers = areasIn([30, -97], 'd1').map((asked, i) => ({
    asked,
    fields: { ...asked.fields, ...(i % 2 === 0 && { maxRate: 100 }) },
    client: undefined as Client | undefined,
  }));
  const headers = { authorization: `Bearer ${token()}` };
  const connect = async (watcher: (typeof watchers)[number]) => {
    const client = await Client.open(`ws://127.0.0.1:${network.port}/ws`, [], headers);
    const belief = watcher.client?.belief('s');
    if (belief !== undefined) client.beliefs.set('s', belief);
    client.send(subscribe({ ...watcher.fields, cursor: belief?.cursor }));
    watcher.client = client;
  };
  for (const watcher of watchers) {
    await connect(watcher);
    await watcher.client?.next('snapshot');
  }
  for (let round = 0; round < 40; round++) {
    for (const watcher of watchers) if (watcher.client?.socket.readyState !== 1) await connect(watcher);
    for (let turn = random.below(12); turn > 0; turn--) {
      traffic.move(15);
      await turns(1 + random.below(3));
    }
    if (round === 39) break;
    network.cut();
    for (const { client } of watchers) await client?.closed;
    traffic.move(random.below(40));
  }
  for (const { asked, client } of watchers as { asked: AskedArea; client: Client }[]) {
    await client.settled();
    while (!traffic.isBelieved(client.belief('s'), asked)) await client.next('changes');
    expect(client.contradictions).toEqual([]);
    const { full, resumed } = client.belief('s');
    expect(resumed, asked.kind).toBeGreaterThan(0);
    expect(full, asked.kind).toBe(1);
  }
});
