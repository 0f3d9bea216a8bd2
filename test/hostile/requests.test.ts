import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import type { Message } from '../support/client.ts';
import { rawSocket, upgrade } from '../support/raw.ts';
import { startServer, type TestServer, token } from '../support/server.ts';

/** What the server answers to these bytes until it or we end the connection: statuses, and the last body. */
async function send(server: TestServer, bytes: string): Promise<{ statuses: number[]; body: string }> {
  const socket = await rawSocket(server.port);
  socket.write(bytes);
  const heard = await text(socket);
  const statuses = [...heard.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
  return { statuses, body: heard.slice(heard.lastIndexOf('\r\n\r\n') + 4) };
}

const get = (path: string, ...headers: string[]) =>
  `${[`GET ${path} HTTP/1.1`, 'Host: x', 'Connection: close', ...headers].join('\r\n')}\r\n\r\n`;
const nearby = (more = '') => `/v1/drivers/nearby?latitude=1&longitude=2${more}`;

/** That the server is as well as before, for somebody else. */
async function expectWell(server: TestServer): Promise<void> {
  const since = performance.now();
  const answer = await server.get(nearby());
  expect(answer.status).toBe(200);
  expect(performance.now() - since).toBeLessThan(2_000);
}

test('head and URL together have a bound, whatever they are made of: beyond it they are refused, below it answered', async () => {
  const server = await startServer();
  const bearer = `Authorization: Bearer ${token()}`;
  const many = (n: number, of: (i: number) => string) => Array.from({ length: n }, (_, i) => of(i));
  for (const bomb of [
    get('/livez', `X: ${'x'.repeat(17_000)}`),
    get('/livez', ...many(2_000, (i) => `X-${i}: ${i}`)),
    get('/livez', ...many(3_000, () => 'Accept: */*')),
    get(`/${'x'.repeat(17_000)}`),
    get(nearby('&a'.repeat(10_000)), bearer),
    get(nearby('&limit=1'.repeat(10_000)), bearer),
    get(nearby('&attributes.a=1'.repeat(10_000)), bearer),
    get(`/ws?${'a&'.repeat(10_000)}`),
    get('/livez', `Cookie: ${'a=b; '.repeat(4_000)}`),
    upgrade(`/ws?${'a'.repeat(17_000)}`, token()),
    upgrade('/ws', token()).replace('Host: x', `Host: x\r\nSec-WebSocket-Protocol: ${'a,'.repeat(9_000)}a`),
    upgrade('/ws', token()).replace(
      'Host: x',
      `Host: x\r\nSec-WebSocket-Extensions: ${'permessage-deflate,'.repeat(900)}a`,
    ),
  ]) {
    const { statuses, body } = await send(server, bomb);
    expect([bomb.slice(0, 40), statuses]).toEqual([bomb.slice(0, 40), [431]]);
    expect(JSON.parse(body)).toMatchObject({ code: 'too_large' });
  }
  for (const [request, status] of [
    [get('/livez', `X: ${'x'.repeat(15_000)}`), 200],
    [get('/livez', ...many(900, (i) => `X-${i}: ${i}`)), 200],
    [get(`/${'x'.repeat(15_000)}`), 404],
    [get(`/v1/drivers/${'x'.repeat(15_000)}`, bearer), 414],
    [get(`/v1/drivers/${'%41'.repeat(5_000)}`, bearer), 414],
    [get(nearby('&a'.repeat(7_000)), bearer), 200],
    [get(nearby('&limit=1'.repeat(1_500)), bearer), 400],
    [get(nearby('&latitude=1'.repeat(1_300)), bearer), 400],
    [get(nearby('&attributes.a=1'.repeat(64)), bearer), 200],
    [get(nearby('&attributes.a=1'.repeat(900)), bearer), 400],
    [get(nearby(many(900, (i) => `&attributes.a${i}=1`).join('')), bearer), 400],
    [get(nearby(`&attributes.${'a'.repeat(10_000)}=1`), bearer), 400],
    [get(nearby(`&cursor=${'a'.repeat(15_000)}`), bearer), 200],
    [get(`/v1/changes?wait=0&cursor=${'~'.repeat(15_000)}`, bearer), 200],
    [get(`/v1/drivers?after=${'a'.repeat(15_000)}`, bearer), 400],
    [get(`/v1/drivers?bbox=${'1,'.repeat(7_000)}`, bearer), 400],
    [get(`/v1/drivers?polygon=${'['.repeat(15_000)}`, bearer), 400],
    [get(nearby(), bearer, `Accept: ${'application/geo+json;q=0.1,'.repeat(550)}`), 200],
    [get(nearby(), bearer, `Accept: ${';q=1'.repeat(3_500)}`), 200],
    [get('/v1/changes?wait=0', bearer, `Last-Event-ID: ${'~m'.repeat(7_000)}`), 200],
  ] as const) {
    const since = performance.now();
    const { statuses, body } = await send(server, request);
    expect([request.slice(0, 60), statuses, body.slice(0, 200)]).toEqual([
      request.slice(0, 60),
      [status],
      expect.anything(),
    ]);
    expect(performance.now() - since).toBeLessThan(2_000);
    // An answer of what is wrong is no way to have much sent.
    if (status === 400) expect(body.length).toBeLessThan(3_000);
  }
  await expectWell(server);
});

test('a parameter or header that may come once and comes twice is not chosen from', async () => {
  const server = await startServer();
  const [mine, other] = [token({ fleet: 'mine' }), token({ fleet: 'other' })];
  const fleetOf = async (bytes: string): Promise<Message> => {
    const { statuses, body } = await send(server, bytes);
    return [
      statuses[0],
      statuses[0] === 200 ? JSON.parse(body).drivers.map(({ driverId }: Message) => driverId) : undefined,
    ];
  };
  for (const [fleet, jwt] of Object.entries({ mine, other })) {
    await server.post(
      '/v1/positions',
      { driverId: fleet, latitude: 1, longitude: 2 },
      { authorization: `Bearer ${jwt}` },
    );
  }
  expect(await fleetOf(get(nearby(), `Authorization: Bearer ${mine}`))).toEqual([200, ['mine']]);
  // As Node has it the first counts: what a proxy that sets the header must do is replace it.
  expect(await fleetOf(get(nearby(), `Authorization: Bearer ${mine}`, `Authorization: Bearer ${other}`))).toEqual([
    200,
    ['mine'],
  ]);
  // A header goes before the query, also when it is no good.
  expect(await fleetOf(get(nearby(`&access_token=${mine}`), 'Authorization: Bearer no'))).toEqual([401, undefined]);
  expect(await fleetOf(get(nearby(`&access_token=${mine}`), `Authorization: Basic ${mine}`))).toEqual([401, undefined]);
  expect(await fleetOf(get(nearby(`&access_token=${mine}&access_token=${other}`)))).toEqual([401, undefined]);
  expect(await fleetOf(get(nearby(`&access_token[]=${mine}`)))).toEqual([401, undefined]);
  expect(await fleetOf(get(nearby(`&ACCESS_TOKEN=${mine}`)))).toEqual([401, undefined]);
});

test.each<[what: string, bytes: string]>([
  ['two lengths', 'POST /v1/positions HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}'],
  [
    'a length and chunks',
    'POST /v1/positions HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  ],
  [
    'an encoding that nobody knows',
    'POST /v1/positions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n',
  ],
  [
    'chunks that are not last',
    'POST /v1/positions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n',
  ],
  ['a length below zero', 'POST /v1/positions HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n'],
  ['a length beyond numbers', 'POST /v1/positions HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n'],
  [
    'a chunk beyond numbers',
    'POST /v1/positions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffffff\r\n',
  ],
  ['a space before a colon', 'GET /livez HTTP/1.1\r\nHost: x\r\nContent-Length : 0\r\n\r\n'],
  ['a header that goes on in the next line', 'GET /livez HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n c: d\r\n\r\n'],
  ['a line feed alone', 'GET /livez HTTP/1.1\nHost: x\n\n'],
  ['NUL in a header', 'GET /livez HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n'],
  ['no host', 'GET /livez HTTP/1.1\r\n\r\n'],
  ['a method that nobody knows', 'PWN /livez HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['a version that is not', 'GET /livez HTTP/3.0\r\nHost: x\r\n\r\n'],
  ['the beginning of TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
  ['the beginning of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
])('a request with %s is refused, and what follows is not taken for another', async (_what, bytes) => {
  const server = await startServer();
  const { statuses } = await send(server, `${bytes}${get(nearby(), `Authorization: Bearer ${token()}`)}`);
  // Who has no token is told so before the body is looked at. What follows has one, and would be answered 200.
  expect([[400], [401], [401, 400]]).toContainEqual(statuses);
  await expectWell(server);
});

test('names of paths that mean something elsewhere mean nothing here', async () => {
  const server = await startServer();
  const paths = [
    '/docs/static/../../package.json',
    '/docs/static/..%2f..%2fpackage.json',
    '/docs/static/%2e%2e/%2e%2e/package.json',
    '/docs/static/....//package.json',
    '/docs/static/..\\..\\package.json',
    '/docs/static/%00',
    '/docs/static/.env',
    '/.env',
    '/.git/config',
    '//evil.example/',
    '/docs//evil.example',
    'http://evil.example/docs/static/../package.json',
  ];
  for (const path of paths) {
    const { statuses, body } = await send(server, get(path));
    expect([path, statuses]).toEqual([path, [expect.toSatisfy((status: number) => [400, 403, 404].includes(status))]]);
    expect(body).not.toMatch(/nearcast"|fastify"|"dependencies"/);
  }
  // No redirect leads elsewhere.
  for (const path of ['/', '//', '/docs', '/docs/']) {
    const answer = await fetch(`http://127.0.0.1:${server.port}${path}`, {
      redirect: 'manual',
      headers: { host: 'evil.example' },
    });
    expect(answer.headers.get('location') ?? '/docs').toBe('/docs');
  }
});
