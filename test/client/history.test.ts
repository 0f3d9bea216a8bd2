import { expect, test } from 'vitest';
import { Nearcast, type Position } from '../../src/client/index.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { MemoryTracks } from '../../src/store/memory-tracks.ts';
import { seeded } from '../support/random.ts';
import { startServer } from '../support/server.ts';
import { clientOf } from './support.ts';

const T0 = Date.now() - 3_600_000;

/** A server that keeps what it is sent, and what was sent of one driver, oldest first. */
async function historian(driverId: string, count: number) {
  const random = seeded(`history of ${driverId}`);
  const store = new MemoryStore(undefined, 0);
  const none = async () => [];
  const server = await startServer({
    store,
    history: { tracks: new MemoryTracks(store), replays: { latest: none, fixes: none } },
  });
  const sent = Array.from({ length: count }, (_, i) => ({
    driverId,
    latitude: 40 + i / 10_000 + 1e-7 * random.normal(),
    longitude: -74,
    timestamp: T0 + 1_000 * i,
    ...(random.below(2) > 0 ? { speed: random.between(0, 20), accuracy: random.between(1, 9) } : {}),
    ...(random.below(3) > 0 ? { altitude: random.between(-10, 10), heading: random.between(0, 360) } : {}),
    attributes: { status: random.pick(['free', 'busy']) },
  }));
  // The newest first: all others are late.
  const response = await server.post('/v1/positions', { positions: sent.toReversed() });
  const { results } = await response.json();
  expect(results.map(({ verdict }: { verdict: string }) => verdict)).toEqual([
    'accepted',
    ...Array(count - 1).fill('late'),
  ]);
  return { server, sent };
}

const read = async (history: AsyncIterable<Position>) => {
  const fixes: Position[] = [];
  for await (const fix of history) fixes.push(fix);
  return fixes;
};
const timesOf = (fixes: readonly { readonly timestamp: number }[]) => fixes.map(({ timestamp }) => timestamp);

test('every fix that was sent is read back, whole and in order, however many are fetched at a time', async () => {
  const driverId = 'Zoë/1 %?#';
  const { server, sent } = await historian(driverId, 100);
  const nearcast = clientOf(server);
  for (const limit of [undefined, 1, 33, 100]) {
    const fixes = await read(nearcast.history(driverId, { limit }));
    expect(fixes).toEqual(sent.map((fix) => ({ ...fix, receivedAt: expect.any(Number) })));
  }
});

test('a part of it, and simplified', async () => {
  const { server, sent } = await historian('d', 50);
  const nearcast = clientOf(server);
  const [from, to] = [T0 + 10_000, T0 + 20_000];
  const part = timesOf(sent).slice(10, 21);
  expect(timesOf(await read(nearcast.history('d', { from, to, limit: 4 })))).toEqual(part);
  const iso = new Date(from).toISOString().replace('Z', '+00:00');
  expect(timesOf(await read(nearcast.history('d', { from: iso, to })))).toEqual(part);
  // A straight road.
  expect(timesOf(await read(nearcast.history('d', { from, to, simplify: 5 })))).toEqual([from, to]);
  expect(await read(nearcast.history('d', { from: 1, to: 2 }))).toEqual([]);
});

test('pages are fetched as they are read, also behind a path of a proxy, and no more after a signal or close', async () => {
  const { server } = await historian('d', 50);
  const asked: string[] = [];
  const nearcast = clientOf(server, {
    url: `http://127.0.0.1:${server.port}/proxied`,
    fetch: (url, init) => {
      asked.push(String(url));
      return fetch(String(url).replace('/proxied', ''), init);
    },
  });
  for await (const { timestamp } of nearcast.history('d', { limit: 10 })) if (timestamp === T0 + 10_000) break;
  expect(asked.length).toBe(2);
  expect(asked.every((url) => url.includes('/proxied/v1/drivers/d/track?'))).toBe(true);
  const signal = new AbortController();
  const ended = nearcast.history('d', { limit: 10 }, signal);
  await ended.next();
  signal.abort(new Error('enough'));
  await expect(read(ended)).rejects.toThrow('enough');
  const closed = nearcast.history('d', { limit: 10 });
  await closed.next();
  await nearcast.close();
  await expect(read(closed)).rejects.toMatchObject({ code: 'closed' });
  expect(() => nearcast.history('d')).toThrow('closed');
});

test('who was never heard of, a wrong question and an answer that is no track are errors that say so', async () => {
  const { server } = await historian('d', 2);
  const nearcast = clientOf(server);
  await expect(read(nearcast.history('nobody'))).rejects.toMatchObject({ code: 'not_found', status: 404 });
  await expect(read(nearcast.history('d', { simplify: 0 }))).rejects.toMatchObject({
    code: 'invalid',
    errors: [{ field: 'simplify' }],
  });
  await expect(read(clientOf(await startServer()).history('d'))).rejects.toThrow('keeps no history');
  const other = new Nearcast({ url: 'http://x', token: 'x', fetch: async () => Response.json({ hello: 'world' }) });
  await expect(read(other.history('d'))).rejects.toMatchObject({ code: 'protocol' });
  await other.close();
});
