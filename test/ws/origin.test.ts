import { once } from 'node:events';
import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { Message } from '../support/belief.ts';
import { findChromium, openPage, startChromium } from '../support/browser.ts';
import { startServer, token } from '../support/server.ts';
import { describeWith } from '../support/services.ts';

/** What a handshake is answered: a status and, where it is refused, a body. */
async function handshake(port: number, headers: Record<string, string | string[]>): Promise<[number, Message?]> {
  const asked = request({
    port,
    host: '127.0.0.1',
    path: `/ws?access_token=${token()}`,
    headers: {
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': btoa('sixteen bytes it'),
      ...headers,
    },
  });
  asked.end();
  return Promise.race([
    once(asked, 'upgrade').then(([response, socket]): [number] => {
      socket.destroy();
      return [response.statusCode];
    }),
    once(asked, 'response').then(async ([response]): Promise<[number, Message]> => {
      expect(response.headers).toMatchObject({
        'content-type': expect.stringMatching(/^application\/problem\+json/),
        'referrer-policy': 'no-referrer',
        connection: 'close',
      });
      return [response.statusCode, JSON.parse(await text(response))];
    }),
  ]);
}

const HOST = 'near.example:8080';

test.each<[what: string, env: string, headers: Record<string, string | string[]>, let_in: boolean]>([
  ['no origin, as of what is no browser', '', {}, true],
  ['one that is no origin, of a host that is none', '', { host: 'a[', origin: 'http://[a' }, false],
  ['the server’s own', '', { origin: `http://${HOST}` }, true],
  ['the server’s own behind TLS', '', { origin: `https://${HOST}` }, true],
  ['the server’s own in capitals', '', { origin: 'HTTP://Near.Example:8080' }, true],
  ['the own one without its port', '', { origin: 'https://near.example', host: 'near.example:443' }, true],
  ['the own one, of IPv6', '', { origin: 'http://[::1]:8080', host: '[::1]:8080' }, true],
  ['another host', '', { origin: 'https://evil.example' }, false],
  ['another port of the host', '', { origin: 'http://near.example:8081' }, false],
  ['no port, of a host that was asked by one', '', { origin: 'http://near.example' }, false],
  ['a host that begins like it', '', { origin: `http://${HOST}.evil.example` }, false],
  ['a host that ends like it', '', { origin: `http://evil-${HOST}` }, false],
  ['the own host as a user', '', { origin: `http://near.example:8080@evil.example` }, false],
  ['one that is opaque', '', { origin: 'null' }, false],
  ['an empty one', '', { origin: '' }, false],
  ['a file', '', { origin: 'file://' }, false],
  ['no URL', '', { origin: 'near.example:8080' }, false],
  ['two', '', { origin: [`http://${HOST}`, 'http://evil.example'] }, false],
  ['one that CORS_ORIGINS names', 'https://a.example, https://b.example', { origin: 'https://b.example' }, true],
  ['one that CORS_ORIGINS names in another way', 'https://B.example:443/', { origin: 'https://b.example' }, true],
  ['an app’s that CORS_ORIGINS names', 'capacitor://localhost', { origin: 'capacitor://localhost' }, true],
  ['one that CORS_ORIGINS does not name', 'https://a.example', { origin: 'https://b.example' }, false],
  ['the scheme that CORS_ORIGINS does not name', 'https://a.example', { origin: 'http://a.example' }, false],
  ['the own one beside CORS_ORIGINS', 'https://a.example', { origin: `http://${HOST}` }, true],
  ['any, with *', '*', { origin: 'https://evil.example' }, true],
  ['an opaque one, with *', '*', { origin: 'null' }, true],
])('[6.11] a handshake of an origin: %s', async (_what, CORS_ORIGINS, headers, let_in) => {
  const server = await startServer({ env: { CORS_ORIGINS } });
  const [status, problem] = await handshake(server.port, { host: HOST, ...headers });
  if (let_in) expect(status).toBe(101);
  else expect([status, problem]).toMatchObject([403, { status: 403, code: 'forbidden' }]);
  // What is refused is no connection at all.
  expect((await server.get('/livez')).status).toBe(200);
});

test('[6.11] the host that was asked is the one that a proxy tells of, where the proxy is trusted, and nowhere else', async () => {
  const headers = { host: 'inner:1', 'x-forwarded-host': 'near.example', origin: 'https://near.example' };
  const trusting = await startServer({ env: { TRUST_PROXY: '127.0.0.1' } });
  expect((await handshake(trusting.port, headers))[0]).toBe(101);
  expect((await handshake(trusting.port, { ...headers, origin: 'http://inner:1' }))[0]).toBe(403);
  const bare = await startServer();
  expect((await handshake(bare.port, headers))[0]).toBe(403);
  expect((await handshake(bare.port, { ...headers, origin: 'http://inner:1' }))[0]).toBe(101);
});

declare const hear: (message: Message) => void;

describeWith('Chromium', findChromium(), 'the WebSocket of a page', (path) => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await startChromium(path);
  });
  afterAll(() => browser.close());

  test.each([
    ['its own origin', true, {}, { type: 'snapshot' }],
    ['another origin', false, {}, { type: 'closed', code: 1006 }],
    ['another origin, with CORS_ORIGINS=*', false, { CORS_ORIGINS: '*' }, { type: 'snapshot' }],
  ])('[6.11] of %s', async (_what, own, env: Record<string, string>, first) => {
    const server = await startServer({ env });
    const { page, heard } = await openPage(browser);
    // A page that is really the server's: of one that Playwright makes up, Chromium does not know that it is local.
    if (own) await page.goto(`http://127.0.0.1:${server.port}/docs/static/index.css`);
    await page.evaluate((url) => {
      const socket = new WebSocket(url);
      socket.onmessage = ({ data }) => hear(JSON.parse(data));
      socket.onclose = ({ code }) => hear({ type: 'closed', code });
    }, `ws://127.0.0.1:${server.port}/ws?latitude=1&longitude=2&radius=3&access_token=${token()}`);
    await vi.waitUntil(() => heard.length > 0, { timeout: 20_000 });
    expect(heard[0]).toMatchObject(first);
  });
});
