import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { expect, onTestFinished, test, vi } from 'vitest';
import { NearcastError, type NearcastOptions, type WebSocketConstructor } from '../../src/client/index.ts';
import { FakeServer } from './fake-server.ts';
import { clientOf, collect, jwt, ManualClock, next } from './support.ts';

const circle = { latitude: 30, longitude: -97, radius: 1000 };

async function setUp(options: Partial<NearcastOptions> = {}) {
  const server = await FakeServer.start();
  const clock = new ManualClock();
  const nearcast = clientOf(server, { clock, ...options });
  const waiting = () => next(nearcast, 'state', (state) => state === 'waiting');
  const failed = () => next(nearcast, 'state', (state) => state === 'failed');
  const open = () => next(nearcast, 'state', (state) => state === 'open');
  return { server, clock, nearcast, waiting, failed, open };
}

test('one WebSocket is made when it is first needed, shared, and closed when nothing needs it', async () => {
  const { server, nearcast, clock } = await setUp();
  expect(nearcast.state).toBe('idle');
  const first = nearcast.watch(circle);
  const second = nearcast.watch(circle);
  const track = nearcast.track();
  const connection = await server.connection();
  const names = [(await connection.snapshot([])).subscription, (await connection.snapshot([])).subscription];
  expect(new Set(names).size).toBe(2);
  await Promise.all([first.ready, second.ready]);
  track.send({ latitude: 1, longitude: 2 });
  await connection.next('position');
  expect(server.made).toBe(1);
  first.close();
  expect(await connection.next()).toEqual({ type: 'unsubscribe', subscription: names[0] });
  await track.close();
  expect(nearcast.state).toBe('open');
  second.close();
  expect(nearcast.state).toBe('idle');
  expect(await connection.closed).toBe(1000);
  expect(clock.pending).toBe(0);
  nearcast.watch(circle);
  await (await server.connection()).snapshot([]);
  expect(server.made).toBe(2);
});

test('reconnections wait up to twice as long each time, up to half a minute, and briefly again after a stable one', async () => {
  const { server, nearcast, clock, waiting, open } = await setUp({ random: () => 1 });
  nearcast.watch(circle);
  const waits: number[] = [];
  for (let i = 0; i < 9; i++) {
    const connection = await server.connection();
    const lost = waiting();
    connection.cut();
    await lost;
    waits.push(clock.waits[0]);
    clock.advance(clock.waits[0]);
  }
  expect(waits).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
  if (nearcast.state !== 'open') await open();
  clock.advance(10_000);
  const lost = waiting();
  (await server.connection()).cut();
  await lost;
  expect(clock.waits).toEqual([500]);
});

test('the wait is anything between nothing and its limit', async () => {
  const { server, nearcast, clock, waiting } = await setUp({ random: () => 0.25 });
  nearcast.watch(circle);
  const lost = waiting();
  (await server.connection()).cut();
  await lost;
  expect(clock.waits).toEqual([125]);
});

test.each([1001, 1006, 1011, 1012, 4500, 4508, 4513])('closed with %i it comes back', async (code) => {
  const { server, nearcast, clock, waiting } = await setUp();
  nearcast.watch(circle);
  const lost = waiting();
  const connection = await server.connection();
  if (code === 1006) connection.cut();
  else connection.close(code);
  await lost;
  clock.advance(0);
  await (await server.connection()).snapshot([]);
});

test.each([
  [1007, 'invalid'],
  [1009, 'too_large'],
  [4400, 'invalid'],
  [4403, 'forbidden'],
  [4408, 'unauthorized'],
  [4429, 'limit'],
  [4499, 'invalid'],
])('closed with %i it does not come back, and says why', async (code, meaning) => {
  const { server, nearcast, clock, failed } = await setUp();
  const watch = nearcast.watch(circle);
  const track = nearcast.track();
  track.send({ latitude: 1, longitude: 2 });
  const flushed = track.flush();
  const over = failed();
  const [trackError, watchError] = [next(track, 'error'), next(watch, 'error')];
  const changes = watch[Symbol.asyncIterator]().next();
  (await server.connection()).close(code, 'for a reason');
  await over;
  const error = { name: 'NearcastError', code: meaning, closeCode: code, message: 'for a reason' };
  expect(await watchError).toMatchObject(error);
  expect(await trackError).toMatchObject(error);
  await expect(flushed).rejects.toMatchObject(error);
  await expect(changes).rejects.toMatchObject(error);
  await expect(watch.ready).rejects.toMatchObject(error);
  expect(watch.state).toBe('failed');
  expect(track.pending).toBe(1);
  expect(clock.pending).toBe(0);
  // The track still waits, and goes on when somebody asks for it.
  nearcast.reconnect();
  expect(await (await server.connection()).next()).toMatchObject({ type: 'position', latitude: 1 });
});

test.each([1001, 4513])(
  'a goodbye (%i) that asks to wait is obeyed, also when the network comes back meanwhile',
  async (code) => {
    const page = new EventTarget();
    const { server, nearcast, clock, waiting } = await setUp({ page });
    nearcast.watch(circle);
    const connection = await server.connection();
    const lost = waiting();
    connection.send({ type: 'error', code: 'unavailable', message: 'The server is going away.', retryAfter: 7.5 });
    connection.close(code);
    await lost;
    expect(clock.waits).toEqual([7500]);
    page.dispatchEvent(new Event('online'));
    expect(nearcast.state).toBe('waiting');
    clock.advance(7500);
    await server.connection();
  },
);

test('when the network comes back it does not wait; a connection that seems open is tried', async () => {
  const page = new EventTarget();
  const { server, nearcast, clock, waiting } = await setUp({ page, random: () => 1 });
  nearcast.watch(circle);
  const lost = waiting();
  (await server.connection()).cut();
  await lost;
  page.dispatchEvent(new Event('online'));
  const connection = await server.connection();
  await connection.snapshot([]);
  page.dispatchEvent(new Event('online'));
  expect(await connection.next()).toEqual({ type: 'ping' });
  const lostAgain = waiting();
  clock.advance(10_000);
  await lostAgain;
});

test('after half a minute of silence it asks for a sign of life, and without one connects anew', async () => {
  const { server, nearcast, clock, waiting } = await setUp();
  const watch = nearcast.watch(circle);
  const connection = await server.connection();
  await connection.snapshot([]);
  await watch.ready;
  clock.advance(20_000);
  const state = next(watch, 'changes');
  connection.changes('w1', { enter: [{ driverId: 'a', latitude: 30, longitude: -97, timestamp: 1, receivedAt: 1 }] });
  await state;
  clock.advance(20_000);
  expect(connection.untaken).toBe(0);
  clock.advance(10_000);
  expect(await connection.next()).toEqual({ type: 'ping' });
  connection.send({ type: 'pong', serverTime: clock.time + 5000 });
  // The pong has no event of its own; what is sent after it is heard after it.
  const again = next(watch, 'changes');
  connection.changes('w1', { move: [{ driverId: 'a', latitude: 30.1, longitude: -97, timestamp: 2, receivedAt: 2 }] });
  await again;
  clock.advance(30_000);
  await connection.next('ping');
  const lost = waiting();
  clock.advance(10_000);
  await lost;
  expect(watch.state).toBe('interrupted');
  clock.advance(0);
  await (await server.connection()).next('subscribe');
});

test('a connection that never opens is given up after a while', async () => {
  const hole = createServer().listen(0, '127.0.0.1');
  onTestFinished(() => void hole.close());
  const accepted = new Promise<void>((resolve) => {
    hole.on('connection', (socket) => {
      onTestFinished(() => void socket.destroy());
      socket.on('error', () => {});
      resolve();
    });
  });
  await once(hole, 'listening');
  const clock = new ManualClock();
  const { port } = hole.address() as AddressInfo;
  const nearcast = clientOf({ port }, { clock });
  nearcast.watch(circle);
  await accepted;
  const states = collect(nearcast, 'state');
  clock.advance(14_999);
  expect(states).toEqual([]);
  clock.advance(1);
  expect(states).toEqual(['waiting', 'connecting']);
});

test('a server that is not there is tried again', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  const clock = new ManualClock();
  const nearcast = clientOf({ port }, { clock });
  nearcast.watch(circle);
  await next(nearcast, 'state', (state) => state === 'waiting');
  clock.advance(0);
  await next(nearcast, 'state', (state) => state === 'waiting');
});

test('the token is asked for before each connection', async () => {
  let asked = 0;
  const { server, nearcast, clock, waiting } = await setUp({ token: async () => `token-${++asked}` });
  nearcast.watch(circle);
  const connection = await server.connection();
  expect(connection.token).toBe('token-1');
  const lost = waiting();
  connection.cut();
  await lost;
  clock.advance(0);
  expect((await server.connection()).token).toBe('token-2');
});

test('shortly before a token ends another one is asked for and sent, again and again', async () => {
  const tokens: string[] = [];
  const clock = new ManualClock();
  const { server, nearcast } = await setUp({
    clock,
    token: () => {
      tokens.push(jwt({ n: tokens.length, exp: clock.time / 1000 + 600 }));
      return tokens[tokens.length - 1];
    },
  });
  const watch = nearcast.watch(circle);
  const connection = await server.connection();
  await connection.snapshot([], { serverTime: clock.time });
  connection.send({ type: 'pong', id: (await connection.next('ping')).id, serverTime: clock.time });
  await watch.ready;
  expect(connection.token).toBe(tokens[0]);
  // What keeps the connection from looking dead has nothing to do with it here.
  const passes = (seconds: number) => {
    for (let i = 0; i < seconds; i += 10) {
      clock.advance(10_000);
      connection.send({ type: 'pong', serverTime: clock.time });
    }
  };
  const alive = async () => {
    const changed = next(watch, 'changes');
    connection.changes('w1', {});
    await changed;
  };
  for (let i = 0; i < 28; i++) {
    passes(20);
    await alive();
  }
  expect(tokens.length).toBe(1);
  passes(20);
  expect(await connection.next('authenticate')).toEqual({ type: 'authenticate', token: tokens[1] });
  connection.send({ type: 'authenticated', expiresAt: clock.time + 60_000 });
  await alive();
  passes(20);
  await alive();
  expect(tokens.length).toBe(2);
  passes(10);
  expect(await connection.next('authenticate')).toEqual({ type: 'authenticate', token: tokens[2] });
});

test('a token is renewed when the server says that it ends, whatever it is, and again if that cannot be judged', async () => {
  let asked = 0;
  const clock = new ManualClock();
  const { server, nearcast } = await setUp({ clock, random: () => 1, token: () => `opaque-${++asked}` });
  nearcast.watch(circle);
  const connection = await server.connection();
  const expiring = () => connection.send({ type: 'expiring', expiresAt: clock.time + 60_000, serverTime: clock.time });
  expiring();
  await vi.waitFor(() => {
    clock.advance(0);
    expect(asked).toBe(2);
  });
  // Before there is an answer nothing comes of it.
  expiring();
  expect(await connection.next('authenticate')).toEqual({ type: 'authenticate', token: 'opaque-2' });
  const other = next(nearcast, 'error');
  connection.send({ type: 'error', code: 'internal', message: 'The server failed on this message.' });
  await other;
  clock.advance(0);
  await Promise.resolve();
  expect(asked).toBe(2);
  const unavailable = next(nearcast, 'error');
  connection.send({ type: 'error', code: 'unavailable', message: 'The token cannot be judged now.', retryAfter: 1 });
  await unavailable;
  clock.advance(1000);
  expect(await connection.next('authenticate')).toEqual({ type: 'authenticate', token: 'opaque-3' });
  connection.send({ type: 'authenticated', expiresAt: clock.time + 600_000 });
  expect(nearcast.state).toBe('open');
  expect(asked).toBe(3);
});

test('a token that could not be renewed is asked for again, while the old one holds', async () => {
  let asked = 0;
  const clock = new ManualClock();
  const { server, nearcast } = await setUp({
    clock,
    random: () => 1,
    token: () => {
      if (++asked === 2) throw new Error('the network is down');
      return jwt({ n: asked, exp: clock.time / 1000 + 40 });
    },
  });
  const watch = nearcast.watch(circle);
  const connection = await server.connection();
  connection.send({ type: 'pong', id: (await connection.next('ping')).id, serverTime: clock.time });
  connection.send({ type: 'snapshot', subscription: 'w1', cursor: 'c', serverTime: clock.time, drivers: [] });
  await watch.ready;
  const error = next(nearcast, 'error');
  clock.advance(20_000);
  expect(await error).toMatchObject({ code: 'network', message: 'No token could be had: the network is down' });
  expect(nearcast.state).toBe('open');
  clock.advance(1000);
  expect(await connection.next('authenticate')).toMatchObject({ token: expect.any(String) });
});

test('a refused token is worth one more question, and a second refusal is the end', async () => {
  let asked = 0;
  const { server, nearcast, clock, waiting, failed } = await setUp({ token: () => `token-${++asked}` });
  const watch = nearcast.watch(circle);
  const first = await server.connection();
  first.send({ type: 'error', code: 'unauthorized', message: 'The token has expired.' });
  first.close(4401, 'The token has expired.');
  const second = await server.connection();
  expect(second.token).toBe('token-2');
  await second.snapshot([]);
  await watch.ready;
  // It was accepted, so the next refusal is a first one again; but not for long, so there is no hurry.
  const refusedAgain = waiting();
  second.close(4401, 'the token has expired');
  await refusedAgain;
  clock.advance(0);
  const third = await server.connection();
  const over = failed();
  third.send({ type: 'error', code: 'unauthorized', message: 'The token’s signature is not valid here.' });
  third.close(4401, 'x');
  await over;
  expect(asked).toBe(3);
  expect(watch.error).toMatchObject({
    code: 'unauthorized',
    closeCode: 4401,
    message: 'The token’s signature is not valid here.',
  });
});

test('a token that is given again after it was refused is not tried again; neither is a fixed one', async () => {
  for (const token of ['fixed', () => 'same']) {
    const { server, nearcast, failed } = await setUp({ token });
    const watch = nearcast.watch(circle);
    const over = failed();
    (await server.connection()).close(4401, 'the token has expired');
    await over;
    expect(watch.error).toMatchObject({ code: 'unauthorized', message: 'the token has expired', closeCode: 4401 });
    expect(server.made).toBe(1);
  }
});

test('after a token that has held for a while there is no wait', async () => {
  let asked = 0;
  const { server, nearcast, clock } = await setUp({ random: () => 1, token: () => `token-${++asked}` });
  nearcast.watch(circle);
  for (let i = 1; i < 5; i++) {
    const connection = await server.connection();
    await connection.snapshot([]);
    expect(connection.token).toBe(`token-${i}`);
    if (nearcast.state !== 'open') await next(nearcast, 'state', (state) => state === 'open');
    clock.advance(10_000);
    connection.close(4401, 'the token has expired');
  }
});

test('a token that does not come in time is asked for again, and a call that waits for it can be taken back', async () => {
  const { server, nearcast, clock, waiting } = await setUp({ token: () => tokens.shift() ?? new Promise(() => {}) });
  const tokens: string[] = [];
  const lost = waiting();
  const errors = collect(nearcast, 'error');
  const watch = nearcast.watch(circle);
  const abort = new AbortController();
  const call = nearcast.nearby(circle, { signal: abort.signal });
  abort.abort(new Error('enough'));
  await expect(call).rejects.toThrow('enough');
  const other = nearcast.nearby(circle);
  clock.advance(30_000);
  await expect(other).rejects.toMatchObject({ code: 'network', message: 'No token could be had: it took too long.' });
  await lost;
  expect(errors).toMatchObject([{ code: 'network' }]);
  tokens.push('late');
  clock.advance(0);
  await (await server.connection()).snapshot([]);
  await watch.ready;
  const third = nearcast.nearby(circle);
  server.answers.push({ status: 401 });
  await nearcast.close();
  await expect(third).rejects.toMatchObject({ code: 'closed' });
  expect(clock.pending).toBe(0);
  await expect(nearcast.nearby(circle)).rejects.toMatchObject({ code: 'closed' });
});

test('a call that was taken back before it began asks for nothing', async () => {
  let asked = 0;
  const { server, nearcast } = await setUp({ token: () => `token-${++asked}` });
  const signal = AbortSignal.abort(new Error('enough'));
  await expect(nearcast.nearby(circle, { signal })).rejects.toThrow('enough');
  expect([asked, server.requests]).toEqual([0, []]);
});

test('a connection that is lost, or cannot be made, is told as an error, with what is known of it', async () => {
  const { server, nearcast, clock, waiting } = await setUp();
  const errors = collect(nearcast, 'error');
  const watch = nearcast.watch(circle);
  const first = await server.connection();
  await first.snapshot([]);
  await watch.ready;
  let lost = waiting();
  first.close(4508, 'too slow');
  await lost;
  clock.advance(0);
  const second = await server.connection();
  await second.next();
  lost = waiting();
  // What was said of something else long ago is not why.
  second.send({ type: 'error', code: 'internal', message: 'of nothing', retryAfter: 60 });
  second.send({ type: 'pong', serverTime: clock.time });
  second.cut();
  await lost;
  expect(clock.waits).toEqual([0]);
  const nowhere = clientOf({ port: 1 }, { clock: new ManualClock() });
  nowhere.watch(circle);
  expect(await next(nowhere, 'error')).toMatchObject({
    code: 'network',
    message: expect.stringMatching(/not be made/),
  });
  expect(errors).toMatchObject([
    { code: 'network', closeCode: 4508, message: 'The connection was lost: too slow' },
    { code: 'internal' },
    { code: 'network', closeCode: 1006 },
  ]);
});

test('a listener may close everything at any time, and then nothing is left', async () => {
  for (const when of ['connecting', 'open', 'waiting'] as const) {
    const { server, nearcast, clock } = await setUp();
    nearcast.on('state', (state) => state === when && void nearcast.close());
    const errors = collect(nearcast, 'error');
    const idle = next(nearcast, 'state', (state) => state === 'idle');
    const watch = nearcast.watch(circle);
    if (when === 'waiting') (await server.connection()).cut();
    await idle;
    expect([watch.state, nearcast.state, clock.pending]).toEqual(['closed', 'idle', 0]);
    expect(errors.length).toBe(when === 'waiting' ? 1 : 0);
  }
});

test('a token that cannot be had is asked for again with back-off, unless whoever gives it says that there is none', async () => {
  let asked = 0;
  const { server, nearcast, clock, waiting, failed } = await setUp({
    random: () => 1,
    token: async () => {
      if (++asked === 1) throw new Error('offline');
      if (asked === 3) throw new NearcastError('unauthorized', 'Sign in again.');
      return 'token';
    },
  });
  const lost = waiting();
  const errors = collect(nearcast, 'error');
  const watch = nearcast.watch(circle);
  await lost;
  expect(errors).toMatchObject([{ code: 'network', message: 'No token could be had: offline' }]);
  clock.advance(500);
  const lostAgain = waiting();
  (await server.connection()).cut();
  await lostAgain;
  const over = failed();
  clock.advance(1000);
  await over;
  expect(watch.error).toMatchObject({ code: 'unauthorized', message: 'Sign in again.' });
});

test('what is no message of the contract is passed over', async () => {
  const { server, nearcast } = await setUp();
  const watch = nearcast.watch(circle);
  const connection = await server.connection();
  for (const frame of [
    'rubbish',
    '7',
    'null',
    '[]',
    '{}',
    '{"type":"news"}',
    '{"type":"changes","subscription":"w9"}',
  ]) {
    connection.send(frame);
  }
  await connection.snapshot([], { news: 1 });
  await watch.ready;
  expect(watch.state).toBe('live');
});

test('a closed client makes nothing new, and leaves no timer', async () => {
  const { server, nearcast, clock } = await setUp();
  const watch = nearcast.watch(circle);
  const track = nearcast.track();
  await (await server.connection()).snapshot([]);
  await watch.ready;
  await nearcast.close();
  expect(watch.state).toBe('closed');
  expect(() => track.send({ latitude: 1, longitude: 2 })).toThrow(expect.objectContaining({ code: 'closed' }));
  expect(() => nearcast.watch(circle)).toThrow(expect.objectContaining({ code: 'closed' }));
  expect(() => nearcast.track()).toThrow(expect.objectContaining({ code: 'closed' }));
  await expect(watch.update({ radius: 5 })).rejects.toMatchObject({ code: 'closed' });
  expect(clock.pending).toBe(0);
});

test('its URL may have a path, and be of http or ws', async () => {
  const server = await FakeServer.start();
  for (const scheme of ['http', 'ws']) {
    const nearcast = clientOf(server, { url: `${scheme}://127.0.0.1:${server.port}/below` });
    server.answers.push({ status: 200, body: { serverTime: 1, cursor: '', drivers: [] } });
    await nearcast.nearby({ latitude: 1, longitude: 2, where: { a: ['x', 'y z'] } });
    expect(server.requests.pop()).toMatch(
      /^GET \/below\/v1\/drivers\/nearby\?latitude=1&longitude=2&attributes.a=x&attributes.a=y\+z Bearer /,
    );
  }
  for (const url of ['nowhere', 'localhost:8080', 'ftp://127.0.0.1']) {
    expect(() => clientOf(server, { url })).toThrow(TypeError);
  }
});

test('its URL may have a slash at its end, a query that is not used, and an address of IPv6', async () => {
  const urls: string[] = [];
  const fetch = async (input: unknown) => {
    urls.push(String(input).replace(/\?.*/, ''));
    return Response.json({ serverTime: 1, cursor: '', drivers: [] });
  };
  class Refusing {
    constructor(url: string) {
      urls.push(url);
      throw new Error('not here');
    }
  }
  for (const url of ['https://[2001:db8::1]:8443/a/b/?x=1#y', new URL('wss://nearcast.example')]) {
    const nearcast = clientOf({ port: 0 }, { url, fetch, WebSocket: Refusing as unknown as WebSocketConstructor });
    await nearcast.nearby(circle);
    await nearcast.watch(circle).ready.catch(() => {});
  }
  expect(urls).toEqual([
    'https://[2001:db8::1]:8443/a/b/v1/drivers/nearby',
    'wss://[2001:db8::1]:8443/a/b/ws',
    'https://nearcast.example/v1/drivers/nearby',
    'wss://nearcast.example/ws',
  ]);
});

test('a token that a handshake cannot carry is an error, not a loop', async () => {
  const { nearcast, failed, clock } = await setUp({ token: 'not a token' });
  const over = failed();
  const watch = nearcast.watch(circle);
  await over;
  expect(watch.error).toMatchObject({ code: 'protocol' });
  expect(nearcast.state).toBe('failed');
  expect(clock.pending).toBe(0);
});

test('when a token ends is by the server’s clock, however wrong the device’s is', async () => {
  const clock = new ManualClock();
  const serverTime = clock.time - 86_400_000;
  let asked = 0;
  const token = () => jwt({ n: ++asked, exp: serverTime / 1000 + 600 });
  const { server, nearcast } = await setUp({ clock, token });
  nearcast.watch(circle);
  const connection = await server.connection();
  await connection.snapshot([], { serverTime });
  connection.send({ type: 'pong', id: (await connection.next('ping')).id, serverTime });
  const heard = next(nearcast, 'error');
  connection.send({ type: 'error', code: 'internal', message: 'of nothing' });
  await heard;
  expect(asked).toBe(1);
  expect(clock.waits.at(-1)).toBe(570_000);
});
