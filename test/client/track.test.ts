import { expect, test } from 'vitest';
import { startServer, token } from '../support/server.ts';
import { clientOf, collect, ManualClock } from './support.ts';

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
  expect(server.tracker.driver({ fleet: 'default' }, 'd')?.position).toMatchObject({ lat: 1, lng: 2 });
});

test('fixes of one millisecond are dated in their order, so that the last one is where the driver is', async () => {
  const server = await startServer();
  const clock = new ManualClock();
  clock.time = Date.now();
  const track = clientOf(server, { clock }).track({ driverId: 'd' });
  const verdicts = collect(track, 'verdict');
  for (let latitude = 1; latitude <= 3; latitude++) track.send({ latitude, longitude: 2 });
  const other = track.send({ driverId: 'e', latitude: 1, longitude: 2 });
  await track.flush();
  expect(verdicts.map(({ verdict }) => verdict)).toEqual(Array(4).fill('accepted'));
  expect(server.tracker.driver({ fleet: 'default' }, 'd')?.position.lat).toBe(3);
  expect(other.timestamp).toBe(clock.time);
  clock.time += 1;
  expect([1, 2].map(() => track.send({ latitude: 4, longitude: 2 }).timestamp)).toEqual([
    clock.time + 2,
    clock.time + 3,
  ]);
  // Set back, the clock is believed.
  clock.time -= 3_600_000;
  expect(track.send({ latitude: 4, longitude: 2 }).timestamp).toBe(clock.time);
});
