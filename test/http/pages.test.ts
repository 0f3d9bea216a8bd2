import { once } from 'node:events';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { get, type IncomingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { pino } from 'pino';
import { expect, onTestFinished, test, vi } from 'vitest';
import { PAGES_DIR } from '../../src/build-pages.ts';
import { Overload } from '../../src/overload/overload.ts';
import { HeldStore } from '../support/held-store.ts';
import { rawSocket } from '../support/raw.ts';
import { startServer, type TestServer, token } from '../support/server.ts';

const PATHS = ['/', '/driver', '/rider'];
const ASSETS = readdirSync(join(PAGES_DIR, 'assets'));
/** One that is there in all forms. */
const SCRIPT = ASSETS.find(
  (name) => name.endsWith('.js') && ASSETS.includes(`${name}.br`) && ASSETS.includes(`${name}.gz`),
) as string;

/** An answer as it comes: `fetch` would mend the path, and uncompress the body. */
async function ask(
  { port }: TestServer,
  path: string,
  headers: IncomingHttpHeaders = {},
  method = 'GET',
): Promise<{ status: number; headers: IncomingHttpHeaders; body: Buffer }> {
  const [answer] = await once(get({ port, host: '127.0.0.1', path, headers, method, agent: false }), 'response');
  return { status: answer.statusCode, headers: answer.headers, body: await buffer(answer) };
}

/** What is in the page for it, read as a browser reads an attribute. */
function settingsIn(html: string): Record<string, unknown> {
  const [, content] = /<meta name="nearcast" content="([^"<>]*)" \/>/.exec(html) as unknown as string[];
  const characters: Record<string, string> = { quot: '"', amp: '&', '#39': "'", lt: '<', gt: '>' };
  return JSON.parse(content.replace(/&([^;]+);/g, (_, name: string) => characters[name]));
}

function sourcesOf(headers: IncomingHttpHeaders): Record<string, string[]> {
  const policy = String(headers['content-security-policy']).split(';');
  return Object.fromEntries(
    policy.map((directive) => directive.trim().split(' ')).map(([name, ...sources]) => [name, sources]),
  );
}

test('the pages are served as they were built, to be asked for again each time, with what the server tells them', async () => {
  const server = await startServer({ env: { MAX_RADIUS_METERS: '5000', DRIVER_TTL_SECONDS: '60' } });
  const bodies = new Set<string>();
  for (const path of PATHS) {
    const page = await ask(server, `${path}?at=1,2`);
    expect(page.status).toBe(200);
    expect(page.headers).toMatchObject({ 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-cache' });
    const html = page.body.toString();
    bodies.add(html);
    expect(settingsIn(html)).toEqual({
      version: JSON.parse(readFileSync('package.json', 'utf8')).version,
      mapStyle: {
        light: 'https://tiles.openfreemap.org/styles/positron',
        dark: 'https://tiles.openfreemap.org/styles/dark',
      },
      maxRadiusMeters: 5000,
      driverTtlSeconds: 60,
      historyRetentionDays: 7,
    });
    // All that it names is there, and of this server: beside it, wherever a proxy may have put it.
    const named = [...html.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, url]) => url);
    expect(named.some((url) => url.endsWith('.svg'))).toBe(true);
    for (const url of named) {
      expect(url).toMatch(/^\.\/assets\//);
      expect((await ask(server, url.slice(1))).status).toBe(200);
    }
    const head = await ask(server, path, {}, 'HEAD');
    expect([head.status, head.body.length, head.headers['content-length']]).toEqual([200, 0, `${page.body.length}`]);
    expect(head.headers.etag).toBe(page.headers.etag);
  }
  expect(bodies.size).toBe(PATHS.length);
});

test('a page that is known already is not sent again', async () => {
  const server = await startServer();
  const other = await startServer({ env: { DRIVER_TTL_SECONDS: '60' } });
  const { etag } = (await ask(server, '/')).headers;
  for (const known of [etag, `W/${etag}`, `"x", ${etag}`, '*']) {
    const answer = await ask(server, '/', { 'if-none-match': known });
    expect([answer.status, answer.body.length, answer.headers.etag]).toEqual([304, 0, etag]);
  }
  for (const known of ['"x"', '']) expect((await ask(server, '/', { 'if-none-match': known })).status).toBe(200);
  // It holds what the server tells it, too.
  expect((await ask(other, '/', { 'if-none-match': etag })).status).toBe(200);
});

test('assets are kept for ever, and come as small as whoever asks takes them', async () => {
  const server = await startServer();
  const path = `/assets/${SCRIPT}`;
  const raw = readFileSync(join(PAGES_DIR, 'assets', SCRIPT));
  const tags = new Set<unknown>();
  for (const [accept, encoding, decode] of [
    ['gzip, deflate, br, zstd', 'br', brotliDecompressSync],
    ['gzip', 'gzip', gunzipSync],
    ['gzip, br;q=0', 'gzip', gunzipSync],
    ['identity', undefined, (data: Buffer) => data],
    [undefined, undefined, (data: Buffer) => data],
  ] as const) {
    const headers: IncomingHttpHeaders = accept === undefined ? {} : { 'accept-encoding': accept };
    const answer = await ask(server, path, headers);
    expect([answer.status, answer.headers['content-encoding']], accept).toEqual([200, encoding]);
    expect(decode(answer.body).equals(raw)).toBe(true);
    expect(answer.headers).toMatchObject({
      'cache-control': 'public, max-age=31536000, immutable',
      'content-type': 'application/javascript; charset=utf-8',
      'content-length': `${answer.body.length}`,
      vary: 'accept-encoding',
      'x-content-type-options': 'nosniff',
    });
    tags.add(answer.headers.etag);
    const again = await ask(server, path, { ...headers, 'if-none-match': answer.headers.etag });
    expect([again.status, again.body.length]).toEqual([304, 0]);
    const head = await ask(server, path, headers, 'HEAD');
    expect([head.status, head.body.length, head.headers.etag]).toEqual([200, 0, answer.headers.etag]);
  }
  expect(tags.size).toBe(3);
});

test('pages find what they load when others are built in their place', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'nearcast-pages-'));
  cpSync(PAGES_DIR, join(dir, 'web'), { recursive: true });
  const server = await startServer({ pages: join(dir, 'web') });
  // As after a build of other sources: all that it names has other names.
  rmSync(dir, { recursive: true });
  const html = (await ask(server, '/')).body.toString();
  const named = [...html.matchAll(/(?:src|href)="\.([^"]*)"/g)].map(([, path]) => path);
  expect(named.length).toBeGreaterThan(1);
  for (const path of named) {
    for (const accept of ['br', 'gzip', 'identity', 'br;q=0, *']) {
      expect((await ask(server, path, { 'accept-encoding': accept })).status).toBe(200);
    }
  }
});

test.each([
  ['is OpenFreeMap where nothing is set', undefined, ['https://tiles.openfreemap.org']],
  ['is none, and then nothing is loaded from elsewhere', 'none', []],
  [
    "is the operator's, with all that it is loaded from",
    'http://maps.example:8000/{theme}.json?key=a&q="<\'>$&,https://fonts.example,https://*.tiles.example',
    ['http://maps.example:8000', 'https://fonts.example', 'https://*.tiles.example'],
  ],
])('the base map %s', async (_what, MAP_STYLE_URL, origins) => {
  const server = await startServer({ env: MAP_STYLE_URL === undefined ? {} : { MAP_STYLE_URL } });
  for (const path of [...PATHS, `/assets/${SCRIPT}`]) {
    const { headers } = await ask(server, path);
    expect(sourcesOf(headers), path).toEqual({
      'default-src': ["'none'"],
      'script-src': ["'self'"],
      'style-src': ["'self'"],
      'img-src': ["'self'", 'data:', 'blob:', ...origins],
      'connect-src': ["'self'", ...origins],
      'worker-src': ["'self'"],
      'font-src': ["'self'"],
      'manifest-src': ["'self'"],
      'base-uri': ["'none'"],
      'form-action': ["'none'"],
      'frame-ancestors': ["'none'"],
    });
    expect(headers).toMatchObject({
      'referrer-policy': 'no-referrer',
      'permissions-policy': 'geolocation=(self)',
      'x-content-type-options': 'nosniff',
    });
    expect(headers['strict-transport-security']).toBeUndefined();
  }
  const html = (await ask(server, '/')).body.toString();
  const { mapStyle } = settingsIn(html);
  if (MAP_STYLE_URL === 'none') expect(mapStyle).toBeNull();
  else if (MAP_STYLE_URL !== undefined) {
    const theme = (name: string) => `http://maps.example:8000/${name}.json?key=a&q=%22%3C%27%3E$&`;
    expect(mapStyle).toEqual({ light: theme('light'), dark: theme('dark') });
  }
});

test('no other path leads anywhere, however it is written', async () => {
  const server = await startServer();
  for (const path of [
    '/index.html',
    '/driver.html',
    '/driver/',
    '/built-of',
    '/favicon.ico',
    '/assets',
    '/assets/',
    '/assets/nope.js',
    `/assets/${SCRIPT}.br`,
    `/assets/${SCRIPT}/`,
    `/assets//${SCRIPT}`,
    `/assets/./${SCRIPT}`,
    `//assets/${SCRIPT}`,
    '/assets/../index.html',
    '/assets/../built-of',
    '/assets/../../../package.json',
    '/assets/..%2f..%2f..%2fpackage.json',
    '/assets/%2e%2e/%2e%2e/%2e%2e/package.json',
    '/assets/%2e%2e%2findex.html',
    '/assets/..%5c..%5cpackage.json',
    '/assets/..\\..\\package.json',
    '/assets/%252e%252e%252findex.html',
    '/assets/\u0000',
    '/assets/%00',
    '/../package.json',
    `/assets${PAGES_DIR}/index.html`,
  ].map((path) => path.replaceAll('\u0000', '%00'))) {
    for (const method of ['GET', 'HEAD']) {
      const answer = await ask(server, path, { 'accept-encoding': 'br' }, method);
      expect([path, answer.status, answer.headers['content-type']]).toEqual([
        path,
        404,
        'application/problem+json; charset=utf-8',
      ]);
      expect(answer.headers['cache-control']).toBe('no-store');
      if (method === 'GET') expect(JSON.parse(answer.body.toString())).toMatchObject({ code: 'not_found' });
    }
  }
  expect((await ask(server, '/assets/%zz')).status).toBe(400);
  for (const path of PATHS) expect((await ask(server, path, {}, 'POST')).status).toBe(404);
});

test('with DASHBOARD=off there is no page, and / leads to the API reference, if there is one', async () => {
  const off = await startServer({ env: { DASHBOARD: 'off' } });
  const root = await ask(off, '/');
  expect([root.status, root.headers.location]).toEqual([302, '/docs']);
  for (const path of ['/driver', '/rider', `/assets/${SCRIPT}`]) expect((await ask(off, path)).status).toBe(404);
  const bare = await startServer({ env: { DASHBOARD: 'off', DOCS: 'off' } });
  for (const path of PATHS) expect((await ask(bare, path)).status).toBe(404);
  const pages = await startServer({ env: { DOCS: 'off' } });
  for (const path of PATHS) expect((await ask(pages, path)).status).toBe(200);
  expect((await ask(pages, '/docs')).status).toBe(404);
});

test('where the pages are not built each says what to do, the log too, and all else is served', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'nearcast-pages-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  const lines: { level: number; msg: string }[] = [];
  const log = pino({ level: 'warn' }, { write: (line) => void lines.push(JSON.parse(line)) });
  const server = await startServer({ pages: join(dir, 'web'), log });
  expect(lines).toEqual([
    expect.objectContaining({ level: 40, msg: expect.stringMatching(/not built: npm run build:web/) }),
  ]);
  for (const path of PATHS) {
    const answer = await ask(server, path);
    expect([answer.status, answer.headers['content-type']]).toEqual([404, 'application/problem+json; charset=utf-8']);
    expect(JSON.parse(answer.body.toString()).detail).toMatch('npm run build:web');
  }
  expect((await server.get('/v1/drivers/nearby?latitude=1&longitude=2')).status).toBe(200);
  expect((await ask(server, '/docs')).status).toBe(200);
  expect(existsSync(join(dir, 'web'))).toBe(false);

  lines.length = 0;
  await startServer({ pages: join(dir, 'web'), log, env: { DASHBOARD: 'off' } });
  expect(lines).toEqual([]);
});

test('[7.4] pages are never limited: they come whole, and are no requests of whoever looks at them', async () => {
  const server = await startServer({ env: { RATE_LIMIT: '2' } });
  for (const path of [...PATHS, ...PATHS, `/assets/${SCRIPT}`, `/assets/${SCRIPT}`]) {
    const answer = await ask(server, path);
    expect(answer.status).toBe(200);
    expect(answer.headers['ratelimit-limit']).toBeUndefined();
  }
  // Guesses are.
  const guesses: number[] = [];
  for (let i = 0; i < 3; i++) guesses.push((await ask(server, `/assets/${i}`)).status);
  expect(guesses).toEqual([404, 404, 429]);
});

test('[7.3] pages are served while overloaded: that of a driver sends, and a dashboard comes back by itself', async () => {
  const overload = new Overload({ lag: 1, heapPercent: 0 });
  overload.lagged(9, 0);
  overload.lagged(9, 5000);
  expect(overload.active).toBe(true);
  const server = await startServer({ overload });
  for (const path of [...PATHS, `/assets/${SCRIPT}`]) expect((await ask(server, path)).status).toBe(200);
  expect(overload.shed.request).toBe(0);
  expect((await ask(server, '/assets/nope')).status).toBe(503);
});

test('pages of other origins may read them as any answer, if they are named; caches are told', async () => {
  const server = await startServer({ env: { CORS_ORIGINS: 'https://a.example,https://b.example' } });
  for (const path of ['/', `/assets/${SCRIPT}`]) {
    const { headers } = await ask(server, path, { origin: 'https://a.example', 'accept-encoding': 'br' });
    expect(headers['access-control-allow-origin']).toBe('https://a.example');
    expect(headers.vary).toMatch(/\borigin\b/i);
    const other = await ask(server, path, { origin: 'https://c.example' });
    expect(other.headers['access-control-allow-origin']).toBeUndefined();
  }
  const closed = await startServer();
  const { headers } = await ask(closed, `/assets/${SCRIPT}`, { origin: 'https://a.example' });
  expect(headers['access-control-allow-origin']).toBeUndefined();
});

test('[7.1] a page that is asked for while the server closes is refused as all else is, and kept by no cache', async () => {
  const store = new HeldStore();
  const server = await startServer({ store });
  const socket = await rawSocket(server.port);
  onTestFinished(() => void socket.destroy());
  let received = '';
  socket.on('data', (data) => {
    received += data;
  });
  const ended = once(socket, 'close');
  // What waits for the store keeps the connection.
  const body = '{"driverId":"d","latitude":1,"longitude":2}';
  const head = `Host: x\r\nAuthorization: Bearer ${token()}\r\nContent-Length: ${body.length}`;
  socket.write(`POST /v1/positions HTTP/1.1\r\n${head}\r\nContent-Type: application/json\r\n\r\n${body}`);
  await vi.waitUntil(() => store.batches.length === 1);
  const watcher = await server.connect();
  const closed = server.app.close();
  await watcher.closed;
  const asked = once(server.app.server, 'request');
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  await asked;
  store.release();
  await Promise.all([closed, ended]);
  const [, , page] = received.split('HTTP/1.1 ');
  expect(page).toMatch(/^503 /);
  expect(page).toMatch(/content-type: application\/problem\+json/i);
  expect(page).toMatch(/cache-control: no-store/i);
  expect(page).not.toMatch('<html');
});
