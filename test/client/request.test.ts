import { expect, test } from 'vitest';
import { Nearcast, type NearcastOptions } from '../../src/client/index.ts';
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

/** A client of a server under a path, which answers when it is told to. */
function answeredBy(fetch: NearcastOptions['fetch']): Nearcast {
  return new Nearcast({ url: 'http://host.test/path', token: () => 'x', fetch });
}

test('what was asked before the client was closed is not answered after', async () => {
  const answers: (() => void)[] = [];
  const nearcast = answeredBy(() => new Promise((resolve) => answers.push(() => resolve(Response.json({ a: 1 })))));
  const calls = [
    nearcast.request('v1/drivers/a'),
    nearcast.nearby({ latitude: 1, longitude: 2 }),
    nearcast.history('a').next(),
  ];
  await expect.poll(() => answers.length).toBe(3);
  await nearcast.close();
  for (const answer of answers) answer();
  for (const { reason } of (await Promise.allSettled(calls)) as { reason?: unknown }[]) {
    expect(reason).toMatchObject({ code: 'closed' });
  }
});

test.each([
  ['v1/x', { body: { a: 1 } }],
  ['v1/x', { method: 'POST', body: { a: 1n } }],
  ['../x', {}],
  ['v1/../../x', {}],
  ['%2e%2e/x', {}],
] as const)(
  'a mistake in calling %s with %o is told as one, and not as a fault of the network',
  async (path, options) => {
    const asked: string[] = [];
    const nearcast = answeredBy((url) => {
      asked.push(String(url));
      return Promise.resolve(Response.json({}));
    });
    await expect(nearcast.request(path, options)).rejects.toBeInstanceOf(TypeError);
    expect(asked).toEqual([]);
    expect(await nearcast.request('/v1/x?a=../..')).toEqual({});
  },
);
