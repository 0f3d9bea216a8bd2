import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, onTestFinished, test, vi } from 'vitest';
import { HeldStore } from '../support/held-store.ts';
import { startServer, token } from '../support/server.ts';

test('[7.1] a request on a connection that is still in use while the server closes is refused as a problem, with when to come back', async () => {
  const store = new HeldStore();
  const server = await startServer({ store });
  const socket = connect(server.port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  let received = '';
  socket.on('data', (data) => {
    received += data;
  });
  const ended = once(socket, 'close');
  const head = `Host: x\r\nAuthorization: Bearer ${token()}\r\n`;
  const body = '{"driverId":"d","latitude":1,"longitude":2}';
  const type = `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n`;
  const asked = once(server.app.server, 'request');
  socket.write(`POST /v1/positions HTTP/1.1\r\n${head}${type}\r\n${body}`);
  await asked;
  const watcher = await server.connect();
  const closed = server.app.close();
  // Whoever is connected is told first.
  await watcher.closed;
  const again = once(server.app.server, 'request');
  socket.write(`GET /v1/drivers HTTP/1.1\r\n${head}\r\n`);
  await again;
  await vi.waitUntil(() => store.batches.length === 1);
  store.release();
  await ended;
  await closed;
  const [, first, second] = received.split('HTTP/1.1 ');
  expect(first).toMatch(/^200 /);
  expect(first).toContain('accepted');
  expect(second).toMatch(/^503 /);
  expect(second).toMatch(/content-type: application\/problem\+json/i);
  expect(second).toMatch(/retry-after: 1/i);
  expect(second).toMatch(/connection: close/i);
  expect(second).toContain('"code":"unavailable"');
});
