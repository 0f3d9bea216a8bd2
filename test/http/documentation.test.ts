import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { contract } from '../../src/contract.ts';
import { startServer } from '../support/server.ts';

test('openapi.yaml is what the routes say; if not, npm run contracts writes it anew', async () => {
  expect(await contract()).toBe(readFileSync('openapi.yaml', 'utf8'));
});

test('the contracts say the same to readers of YAML 1.1, which take more texts for times and booleans', () => {
  for (const name of ['openapi.yaml', 'asyncapi.yaml']) {
    const text = readFileSync(name, 'utf8');
    expect(parse(text, { version: '1.1' })).toEqual(parse(text));
  }
});

test('the contract and its page are served, with nothing from elsewhere', async () => {
  const server = await startServer();
  const served = await server.get('/openapi.yaml', {});
  expect(served.headers.get('content-type')).toMatch('application/yaml');
  expect(await served.text()).toMatch(/^openapi: 3\.1\.0/);
  const page = await (await server.get('/docs', {})).text();
  expect(page).toContain('swagger-ui');
  expect(page.match(/(src|href)="(https?:)?\/\//g)).toBeNull();
});

test('with DOCS=off there is neither contract nor page, and all else is as ever', async () => {
  const server = await startServer({ env: { DOCS: 'off' } });
  for (const path of [
    '/docs',
    '/docs/',
    '/docs/json',
    '/docs/yaml',
    '/docs/static/swagger-ui-bundle.js',
    '/openapi.yaml',
    '/asyncapi.yaml',
  ]) {
    const answer = await server.get(path, {});
    expect(answer.status, path).toBe(404);
    expect(await answer.json()).toMatchObject({ code: 'not_found' });
  }
  expect((await server.get('/v1/drivers/nearby?latitude=1&longitude=2')).status).toBe(200);
});

test('every route of the API is in the contract, and every reference in it resolves', async () => {
  const document = await contract();
  const paths = [
    'drivers',
    'drivers/nearby',
    'drivers/search',
    'drivers/{driverId}',
    'drivers/{driverId}/track',
    'cells',
    'positions',
  ];
  for (const path of [...paths.map((path) => `/v1/${path}`), '/livez', '/readyz']) {
    expect(document).toContain(`\n  ${path}:\n`);
  }
  for (const [, name] of document.matchAll(/#\/components\/schemas\/(\w+)/g))
    expect(document).toContain(`\n    ${name}:\n`);
});

test('readiness follows the store, liveness does not', async () => {
  const server = await startServer({ ready: () => Promise.reject(new Error('away')) });
  expect((await server.get('/readyz', {})).status).toBe(503);
  expect((await server.get('/livez', {})).status).toBe(200);
});

test('an instance that is cut off from the others is ready, and says so', async () => {
  const server = await startServer({ ready: async () => 'degraded' });
  const answer = await server.get('/readyz', {});
  expect([answer.status, await answer.json()]).toEqual([200, { status: 'degraded' }]);
});

test('readiness does not wait for a store that hangs', async () => {
  const server = await startServer({ ready: () => new Promise(() => {}) });
  expect((await server.get('/readyz', {})).status).toBe(503);
});

test('security headers are set, and cross-origin calls are closed unless opened by setting', async () => {
  const closed = await startServer();
  const headers = (await closed.get('/livez', { origin: 'https://a.example' })).headers;
  for (const path of ['/docs', '/docs/', '/docs/static/swagger-ui-bundle.js', '/docs/static/index.css']) {
    const page = (await closed.get(path, {})).headers;
    expect(page.get('content-security-policy')?.split(/ *; */)).toEqual(
      expect.arrayContaining(["default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"]),
    );
    expect(page.get('content-security-policy')).not.toMatch(/unsafe|\*|https?:/);
    expect(page.get('x-content-type-options')).toBe('nosniff');
    expect(page.get('referrer-policy')).toBe('no-referrer');
    expect(page.get('strict-transport-security')).toBeNull();
  }
  for (const path of [
    '/livez',
    '/metrics',
    '/v1/drivers',
    '/v1/drivers/nearby',
    '/v1/drivers/%zz',
    '/v1/stream?access_token=no',
    '/ws',
    '/openapi.yaml',
    '/asyncapi.yaml',
    '/nowhere',
  ]) {
    const data = (await closed.get(path, {})).headers;
    expect(data.get('content-security-policy')).toBe("default-src 'none'; frame-ancestors 'none'");
    expect(data.get('x-content-type-options')).toBe('nosniff');
    expect(data.get('cache-control')).toBe('no-store');
    expect(data.get('referrer-policy')).toBe('no-referrer');
  }
  expect(headers.get('access-control-allow-origin')).toBeNull();
  const open = await startServer({ env: { CORS_ORIGINS: 'https://a.example,https://b.example' } });
  const allowed = (await open.get('/livez', { origin: 'https://a.example' })).headers;
  expect(allowed.get('access-control-allow-origin')).toBe('https://a.example');
  expect(
    (await open.get('/livez', { origin: 'https://c.example' })).headers.get('access-control-allow-origin'),
  ).toBeNull();
});

test('a preflight is answered for the origins that are open, with the methods and headers of the API and no others', async () => {
  const ask = async (env: Record<string, string>, origin: string) => {
    const { port } = await startServer({ env });
    const answer = await fetch(`http://127.0.0.1:${port}/v1/positions`, {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,x-anything',
      },
    });
    return [
      answer.status,
      ...['origin', 'methods', 'headers', 'credentials'].map((what) =>
        answer.headers.get(`access-control-allow-${what}`),
      ),
    ];
  };
  const open = ['GET, HEAD, POST, DELETE', 'authorization, content-type, last-event-id', null];
  expect(await ask({}, 'https://a.example')).toEqual([404, null, null, null, null]);
  expect(await ask({ CORS_ORIGINS: 'https://a.example' }, 'https://a.example')).toEqual([
    204,
    'https://a.example',
    ...open,
  ]);
  expect((await ask({ CORS_ORIGINS: 'https://a.example' }, 'https://b.example'))[1]).toBeNull();
  expect(await ask({ CORS_ORIGINS: '*' }, 'null')).toEqual([204, '*', ...open]);
});
