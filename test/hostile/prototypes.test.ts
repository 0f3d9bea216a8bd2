import { expect, test } from 'vitest';
import type { Message } from '../support/client.ts';
import { startServer, token } from '../support/server.ts';

const FIX = '"driverId":"d","latitude":1,"longitude":2';
/** What would be everybody's, if it got into a prototype; or this message's, if it got into that of its object. */
const POISON = '{"polluted":true,"driverId":"p","latitude":5,"longitude":6,"radius":7,"status":"free","token":"x"}';

/** Nothing that was sent is in any prototype. */
function expectClean(): void {
  for (const plain of [{}, [], () => {}, '', 0]) expect((plain as Message).polluted).toBeUndefined();
  expect(Object.keys(Object.prototype)).toEqual([]);
}

test.each([
  `{${FIX},"__proto__":${POISON}}`,
  `{${FIX},"constructor":{"prototype":${POISON}}}`,
  `{${FIX},"\\u005f_proto__":${POISON}}`,
  `{"positions":[{${FIX},"__proto__":${POISON}}]}`,
  `{${FIX},"attributes":{"__proto__":{"status":"free"}}}`,
])('a body with a key that would reach a prototype is refused: %s', async (body) => {
  const server = await startServer();
  const answer = await server.post('/v1/positions', body);
  expect(answer.status).toBe(400);
  expect(await answer.json()).toMatchObject({ code: 'invalid', detail: expect.stringMatching(/__proto__/) });
  expect(server.tracker.size).toBe(0);
  const search = await server.post('/v1/drivers/search', body, {
    'content-type': 'application/geo+json',
    authorization: `Bearer ${token()}`,
  });
  expect(search.status).toBe(400);
  expectClean();
});

test('of a message what is in __proto__ counts as little as any unknown field', async () => {
  const server = await startServer();
  const client = await server.connect();
  const ask = async (message: string): Promise<Message> => client.ask(message);
  // Nothing that is required comes from there.
  for (const missing of [
    `{"__proto__":${POISON}}`,
    `{"type":"subscribe","__proto__":{"subscription":"s","latitude":1,"longitude":2,"radius":3}}`,
    `{"type":"subscribe","subscription":"s","latitude":1,"longitude":2,"__proto__":{"radius":3}}`,
    `{"type":"positions","id":1,"__proto__":{"positions":[{${FIX}}]}}`,
    `{"type":"authenticate","__proto__":{"token":"x"}}`,
    `{"type":"unsubscribe","__proto__":{"subscription":"s"}}`,
  ]) {
    expect(await ask(missing), missing).toMatchObject({ type: 'error', code: 'invalid' });
  }
  expect(server.tracker.size).toBe(0);
  // Nothing that is given is changed from there, nor is an area of it.
  expect(await ask(`{${FIX},"id":1,"__proto__":${POISON},"constructor":{"prototype":${POISON}}}`)).toMatchObject({
    verdict: 'accepted',
  });
  expect(await (await server.get('/v1/drivers/d')).json()).toMatchObject({ latitude: 1, longitude: 2 });
  expect(await ask(`{"type":"subscribe","subscription":"s","__proto__":${POISON}}`)).toMatchObject({
    type: 'snapshot',
    drivers: [{ driverId: 'd' }],
  });
  expect(await ask(`{"type":"update","subscription":"s","__proto__":${POISON}}`)).toEqual(
    expect.not.objectContaining({ exit: expect.anything() }),
  );
  expectClean();
});

test('names that every object has are attributes like any other, of whoever has them alone', async () => {
  const server = await startServer();
  const client = await server.connect();
  const names = [
    'constructor',
    'toString',
    'hasOwnProperty',
    'valueOf',
    '__defineGetter__',
    'then',
    'length',
    'toJSON',
  ];
  await client.ask({ driverId: 'none', latitude: 1, longitude: 2, id: 0 });
  await client.ask({ driverId: 'other', latitude: 1, longitude: 2, id: 0, attributes: { a: 1 } });
  for (const name of names) {
    expect(
      await client.ask({ driverId: name, latitude: 1, longitude: 2, id: 1, attributes: { [name]: name } }),
    ).toMatchObject({ verdict: 'accepted' });
    const found = await (await server.get(`/v1/drivers?attributes.${name}=${name}`)).json();
    expect(found.drivers).toMatchObject([{ driverId: name, attributes: { [name]: name } }]);
    const watched = await client.ask({ type: 'subscribe', subscription: name, where: { [name]: [name, 'x'] } });
    expect(watched).toMatchObject({ type: 'snapshot', subscription: name, drivers: [{ driverId: name }] });
    expect((await server.get(`/v1/drivers/${name}`)).status).toBe(200);
  }
  // As the name of a driver, of a subscription, of a fleet and of a message.
  for (const name of [...names, '__proto__']) {
    const fleet = await server.connect(`/ws?access_token=${token({ fleet: name.replace(/^_+/, 'x') })}`);
    expect(await fleet.ask({ driverId: name, latitude: 1, longitude: 2, id: name })).toEqual({
      type: 'ack',
      id: name,
      verdict: 'accepted',
    });
    expect(await fleet.ask({ type: 'subscribe', subscription: name })).toMatchObject({
      subscription: name,
      drivers: [{ driverId: name }],
    });
    expect(await fleet.ask({ type: 'unsubscribe', subscription: name })).toEqual({
      type: 'unsubscribed',
      subscription: name,
    });
    expect(await fleet.ask({ type: name })).toMatchObject({ type: 'error', code: 'invalid', field: 'type' });
  }
  expectClean();
});

test('a query with names that every object has is read as any other', async () => {
  const server = await startServer();
  await server.post('/v1/positions', `{${FIX}}`);
  const nearby = '/v1/drivers/nearby?latitude=1&longitude=2';
  for (const more of [
    '__proto__=x',
    '__proto__[radius]=0',
    'constructor.prototype.polluted=1',
    'toString=1',
    'hasOwnProperty=',
  ]) {
    const answer = await server.get(`${nearby}&${more}`);
    expect([more, answer.status]).toEqual([more, 200]);
    expect((await answer.json()).drivers).toHaveLength(1);
  }
  const answer = await server.get(`${nearby}&attributes.__proto__=x`);
  expect([answer.status, await answer.json()]).toMatchObject([400, { code: 'invalid' }]);
  expect((await server.get('/v1/drivers/nearby?__proto__=1&latitude=1')).status).toBe(400);
  expectClean();
});
