import { once } from 'node:events';
import { request } from 'node:http';
import { json } from 'node:stream/consumers';
import { expect, onTestFinished, test } from 'vitest';
import { migrate } from '../../src/store/migrate.ts';
import { Partitions } from '../../src/store/partitions.ts';
import { StorePool } from '../../src/store/pool.ts';
import { PostgisStore } from '../../src/store/postgis.ts';
import { Truth } from '../store/truth.ts';
import type { Client, Message } from '../support/client.ts';
import { findPostgres, startPostgres } from '../support/postgres.ts';
import { startServer, type TestServer, token } from '../support/server.ts';
import { describeWith } from '../support/services.ts';

/** Numbers as text, as JSON has more of them than JavaScript: each is the double that is nearest. */
const EXTREMES: Readonly<Record<string, readonly string[]>> = {
  latitude: ['-0', '5e-324', '1e-400', '-1E-400', '90', '-90', '89.99999999999999', `0.${'1'.repeat(1_000)}`],
  longitude: ['-0', '180', '-180', '5e-324', '179.99999999999997'],
  altitude: ['-0', '1e308', '-1.7976931348623157e308', '9007199254740993', '5e-324'],
  accuracy: ['-0', '1.7976931348623157e308', '5e-324'],
  heading: ['-0', '360', '359.99999999999994'],
  speed: ['-0', '1e308', '5e-324'],
  timestamp: ['0', '-0', '5e-324', '0.5', '1e3', '1000000000000.9'],
  attributes: ['{"n":1e308}', '{"n":9007199254740993}', '{"n":-0}', '{"n":5e-324}', '{"n":-1.7976931348623157e308}'],
};

const REFUSED: readonly [field: string, value: string, code: string][] = [
  ...['latitude', 'longitude', 'altitude', 'accuracy', 'heading', 'speed', 'timestamp'].flatMap((field) =>
    ['1e400', '-1e400', '1e999999999', '"1"', '[1]', '{}', 'true'].map((value): [string, string, string] => [
      field,
      value,
      'invalid',
    ]),
  ),
  ['latitude', '90.00000000000001', 'invalid'],
  ['longitude', '-180.00000000000003', 'invalid'],
  ['latitude', '1e308', 'invalid'],
  ['accuracy', '-5e-324', 'invalid'],
  ['heading', '360.00000000000006', 'invalid'],
  ['timestamp', '-1', 'invalid'],
  ['timestamp', '9007199254740993', 'future'],
  ['timestamp', '1e308', 'future'],
  ['attributes', '{"n":1e400}', 'invalid'],
  ['attributes', '{"n":-1e400}', 'invalid'],
];

/** A fix as text, one field of which is as given. */
function fixOf(driverId: string, field: string, value: string): string {
  const fields = { driverId: JSON.stringify(driverId), latitude: '1', longitude: '2', [field]: value };
  return `{${Object.entries(fields).map(([name, text]) => `"${name}":${text}`)}}`;
}

describeWith('PostgreSQL with PostGIS', findPostgres(), 'numbers at their ends', (bin) => {
  test('are taken where they are in range, told and stored as the nearest double, and refused where they are not', async () => {
    const postgres = await startPostgres(bin);
    onTestFinished(() => postgres.stop());
    await migrate(postgres);
    const pool = new StorePool(postgres);
    const store = new PostgisStore(pool, { partitions: new Partitions(pool, 36_500) });
    onTestFinished(() => store.close());
    const server = await startServer({ store });
    const cases = Object.entries(EXTREMES).flatMap(([field, values]) => values.map((value) => [field, value] as const));
    const fixes = cases.map(([field, value], i) => fixOf(`d${i}`, field, value));
    const refused = REFUSED.map(([field, value]) => fixOf('refused', field, value));
    const answer = await server.post('/v1/positions', `{"positions":[${[...fixes, ...refused]}]}`);
    const { results } = await answer.json();
    for (const [i, fix] of fixes.entries()) expect([fix, results[i]]).toEqual([fix, { verdict: 'accepted' }]);
    for (const [i, [, , code]] of REFUSED.entries()) {
      expect([refused[i], results[fixes.length + i]]).toMatchObject([refused[i], { verdict: 'refused', code }]);
    }
    const truth = await Truth.connect(postgres);
    const rows = await truth.sql(
      `SELECT driver_id, ST_Y(location::geometry) AS latitude, ST_X(location::geometry) AS longitude, altitude, accuracy,
       heading, speed, attributes::text, extract(epoch FROM recorded_at) * 1000 AS timestamp FROM positions`,
    );
    const stored = new Map(rows.map((row: Message) => [row.driver_id, row]));
    for (const [i, [field, value]] of cases.entries()) {
      const told: Message = await (await server.get(`/v1/drivers/d${i}`)).json();
      const sent = JSON.parse(value);
      // JSON has no negative zero that anybody minds; times are whole milliseconds.
      const meant =
        field === 'attributes' ? { n: sent.n + 0 } : field === 'timestamp' ? Math.floor(sent) + 0 : sent + 0;
      expect([field, value, told[field]]).toEqual([field, value, meant]);
      const kept = (stored.get(`d${i}`) as Message)[field];
      const inStore = field === 'attributes' ? { n: JSON.parse(kept).n + 0 } : Number(kept) + 0;
      expect([field, value, inStore]).toEqual([field, value, meant]);
    }
    expect(stored.size).toBe(fixes.length);
  });
});

test('numbers of a query or a subscription at their ends are taken or refused, and never fail', async () => {
  const server = await startServer();
  await server.post('/v1/positions', { driverId: 'd', latitude: 0, longitude: 0 });
  const client = await server.connect();
  const finds = (radius: string) => `/v1/drivers/nearby?latitude=-0&longitude=-0.0&radius=${radius}`;
  for (const radius of ['0', '-0', '5e-324', '1e-400', '100000', '1e5', `${'0'.repeat(5_000)}1`]) {
    const answer = await server.get(finds(radius));
    expect([radius, answer.status]).toEqual([radius, 200]);
    expect((await answer.json()).drivers).toMatchObject([{ driverId: 'd', distance: 0 }]);
    if (radius.startsWith('00')) continue;
    const watched = await client.ask(
      `{"type":"subscribe","subscription":"s","latitude":-0,"longitude":0,"radius":${radius}}`,
    );
    expect(watched).toMatchObject({ type: 'snapshot', drivers: [{ driverId: 'd' }] });
  }
  for (const radius of ['1e400', '-1', '1e308', '9007199254740993', '-5e-324', '9'.repeat(5_000)]) {
    expect([radius, (await server.get(finds(radius))).status]).toEqual([radius, 400]);
    const watched = await client.ask(
      `{"type":"subscribe","subscription":"s","latitude":0,"longitude":0,"radius":${radius}}`,
    );
    expect([radius, watched]).toMatchObject([radius, { type: 'error', code: 'invalid', field: 'radius' }]);
  }
  for (const query of [
    'maxAge=1e308',
    'maxAge=0.0000001',
    'maxAge=9007199254740993',
    'limit=9007199254740991',
    'limit=1000000',
  ]) {
    expect([query, (await server.get(`${finds('1')}&${query}`)).status]).toEqual([query, 200]);
  }
  for (const query of [
    'maxAge=1e400',
    'maxAge=-1e400',
    'limit=1e308',
    'limit=0',
    'limit=-0',
    'limit=0.9',
    'limit=1e400',
  ]) {
    expect([query, (await server.get(`${finds('1')}&${query}`)).status]).toEqual([query, 400]);
  }
  for (const [field, good, bad] of [
    ['maxRate', ['0.001', '1000'], ['0', '-0', '5e-324', '1e308', '1e400']],
    ['minDisplacement', ['0', '-0', '5e-324'], ['-5e-324', '1e308', '1e400']],
    ['maxAge', ['1e308', '5e-324'], ['-5e-324', '1e400']],
  ] as const) {
    const ask = (value: string) => client.ask(`{"type":"subscribe","subscription":"t","${field}":${value}}`);
    for (const value of good)
      expect([field, value, await ask(value)]).toMatchObject([field, value, { type: 'snapshot' }]);
    for (const value of bad)
      expect([field, value, await ask(value)]).toMatchObject([field, value, { type: 'error', field }]);
  }
  expect(await client.ask('{"type":"ping","id":9007199254740993}')).toMatchObject({
    type: 'error',
    code: 'invalid',
    field: 'id',
  });
  expect(await client.ask('{"type":"ping","id":-0}')).toMatchObject({ type: 'pong', id: 0 });
});

test('of a key that comes twice the last counts, on every door alike: also for what a token may do', async () => {
  const server = await startServer();
  const headers = { authorization: `Bearer ${token({ sub: 'me', scope: 'positions:write' })}` };
  const client = await server.connect('/ws', undefined, headers);
  const doors: ((text: string) => Promise<Message>)[] = [
    async (text) => (await (await server.post('/v1/positions', text, headers)).json()).results[0],
    async (text) => client.ask(text.replace('{', '{"id":1,')),
  ];
  for (const ask of doors) {
    expect(await ask('{"driverId":"me","latitude":1,"longitude":2,"driverId":"other"}')).toMatchObject({
      code: 'forbidden',
    });
    expect(await ask('{"driverId":"other","latitude":99,"longitude":2,"latitude":3,"driverId":"me"}')).toMatchObject({
      verdict: expect.stringMatching(/accepted|duplicate/),
    });
    expect(await ask('{"latitude":1,"longitude":2,"latitude":99}')).toMatchObject({ code: 'invalid' });
  }
  expect(server.tracker.driver({ fleet: 'default' }, 'other')).toBeUndefined();
  expect(await (await server.get('/v1/drivers/me')).json()).toMatchObject({ latitude: 3, longitude: 2 });
  expect(await client.ask('{"type":"ping","type":"subscribe","subscription":"s"}')).toMatchObject({
    code: 'forbidden',
  });
});

const UNPRINTABLE = [
  '\u202e', // an override of direction
  '\u2066', // an isolate
  '\u200f', // a mark of direction
  '\u200b', // a space of no width
  '\u200d', // a joiner
  '\ufeff', // a byte order mark
  '\u00ad', // a soft hyphen
  '\u{e0041}', // a tag
  '\ud83d', // half a pair
  '\ude00', // the other half
  '\ude00\ud83d', // a pair the wrong way round
  '\0', // NUL
  '\x1b[2J', // an escape
  '\r\n', // the end of a line
  '\x7f', // DEL
  '\x9b', // a control of C1
  '\u2028', // a separator of lines
  '\u2029', // a separator of paragraphs
  '\ue000', // what is for private use
  '\uffff', // what is no character
  '\u{10ffff}', // what is none of the last plane
  '\u0378', // what is not assigned
  '😀'.repeat(129), // too many characters
];

test('an id with what cannot be printed, or with too much, is refused on every door', async () => {
  const server = await startServer();
  const client = await server.connect();
  for (const id of UNPRINTABLE.flatMap((part) => [part, `a${part}b`])) {
    const text = JSON.stringify({ driverId: id, latitude: 1, longitude: 2 });
    expect(await client.ask(text)).toMatchObject({ type: 'error', code: 'invalid', field: 'driverId' });
    expect(await (await server.post('/v1/positions', text)).json()).toMatchObject({ results: [{ code: 'invalid' }] });
    expect(await client.ask({ type: 'subscribe', subscription: id })).toMatchObject({
      code: 'invalid',
      field: 'subscription',
    });
    expect(await client.ask({ type: 'subscribe', subscription: 's', around: id, radius: 1 })).toMatchObject({
      field: 'around',
    });
    expect(await client.ask({ type: 'ping', id })).toMatchObject({ code: 'invalid', field: 'id' });
    expect(await client.ask({ type: 'ping' })).toMatchObject({ type: 'pong' });
    if (!id.isWellFormed()) continue;
    expect([400, 404]).toContain((await server.get(`/v1/drivers/${encodeURIComponent(id)}`)).status);
    expect((await server.get(`/v1/drivers?around=${encodeURIComponent(id)}&radius=1`)).status).toBe(400);
  }
  expect(server.tracker.size).toBe(0);
});

const ODD = [
  'é', // one character
  'e\u0301', // the same to see, of two
  'Å',
  '\u212b', // the sign of a unit, which a normal form would make the former
  '😀'.repeat(128),
  'עברית',
  '日本 の\u3000車',
  'a\u0300\u0301\u0302'.repeat(32),
  '..',
  '.',
  'a/b',
  '%2e%2e%2f',
  '%00',
  'a?b=c#d&e',
  '<script>alert(1)</script>',
  `'; DROP TABLE positions; --`,
  '"\\',
  '{{1+1}}',
  '=1+1',
  '__proto__',
  ' ',
  '\u00a0',
];

test('ids of any other characters are kept to the letter on every door, and no two are one', async () => {
  const server = await startServer();
  const client = await server.connect();
  const positions = ODD.map((driverId) => ({ driverId, latitude: 1, longitude: 2 }));
  const { results } = await client.ask({ type: 'positions', id: 1, positions });
  expect(results).toEqual(ODD.map(() => ({ verdict: 'accepted' })));
  expect(server.tracker.size).toBe(ODD.length);
  const ids = ({ drivers }: Message) => drivers.map(({ driverId }: Message) => driverId);
  expect(ids(await client.ask({ type: 'subscribe', subscription: 's' })).sort()).toEqual([...ODD].sort());
  expect((await pages(server)).sort()).toEqual([...ODD].sort());
  for (const id of ODD) {
    expect((await ask(server, 'GET', id)).body).toMatchObject({ driverId: id });
    const around = await server.get(`/v1/drivers?around=${encodeURIComponent(id)}&radius=0&limit=1`);
    expect(around.status).toBe(200);
    expect(await client.ask({ type: 'ping', id })).toMatchObject({ type: 'pong', id });
  }
  for (const [i, id] of ODD.entries()) {
    expect((await ask(server, 'DELETE', id)).status).toBe(204);
    expect(server.tracker.size).toBe(ODD.length - i - 1);
    await expectExit(client, id);
  }
});

/** Asks about a driver by a path that no client has put in order. */
async function ask(server: TestServer, method: string, id: string): Promise<{ status: number; body: Message }> {
  const asked = request({
    port: server.port,
    host: '127.0.0.1',
    method,
    path: `/v1/drivers/${encodeURIComponent(id)}`,
    headers: { authorization: `Bearer ${token()}` },
  });
  asked.end();
  const [response] = await once(asked, 'response');
  if (response.statusCode === 204) return { status: 204, body: undefined };
  return { status: response.statusCode, body: await json(response) };
}

/** Who is there, a page of two at a time. */
async function pages(server: TestServer): Promise<string[]> {
  const found: string[] = [];
  let next: string | undefined = '/v1/drivers?limit=2';
  while (next !== undefined) {
    const page: Message = await (await server.get(next)).json();
    found.push(...page.drivers.map(({ driverId }: Message) => driverId));
    next = page.next;
  }
  return found;
}

async function expectExit(client: Client, driverId: string): Promise<void> {
  expect((await client.next('changes')).exit).toEqual([{ driverId, reason: 'offline' }]);
}

const DEPTH = 50_000;
const nest = (open: string, close: string, core = '') => open.repeat(DEPTH) + core + close.repeat(DEPTH);
const DEEP: [what: string, value: string][] = [
  ['lists', nest('[', ']')],
  ['lists that do not end', '['.repeat(DEPTH * 4)],
  ['objects with a prototype at the bottom', nest('{"a":', '}', '{"__proto__":1}')],
];

test.each(DEEP)('%s very deep are refused in no time, wherever they are', async (_what, value) => {
  const server = await startServer();
  const [client, other] = [await server.connect(), await server.connect()];
  const since = performance.now();
  const places = [
    value,
    `{"driverId":${value},"latitude":1,"longitude":2}`,
    `{"driverId":"d","latitude":1,"longitude":2,"attributes":${value}}`,
    `{"driverId":"d","latitude":1,"longitude":2,"attributes":{"a":${value}}}`,
    `{"type":"Polygon","coordinates":${value}}`,
    `{"polygon":${value}}`,
  ];
  const headers = (type: string) => ({ 'content-type': type, authorization: `Bearer ${token()}` });
  for (const text of places) {
    const fix = await server.post('/v1/positions', text);
    if (fix.status === 200)
      expect(await fix.json()).toMatchObject({ results: [{ verdict: 'refused', code: 'invalid' }] });
    else expect(fix.status).toBe(400);
    expect((await server.post('/v1/drivers/search', text, headers('application/geo+json'))).status).toBe(400);
    client.send(text);
    expect(await client.next()).toMatchObject({ type: 'error', code: 'invalid' });
  }
  for (const field of ['polygon', 'where', 'bbox', 'around', 'cursor', 'subscription', 'id']) {
    client.send(`{"type":"subscribe","subscription":"s","${field}":${value}}`);
    expect(await client.next()).toMatchObject({ type: 'error', code: 'invalid' });
  }
  expect(await other.ask({ type: 'ping' })).toMatchObject({ type: 'pong' });
  expect(performance.now() - since).toBeLessThan(10_000);
  expect(server.tracker.size).toBe(0);
});
