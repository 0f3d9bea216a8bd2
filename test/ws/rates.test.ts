import { once } from 'node:events';
import { expect, onTestFinished, test, vi } from 'vitest';
import { scrape } from '../support/metrics.ts';
import { turns } from '../support/pressure.ts';
import { frame, rawSocket, upgrade } from '../support/raw.ts';
import { startServer, token } from '../support/server.ts';

const driver = (sub: string) => ({
  authorization: `Bearer ${token({ sub, scope: 'positions:read positions:write' })}`,
});

/** Has time pass only when the test says. Sockets go on. */
function holdTime(): void {
  vi.useFakeTimers({
    toFake: ['setInterval', 'clearInterval', 'setTimeout', 'clearTimeout', 'performance'],
  });
  onTestFinished(() => void vi.useRealTimers());
}

/** What is heard until nothing more comes for a while, of the sockets' own time. */
async function quiet(count: () => number): Promise<void> {
  for (let before = -1; before !== count(); ) {
    before = count();
    await turns(200);
  }
}

/** A chunk that the socket had read already is heard to its end. */
const CHUNK = 2 * 65_536;

test.each([
  ['messages', { MAX_MESSAGES_PER_SECOND: '100' }, 100],
  ['bytes', { MAX_BYTES_PER_SECOND: '102400' }, 100],
])(
  '[6.11] of too many %s those beyond the rate wait, all are answered, in order, and pushes go on',
  async (limit, env, rate) => {
    holdTime();
    const server = await startServer({ env });
    const client = await server.connect('/ws', undefined, driver('flood'));
    await client.ask({ type: 'subscribe', subscription: 's' }, 'snapshot');
    const answered: number[] = [];
    let pushed = 0;
    client.socket.on('message', (data) => {
      const { type, id } = JSON.parse(String(data));
      if (type === 'pong') answered.push(id);
      else if (type === 'changes') pushed++;
    });
    const size = 1_024;
    const message = (id: number) => {
      const text = JSON.stringify({ type: 'ping', id, more: '' });
      return text.replace('""', `"${'x'.repeat(size - text.length)}"`);
    };
    const COUNT = 1_000;
    for (let id = 0; id < COUNT; id++) client.send(message(id));
    await quiet(() => answered.length);
    let seconds = 0;
    for (; answered.length < COUNT && seconds < 30; seconds++) {
      expect(answered.length).toBeLessThanOrEqual(rate * (seconds + 2) + CHUNK / size);
      const before = pushed;
      server.tracker.accept('default', { driverId: 'other', lat: seconds, lng: 0 });
      vi.advanceTimersByTime(1_000);
      await quiet(() => answered.length);
      await vi.waitUntil(() => pushed > before);
    }
    // What they take at the rate, but for the first second's and the chunks.
    expect(seconds).toBeGreaterThanOrEqual(6);
    expect(seconds).toBeLessThanOrEqual(13);
    expect(answered).toEqual(Array.from({ length: COUNT }, (_, id) => id));
    expect((await scrape(server)).by('nearcast_limited_total', 'limit')[limit]).toBeGreaterThan(3);
  },
);

test('[6.11] a gateway is not limited, nor anybody where the limits are 0', async () => {
  for (const [env, headers] of [
    [{ MAX_MESSAGES_PER_SECOND: '10', MAX_BYTES_PER_SECOND: '1000' }, undefined],
    [{ MAX_MESSAGES_PER_SECOND: '0', MAX_BYTES_PER_SECOND: '0' }, driver('a')],
  ] as const) {
    const server = await startServer({ env });
    const client = await server.connect('/ws', undefined, headers);
    for (let id = 0; id < 500; id++) client.send({ type: 'ping', id });
    await client.ask({ type: 'ping', id: 'last' }, 'pong');
    while ((await client.next('pong')).id !== 'last');
    expect((await scrape(server)).by('nearcast_limited_total', 'limit')).toMatchObject({ messages: 0, bytes: 0 });
  }
});

test('[6.11] a gateway that goes on with a token that is none is limited from then on', async () => {
  const server = await startServer({ env: { MAX_MESSAGES_PER_SECOND: '10' } });
  const client = await server.connect('/ws', undefined, { authorization: `Bearer ${token({ sub: 'a' })}` });
  const scope = 'positions:write';
  await client.ask({ type: 'authenticate', token: token({ sub: 'a', scope }) }, 'authenticated');
  for (let i = 0; i < 30; i++) client.send({ type: 'ping' });
  await vi.waitUntil(async () => (await scrape(server)).by('nearcast_limited_total', 'limit').messages === 1);
});

test('[6.11] of bytes those on the wire count: a message in thousands of empty frames is not a short one', async () => {
  const server = await startServer({ env: { MAX_BYTES_PER_SECOND: '10000' } });
  const socket = await rawSocket(server.port);
  socket.write(upgrade('/ws', driver('crumbs').authorization.slice(7)));
  await once(socket, 'data');
  const empty = Buffer.concat(Array.from({ length: 5_000 }, () => frame('', 0, false)));
  socket.write(Buffer.concat([frame('{"type":', 1, false), empty, frame('"ping"}', 0)]));
  await vi.waitUntil(async () => (await scrape(server)).by('nearcast_limited_total', 'limit').bytes === 1);
  socket.destroy();
});

test('[6.11] who is not heard for long does not count as gone, and is heard again', async () => {
  holdTime();
  const server = await startServer({ env: { MAX_BYTES_PER_SECOND: '100', PING_SECONDS: '1' } });
  const client = await server.connect('/ws', undefined, driver('slow'));
  await client.ask({ type: 'ping', more: 'x'.repeat(1_000) }, 'pong');
  client.send({ type: 'ping', id: 'later' });
  // Of the pings in these nine seconds no answer is read.
  for (let second = 0; second < 9; second++) {
    vi.advanceTimersByTime(1_000);
    await turns(20);
    expect(client.socket.readyState).toBe(client.socket.OPEN);
  }
  expect(client.heard).toEqual([]);
  for (let second = 0; second < 3; second++) {
    vi.advanceTimersByTime(1_000);
    await turns(20);
  }
  expect(await client.next('pong')).toMatchObject({ id: 'later' });
});

test('[6.11] pings of the protocol count as well', async () => {
  const server = await startServer({ env: { MAX_MESSAGES_PER_SECOND: '10' } });
  const client = await server.connect('/ws', undefined, driver('pinger'));
  for (let i = 0; i < 30; i++) client.socket.ping();
  await vi.waitUntil(async () => (await scrape(server)).by('nearcast_limited_total', 'limit').messages === 1);
});

test('[6.11] who is closed while it is not heard is closed at once, and nothing waits for it', async () => {
  holdTime();
  const server = await startServer({ env: { MAX_BYTES_PER_SECOND: '100' } });
  const client = await server.connect('/ws', undefined, driver('gone'));
  await client.ask({ type: 'ping', more: 'x'.repeat(1_000) }, 'pong');
  const timers = vi.getTimerCount();
  await server.app.close();
  expect(await client.closed).toMatchObject({ code: 1001 });
  expect(vi.getTimerCount()).toBeLessThan(timers - 1);
});
