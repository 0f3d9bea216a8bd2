import { describe, expect, test } from 'vitest';
import { startServer, token } from '../support/server.ts';

const ok = { driverId: 'd', latitude: 1, longitude: 2 };
const circle = { type: 'subscribe', subscription: 's', latitude: 1, longitude: 2 };
/** A connection goes on after each of these; the answer names the field and the rule. */
const table: [what: string, frame: unknown, code: string, field: string | undefined, rule: RegExp][] = [
  ['bad JSON', '{"latitude":1,', 'invalid', undefined, /not valid JSON/],
  ['an empty frame', '', 'invalid', undefined, /not valid JSON/],
  ['a JSON list', [ok], 'invalid', undefined, /must be a JSON object/],
  ['a JSON string', '"hello"', 'invalid', undefined, /must be a JSON object/],
  ['null', 'null', 'invalid', undefined, /must be a JSON object/],
  ['a binary frame', Buffer.from(JSON.stringify(ok)), 'invalid', undefined, /binary/],
  ['a frame of a million bytes', `{"x":"${'x'.repeat(1_000_000)}"}`, 'invalid', undefined, /latitude is required/],
  ['deep JSON', '['.repeat(100_000) + ']'.repeat(100_000), 'invalid', undefined, /nested more than 32/],
  [
    'deep JSON in a field',
    `{"latitude":1,"longitude":2,"driverId":${'['.repeat(50_000)}${']'.repeat(50_000)}}`,
    'invalid',
    undefined,
    /nested more than 32/,
  ],
  [
    'JSON that is deep and short in a field',
    `{"latitude":1,"longitude":2,"driverId":${'['.repeat(2_000)}${']'.repeat(2_000)}}`,
    'invalid',
    'driverId',
    /string/,
  ],
  [
    'a token of a mebibyte',
    { type: 'authenticate', token: 'x'.repeat(1_000_000) },
    'invalid',
    'token',
    /at most 16384/,
  ],
  ['an unknown type', { ...ok, type: 'teleport' }, 'invalid', 'type', /not a type/],
  ['a type that is no string', { ...ok, type: 7 }, 'invalid', 'type', /not a type/],
  ['no latitude', { driverId: 'd', longitude: 2 }, 'invalid', 'latitude', /required/],
  ['no longitude', { driverId: 'd', latitude: 2 }, 'invalid', 'longitude', /required/],
  ['no driverId, from a gateway', { latitude: 1, longitude: 2 }, 'invalid', 'driverId', /required/],
  ['NaN as string', { ...ok, latitude: 'NaN' }, 'invalid', 'latitude', /number of degrees/],
  ['NaN as null', { ...ok, latitude: null }, 'invalid', 'latitude', /number of degrees/],
  [
    'a number too large for JSON',
    '{"driverId":"d","latitude":1,"longitude":1e999}',
    'invalid',
    'longitude',
    /degrees|between/,
  ],
  ['latitude 91', { ...ok, latitude: 91 }, 'invalid', 'latitude', /between -90 and 90/],
  ['latitude -90.000001', { ...ok, latitude: -90.000001 }, 'invalid', 'latitude', /between -90 and 90/],
  ['longitude 181', { ...ok, longitude: 181 }, 'invalid', 'longitude', /between -180 and 180/],
  ['an empty driverId', { ...ok, driverId: '' }, 'invalid', 'driverId', /empty/],
  ['a driverId of 10 kB', { ...ok, driverId: 'x'.repeat(10_000) }, 'invalid', 'driverId', /at most 128/],
  ['a driverId with a control character', { ...ok, driverId: 'a\u0000b' }, 'invalid', 'driverId', /printable/],
  ['a driverId with half a surrogate pair', { ...ok, driverId: 'a\ud800' }, 'invalid', 'driverId', /printable/],
  ['a driverId that is a number', { ...ok, driverId: 7 }, 'invalid', 'driverId', /string/],
  ['a timestamp in the future', { ...ok, timestamp: Date.now() + 60_000 }, 'future', 'timestamp', /ahead/],
  ['a timestamp in words', { ...ok, timestamp: 'yesterday' }, 'invalid', 'timestamp', /ISO 8601/],
  ['a local time without offset', { ...ok, timestamp: '2026-01-31T12:00:00' }, 'invalid', 'timestamp', /ISO 8601/],
  ['a negative timestamp', { ...ok, timestamp: -1 }, 'invalid', 'timestamp', /epoch/],
  [
    'nested attributes',
    { ...ok, attributes: { a: { b: 1 } } },
    'invalid',
    'attributes.a',
    /string, a number or a boolean/,
  ],
  ['a list as attributes', { ...ok, attributes: [1] }, 'invalid', 'attributes', /object/],
  [
    '17 attributes',
    { ...ok, attributes: Object.fromEntries(Array.from({ length: 17 }, (_, i) => [i, i])) },
    'invalid',
    'attributes',
    /16/,
  ],
  ['an attribute of 257 characters', { ...ok, attributes: { a: 'x'.repeat(257) } }, 'invalid', 'attributes.a', /256/],
  ['an attribute with NUL', { ...ok, attributes: { a: '\0' } }, 'invalid', 'attributes.a', /Unicode/],
  ['heading 361', { ...ok, heading: 361 }, 'invalid', 'heading', /between 0 and 360/],
  ['a negative speed', { ...ok, speed: -1 }, 'invalid', 'speed', /at least 0/],
  ['an id that is an object', { ...ok, id: {} }, 'invalid', 'id', /string/],
  ['positions without id', { type: 'positions', positions: [ok] }, 'invalid', 'id', /required/],
  ['positions that are no list', { type: 'positions', id: 1, positions: ok }, 'invalid', 'positions', /list/],
  ['no positions', { type: 'positions', id: 1, positions: [] }, 'invalid', 'positions', /1 to 1000/],
  [
    '1001 positions',
    { type: 'positions', id: 1, positions: Array(1001).fill(ok) },
    'invalid',
    'positions',
    /1 to 1000/,
  ],
  ['subscribe with a negative radius', { ...circle, radius: -1 }, 'invalid', 'radius', /between 0 and 100000/],
  ['subscribe with a huge radius', { ...circle, radius: 100_001 }, 'invalid', 'radius', /between 0 and 100000/],
  ['subscribe without radius', circle, 'invalid', 'radius', /required/],
  [
    'subscribe without subscription',
    { ...circle, subscription: undefined, radius: 1 },
    'invalid',
    'subscription',
    /required|string/,
  ],
  [
    'subscribe with a nested condition',
    { ...circle, radius: 1, where: { a: {} } },
    'invalid',
    'where.a',
    /string, number or boolean/,
  ],
  [
    'update of an unknown subscription',
    { type: 'update', subscription: 'no', radius: 1 },
    'not_found',
    undefined,
    /no such subscription/,
  ],
  [
    'update with half a centre',
    { type: 'update', subscription: 'no', latitude: 1 },
    'invalid',
    'latitude',
    /other coordinate/,
  ],
  [
    'unsubscribe of an unknown subscription',
    { type: 'unsubscribe', subscription: 'no' },
    'not_found',
    undefined,
    /no such subscription/,
  ],
  ['authenticate without token', { type: 'authenticate' }, 'invalid', 'token', /required/],
];

describe('a malformed message gets a coded error that names the field, and the connection stays open', () => {
  test.each(table)('%s', async (_what, frame, code, field, rule) => {
    const server = await startServer();
    const client = await server.connect();
    client.send(frame as string);
    const error = await client.next();
    expect(error).toMatchObject({ type: 'error', code });
    expect(error.field).toBe(field);
    expect(error.message).toMatch(rule);
    // Nothing was half applied, and the connection works.
    expect(server.tracker.size).toBe(0);
    expect(await client.ask({ ...ok, id: 'after' })).toEqual({ type: 'ack', id: 'after', verdict: 'accepted' });
  });
});

test('a malformed or refused fix with an id is answered by an ack that says so', async () => {
  const client = await (await startServer()).connect();
  expect(await client.ask({ ...ok, latitude: 91, id: 1 })).toEqual({
    type: 'ack',
    id: 1,
    verdict: 'refused',
    code: 'invalid',
    message: 'latitude must be between -90 and 90',
  });
  expect(await client.ask({ ...ok, timestamp: 4e12, id: 'x' })).toMatchObject({
    id: 'x',
    verdict: 'refused',
    code: 'future',
  });
});

test('an error says which message or subscription it is about', async () => {
  const client = await (await startServer()).connect();
  expect(await client.ask({ ...circle, radius: -1, id: 9 })).toMatchObject({ type: 'error', id: 9, subscription: 's' });
});

test('radius 0 is a circle that holds its centre', async () => {
  const client = await (await startServer()).connect();
  await client.ask({ ...ok, id: 1 });
  expect(await client.ask({ ...circle, radius: 0 })).toMatchObject({ type: 'snapshot', drivers: [{ driverId: 'd' }] });
});

test('a frame above the limit closes the connection with 1009, and no other', async () => {
  const server = await startServer();
  const [client, other] = [await server.connect(), await server.connect()];
  client.send(`{"x":"${'x'.repeat(1024 * 1024)}"}`);
  expect((await client.closed).code).toBe(1009);
  expect(await other.ask({ ...ok, id: 1 })).toMatchObject({ verdict: 'accepted' });
});

test('invalid UTF-8 closes the connection with 1007', async () => {
  const client = await (await startServer()).connect();
  client.socket.send(Buffer.from([0x22, 0xff, 0x22]), { binary: false });
  expect((await client.closed).code).toBe(1007);
});

test('a peer that sends only rubbish is closed with 4400; one good message among the bad resets the count', async () => {
  const server = await startServer();
  const [bad, mixed] = [await server.connect(), await server.connect()];
  for (let i = 0; i < 19; i++) mixed.send('rubbish');
  expect(await mixed.ask({ ...ok, id: 1 }, 'ack')).toMatchObject({ verdict: 'accepted' });
  for (let i = 0; i < 19; i++) mixed.send('rubbish');
  expect(await mixed.ask({ type: 'ping', id: 'still' }, 'pong')).toMatchObject({ id: 'still' });
  for (let i = 0; i < 20; i++) bad.send('rubbish');
  expect(await bad.closed).toEqual({ code: 4400, reason: 'too many bad messages' });
});

test('an attribute cannot reach a prototype', async () => {
  const server = await startServer();
  const client = await server.connect();
  client.send('{"driverId":"d","latitude":1,"longitude":2,"id":1,"attributes":{"__proto__":{"a":1}}}');
  expect(await client.next('ack')).toMatchObject({
    code: 'invalid',
    message: expect.stringMatching(/attributes.__proto__/),
  });
  client.send('{"driverId":"d","latitude":1,"longitude":2,"id":2,"attributes":{"constructor":"y","toString":1}}');
  expect(await client.next('ack')).toMatchObject({ verdict: 'accepted' });
  expect((await (await server.get('/v1/drivers/d')).json()).attributes).toEqual({ constructor: 'y', toString: 1 });
  expect(({} as { a?: unknown }).a).toBeUndefined();
});

test('however many things are wrong, the answer is short', async () => {
  const client = await (await startServer()).connect();
  const keys = Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`${'k'.repeat(30)}${i}`, {}]));
  client.send({ ...ok, attributes: keys });
  client.send({ ...circle, radius: 1, where: keys });
  client.send({ ...ok, attributes: { ['k'.repeat(500_000)]: 1 } });
  for (let i = 0; i < 3; i++) expect(JSON.stringify(await client.next('error')).length).toBeLessThan(500);
  const many = { ...ok, attributes: Object.fromEntries(Array.from({ length: 16 }, (_, i) => [`k${i}`, {}])) };
  const { results } = await client.ask({ type: 'positions', id: 1, positions: Array(1000).fill(many) }, 'ack');
  expect(JSON.stringify(results).length).toBeLessThan(1_500_000);
});

test('a subscription whose area is not one, or whose pace is no pace, is refused with field and rule', async () => {
  const client = await (await startServer()).connect();
  const box = { type: 'subscribe', subscription: 's', bbox: [1, 2, 3, 4] };
  const cases: [object, string, RegExp][] = [
    [{ ...box, bbox: '1,2,3,4' }, 'bbox', /list of four numbers/],
    [{ ...box, bbox: [1, 2, 3] }, 'bbox', /list of four numbers/],
    [{ ...box, bbox: [1, 2, 3, '4'] }, 'bbox.3', /list of four numbers/],
    [{ ...box, bbox: [1, 5, 3, 4] }, 'bbox', /south no greater than north/],
    [{ ...box, radius: 5 }, 'bbox', /of one kind/],
    [{ ...box, around: 'd' }, 'around', /of one kind/],
    [{ ...box, polygon: 1 }, 'polygon', /GeoJSON/],
    [{ ...box, bbox: undefined, polygon: { type: 'Polygon', coordinates: [[]] } }, 'polygon.coordinates.0', /ring/],
    [{ ...box, bbox: undefined, around: 'd' }, 'radius', /required/],
    [{ ...box, bbox: undefined, around: '', radius: 5 }, 'around', /empty/],
    [{ ...box, bbox: undefined, radius: 5, latitude: 5 }, 'longitude', /required/],
    [{ ...box, where: { a: 'x'.repeat(257) } }, 'where.a', /at most 256 characters/],
    [{ ...box, where: { ['k'.repeat(65)]: 'x' } }, 'where', /keys of at most 64 characters/],
    [{ ...box, maxAge: -1 }, 'maxAge', /at least 0/],
    [{ ...box, maxRate: 0 }, 'maxRate', /between 0.001 and 1000/],
    [{ ...box, maxRate: '1' }, 'maxRate', /between 0.001 and 1000/],
    [{ ...box, minDisplacement: -1 }, 'minDisplacement', /between 0 and 100000/],
    [{ ...box, cursor: 1 }, 'cursor', /string/],
    [{ ...box, attributes: { status: 'free' } }, 'attributes', /where/],
  ];
  for (const [message, field, rule] of cases) {
    const error = await client.ask(message);
    expect(error, JSON.stringify(message)).toMatchObject({ type: 'error', code: 'invalid', field, subscription: 's' });
    expect(error.message).toMatch(rule);
  }
  expect(await client.ask(box)).toMatchObject({ type: 'snapshot', drivers: [] });
  const update = { type: 'update', subscription: 's' };
  for (const [message, field, rule] of [
    [{ ...update, radius: 5 }, '', /required/],
    [{ ...update, latitude: 5 }, 'latitude', /other coordinate/],
    [{ ...update, latitude: 5, longitude: 5 }, 'radius', /required/],
    [{ ...update, around: 'd' }, 'radius', /required/],
    [{ ...update, cursor: 'x' }, 'cursor', /new subscription/],
    [{ ...update, bbox: [1, 2, 3, 4], around: 'd' }, 'around', /of one kind/],
  ] as const) {
    const error = await client.ask(message);
    expect(error, JSON.stringify(message)).toMatchObject({ type: 'error', code: 'invalid', subscription: 's' });
    if (field !== '') expect(error.field).toBe(field);
    expect(error.message).toMatch(rule);
  }
});

test('a polygon that runs to and fro over itself is not watched, as each fix would pay for it; one of as many corners is', async () => {
  const client = await (await startServer()).connect();
  const ring = (radius: (i: number) => number, turn: number) => {
    const positions = Array.from({ length: 9_999 }, (_, i) => [
      radius(i) * Math.cos(turn * i),
      radius(i) * Math.sin(turn * i),
    ]);
    return { type: 'Polygon', coordinates: [[...positions, positions[0]]] };
  };
  const watch = (polygon: object) => client.ask({ type: 'subscribe', subscription: 's', polygon });
  const chords = ring(() => 1, 2 * Math.PI * 0.618);
  expect(await watch(chords)).toMatchObject({ type: 'error', code: 'invalid', field: 'polygon' });
  const coast = ring((i) => 1 + 0.2 * Math.sin(i / 50) + 0.05 * Math.sin(i), (2 * Math.PI) / 9_999);
  expect(await watch(coast)).toMatchObject({ type: 'snapshot' });
});

test('a peer that never authenticates and sends on is closed with 4400', async () => {
  const server = await startServer();
  const client = await server.connect('/ws', undefined, {});
  for (let i = 0; i < 20; i++) client.send({ type: 'ping' });
  expect((await client.closed).code).toBe(4400);
});

test('a bad fix in a batch is refused alone', async () => {
  const client = await (await startServer()).connect();
  const positions = [
    ok,
    { ...ok, latitude: 91 },
    'nonsense',
    { ...ok, driverId: 'e', timestamp: 4e12 },
    { ...ok, driverId: 'f' },
  ];
  const { results } = await client.ask({ type: 'positions', id: 'b', positions });
  expect(results).toMatchObject([
    { verdict: 'accepted' },
    { verdict: 'refused', code: 'invalid', message: 'latitude must be between -90 and 90' },
    { verdict: 'refused', code: 'invalid' },
    { verdict: 'refused', code: 'future' },
    { verdict: 'accepted' },
  ]);
});

test('unknown fields are ignored', async () => {
  const client = await (await startServer()).connect(`/ws?access_token=${token()}&utm_source=x`);
  expect(await client.ask({ ...ok, id: 1, colour: 'blue', nested: { a: [1] } })).toMatchObject({ verdict: 'accepted' });
});
