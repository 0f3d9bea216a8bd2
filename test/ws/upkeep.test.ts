import { expect, onTestFinished, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { HIGH_WATER } from '../../src/subscriptions/outbox.ts';
import { Client } from '../support/client.ts';
import { serverSockets, turns, watchersOf } from '../support/pressure.ts';
import { startServer, token } from '../support/server.ts';

const headers = { authorization: `Bearer ${token()}` };

/** Has the time of pings pass only when the test says. */
function holdTime(): void {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
  onTestFinished(() => void vi.useRealTimers());
}

test('[6.2] a peer that answers no ping and sends something else is there; when it sends nothing more it is dropped', async () => {
  holdTime();
  const server = await startServer();
  const client = await Client.open(`ws://127.0.0.1:${server.port}/ws`, [], headers, { autoPong: false });
  for (let second = 0; second < 300; second++) {
    vi.advanceTimersByTime(1_000);
    if (second % 20 === 0) await client.ask({ type: 'ping' }, 'pong');
  }
  expect(client.socket.readyState).toBe(client.socket.OPEN);
  for (let second = 0; second < 77; second++) {
    vi.advanceTimersByTime(1_000);
    await turns();
  }
  expect(await client.closed).toMatchObject({ code: 1006 });
});

test('[13.1] changes that wait behind answers alone are told once those are read', async () => {
  const server = await startServer();
  server.tracker.accept('default', { driverId: 'a', lat: 30, lng: -97 });
  const sockets = serverSockets(server);
  const own = { authorization: `Bearer ${token({ scope: 'positions:read positions:write' })}` };
  const client = await server.connect('/ws', undefined, own);
  await client.ask({ type: 'subscribe', subscription: 's' }, 'snapshot');
  const [subscription] = watchersOf(server, 'a');
  client.socket.pause();
  // Refused, so that nothing of it is told: the answers are longer than what is asked.
  const positions = Array.from({ length: 1_000 }, () => ({ driverId: 'b', latitude: 30, longitude: -97 }));
  while (sockets[0].writableLength <= 4 * HIGH_WATER) {
    client.send({ type: 'positions', id: 1, positions });
    await turns(4);
  }
  server.tracker.accept('default', { driverId: 'a', lat: 31, lng: -97 });
  await turns();
  expect(subscription.backlog).toBe(1);
  client.socket.resume();
  expect(await client.next('changes')).toMatchObject({ move: [{ driverId: 'a', latitude: 31 }] });
});

test('[6.4] a connection that is closed is pinged no more, and no timer runs for it', async () => {
  holdTime();
  const server = await startServer();
  const timers = () => process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length;
  const before = timers();
  const ping = vi.spyOn(WebSocket.prototype, 'ping');
  onTestFinished(() => ping.mockRestore());
  const sockets = serverSockets(server);
  const client = await server.connect();
  vi.advanceTimersByTime(30_000);
  expect(ping).toHaveBeenCalledOnce();
  client.socket.terminate();
  await new Promise((resolve) => sockets[0].once('close', resolve));
  await turns();
  vi.advanceTimersByTime(300_000);
  expect(ping).toHaveBeenCalledOnce();
  await vi.waitUntil(() => timers() <= before);
});
