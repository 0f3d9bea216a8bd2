import { expect, test } from 'vitest';
import { Overload } from '../../src/overload/overload.ts';
import { EventStreamReader } from '../support/event-stream.ts';
import { startServer, token } from '../support/server.ts';

const HERE = 'latitude=1&longitude=2&radius=1000';
const authorization = { authorization: `Bearer ${token()}` };

function overloaded(): Overload {
  const overload = new Overload({ lag: 1, heapPercent: 0 });
  overload.lagged(9, 0);
  overload.lagged(9, 5000);
  expect(overload.active).toBe(true);
  return overload;
}

function calm(overload: Overload): void {
  overload.lagged(0, 6000);
  overload.lagged(0, 9000);
  expect(overload.active).toBe(false);
}

test('[7.3] while overloaded, queries, streams, polls and pages are 503 with a time to come back that is another for each', async () => {
  const overload = overloaded();
  const server = await startServer({ overload });
  const times = new Set<number>();
  const paths = [
    `/v1/drivers/nearby?${HERE}`,
    '/v1/drivers?bbox=0,0,1,1',
    '/v1/drivers/d',
    '/v1/cells?resolution=5',
    `/v1/stream?${HERE}`,
    `/v1/changes?${HERE}`,
    '/docs/',
    '/openapi.yaml',
    '/asyncapi.yaml',
    '/nothing',
  ];
  for (const path of [...paths, ...paths]) {
    const answer = await server.get(path);
    expect([path, answer.status]).toEqual([path, 503]);
    expect(answer.headers.get('content-type')).toMatch('application/problem+json');
    expect(await answer.json()).toMatchObject({ status: 503, code: 'unavailable', requestId: expect.any(String) });
    const wait = answer.headers.get('retry-after') as string;
    expect(wait).toMatch(/^\d+$/);
    expect(Number(wait)).toBeGreaterThanOrEqual(2);
    expect(Number(wait)).toBeLessThanOrEqual(10);
    times.add(Number(wait));
  }
  expect(times.size).toBeGreaterThan(2);
  expect((await server.post('/v1/drivers/search', {})).status).toBe(503);
  expect(overload.shed).toEqual({ webSocket: 0, stream: 2, poll: 2, request: 17 });
  calm(overload);
  expect((await server.get(paths[0])).status).toBe(200);
});

test('[14.4] an EventSource, which gives up on any status but 200, is told 4513 and when to come back', async () => {
  const overload = overloaded();
  const server = await startServer({ overload });
  const stream = await EventStreamReader.open(`http://127.0.0.1:${server.port}/v1/stream?${HERE}`, {
    ...authorization,
    accept: 'text/event-stream',
  });
  expect(stream.status).toBe(200);
  const { data } = await stream.next('close');
  expect(data).toEqual({ code: 4513, reason: 'overloaded', retryAfter: expect.any(Number) });
  expect(await stream.ended).toBe(true);
  expect(stream.retry).toBeGreaterThanOrEqual(2000);
  expect(stream.retry).toBeLessThanOrEqual(10_000);
  expect(stream.retry).toBeCloseTo(data.retryAfter * 1000);
  expect(overload.shed.stream).toBe(1);
});

test('[7.3] it is said before a token or anything else is looked at', async () => {
  const server = await startServer({ overload: overloaded() });
  expect((await server.get('/v1/drivers/nearby?latitude=x', {})).status).toBe(503);
  expect((await server.get('/v1/stream', { authorization: 'Bearer x' })).status).toBe(503);
});

test('[7.3] positions are taken, drivers go off duty, and whoever watches the instance is answered', async () => {
  const overload = overloaded();
  const server = await startServer({ overload });
  const sent = await server.post('/v1/positions', { driverId: 'd', latitude: 1, longitude: 2 });
  expect(await sent.json()).toEqual({ results: [{ verdict: 'accepted' }] });
  const gone = await server.app.inject({ method: 'DELETE', url: '/v1/drivers/d', headers: authorization });
  expect(gone.statusCode).toBe(204);
  for (const path of ['/livez', '/readyz']) expect((await server.get(path, {})).status).toBe(200);
  expect(overload.shed.request).toBe(0);
  await server.get('/v1/drivers');
  const metrics = await server.get('/metrics', {
    authorization: `Bearer ${token({ scope: 'metrics:read' })}`,
  });
  expect(metrics.status).toBe(200);
  const lines = (await metrics.text()).split('\n');
  expect(lines).toContain('nearcast_overloaded{reason="lag"} 1');
  expect(lines).toContain('nearcast_overloaded{reason="heap"} 0');
  expect(lines).toContain('nearcast_shed_total{kind="request"} 1');
});

test('[7.3] a page of another origin may read the answer, and when to come back', async () => {
  const server = await startServer({ overload: overloaded(), env: { CORS_ORIGINS: 'https://a.example' } });
  const origin = { origin: 'https://a.example' };
  const answer = await server.get('/v1/drivers', origin);
  expect(answer.status).toBe(503);
  expect(answer.headers.get('access-control-allow-origin')).toBe('https://a.example');
  expect(answer.headers.get('access-control-expose-headers')).toMatch(/retry-after/i);
  const asked = await server.app.inject({
    method: 'OPTIONS',
    url: '/v1/drivers',
    headers: { ...origin, 'access-control-request-method': 'GET' },
  });
  expect(asked.statusCode).toBe(204);
});

test('[6.10] a new WebSocket is told when to come back and closed with 4513, whatever it brings', async () => {
  const overload = overloaded();
  const server = await startServer({ overload });
  const times = new Set<number>();
  for (const path of ['/ws', `/ws?${HERE}`, '/ws?access_token=rubbish', '/ws', '/ws']) {
    const client = await server.connect(path);
    client.send({ driverId: 'd', latitude: 1, longitude: 2, id: 1 });
    const { retryAfter, ...error } = await client.next();
    expect(error).toEqual({ type: 'error', code: 'unavailable', message: expect.stringMatching(/too much to do/) });
    expect(retryAfter).toBeGreaterThanOrEqual(2);
    expect(retryAfter).toBeLessThanOrEqual(10);
    times.add(retryAfter);
    expect((await client.closed).code).toBe(4513);
    expect(client.heard).toEqual([]);
  }
  expect(times.size).toBe(5);
  expect(overload.shed).toEqual({ webSocket: 5, stream: 0, poll: 0, request: 0 });
  calm(overload);
  expect((await server.get('/v1/drivers/d')).status).toBe(404);
  await (await server.connect()).settled();
});

test('[6.10] connections, streams and polls that are there already go on as before', async () => {
  const overload = new Overload({ lag: 1, heapPercent: 0 });
  const server = await startServer({ overload });
  const watcher = await server.connect(`/ws?${HERE}`);
  await watcher.next('snapshot');
  const stream = await EventStreamReader.open(`http://127.0.0.1:${server.port}/v1/stream?${HERE}`, authorization);
  await stream.next('snapshot');
  const { cursor } = await (await server.get(`/v1/changes?${HERE}`)).json();
  const asked = new Promise<void>((resolve) => void server.app.server.once('request', () => resolve()));
  const poll = server.get(`/v1/changes?${HERE}&cursor=${encodeURIComponent(cursor)}`);
  await asked;
  overload.lagged(9, 0);
  overload.lagged(9, 5000);
  expect(overload.active).toBe(true);
  const fix = { driverId: 'd', latitude: 1, longitude: 2 };
  expect(await watcher.ask({ ...fix, id: 1 }, 'ack')).toMatchObject({ verdict: 'accepted' });
  const [{ data }, answer] = await Promise.all([stream.next('changes'), poll]);
  expect(data.enter).toMatchObject([fix]);
  expect(await answer.json()).toMatchObject({ type: 'changes', enter: [fix] });
  expect(watcher.inside()).toEqual(['d']);
  await watcher.ask({ type: 'subscribe', subscription: 'more', bbox: [0, 0, 3, 3] }, 'snapshot');
});
