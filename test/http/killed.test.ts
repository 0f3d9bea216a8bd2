import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, test, vi } from 'vitest';
import { everywhere } from '../support/areas.ts';
import { EventStreamReader } from '../support/event-stream.ts';
import { Network } from '../support/network.ts';
import { Poller } from '../support/poller.ts';
import { seeded } from '../support/random.ts';
import { type End, rawSocket, sendAndEnd } from '../support/raw.ts';
import { listeningLog, Remains } from '../support/remains.ts';
import { startServer, token } from '../support/server.ts';
import { Traffic } from '../support/traffic.ts';

const ENDS: readonly End[] = ['fin', 'reset'];
const TOKEN = token();

/** A request that sends two fixes, its body in one piece or in chunks, as bytes. */
function request(id: string, chunked: boolean): string {
  const body = JSON.stringify({
    positions: ['a', 'b'].map((name) => ({ driverId: `${id}-${name}`, latitude: 30, longitude: -97, timestamp: 1 })),
  });
  const chunks = [body.slice(0, 40), body.slice(40)].map((part) => `${part.length.toString(16)}\r\n${part}\r\n`);
  const lines = [
    'POST /v1/positions HTTP/1.1',
    'Host: x',
    'Content-Type: application/json',
    `Authorization: Bearer ${TOKEN}`,
    chunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${body.length}`,
  ];
  return `${lines.join('\r\n')}\r\n\r\n${chunked ? `${chunks.join('')}0\r\n\r\n` : body}`;
}

test('a request that is cut, wherever, leaves nothing, and either all of it is done or nothing', async () => {
  const { log, lines } = listeningLog();
  const server = await startServer({ log });
  // Known to the server: who goes while a new token is verified has its request dropped with the connection.
  await server.get('/v1/drivers', { authorization: `Bearer ${TOKEN}` });
  const remains = await Remains.of(server);
  for (const chunked of [false, true]) {
    const idOf = (cut: number, end: End) => `${String(cut).padStart(4, '0')}-${end}-${chunked}`;
    const text = request(idOf(0, 'fin'), chunked);
    // The token is some hundred bytes like any other.
    const head = text.indexOf('\r\n\r\n');
    const cuts = Array.from({ length: text.length + 1 }, (_, cut) => cut).filter(
      (cut) => cut >= head - 20 || cut % 9 === 0,
    );
    for (const end of ENDS) {
      for (let from = 0; from < cuts.length; from += 50) {
        const some = cuts.slice(from, from + 50).map(async (cut) => {
          const bytes = request(idOf(cut, end), chunked).slice(0, cut);
          await sendAndEnd(await rawSocket(server.port), bytes, end);
        });
        await Promise.all(some);
      }
    }
    await remains.none();
    for (const cut of cuts) {
      for (const end of ENDS) {
        const known = ['a', 'b'].map(
          (name) => server.tracker.driver({ fleet: 'default' }, `${idOf(cut, end)}-${name}`) !== undefined,
        );
        // A reset may overtake what was sent before it.
        if (end === 'fin') expect([cut, ...known]).toEqual([cut, cut === text.length, cut === text.length]);
        else expect([known[0], cut < text.length && known[0]]).toEqual([known[1], false]);
      }
    }
  }
  expect(lines).toEqual([]);
});

test('streams and long polls that are cut while they are told, or wait, or wait behind another, leave nothing', async () => {
  const random = seeded('cut streams');
  const { log, lines } = listeningLog();
  const server = await startServer({ log });
  const traffic = new Traffic(server, random, 300, [30, -97]);
  const headers = { authorization: `Bearer ${token()}` };
  const url = `http://127.0.0.1:${server.port}/v1/stream`;
  const witness = await EventStreamReader.open(url, headers);
  await witness.next('snapshot');
  const remains = await Remains.of(server);
  // Bytes at a time, so that each is cut within an event.
  const network = await Network.to(server.port, 200_000);
  const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token()}\r\n\r\n`;
  const raw = async (text: string) => {
    const socket = connect(network.port, '127.0.0.1');
    socket.on('error', () => {});
    await once(socket, 'connect');
    socket.write(text);
    socket.resume();
  };
  for (let round = 0; round < 4; round++) {
    const poller = new Poller(server, everywhere.query);
    await poller.poll(0);
    const { made } = remains;
    const cursor = encodeURIComponent(poller.belief.cursor as string);
    await Promise.all([
      ...Array.from({ length: 20 }, () => raw(get('/v1/stream'))),
      ...Array.from({ length: 20 }, () => raw(get(`/v1/changes?cursor=${cursor}&wait=25`))),
      // Two on one connection: the second waits for the end of the first, which has none.
      ...Array.from({ length: 5 }, () => raw(get('/v1/stream') + get('/v1/stream'))),
      ...Array.from({ length: 5 }, () => raw(get('/v1/stream') + get(`/v1/changes?cursor=${cursor}&wait=25`))),
    ]);
    await vi.waitUntil(() => remains.made === made + 50 && remains.subscriptions > 50, { timeout: 10_000 });
    for (let turn = random.below(20); turn > 0; turn--) {
      traffic.move(50);
      await new Promise(setImmediate);
    }
    network.cut();
    traffic.moveAll();
    await remains.none();
  }
  // Who was not cut has missed nothing.
  await witness.until(() => traffic.isBelieved(witness.belief, everywhere));
  expect(witness.belief.contradictions).toEqual([]);
  expect(lines).toEqual([]);
});

test('a reader of events that is gone without a word is let go of when the system says so, or as slow', async () => {
  const random = seeded('gone');
  const { log, lines } = listeningLog();
  const server = await startServer({ log, env: { SLOW_SECONDS: '1' } });
  const traffic = new Traffic(server, random, 2_000, [30, -97]);
  const remains = await Remains.of(server);
  const network = await Network.to(server.port);
  const headers = { authorization: `Bearer ${token()}` };
  const stream = await EventStreamReader.open(`http://127.0.0.1:${network.port}/v1/stream`, headers);
  await stream.next('snapshot');
  network.freeze();
  // Nothing comes of it while nothing happens; then what is told piles up.
  const from = performance.now();
  while (remains.subscriptions > 0 && performance.now() - from < 20_000) {
    traffic.moveAll();
    await new Promise(setImmediate);
  }
  expect(remains.subscriptions).toBe(0);
  await network.close();
  await remains.none();
  expect(lines).toEqual([]);
});
