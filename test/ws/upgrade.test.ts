import { once } from 'node:events';
import { connect } from 'node:net';
import { promisify } from 'node:util';
import { expect, onTestFinished, test, vi } from 'vitest';
import { rawSocket, upgrade } from '../support/raw.ts';
import { startServer, type TestServer, token } from '../support/server.ts';

/** Connections that the server holds, as its own system counts them. */
const connections = (server: TestServer): Promise<number> =>
  promisify(server.app.server.getConnections.bind(server.app.server))();

const TO_WS = (request: string) => request;
test.each<[what: string, path: string, change: (request: string) => string, status: number]>([
  ['a WebSocket of another path', '/livez', TO_WS, 200],
  ['a WebSocket of a call that takes a token', '/v1/drivers', TO_WS, 200],
  ['a WebSocket of a path that is not', '/nowhere', TO_WS, 404],
  ['a WebSocket of a path that is none', '/%zz', TO_WS, 400],
  ['a WebSocket of a path below', '/ws/', TO_WS, 404],
  ['a WebSocket of the page', '/docs/', TO_WS, 200],
  ['a WebSocket by HEAD', '/ws', (request) => request.replace('GET', 'HEAD'), 426],
  ['a WebSocket by POST', '/ws', (request) => request.replace('GET', 'POST'), 404],
  // curl --http2 asks so of every server.
  ['HTTP/2', '/livez', (request) => request.replace('websocket', 'h2c'), 200],
  ['HTTP/2 of /ws', '/ws', (request) => request.replace('websocket', 'h2c'), 426],
])(
  'who asks to upgrade to %s gets an answer, may ask on, and holds nothing up',
  async (_what, path, change, status) => {
    const server = await startServer();
    const socket = await rawSocket(server.port);
    let heard = '';
    socket.on('data', (data) => {
      heard += data;
    });
    socket.write(change(upgrade(path, token())));
    await vi.waitUntil(() => heard.includes('\r\n\r\n'));
    socket.write('GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n');
    await vi.waitUntil(() => heard.split('HTTP/1.1 ').length === 3 && heard.endsWith('{"status":"ok"}'));
    expect(heard).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    await server.app.close();
    expect(await connections(server)).toBe(0);
  },
);

test('a connection on which nothing comes that can be answered is cut, however long its peer keeps it', async () => {
  const server = await startServer();
  const handshake = upgrade('/ws', token());
  for (const request of [
    'rubbish\r\n\r\n',
    `GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`,
    handshake.replace('Version: 13', 'Version: 99'),
    handshake.replace('Host: x', 'Host: x\r\nOrigin: http://y'),
  ]) {
    const socket = connect({ port: server.port, host: '127.0.0.1', allowHalfOpen: true });
    onTestFinished(() => void socket.destroy());
    socket.on('error', () => {});
    await once(socket, 'connect');
    socket.write(request);
    const [answer] = await once(socket, 'data');
    expect(String(answer)).toMatch(/^HTTP\/1.1 4/);
  }
  await vi.waitUntil(async () => (await connections(server)) === 0, { timeout: 10_000 });
});
