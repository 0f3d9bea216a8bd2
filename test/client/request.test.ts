import { expect, test } from 'vitest';
import { startServer } from '../support/server.ts';
import { clientOf } from './support.ts';

test('a call that the client has no words for is made with its token, a body and a type of answer', async () => {
  const server = await startServer();
  const nearcast = clientOf(server);
  const drivers = ['a', 'b'].map((driverId) => ({ driverId, latitude: 40, longitude: -74 }));
  const sent = await nearcast.request('/v1/positions', { method: 'POST', body: { positions: drivers } });
  expect(sent).toEqual({ results: [{ verdict: 'accepted' }, { verdict: 'accepted' }] });
  const first = (await nearcast.request('v1/drivers?limit=1')) as { drivers: { driverId: string }[]; next: string };
  expect(first.drivers.map(({ driverId }) => driverId)).toEqual(['a']);
  const features = (await nearcast.request(first.next, { accept: 'application/geo+json' })) as {
    type: string;
    features: { geometry: unknown }[];
  };
  expect(features).toMatchObject({
    type: 'FeatureCollection',
    features: [{ geometry: { type: 'Point', coordinates: [-74, 40] }, properties: { driverId: 'b' } }],
  });
  expect(await nearcast.request('v1/drivers/a', { method: 'DELETE' })).toBeUndefined();
  await expect(nearcast.request('v1/drivers/a')).rejects.toMatchObject({ code: 'not_found', status: 404 });
  await expect(nearcast.request('v1/drivers?bbox=1')).rejects.toMatchObject({
    code: 'invalid',
    errors: [{ field: 'bbox' }],
  });
});
