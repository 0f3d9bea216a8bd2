import { once } from 'node:events';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { Client } from '../support/client.ts';
import { EventStreamReader } from '../support/event-stream.ts';
import { scrape } from '../support/metrics.ts';
import { startServer, token } from '../support/server.ts';
import { describeWith } from '../support/services.ts';
import { findNginx, startNginx } from './nginx.ts';

const authorization = `Bearer ${token()}`;
const EVERYTHING = 'bbox=-180,-90,180,90';

describeWith('nginx', findNginx(), 'through nginx', (bin) => {
  /** Two servers in this process, and nginx before them with the file that is shipped. */
  async function stage() {
    const start = async () => {
      const lines: string[] = [];
      const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(line) });
      return { ...(await startServer({ env: { TRUST_PROXY: '1' }, log })), lines };
    };
    const servers = [await start(), await start()];
    const nginx = await startNginx(bin, [servers[0].port, servers[1].port]);
    return {
      nginx,
      servers,
      /** How many connections of a transport each has, by its own account. */
      counts: (transport: string) =>
        Promise.all(
          servers.map(async (server) => {
            const byRole = (await scrape(server)).by('nearcast_connections', 'role', { transport });
            return Object.values(byRole).reduce((sum, count) => sum + count, 0);
          }),
        ),
      get: (path: string) => fetch(nginx.url + path, { headers: { authorization } }),
      post: (body: unknown, url = nginx.url) =>
        fetch(`${url}/v1/positions`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', authorization },
          body: typeof body === 'string' ? body : JSON.stringify(body),
        }),
    };
  }

  test('WebSockets and streams come to either, who has fewest first, from whom they are, and hear each change at once', async () => {
    const { nginx, servers, counts, post } = await stage();
    const spoofed = { 'x-forwarded-for': '203.0.113.7', forwarded: 'for=203.0.113.7' };
    const sockets: Client[] = [];
    const streams: EventStreamReader[] = [];
    for (const address of ['127.0.0.8', '127.0.0.9']) {
      // Each shows its token by another way.
      const [path, protocols] =
        sockets.length === 0
          ? [`?${EVERYTHING}&access_token=${token()}`, []]
          : [`?${EVERYTHING}`, ['nearcast.v1', `bearer.${token()}`]];
      sockets.push(await Client.open(nginx.ws + path, protocols, spoofed, { localAddress: address }));
      streams.push(await EventStreamReader.open(`${nginx.url}/v1/stream`, { authorization }));
    }
    for (const socket of sockets) await socket.next('snapshot');
    for (const stream of streams) await stream.next('snapshot');
    const addresses: unknown[] = [];
    for (const transport of ['websocket', 'stream']) {
      expect([transport, ...(await counts(transport))]).toEqual([transport, 1, 1]);
    }
    for (const server of servers) {
      const connected = server.lines.map((line) => JSON.parse(line)).filter(({ msg }) => msg === 'connected');
      for (const { transport, remoteAddress } of connected) addresses.push(`${transport} ${remoteAddress}`);
    }
    expect(addresses.sort()).toEqual([
      'stream 127.0.0.1',
      'stream 127.0.0.1',
      'websocket 127.0.0.8',
      'websocket 127.0.0.9',
    ]);
    // One goes, and another takes its place at the same server.
    sockets[0].socket.terminate();
    await expect.poll(async () => (await counts('websocket')).sort()).toEqual([0, 1]);
    sockets[0] = await Client.open(`${nginx.ws}?${EVERYTHING}`, [], { authorization });
    await sockets[0].next('snapshot');
    expect(await counts('websocket')).toEqual([1, 1]);

    // Fix after fix: they come to both, and what each tells of them comes at once.
    for (let i = 0; i < 4; i++) {
      const answer = await post({ driverId: `d${i}`, latitude: 30, longitude: -97 });
      expect(await answer.json()).toEqual({ results: [{ verdict: 'accepted' }] });
    }
    for (const socket of sockets) expect((await socket.next('changes')).enter.length).toBeGreaterThan(0);
    for (const stream of streams) expect((await stream.next('changes')).data.enter.length).toBeGreaterThan(0);
  });

  test('a poll waits, and what is too large is refused by nginx as by an instance', async () => {
    const { servers, get, post } = await stage();
    const ask = async (query: string) =>
      (await (await get(`/v1/changes?bbox=0,0,1,1${query}`)).json()) as { type: string };
    const { cursor } = (await ask('')) as unknown as { cursor: string };
    // The cursor is of one of them: asked of it again, the poll waits, and ends with nothing.
    await expect.poll(async () => (await ask(`&wait=0.2&cursor=${cursor}`)).type).toBe('changes');

    const large = 'x'.repeat(1024 * 1024 + 1);
    const byNginx = await post(large);
    expect(byNginx.headers.get('content-type')).toBe('application/problem+json');
    const byServer = await post(large, `http://127.0.0.1:${servers[0].port}`);
    expect([byNginx.status, byServer.status]).toEqual([413, 413]);
    const { detail, requestId, ...problem } = (await byServer.json()) as Record<string, unknown>;
    expect(await byNginx.json()).toMatchObject(problem);
    // The largest that an instance takes comes to one, which finds it wrong.
    const largest = await post(`"${'x'.repeat(1024 * 1024 - 2)}"`);
    expect(largest.status).toBe(400);
    expect(await largest.json()).toHaveProperty('requestId');
    // Metrics are asked of each by itself.
    expect((await get('/metrics')).status).toBe(404);
  });

  test('no log has a token, or what was asked, of those that were let in and those that were not', async () => {
    const { nginx, servers, get } = await stage();
    const socket = await Client.open(`${nginx.ws}?${EVERYTHING}&access_token=${token()}`);
    await socket.next('snapshot');
    await get(`/v1/drivers/nearby?latitude=30.123&longitude=-97&access_token=${token()}`);
    const refused = new WebSocket(`${nginx.ws}?access_token=nobody.knows.it`);
    refused.on('error', () => {});
    await once(refused, 'close');
    // A page of which the address has one.
    await fetch(`${nginx.url}/docs?access_token=${token()}`, { headers: { referer: `${nginx.url}/?access_token=x` } });
    socket.socket.close();
    await socket.closed;
    await expect.poll(() => nginx.accesses.length).toBe(4);
    for (const secret of ['access_token', token(), 'nobody.knows.it', '30.123']) {
      expect(nginx.logs).not.toContain(secret);
      for (const { lines } of servers) expect(lines.join()).not.toContain(secret);
    }
    expect(nginx.accesses.map(({ path, status }) => `${path} ${status}`).sort()).toEqual([
      '/docs 200',
      '/v1/drivers/nearby 200',
      '/ws 101',
      '/ws 101',
    ]);
  });
});
