import { once } from 'node:events';
import { expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { type AskedArea, circle, everywhere } from '../support/areas.ts';
import { Belief } from '../support/belief.ts';
import type { Place } from '../support/geodesic.ts';
import { Network } from '../support/network.ts';
import { turns, watchersOf } from '../support/pressure.ts';
import { seeded } from '../support/random.ts';
import { type End, frame, rawSocket, sendAndEnd, upgrade } from '../support/raw.ts';
import { listeningLog, Remains } from '../support/remains.ts';
import { startServer, type TestServer, token } from '../support/server.ts';
import { slowTest } from '../support/slow.ts';
import { isBelieved, Traffic } from '../support/traffic.ts';

const ENDS: readonly End[] = ['fin', 'reset'];
/** Connections that are opened at a time. */
const OPENING = 50;

/** Does something for each of so many, some at a time. */
async function forEach(count: number, action: (n: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < count) await action(next++);
  };
  await Promise.all(Array.from({ length: OPENING }, worker));
}

/** A socket of which the server has the handshake, and which watches everything. */
async function watching({ port }: TestServer) {
  const socket = await rawSocket(port);
  socket.write(upgrade('/ws?bbox=-180,-90,180,90', token()));
  await once(socket, 'data');
  return socket;
}

test('a connection that is cut within a frame, wherever, leaves nothing, and what had not come whole is not done', async () => {
  const { log, lines } = listeningLog();
  const server = await startServer({ log });
  const fix = (driverId: string, more = {}) => JSON.stringify({ driverId, latitude: 30, longitude: -97, ...more });
  // A short frame; one whose length takes three bytes; and one in fragments, with a ping between them.
  const framesOf = (id: string): Buffer[][] => {
    const whole = fix(`${id}-parts`);
    return [
      [frame(fix(`${id}-short`))],
      [frame(fix(`${id}-long`, { attributes: { note: 'x'.repeat(100) } }))],
      [
        frame(whole.slice(0, 20), 1, false),
        frame('', 9),
        frame(whole.slice(20, 40), 0, false),
        frame(whole.slice(40), 0),
      ],
    ];
  };
  const length = Buffer.concat(framesOf('000-fin').flat()).length;
  server.tracker.accept('default', { driverId: 'there', lat: 30, lng: -97 });
  const remains = await Remains.of(server);
  for (const end of ENDS) {
    await forEach(length + 1, async (cut) => {
      const bytes = Buffer.concat(framesOf(`${String(cut).padStart(3, '0')}-${end}`).flat());
      await sendAndEnd(await watching(server), bytes.subarray(0, cut), end);
    });
  }
  expect(remains.made).toBe(2 * (length + 1));
  await remains.none();
  const ends = framesOf('000-fin').map((frames) => Buffer.concat(frames).length);
  const [afterShort, afterLong, all] = [ends[0], ends[0] + ends[1], ends[0] + ends[1] + ends[2]];
  for (let cut = 0; cut <= length; cut++) {
    const id = String(cut).padStart(3, '0');
    const isKnown = (name: string) => server.tracker.driver({ fleet: 'default' }, `${id}-${name}`) !== undefined;
    const known = ['fin-short', 'fin-long', 'fin-parts'].map(isKnown);
    expect([cut, ...known]).toEqual([cut, cut >= afterShort, cut >= afterLong, cut >= all]);
    // A reset may overtake what was sent before it, but nothing more comes than was sent.
    const reset = ['reset-short', 'reset-long', 'reset-parts'].map(isKnown);
    expect(reset.some((it, i) => it && !known[i])).toBe(false);
  }
  expect(lines).toEqual([]);
});

test('a driver whose network dies in the middle of a frame is found by its silence, and the frame is forgotten', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
  try {
    const { log, lines } = listeningLog();
    const server = await startServer({ log });
    const remains = await Remains.of(server);
    const network = await Network.to(server.port);
    const sockets = await Promise.all(Array.from({ length: 20 }, () => watching({ ...server, port: network.port })));
    const bytes = frame(JSON.stringify({ driverId: 'half', latitude: 30, longitude: -97 }));
    for (const [i, socket] of sockets.entries()) socket.write(bytes.subarray(0, 1 + ((3 * i) % (bytes.length - 1))));
    expect(await remains.connections()).toBe(sockets.length);
    for (let i = 0; i < 5; i++) await turns();
    network.freeze();
    let seconds = 0;
    for (; (await remains.connections()) > 0 && seconds < 200; seconds++) {
      vi.advanceTimersByTime(1_000);
      await turns();
    }
    // The third ping finds them, as it finds those that are silent between frames.
    expect(seconds).toBeGreaterThan(50);
    expect(seconds).toBeLessThanOrEqual(77);
    await network.close();
    await remains.none();
    expect(server.tracker.size).toBe(0);
    expect(lines).toEqual([]);
  } finally {
    vi.useRealTimers();
  }
});

test('of handshakes that never end, and connections that never say who they are, nothing is left once they are gone', async () => {
  const { log, lines } = listeningLog();
  const server = await startServer({ log });
  const witness = await server.connect();
  await witness.settled();
  const remains = await Remains.of(server);
  const whole = upgrade('/ws', token());
  const nobody = whole.replace(/Authorization: .*\r\n/, '');
  const sockets = await Promise.all(
    Array.from({ length: 600 }, async (_, n) => {
      const socket = await rawSocket(server.port);
      // Nothing; a part of a handshake; all of one by nobody, which then says nothing, or half a frame.
      if (n % 4 === 1) socket.write(whole.slice(0, 1 + ((7 * n) % (whole.length - 1))));
      if (n % 4 >= 2) socket.write(nobody);
      if (n % 4 === 3) socket.write(frame('{"type":"authenticate"').subarray(0, 9));
      return socket;
    }),
  );
  await vi.waitUntil(async () => (await remains.connections()) === 301, { timeout: 10_000 });
  // Others are served meanwhile.
  const asked = performance.now();
  await witness.settled();
  expect(performance.now() - asked).toBeLessThan(1_000);
  for (const [n, socket] of sockets.entries()) {
    if (n % 8 < 4) socket.resetAndDestroy();
    else socket.destroy();
  }
  await remains.none();
  await witness.settled();
  expect(lines).toEqual([]);
});

/** One of very many: a WebSocket, and what it believes, with no more around it than that. */
class Lean {
  readonly belief = new Belief();
  readonly area: AskedArea;
  readonly #url: string;
  #socket: WebSocket | undefined;

  constructor(port: number, lat: number, lng: number) {
    this.#url = `ws://127.0.0.1:${port}/ws`;
    const { fields, query, kind, holds } = circle(lat, lng, 500);
    // A geodesic for each of millions of pairs would take long, and most are far apart.
    const isFar = (place: Place) => Math.abs(place[0] - lat) > 0.01 || Math.abs(place[1] - lng) > 0.01;
    this.area = { fields, query, kind, holds: (place, places) => !isFar(place) && holds(place, places) };
  }

  /** Resolves with the snapshot. */
  open(): Promise<void> {
    const { area, belief } = this;
    const socket = new WebSocket(this.#url, { headers: { authorization: `Bearer ${token()}` } });
    this.#socket = socket;
    socket.on('open', () => {
      socket.send(
        JSON.stringify({
          type: 'subscribe',
          subscription: 's',
          ...area.fields,
          cursor: belief.cursor,
        }),
      );
    });
    return new Promise((resolve, reject) => {
      socket.on('error', reject);
      socket.on('message', (data) => {
        const message = JSON.parse(String(data));
        belief.hear(message);
        if (message.type === 'snapshot') resolve();
        else if (message.type !== 'changes') reject(new Error(String(data)));
      });
    });
  }

  /** Gone, by a reset or in order. */
  cut(reset: boolean): void {
    const socket = this.#socket as WebSocket & { _socket: { resetAndDestroy(): void } };
    socket.removeAllListeners('error');
    socket.on('error', () => {});
    if (reset) socket._socket.resetAndDestroy();
    else socket.terminate();
  }
}

slowTest(
  'a thousand that lose their connections in one moment and come back in the next all go on from where they were, and hold nobody up',
  async () => {
    const random = seeded('a thousand reconnects');
    const { log, lines } = listeningLog();
    const server = await startServer({ log });
    const traffic = new Traffic(server, random, 2_000, [30, -97]);
    const witness = await server.connect();
    await witness.ask({ type: 'subscribe', subscription: 's', ...everywhere.fields }, 'snapshot');
    const remains = await Remains.of(server);
    const crowd = Array.from({ length: 1_000 }, () => {
      const [lat, lng] = random.pick([...traffic.places.values()]);
      return new Lean(server.port, lat, lng);
    });
    await Promise.all(crowd.map((lean) => lean.open()));
    const rounds = 2;
    let longest = 0;
    for (let round = 1; round <= rounds; round++) {
      for (const lean of crowd) lean.cut(random.below(2) === 0);
      traffic.move(500);
      let left = crowd.length;
      const back = Promise.all(crowd.map((lean) => lean.open().finally(() => left--)));
      // Meanwhile each move of somebody gets to who watches.
      while (left > 0) {
        const from = performance.now();
        traffic.move(1);
        await witness.next('changes');
        longest = Math.max(longest, performance.now() - from);
      }
      await back;
      for (const { belief } of crowd) expect([belief.full, belief.resumed]).toEqual([1, round]);
    }
    console.log(`the longest that a move took to a watcher while 1,000 came back: ${longest.toFixed(0)} ms`);
    // The crowd and the server share one thread here, which has the work of both.
    expect(longest).toBeLessThan(3_000);
    traffic.move(500);
    const isTrue = ({ belief, area }: Lean) => isBelieved(belief, area, traffic.places);
    await vi.waitUntil(() => crowd.every(isTrue), { timeout: 10_000 });
    expect(crowd.flatMap(({ belief }) => belief.contradictions)).toEqual([]);
    await vi.waitUntil(() => traffic.isBelieved(witness.belief('s'), everywhere), { timeout: 10_000 });
    expect(witness.contradictions).toEqual([]);
    for (const lean of crowd) lean.cut(true);
    expect(remains.made).toBe((rounds + 1) * crowd.length);
    await remains.none();
    // The witness alone is left.
    for (const id of traffic.places.keys()) expect(watchersOf(server, id).length).toBe(1);
    expect(lines).toEqual([]);
  },
);
