import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { emptyTally, type Playback, play, type Tally } from '../../src/sim/play.ts';
import { addsUp, reportReplay } from '../../src/sim/report.ts';
import { FakeServer, type FakeSettings } from './fake-server.ts';

const FIRST = 1_492_553_377_000;

let directory: string;
let server: FakeServer | undefined;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'nearcast-replay-'));
});

afterEach(async () => {
  await server?.close();
  server = undefined;
  await rm(directory, { recursive: true });
});

/** Plays lines to a fake server, fast. */
async function replay(
  lines: readonly string[],
  settings: FakeSettings = {},
  playback: Partial<Playback> = {},
): Promise<{ tally: Tally; fake: FakeServer; unreadable: [number, string][]; lost: string[] }> {
  const file = join(directory, 'trace.ndjson');
  await writeFile(file, lines.join('\n'));
  const fake = await FakeServer.start(settings);
  server = fake;
  const tally = emptyTally();
  const unreadable: [number, string][] = [];
  const lost: string[] = [];
  await play({ file, url: fake.url, token: () => 'T', speed: 1e6, connections: 1, minPause: 5, ...playback }, tally, {
    unreadable: (line, problem) => unreadable.push([line, problem]),
    lost: (reason) => lost.push(reason),
  });
  return { tally, fake, unreadable, lost };
}

function line(id: string, seconds: number, more: object = {}): string {
  return JSON.stringify({ id, t: FIRST + seconds * 1000, lat: 30.2, lon: -97.7, ...more });
}

const steady = Array.from({ length: 3000 }, (_, n) => line(`bus-${n % 30}`, Math.floor(n / 30)));

describe('a replay', () => {
  test('gives every line a verdict, and they add up', async () => {
    const { tally, unreadable, fake } = await replay([
      line('a', 0, { speed: 3.5, route: '20', express: true, stops: [1], note: null }),
      line('a', 60),
      line('a', 60),
      line('a', 30),
      line('b', 61, { lat: 91 }),
      'rubbish',
      '',
      '[1]',
      '{"id":"c"}',
      '{"id":"c","t":"noon"}',
      '{"id":"c","t":1,"lat":1}',
      line('b', 62),
    ]);
    expect(tally).toMatchObject({ lines: 12, accepted: 3, duplicate: 1, late: 1, unreadable: 6, unanswered: 0 });
    expect([...tally.refused]).toEqual([['invalid', 1]]);
    expect(addsUp(tally)).toBe(true);
    expect(unreadable).toEqual([
      [6, 'not JSON'],
      [7, 'empty'],
      [8, 'not a JSON object'],
      [9, 'no "t" in epoch milliseconds'],
      [10, 'no "t" in epoch milliseconds'],
      [11, 'no "lon"'],
    ]);
    expect(fake.received[0]).toMatchObject({
      driverId: 'a',
      latitude: 30.2,
      longitude: -97.7,
      speed: 3.5,
      attributes: { route: '20', express: true },
    });
    expect(fake.received[1]).not.toHaveProperty('attributes');
    expect(fake.tokens).toEqual(['Bearer T']);
    expect(reportReplay(tally)).toContain('refused: invalid            1');
    expect(reportReplay(tally)).toContain('Every line has a verdict.');
  });

  test('is clocked onto the present, with no fix in the future', async () => {
    const before = Date.now();
    const { fake, tally } = await replay(steady, {}, { speed: 1000 });
    const timestamps = fake.received.map((fix) => fix.timestamp as number);
    expect(tally.accepted).toBe(3000);
    expect(fake.future).toBe(0);
    expect(timestamps[0]).toBeGreaterThanOrEqual(before - 1000);
    expect(timestamps[2999] - timestamps[0]).toBe(99);
    expect(Date.now() - before).toBeGreaterThanOrEqual(99);
  });

  test('sends a denser trace than milliseconds can hold no sooner than its timestamps', async () => {
    const dense = Array.from({ length: 1500 }, (_, n) => line('a', n / 1000));
    const { fake, tally } = await replay(dense, {}, { speed: 1e6 });
    expect(tally).toMatchObject({ accepted: 1500, duplicate: 0, late: 0, merged: 0 });
    expect(fake.future).toBe(0);
  });

  test('sends the original timestamps with keepTime', async () => {
    const { fake, tally } = await replay(steady, {}, { keepTime: true });
    expect(tally.accepted).toBe(3000);
    expect(fake.received.map((fix) => fix.timestamp)).toEqual(steady.map((text) => JSON.parse(text).t));
  });

  test('sends an unsorted file in its own order, and never waits for a line older than one before', async () => {
    // Vehicle by vehicle, the second from before the first; one line goes back.
    const lines = ['a', 'b'].flatMap((id, v) => [5, 6, 4, 7, 7].map((s) => line(id, 100 * (1 - v) + s)));
    const { fake, tally } = await replay(lines, {}, { speed: 100 });
    expect(tally).toMatchObject({ accepted: 6, late: 2, duplicate: 2, lines: 10 });
    expect(fake.received.map((fix) => fix.driverId).join('')).toBe('aaaaabbbbb');
    expect(addsUp(tally)).toBe(true);
  });

  test('connects again when the connection drops, and sends again what was not acknowledged', async () => {
    const { fake, tally, lost } = await replay(steady, { drop: (received) => received === 700 || received === 2000 });
    expect(fake.connections).toBe(3);
    expect(lost).toHaveLength(2);
    expect(tally).toMatchObject({ losses: 2, unanswered: 0, lines: 3000 });
    expect(tally.resent).toBeGreaterThan(0);
    expect(addsUp(tally)).toBe(true);
    const sent = new Set(fake.received.map((fix) => fix.id));
    expect(sent.size).toBe(3000);
  });

  test('waits and sends again when the server is out of room', async () => {
    const { tally } = await replay(steady.slice(0, 300), { unavailable: 10 });
    expect(tally.unanswered).toBe(0);
    expect(tally.refused.size).toBe(0);
    expect(addsUp(tally)).toBe(true);
  });

  test('keeps the order of each driver over several connections', async () => {
    const { fake, tally } = await replay(steady, {}, { connections: 4 });
    expect(fake.connections).toBe(4);
    expect(tally).toMatchObject({ accepted: 3000, late: 0 });
  });

  test('stops, with a reason, when a close code says that trying again is no use', async () => {
    const { fake, tally } = await replay(steady, { closeCode: 4403 });
    expect(fake.connections).toBe(1);
    expect(tally.failure).toContain('4403');
    expect(addsUp(tally)).toBe(false);
    expect(reportReplay(tally)).toContain('NOT every line has a verdict.');
  });

  test('fails at once when nobody is there', async () => {
    const { tally } = await replay(steady, {}, { url: 'ws://127.0.0.1:1' });
    expect(tally).toMatchObject({ lines: 0 });
    expect(tally.failure).toContain('ECONNREFUSED');
  });

  test('ends early when told to, without a hanging wait', async () => {
    const stop = new AbortController();
    const playing = replay([line('a', 0), line('a', 86_400)], {}, { speed: 1, signal: stop.signal });
    while (!server || server.received.length === 0) await new Promise((resolve) => setImmediate(resolve));
    stop.abort();
    const { tally } = await playing;
    expect(addsUp(tally)).toBe(false);
    expect(tally.failure).toBe('stopped');
  });
});
