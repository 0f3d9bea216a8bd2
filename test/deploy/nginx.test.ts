import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { expect, onTestFinished, test } from 'vitest';
import { WebSocket } from 'ws';
import { listSettings } from '../../src/settings.ts';
import { clientOf } from '../client/support.ts';
import { startServer } from '../support/server.ts';
import { describeWith } from '../support/services.ts';
import { findNginx, freePort, NGINX_CONF, startNginx } from './nginx.ts';

const TOKEN = 'header.payload.signature';

/** What stands where an instance would: it answers as it is told to, and keeps what it was asked. */
class StubInstance {
  readonly asked: IncomingMessage[] = [];
  answer: (request: IncomingMessage, response: ServerResponse) => void = (_request, response) => response.end('{}');
  readonly #server = createServer((request, response) => {
    this.asked.push(request);
    request.resume().on('end', () => this.answer(request, response));
  });

  static async start(): Promise<StubInstance> {
    const stub = new StubInstance();
    await once(stub.#server.listen(0, '127.0.0.1'), 'listening');
    onTestFinished(() => {
      stub.#server.closeAllConnections();
      stub.#server.close();
    });
    return stub;
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }
}

const shed = (_request: IncomingMessage, response: ServerResponse) =>
  response
    .writeHead(503, { 'retry-after': '7', 'content-type': 'application/problem+json' })
    .end('{"code":"unavailable"}');
const hangUp = (request: IncomingMessage) => request.socket.destroy();

/** The value of a directive, of every place where it is. */
function valuesOf(directive: string): string[] {
  return [...NGINX_CONF.matchAll(new RegExp(`^ *${directive} (.*);$`, 'gm'))].map(([, value]) => value);
}

const seconds = (time: string) => Number(/^(\d+)s$/.exec(time)?.[1]);
const settingOf = (name: string) => Number(listSettings().find((setting) => setting.name === name)?.fallback);

test('the times of the file fit those of the server: nothing that is well is cut, and the server is the one to say what is not', async () => {
  const [read] = valuesOf('proxy_read_timeout').map(seconds);
  // The longest wait of a poll, and a connection that has nothing to say but pings.
  expect(read).toBeGreaterThan(60);
  expect(read).toBeGreaterThan(3 * settingOf('PING_SECONDS'));
  expect(valuesOf('proxy_send_timeout').map(seconds)).toEqual([read]);
  expect(seconds(valuesOf('send_timeout')[0])).toBeGreaterThan(settingOf('SLOW_SECONDS'));
  expect(seconds(valuesOf('client_header_timeout')[0])).toBe(settingOf('HEADERS_TIMEOUT_SECONDS'));
  expect(seconds(valuesOf('client_body_timeout')[0])).toBe(settingOf('REQUEST_TIMEOUT_SECONDS'));
  const { app } = await startServer();
  const [client, ...upstreams] = valuesOf('keepalive_timeout').map(seconds).reverse();
  expect(client).toBeGreaterThan(0);
  expect(upstreams.length).toBe(2);
  for (const upstream of upstreams) expect(upstream).toBeLessThan(app.server.keepAliveTimeout / 1000);
  // No buffer for what comes bit by bit, and no request again that may have been done.
  expect(valuesOf('proxy_buffering')).toEqual(['off']);
  expect(valuesOf('proxy_next_upstream').join()).not.toContain('non_idempotent');
});

describeWith('nginx', findNginx(), 'nginx before two instances', (bin) => {
  async function stage() {
    const stubs = [await StubInstance.start(), await StubInstance.start()] as const;
    const nginx = await startNginx(bin, [stubs[0].port, stubs[1].port]);
    const asked = () => stubs[0].asked.length + stubs[1].asked.length;
    return { stubs, nginx, asked, url: nginx.url };
  }

  test('passes on what was asked as it was, and of where it comes from what it knows itself', async () => {
    const { stubs, nginx } = await stage();
    const path = '/v1/drivers/a%2Fb..%20?attributes.status=a%26b&access_token=x';
    const asking = request({
      port: nginx.port,
      host: '127.0.0.1',
      localAddress: '127.0.0.9',
      path,
      headers: {
        host: 'nearcast.example:8443',
        authorization: `Bearer ${TOKEN}`,
        'x-forwarded-for': '203.0.113.7',
        'x-forwarded-host': 'evil.example',
        'x-forwarded-proto': 'gopher',
        'last-event-id': 'cursor',
      },
    }).end();
    const [response] = (await once(asking, 'response')) as [IncomingMessage];
    response.resume();
    const [{ url, headers }] = stubs.flatMap((stub) => stub.asked);
    expect(url).toBe(path);
    expect(headers).toMatchObject({
      host: 'nearcast.example:8443',
      authorization: `Bearer ${TOKEN}`,
      'x-forwarded-for': '203.0.113.7, 127.0.0.9',
      'x-forwarded-proto': 'http',
      'last-event-id': 'cursor',
    });
    expect(headers).not.toHaveProperty('x-forwarded-host');
    expect(headers).not.toHaveProperty('upgrade');
  });

  test.each([
    ['sheds it', shed],
    ['is lost over it', hangUp],
  ])('asks another instance when one %s, of a query', async (_, answer) => {
    const { stubs, url } = await stage();
    stubs[0].answer = answer;
    for (let i = 0; i < 3; i++) {
      for (const path of ['/v1/drivers/nearby', '/readyz']) expect((await fetch(url + path)).status).toBe(200);
    }
    // Twice it failed, and then it was left alone for some seconds.
    expect(stubs[0].asked.length).toBe(2);
    for (let i = 0; i < 3; i++) {
      for (const path of ['/v1/stream', '/v1/changes', '/v1/replay'])
        expect((await fetch(url + path)).status).toBe(200);
    }
  });

  test('asks another instance for a file of a page that one does not have, and goes on with both; a driver it asks one for', async () => {
    const { stubs, asked, url } = await stage();
    const missing = (_request: IncomingMessage, response: ServerResponse) => response.writeHead(404).end();
    stubs[0].answer = missing;
    for (let i = 0; i < 4; i++) expect((await fetch(`${url}/assets/index-x.js`)).status).toBe(200);
    expect(stubs[0].asked.length).toBeGreaterThan(1);
    stubs[1].answer = missing;
    expect((await fetch(`${url}/assets/index-y.js`)).status).toBe(404);
    const before = asked();
    expect((await fetch(`${url}/v1/drivers/d`)).status).toBe(404);
    expect(asked()).toBe(before + 1);
  });

  test('lets every WebSocket and stream in at once when both instances are back', async () => {
    const { stubs, asked, url } = await stage();
    for (const stub of stubs) stub.answer = hangUp;
    for (let i = 0; i < 20; i++) expect((await fetch(`${url}/${i % 2 === 0 ? 'ws' : 'v1/stream'}`)).status).toBe(503);
    const before = asked();
    // What never ends tells nginx nothing of how well it is.
    for (const stub of stubs) stub.answer = (_request, response) => response.writeHead(200).write('data: \n\n');
    const responses = await Promise.all(
      Array.from({ length: 20 }, (_, i) => fetch(`${url}/${i % 2 === 0 ? 'ws' : 'v1/stream'}`)),
    );
    expect(responses.map(({ status }) => status)).toEqual(responses.map(() => 200));
    expect(asked() - before).toBe(20);
    for (const { body } of responses) await body?.cancel();
  });

  test('never sends a fix twice, whatever became of the first time', async () => {
    const { stubs, asked, url } = await stage();
    for (const stub of stubs) stub.answer = hangUp;
    for (let i = 1; i <= 3; i++) {
      const response = await fetch(`${url}/v1/positions`, { method: 'POST', body: '{}' });
      expect([response.status, response.headers.has('retry-after')]).toEqual([503, true]);
      expect(asked()).toBe(i);
    }
  });

  test('lets a 503 of the instances through as it is, and takes fixes while both shed queries', async () => {
    const { stubs, asked, url } = await stage();
    for (const stub of stubs) {
      stub.answer = (request, response) => (request.method === 'POST' ? response.end('{}') : shed(request, response));
    }
    for (let i = 0; i < 20; i++) {
      const query = await fetch(`${url}/v1/drivers/nearby`);
      expect(query.status).toBe(503);
      expect(query.headers.get('content-type')).toBe('application/problem+json');
      expect(Number(query.headers.get('retry-after'))).toBeGreaterThan(0);
      const fix = await fetch(`${url}/v1/positions`, { method: 'POST', body: '{}' });
      expect(fix.status).toBe(200);
    }
    for (const stub of stubs) {
      stub.answer = shed;
      stub.asked.length = 0;
    }
    for (let i = 1; i <= 6; i++) {
      const fix = await fetch(`${url}/v1/positions`, { method: 'POST', body: '{}' });
      expect([fix.status, fix.headers.get('retry-after')]).toEqual([503, '7']);
      expect(asked()).toBe(i);
    }
  });

  test('says as an instance would that nobody is there, and tells no log whose token it was', async () => {
    const nginx = await startNginx(bin, [await freePort(), await freePort()]);
    for (const method of ['GET', 'POST']) {
      const response = await fetch(`${nginx.url}/v1/positions?access_token=${TOKEN}`, {
        method,
        headers: { referer: `http://127.0.0.1/?access_token=${TOKEN}` },
      });
      expect(response.status).toBe(503);
      expect(response.headers.get('content-type')).toBe('application/problem+json');
      expect(response.headers.get('cache-control')).toBe('no-store');
      expect(Number(response.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
      expect(await response.json()).toMatchObject({ status: 503, code: 'unavailable', title: 'Service Unavailable' });
    }
    const socket = new WebSocket(`${nginx.ws}?access_token=${TOKEN}`);
    const [error] = await once(socket, 'error').catch((error) => [error]);
    expect(String(error)).toContain('503');
    const nearcast = clientOf(nginx, { token: TOKEN });
    await expect(nearcast.nearby({ latitude: 1, longitude: 2 })).rejects.toMatchObject({ code: 'unavailable' });
    await expect.poll(() => nginx.accesses.length).toBeGreaterThanOrEqual(4);
    expect(nginx.accesses[0]).toMatchObject({ method: 'GET', path: '/v1/positions', status: 503, client: '127.0.0.1' });
    // The failures themselves are there.
    expect(nginx.accesses[0].upstreamStatus).toBe('502, 502');
    expect(nginx.logs).not.toContain('access_token');
    expect(nginx.logs).not.toContain(TOKEN);
  });
});
