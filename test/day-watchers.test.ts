import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, onTestFinished } from 'vitest';
import { MemoryStore } from '../src/store/memory.ts';
import { HIGH_WATER } from '../src/subscriptions/outbox.ts';
import type { Subscription } from '../src/subscriptions/subscription.ts';
import { type AskedArea, around, box, circle, everywhere, frame } from './support/areas.ts';
import { makeDay, replay } from './support/day.ts';
import type { Place } from './support/geodesic.ts';
import { serverSockets } from './support/pressure.ts';
import { type Random, seeded } from './support/random.ts';
import { startServer, token } from './support/server.ts';
import { slowTest } from './support/slow.ts';
import { isBelieved, missed } from './support/traffic.ts';
import { PollWatcher, SocketWatcher, StreamWatcher, type Watcher } from './support/watchers.ts';

// A day of vehicles, played through the public API, before fifty watchers of every kind of area on every transport. By
// default the day is made up; TRACE=FILE.ndjson takes a real one, TRACE_SPEED its speed.

const WATCHERS = 50;
/** Bytes of a position on the wire, at most, without the notes. */
const POSITION = 400;
/** Characters of a note; the most that an attribute may have are 256. */
const NOTE = 250;
/** Bytes that the whole day is to have: more than the system holds for a peer that does not read. */
const DAY_BYTES = 16e6;

/** Gives every line long attributes, as many as make the day heavy enough. */
function weighDown(lines: readonly string[], notes: number): string {
  const note = 'x'.repeat(NOTE);
  const more = Array.from({ length: notes }, (_, i) => `,"note${i}":"${note}"`).join('');
  return `${lines.map((line) => line.replace(/\}$/, `${more}}`)).join('\n')}\n`;
}

/** What becomes of a watcher during the day. */
type Habit = 'steady' | 'slow' | 'dropping';

/** Every kind of area on every transport once steady, once slow, once dropping; and some more that are steady. */
const habitOf = (i: number): Habit => (['steady', 'slow', 'dropping'] as const)[Math.floor(i / 15)] ?? 'steady';

/** An area in the city, from some streets to all of it; where it is slow, that has much to tell. */
function areaOf(i: number, random: Random, drivers: readonly string[]): AskedArea {
  const [lat, lng] = [30.27 + 0.03 * random.normal(), -97.74 + 0.03 * random.normal()];
  const size = habitOf(i) === 'slow' ? 0.4 : random.pick([0.02, 0.05, 0.3]);
  const kinds = [
    () => circle(lat, lng, 100_000 * size),
    () => box(lng - size, lat - size, lng + size, lat + size / 2),
    () => polygonOf(lat, lng, size),
    () => around(random.pick(drivers), 100_000 * size),
    () => everywhere,
  ];
  return kinds[i % kinds.length]();
}

/** A frame whose hole is the place itself and no more, for one that is to have much to tell. */
const polygonOf = (lat: number, lng: number, size: number) => frame(lat + size / 2, lng, size);

slowTest(
  'fifty watchers of a day, some of whom read slowly or lose their connections, believe what is so in the end',
  {
    timeout: 1_200_000,
  },
  async () => {
    const random = seeded('day of watchers');
    const dir = mkdtempSync(join(tmpdir(), 'nearcast-day-'));
    onTestFinished(() => rmSync(dir, { recursive: true }));
    const { TRACE, TRACE_SPEED = '150' } = process.env;
    const day = TRACE === undefined ? makeDay(random, { count: 300, seconds: 360 }) : readFileSync(TRACE, 'utf8');
    const lines = day.trimEnd().split('\n');
    const notes = Math.ceil(DAY_BYTES / lines.length / NOTE);
    const file = join(dir, 'day.ndjson');
    writeFileSync(file, weighDown(lines, notes));
    const drivers = [...new Set(lines.map((line) => JSON.parse(line).id as string))];

    const store = new MemoryStore();
    const server = await startServer({ store });
    const sockets = serverSockets(server);
    const subscriptions = new Set<Subscription>();
    const { tracker } = server;
    const subscribe = tracker.subscribe.bind(tracker);
    tracker.subscribe = (...args) => {
      const subscription = subscribe(...args);
      subscriptions.add(subscription);
      return subscription;
    };
    const unsubscribe = tracker.unsubscribe.bind(tracker);
    tracker.unsubscribe = (subscription) => {
      subscriptions.delete(subscription);
      unsubscribe(subscription);
    };

    const stop = new AbortController();
    onTestFinished(() => stop.abort());
    const watchers = Array.from({ length: WATCHERS }, (_, i): Watcher & { habit: Habit } => {
      const area = areaOf(i, random, drivers);
      const transports = [
        () => new SocketWatcher(server.port, area),
        () => new StreamWatcher(server.port, area),
        () => new PollWatcher(server.port, area, stop.signal),
      ];
      return Object.assign(transports[Math.floor(i / 5) % 3](), { habit: habitOf(i) });
    });
    await Promise.all(watchers.map((watcher) => watcher.open()));
    const having = (habit: Habit) => watchers.filter((watcher) => watcher.habit === habit);
    let peakBacklog = 0;
    let peakBytes = 0;
    let drops = 0;
    let over = false;
    const measure = async () => {
      for (; !over; await delay(5)) {
        for (const { backlog } of subscriptions) peakBacklog = Math.max(peakBacklog, backlog);
        for (const { writableLength } of sockets) peakBytes = Math.max(peakBytes, writableLength);
      }
    };
    const slow = async (watcher: Watcher) => {
      for (; !over; await delay(20)) {
        watcher.pause();
        await delay(random.between(1_500, 3_000), undefined, { signal: stop.signal }).catch(() => {});
        watcher.resume();
      }
    };
    const dropping = async (watcher: Watcher) => {
      for (; !over; drops++) {
        await delay(random.between(100, 500));
        await watcher.reopen();
      }
    };
    const habits = [measure(), ...having('slow').map(slow), ...having('dropping').map(dropping)];

    const start = performance.now();
    const cpu = process.cpuUsage();
    const url = `ws://127.0.0.1:${server.port}/ws`;
    const { code, output } = await replay(file, '--speed', TRACE_SPEED, '--url', url, '--token', token());
    const seconds = (performance.now() - start) / 1000;
    expect(code, output).toBe(0);
    over = true;
    const waiting = [...subscriptions].filter(({ backlog }) => backlog > 0).length;
    stop.abort();
    for (const watcher of having('slow')) watcher.resume();
    await Promise.all(habits);

    const places = new Map<string, Place>();
    for await (const rows of store.loadPositions(0))
      for (const { driverId, lat, lng } of rows) places.set(driverId, [lat, lng]);
    expect(places.size).toBe(drivers.length);
    const drained = performance.now();
    let told = 0;
    for (const [i, watcher] of watchers.entries()) {
      const { area, belief } = watcher;
      // A poll that was given up is asked for again.
      if (watcher instanceof PollWatcher) await watcher.catchUp();
      while (!isBelieved(belief, area, places)) {
        const late = performance.now() - drained > 30_000;
        if (late)
          expect.fail(
            `watcher ${i} (${watcher.constructor.name}, ${watcher.habit}, ${area.kind}): ${missed(belief, area, places)}`,
          );
        await delay(5);
      }
      expect(watcher.contradictions, `watcher ${i}`).toEqual([]);
      told += belief.drivers.size;
    }
    const { user, system } = process.cpuUsage(cpu);
    console.log(
      `${output.trimEnd()}
${drivers.length} drivers, ${lines.length} lines in ${seconds.toFixed(1)} s; ${WATCHERS} watchers believe ${told} positions
${having('slow').length} slow: at most ${peakBacklog} drivers waited for one, and ${(peakBytes / 1e3).toFixed(0)} kB were unsent; ${waiting} had something waiting in the end
${having('dropping').length} lost their connections ${drops} times; drained in ${((performance.now() - drained) / 1000).toFixed(1)} s; ${((user + system) / 1e6).toFixed(1)} s of CPU, watchers included`,
    );
    expect(peakBacklog).toBeLessThanOrEqual(drivers.length);
    expect(peakBytes).toBeLessThan(HIGH_WATER + drivers.length * (POSITION + notes * (NOTE + 20)));
    // How much of another day is told at once is not known.
    if (TRACE === undefined) expect(peakBacklog).toBeGreaterThan(0);
    expect(drops).toBeGreaterThan(having('dropping').length);
    const resumes = having('dropping').map(({ belief }) => belief.resumed);
    expect(Math.min(...resumes)).toBeGreaterThan(0);
  },
);
