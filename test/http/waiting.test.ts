import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { expect, onTestFinished, test, vi } from 'vitest';
import { DomainError } from '../../src/errors.ts';
import { EventStreamReader } from '../support/event-stream.ts';
import { Remains } from '../support/remains.ts';
import { startServer, type TestServer, token } from '../support/server.ts';

const CIRCLE = 'latitude=30&longitude=10&radius=1000';
const POSITION = { driverId: 'd', latitude: 30, longitude: 10 };

/** Something that doors wait for until the test has it come. */
class Gate {
  readonly #waiting: PromiseWithResolvers<void>[] = [];

  /** How many wait, or did. */
  waited = 0;

  readonly pass = (): Promise<void> => {
    const waiting = Promise.withResolvers<void>();
    this.#waiting.push(waiting);
    this.waited++;
    return waiting.promise;
  };

  open(): void {
    for (const { resolve } of this.#waiting.splice(0)) resolve();
  }

  fail(error: Error): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }

  async reached(count: number): Promise<void> {
    await vi.waitUntil(() => this.waited >= count, { interval: 1 });
  }
}

/** A client that asks by hand, and is heard saying. */
class Asking {
  readonly socket: Socket;
  text = '';

  constructor({ port }: TestServer, path: string, bearer = token(), headers: readonly string[] = []) {
    this.socket = connect(port, '127.0.0.1');
    onTestFinished(() => void this.socket.destroy());
    this.socket.on('error', () => {});
    this.socket.on('data', (data) => {
      this.text += data;
    });
    const lines = [`GET ${path} HTTP/1.1`, 'Host: x', `Authorization: Bearer ${bearer}`, ...headers];
    this.socket.write(`${lines.join('\r\n')}\r\n\r\n`);
  }

  async until(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.text)) await once(this.socket, 'data');
  }
}

async function revoke(server: TestServer, jti: string): Promise<void> {
  const bearer = token({ scope: 'access:manage' });
  const body = { jti, expiresAt: Date.now() + 3_600_000 };
  const { status } = await server.post('/v1/revocations', body, { authorization: `Bearer ${bearer}` });
  expect(status).toBe(204);
}

const DOORS = { stream: `/v1/stream?${CIRCLE}`, changes: `/v1/changes?${CIRCLE}&wait=5` };

for (const [name, path] of Object.entries(DOORS)) {
  test(`[22.3] ${name}: what waits when its token is revoked does not begin`, async () => {
    const gate = new Gate();
    const server = await startServer({ waits: { ready: gate.pass } });
    const remains = await Remains.of(server);
    const asking = new Asking(server, path, token({ jti: 'bad' }));
    await gate.reached(1);
    await revoke(server, 'bad');
    gate.open();
    await asking.until(/\r\n\r\n/);
    expect(asking.text).toMatch(/^HTTP\/1.1 401 /);
    expect(remains.subscriptions).toBe(0);
  });

  test(`[22.3] ${name}: what waits when its token ends does not begin`, async () => {
    const gate = new Gate();
    let offset = 0;
    const server = await startServer({ waits: { ready: gate.pass }, now: () => Date.now() + offset });
    const remains = await Remains.of(server);
    const asking = new Asking(server, path, token({ ttlSeconds: 60 }));
    await gate.reached(1);
    offset = 120_000;
    gate.open();
    await asking.until(/\r\n\r\n/);
    expect(asking.text).not.toContain('snapshot');
    expect(asking.text).toMatch(/^HTTP\/1.1 401 /);
    expect(remains.subscriptions).toBe(0);
  });

  test(`${name}: a client that goes while it waits leaves nothing behind`, async () => {
    const gate = new Gate();
    const server = await startServer({ waits: { ready: gate.pass }, env: { MAX_CONNECTIONS_PER_SUBJECT: '1' } });
    const remains = await Remains.of(server);
    const asking = new Asking(server, path);
    await gate.reached(1);
    asking.socket.destroy();
    await vi.waitUntil(() => new Promise((resolve) => server.app.server.getConnections((_, n) => resolve(n === 0))));
    gate.open();
    await turn();
    await turn();
    expect(remains.subscriptions).toBe(0);
    expect(await remains.connections()).toBe(0);
  });

  test(`${name}: a server that goes away is not held up by what waits`, async () => {
    const gate = new Gate();
    const server = await startServer({ waits: { ready: gate.pass } });
    const asking = new Asking(server, path);
    await gate.reached(1);
    const closing = server.app.close();
    await turn();
    gate.open();
    await asking.until(/going away/);
    await closing;
  });
}

test('[14.4, 22.3] an EventSource that cannot be told yet what is there is told when to come back', async () => {
  const gate = new Gate();
  const server = await startServer({ waits: { ready: gate.pass } });
  const url = `http://127.0.0.1:${server.port}${DOORS.stream}`;
  const opening = EventStreamReader.open(url, {
    authorization: `Bearer ${token()}`,
    accept: 'text/event-stream',
  });
  await gate.reached(1);
  gate.fail(new DomainError('unavailable', 'What is there cannot be read now; try again later.'));
  const stream = await opening;
  expect(stream.status).toBe(200);
  expect((await stream.next('close')).data).toMatchObject({ code: 4503, retryAfter: expect.any(Number) });
  await stream.ended;
});

test('[22.3] a connection whose token is revoked while a message waits does not do what was asked', async () => {
  const gate = new Gate();
  const server = await startServer({ waits: { meet: gate.pass, ready: gate.pass } });
  const remains = await Remains.of(server);
  const client = await server.connect('/ws', [], { authorization: `Bearer ${token({ jti: 'bad' })}` });
  client.send({ id: 1, ...POSITION });
  client.send({ type: 'subscribe', subscription: 's', latitude: 30, longitude: 10, radius: 10 });
  await gate.reached(1);
  await revoke(server, 'bad');
  gate.open();
  await turn();
  gate.open();
  await turn();
  expect(server.tracker.size).toBe(0);
  expect(remains.subscriptions).toBe(0);
});

test('a connection is told what becomes of a message that waits when the server goes away', async () => {
  const gate = new Gate();
  const server = await startServer({ waits: { meet: gate.pass } });
  const client = await server.connect();
  client.send({ id: 1, ...POSITION });
  await gate.reached(1);
  const closing = server.app.close();
  await turn();
  gate.open();
  expect(await client.next('ack')).toMatchObject({ id: 1, verdict: 'accepted' });
  await closing;
});

for (const [method, path, body] of [
  ['POST', '/v1/positions', JSON.stringify(POSITION)],
  ['DELETE', '/v1/drivers/d', undefined],
] as const) {
  test(`[22.3] ${method} ${path}: a token that is revoked while it waits does nothing any more`, async () => {
    const gate = new Gate();
    const server = await startServer({ waits: { meet: gate.pass, seek: gate.pass } });
    server.tracker.accept('default', { driverId: 'd', lat: 1, lng: 2, timestamp: 1 });
    const answer = fetch(`http://127.0.0.1:${server.port}${path}`, {
      method,
      body,
      headers: {
        authorization: `Bearer ${token({ jti: 'bad' })}`,
        ...(body && { 'content-type': 'application/json' }),
      },
    });
    await gate.reached(1);
    await revoke(server, 'bad');
    gate.open();
    expect((await answer).status).toBe(401);
    expect(server.tracker.driver({ fleet: 'default' }, 'd')?.position.lat).toBe(1);
  });
}
