import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { expect, onTestFinished, test } from 'vitest';
import type { Trouble } from '../support/busy-server.ts';
import { Client } from '../support/client.ts';
import { SECRET, token } from '../support/server.ts';
import { slowTest } from '../support/slow.ts';

const HERE = 'latitude=1&longitude=2&radius=1000';
const authorization = { authorization: `Bearer ${token()}` };

class BusyServer {
  readonly #child: ChildProcess;
  readonly port: number;

  static async start(env: Record<string, string>, verdictTime?: number, execArgv: string[] = []): Promise<BusyServer> {
    const settings = JSON.stringify({ JWT_SECRET: SECRET, ...env });
    const child = fork(
      'test/support/busy-server.ts',
      verdictTime === undefined ? [settings] : [settings, String(verdictTime)],
      {
        execArgv,
      },
    );
    onTestFinished(async () => {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGKILL');
        await once(child, 'exit');
      }
    });
    const [port] = (await once(child, 'message')) as [number];
    return new BusyServer(child, port);
  }

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.port = port;
  }

  get alive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  make(trouble: Trouble): void {
    this.#child.send(trouble);
  }

  get(path: string, headers: Record<string, string> = authorization): Promise<Response> {
    return fetch(`http://127.0.0.1:${this.port}${path}`, { headers });
  }

  connect(path = '/ws'): Promise<Client> {
    return Client.open(`ws://127.0.0.1:${this.port}${path}`, undefined, authorization);
  }

  /** Asks again and again until a query is answered with a status. */
  async until(status: number): Promise<Response> {
    const end = performance.now() + 40_000;
    for (;;) {
      const answer = await this.get(`/v1/drivers/nearby?${HERE}`);
      if (answer.status === status) return answer;
      await answer.text();
      if (performance.now() > end) throw new Error(`still ${answer.status}`);
    }
  }
}

slowTest(
  '[6.10] [7.3] a server whose every turn takes too long sends newcomers away, goes on for all who are there, and takes newcomers again by itself',
  async () => {
    // What it takes to be late is little here, so that the test need not be long; a turn is late by its length less 50 ms.
    const server = await BusyServer.start({ MAX_LAG_MILLISECONDS: '100', MAX_HEAP_PERCENT: '0' });
    const watcher = await server.connect(`/ws?${HERE}`);
    await watcher.next('snapshot');
    const driver = await server.connect();
    await driver.settled();
    server.make({ kind: 'busy', turn: 170 });
    const refused = await server.until(503);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(2);
    const newcomer = await server.connect();
    expect(await newcomer.next()).toMatchObject({ type: 'error', code: 'unavailable' });
    expect((await newcomer.closed).code).toBe(4513);
    expect((await server.get('/livez', {})).status).toBe(200);
    const fix = { driverId: 'd', latitude: 1, longitude: 2 };
    expect(await driver.ask({ ...fix, id: 1 }, 'ack')).toMatchObject({ verdict: 'accepted' });
    expect((await watcher.next('changes')).enter).toMatchObject([fix]);
    const posted = await fetch(`http://127.0.0.1:${server.port}/v1/positions`, {
      method: 'POST',
      headers: { ...authorization, 'content-type': 'application/json' },
      body: JSON.stringify({ ...fix, driverId: 'e' }),
    });
    expect(posted.status).toBe(200);
    expect((await watcher.next('changes')).enter).toMatchObject([{ driverId: 'e' }]);
    expect((await server.get(`/v1/drivers/nearby?${HERE}`)).status).toBe(503);

    server.make({ kind: 'calm' });
    const answer = await server.until(200);
    expect(((await answer.json()) as { drivers: unknown[] }).drivers.length).toBe(2);
    await (await server.connect()).settled();
    expect(watcher.inside()).toEqual(['d', 'e']);
    expect(watcher.contradictions).toEqual([]);
  },
);

test('[7.3] a server whose heap is nearly full of what is in use sends newcomers away before it dies, and takes them again when there is room', async () => {
  const limits = { MAX_LAG_MILLISECONDS: '0', MAX_HEAP_PERCENT: '70' };
  const server = await BusyServer.start(limits, 1_000, ['--max-old-space-size=160']);
  const driver = await server.connect();
  await driver.settled();
  // Far less than the limit, with as much garbage as V8 likes.
  server.make({ kind: 'full', megabytes: 20 });
  for (let i = 0; i < 20; i++) expect((await server.get(`/v1/drivers/nearby?${HERE}`)).status).toBe(200);
  server.make({ kind: 'full', megabytes: 100 });
  await server.until(503);
  const newcomer = await server.connect();
  expect((await newcomer.closed).code).toBe(4513);
  expect(await driver.ask({ driverId: 'd', latitude: 1, longitude: 2, id: 1 }, 'ack')).toMatchObject({
    verdict: 'accepted',
  });
  server.make({ kind: 'calm' });
  await server.until(200);
  await (await server.connect()).settled();
  expect(server.alive).toBe(true);
});
