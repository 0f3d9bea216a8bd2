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

test('readiness does not wait for a store that hangs', async () => {
  const server = await startServer({ ready: () => new Promise(() => {}) });
  expect((await server.get('/readyz', {})).status).toBe(503);
});

test('security headers are set, and cross-origin calls are closed unless opened by setting', async () => {
  const closed = await startServer();
  const headers = (await closed.get('/livez', { origin: 'https://a.example' })).headers;
  const page = (await closed.get('/docs/', {})).headers;
  expect(page.get('content-security-policy')).toContain("default-src 'self'");
  expect(page.get('x-content-type-options')).toBe('nosniff');
  for (const path of ['/livez', '/v1/drivers', '/v1/drivers/nearby', '/nowhere']) {
    const data = (await closed.get(path, {})).headers;
    expect(data.get('content-security-policy')).toBe("default-src 'none'; frame-ancestors 'none'");
    expect(data.get('x-content-type-options')).toBe('nosniff');
    expect(data.get('cache-control')).toBe('no-store');
  }
  expect(headers.get('access-control-allow-origin')).toBeNull();
  const open = await startServer({ env: { CORS_ORIGINS: 'https://a.example,https://b.example' } });
  const allowed = (await open.get('/livez', { origin: 'https://a.example' })).headers;
  expect(allowed.get('access-control-allow-origin')).toBe('https://a.example');
  expect(
    (await open.get('/livez', { origin: 'https://c.example' })).headers.get('access-control-allow-origin'),
  ).toBeNull();
});
