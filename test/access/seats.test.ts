import { once } from 'node:events';
import { expect, onTestFinished, test, vi } from 'vitest';
import { OpenDoors } from '../../src/auth/open-doors.ts';
import { Quota } from '../../src/delivery/quota.ts';
import { MemoryTracks } from '../../src/store/memory-tracks.ts';
import { kept, sourceOf } from '../history/past.ts';
import { scrape } from '../support/metrics.ts';
import { seeded } from '../support/random.ts';
import { frame, rawSocket, upgrade } from '../support/raw.ts';
import { startServer, token } from '../support/server.ts';

/** Counts what is held open, at those who give it away. */
function countHeld() {
  onTestFinished(() => void vi.restoreAllMocks());
  const held = { doors: new Set<object>(), most: 0, quotas: new Set<Quota>() };
  const { hold } = OpenDoors.prototype;
  vi.spyOn(OpenDoors.prototype, 'hold').mockImplementation(function (this: OpenDoors, ...args) {
    const release = hold.apply(this, args);
    held.doors.add(release);
    held.most = Math.max(held.most, held.doors.size);
    return () => {
      held.doors.delete(release);
      release();
    };
  });
  const { enter } = Quota.prototype;
  vi.spyOn(Quota.prototype, 'enter').mockImplementation(function (this: Quota, ...args) {
    held.quotas.add(this);
    return enter.apply(this, args);
  });
  return held;
}

test('however connections, streams, polls and replays begin and end, each gives its place and its door back', async () => {
  const random = seeded('seats');
  const held = countHeld();
  const start = Date.now() - 3_600_000;
  const fixes = Array.from({ length: 600 }, (_, n) => kept('a', [1 + n / 1e5, 2], start + n * 6_000));
  const server = await startServer({
    env: { MAX_CONNECTIONS_PER_SUBJECT: '4', MAX_SUBSCRIPTIONS_PER_SUBJECT: '6', MAX_SUBSCRIPTIONS: '4' },
    history: { tracks: new MemoryTracks({ fixesOf: () => fixes }), replays: sourceOf(fixes) },
  });
  const boss = { authorization: `Bearer ${token({ sub: 'boss', scope: 'access:manage' })}` };
  const { cursor } = await (await server.get('/v1/changes')).json();
  let made = 0;
  const tokens: (() => Promise<string>)[] = [
    async () => token({ sub: 'anna', jti: `j${random.below(30)}` }),
    async () => token({ sub: 'anna', ttlSeconds: random.between(1, 1.9) }),
    async () => token({ sub: 'ben', jti: `j${random.below(30)}`, precision: 5 }),
    async () => {
      const maker = { authorization: `Bearer ${token({ sub: `m${made++}`, jti: `j${random.below(30)}` })}` };
      const answer = await (await server.post('/v1/shares', { driverId: 'a', expiresIn: 1 }, maker)).json();
      return answer.token ?? 'share_of_who_was_revoked';
    },
    async () => 'rubbish',
  ];
  const paths = [
    `/v1/changes?wait=60&cursor=${cursor}`,
    `/v1/changes?wait=60&maxRate=1&cursor=${cursor}`,
    '/v1/stream',
    `/v1/replay?from=${start}`,
    `/v1/replay?from=${start}&speed=3600`,
  ];
  const messages = async () => [
    { type: 'subscribe', subscription: `s${random.below(6)}` },
    { type: 'unsubscribe', subscription: `s${random.below(6)}` },
    { type: 'authenticate', token: await random.pick(tokens)() },
    { latitude: 91 },
  ];
  const visit = async () => {
    const socket = await rawSocket(server.port);
    socket.on('data', () => {});
    const isWebSocket = random.next() < 0.5;
    if (isWebSocket) {
      const path = random.pick(['/ws', '/ws?latitude=1&longitude=2&radius=10']);
      const hello = upgrade(path, await random.pick(tokens)());
      socket.write(random.next() < 0.7 ? hello : hello.replace('Authorization', 'X'));
      for (let i = random.below(6); i > 0; i--) {
        socket.write(frame(JSON.stringify(random.pick(await messages()))));
        if (random.next() < 0.5) await new Promise(setImmediate);
      }
      if (random.next() < 0.3) socket.write(frame('', 8));
    } else {
      for (let i = random.below(3); i >= 0; i--) {
        const head = `GET ${random.pick(paths)} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer`;
        socket.write(`${head} ${await random.pick(tokens)()}\r\n\r\n`);
      }
    }
    for (let i = random.below(20); i > 0; i--) await new Promise(setImmediate);
    if (random.next() < 0.1) {
      const wish = { jti: `j${random.below(30)}`, expiresAt: Date.now() };
      await server.post('/v1/revocations', wish, boss);
    }
    const end = random.below(3);
    if (end === 0) socket.resetAndDestroy();
    else if (end === 1) socket.end();
    else socket.destroy();
    if (!socket.closed) await once(socket, 'close');
  };
  await Promise.all(
    Array.from({ length: 12 }, async () => {
      for (let i = 0; i < 12; i++) await visit();
    }),
  );
  await vi.waitFor(() => expect(held.doors.size).toBe(0), 10_000);
  for (const quota of held.quotas) expect(quota.subjects).toBe(0);
  for (const fleet of server.tracker.aspects()) expect(fleet.subscriptions.size).toBe(0);
  // All of it happened.
  const numbers = await scrape(server);
  for (const transport of ['websocket', 'stream', 'poll', 'replay']) {
    expect([transport, numbers.value('nearcast_connections_opened_total', { transport })]).not.toEqual([transport, 0]);
  }
  const limited = numbers.by('nearcast_limited_total', 'limit');
  console.log(`at most ${held.most} at a time, refused ${limited.connections} and ${limited.subscriptions}`);
  expect([held.quotas.size, limited.connections > 0]).toEqual([1, true]);
});
