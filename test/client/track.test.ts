import { expect, test } from 'vitest';
import { startServer, token } from '../support/server.ts';
import { clientOf, collect } from './support.ts';

test('every fix gets its verdict, and flush waits for them', async () => {
  const server = await startServer();
  const nearcast = clientOf(server, { token: token({ sub: 'd', scope: 'positions:write' }) });
  const track = nearcast.track();
  const verdicts = collect(track, 'verdict');
  const refused = collect(track, 'refused');
  const first = track.send({ latitude: 1, longitude: 2 });
  expect(first.timestamp).toBeTypeOf('number');
  await track.flush();
  track.send({ latitude: 1, longitude: 2, timestamp: first.timestamp });
  track.send({ latitude: 1, longitude: 2, timestamp: 5 });
  track.send({ latitude: 100, longitude: 2, timestamp: 6 });
  expect(track.pending).toBe(3);
  await track.flush();
  expect(track.pending).toBe(0);
  expect(verdicts.map(({ verdict }) => verdict)).toEqual(['accepted', 'duplicate', 'late', 'refused']);
  expect(verdicts[0].fix).toBe(first);
  expect(refused).toMatchObject([
    { code: 'invalid', fix: { latitude: 100 }, message: expect.stringMatching(/latitude/) },
  ]);
  expect(server.tracker.driver('default', 'd')?.position).toMatchObject({ lat: 1, lng: 2 });
});
