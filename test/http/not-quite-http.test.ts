import { once } from 'node:events';
import { expect, test } from 'vitest';
import { rawSocket } from '../support/raw.ts';
import { startServer, token } from '../support/server.ts';

test.each([
  ['no Host', 400, /Host/, 'GET /livez HTTP/1.1\r\n\r\n'],
  ['an upgrade without Host', 400, /Host/, 'GET /ws HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'],
  ['an expectation that nobody meets', 417, /100-continue/, 'GET /livez HTTP/1.1\r\nHost: x\r\nExpect: rain\r\n\r\n'],
])('%s is a problem too', async (_what, status, detail, request) => {
  const { port } = await startServer();
  const socket = await rawSocket(port);
  let answer = '';
  socket.on('data', (data) => {
    answer += data;
    socket.end();
  });
  socket.write(request);
  await once(socket, 'close');
  expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} [^]*content-type: application/problem\\+json`, 'i'));
  expect(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')))).toMatchObject({
    status,
    code: 'invalid',
    detail: expect.stringMatching(detail),
  });
});

test('HTTP/1.0, which has no Host, is answered', async () => {
  const { port } = await startServer();
  const socket = await rawSocket(port);
  let answer = '';
  socket.on('data', (data) => {
    answer += data;
  });
  socket.write('GET /livez HTTP/1.0\r\n\r\n');
  await once(socket, 'close');
  expect(answer).toContain('{"status":"ok"}');
});

test('what is no HTTP behind the request of a stream ends the stream, and is no part of it', async () => {
  const { port } = await startServer();
  const socket = await rawSocket(port);
  let answer = '';
  socket.on('data', (data) => {
    if (answer === '') socket.write('no HTTP\r\n\r\n');
    answer += data;
  });
  socket.write(`GET /v1/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token()}\r\n\r\n`);
  await once(socket, 'close');
  expect(answer).toMatch(/^HTTP\/1\.1 200 /);
  expect(answer).not.toContain('HTTP/1.1 400');
});
