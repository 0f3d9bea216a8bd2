import { expect, test } from 'vitest';
import { encodePosition } from '../../src/protocol/position.ts';
import type { Entry } from '../../src/store/store.ts';
import { StreamedStore } from '../../src/store/streamed.ts';
import { type EventLog, FixStream, type FixStreamOptions, type Missing } from '../../src/stream/fix-stream.ts';
import { late, positions, removals, row, T0 } from '../store/rows.ts';
import { FakeClock } from '../subscriptions/fake-clock.ts';
import { HeldStore } from '../support/held-store.ts';

/** A log whose every append ends when and how the test says. */
class FakeLog implements EventLog {
  readonly appends: (readonly string[])[] = [];
  closed = false;
  #open: { resolve: () => void; reject: (error: Error) => void } | undefined;

  append(events: readonly string[]): Promise<void> {
    expect(this.#open).toBeUndefined();
    this.appends.push(events);
    return new Promise((resolve, reject) => {
      this.#open = { resolve, reject };
    });
  }

  /** The drivers of each append. */
  get drivers(): string[] {
    return this.appends.map((events) => events.map((event) => JSON.parse(event).driverId).join(''));
  }

  get busy(): boolean {
    return this.#open !== undefined;
  }

  async end(error?: string): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    if (error === undefined) open?.resolve();
    else open?.reject(new Error(error));
    await turn();
  }

  close(): void {
    this.closed = true;
    void this.end('closed');
  }
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

function stage(options: Partial<FixStreamOptions> = {}) {
  const log = new FakeLog();
  const clock = new FakeClock();
  const said: string[] = [];
  const stream = new FixStream({
    log,
    clock: () => clock.now,
    after: clock.of(log).after,
    onTrouble: ({ message }) => said.push(message),
    onDropping: () => said.push('dropping'),
    onReturn: (missing?: Missing) =>
      said.push(`back${missing ? ` without ${missing.events} of ${missing.since - T0} to ${missing.until - T0}` : ''}`),
    ...options,
  });
  /** Adds drivers, and says whether that is over. */
  const add = (ids: string, at = T0) => {
    const result = { done: false };
    void stream.add(positions([...ids].map((id) => row(id, { receivedAt: at })))).then(() => {
      result.done = true;
    });
    return result;
  };
  const pass = async (milliseconds: number) => {
    clock.pass(milliseconds);
    await turn();
  };
  return { log, clock, said, stream, add, pass };
}

test('tells on after the commit, and the writer hears of it after that', async () => {
  const { log, stream } = stage();
  const store = new HeldStore();
  let written = false;
  void new StreamedStore(store, stream).write(positions([row('a')])).then(() => {
    written = true;
  });
  await turn();
  expect(log.appends).toEqual([]);
  store.release();
  await turn();
  expect([log.drivers, written]).toEqual([['a'], false]);
  await log.end();
  expect(written).toBe(true);
  expect([stream.entries, stream.waiting, stream.behind]).toEqual([1, 0, false]);
});

test('tells nothing of what was not committed', async () => {
  const { log, stream } = stage();
  const store = { ...new HeldStore(), write: () => Promise.reject(new Error('away')) };
  await expect(new StreamedStore(store as never, stream).write(positions([row('a')]))).rejects.toThrow('away');
  expect(log.appends).toEqual([]);
});

test('says of an entry what it was, in its own words', async () => {
  const { log, stream } = stage();
  const rest = { accuracy: 5, altitude: -1, heading: 0, speed: 3, attributes: { status: 'free' } };
  const fix = row('é "1"', { ...rest, fleet: 'north "2"' });
  const { fleet, driverId } = fix;
  const entries: Entry[] = [...positions([fix]), ...late([fix]), ...removals([{ fleet, driverId }])];
  void stream.add(entries);
  const position = { driverId, latitude: 12.345, longitude: 67.89, timestamp: T0, receivedAt: T0 + 5 };
  expect(log.appends[0].map((event) => JSON.parse(event))).toEqual([
    { type: 'accepted', fleet, ...position, ...rest },
    { type: 'late', fleet, ...position, ...rest },
    { type: 'offline', fleet, driverId, at: (entries[2] as { at: number }).at },
  ]);
  // A position's own form, with two more fields.
  const { type, fleet: _, ...own } = JSON.parse(log.appends[0][0]);
  expect(type && JSON.stringify(own)).toBe(`${encodePosition(fix)}}`);
});

test('a log that does not answer is waited for once, and then what comes waits for it alone', async () => {
  const { log, said, stream, add, pass } = stage();
  const first = add('a');
  await pass(249);
  expect([first.done, said]).toEqual([false, []]);
  await pass(1);
  expect([first.done, stream.behind]).toEqual([true, true]);
  const [second, third] = [add('b'), add('c')];
  await turn();
  expect([second.done, third.done, stream.waiting]).toEqual([true, true, 3]);
  await log.end();
  await log.end();
  expect(log.drivers).toEqual(['a', 'bc']);
  expect([stream.behind, stream.waiting, stream.entries]).toEqual([false, 0, 3]);
  // It has had nothing to say against it.
  expect(said).toEqual([]);
  const again = add('d');
  await turn();
  expect(again.done).toBe(false);
});

test('a log that is slow is not waited for again until it is quick', async () => {
  const { log, stream, add, pass } = stage();
  add('a');
  await pass(300);
  await log.end();
  expect([stream.waiting, stream.behind]).toEqual([0, true]);
  expect(add('b') && stream.behind).toBe(true);
  await pass(300);
  await log.end();
  expect(stream.behind).toBe(true);
  add('c');
  await pass(20);
  await log.end();
  expect(stream.behind).toBe(false);
});

test('what the log did not take is given to it again, as it was, before anything else', async () => {
  const { log, stream, add, pass, clock } = stage({ retryDelay: 100, retryDelayMax: 400 });
  const first = add('ab');
  await log.end('OOM');
  expect([first.done, stream.failures]).toEqual([true, 1]);
  add('c');
  for (const delay of [100, 200, 400, 400]) {
    expect(clock.next()).toBe(delay);
    await pass(delay);
    await log.end('OOM');
  }
  await pass(400);
  await log.end();
  await log.end();
  expect(log.drivers).toEqual(['ab', 'ab', 'ab', 'ab', 'ab', 'ab', 'c']);
  expect([stream.entries, stream.failures]).toEqual([3, 5]);
  expect(clock.timers()).toBe(0);
});

test('each reason is told once until the log is back', async () => {
  const { log, said, add, pass, clock } = stage();
  add('a');
  for (const reason of ['gone', 'gone', 'NOAUTH', 'gone', 'NOAUTH']) {
    await log.end(reason);
    await pass(clock.next() ?? 0);
  }
  await log.end();
  expect(said).toEqual(['gone', 'NOAUTH', 'back']);
  add('b');
  await log.end('gone');
  expect(said).toEqual(['gone', 'NOAUTH', 'back', 'gone']);
});

test('of what waits the oldest give way, which is told once, with what is missing at the end', async () => {
  const { log, said, stream, add, pass } = stage({ maxWaiting: 3 });
  add('a', T0);
  await log.end('gone');
  for (const [n, id] of [...'bcdefg'].entries()) add(id, T0 + n);
  // What the log may have taken already is not among them.
  expect([stream.waiting, stream.dropped]).toEqual([4, 3]);
  await pass(100);
  await log.end();
  await log.end();
  expect(log.drivers).toEqual(['a', 'a', 'efg']);
  expect(said).toEqual(['gone', 'dropping', 'back without 3 of 0 to 2']);
  add('h');
  await log.end('gone');
  await pass(100);
  await log.end();
  expect(said.slice(3)).toEqual(['gone', 'back']);
});

test('at its end it waits for the log for as long as it is told', async () => {
  const { log, stream, add, pass, clock } = stage();
  add('a');
  await log.end('gone');
  add('b');
  const closing = stream.close(2000);
  await log.end('gone');
  await pass(1000);
  await log.end();
  await log.end();
  expect(await closing).toBeUndefined();
  expect([log.drivers.at(-1), log.closed, clock.timers()]).toEqual(['b', true, 0]);
});

test('at its end it says what it could not tell on', async () => {
  const { log, said, stream, add, pass, clock } = stage();
  add('ab', T0 + 1);
  await log.end('gone');
  add('c', T0 + 7);
  const closing = stream.close(2000);
  await pass(2000);
  expect(await closing).toEqual({ events: 3, since: T0 + 1, until: T0 + 7 });
  await turn();
  expect([log.closed, clock.timers(), stream.waiting, stream.dropped, said]).toEqual([true, 0, 0, 3, ['gone']]);
  // What is stored later is not told, and holds up nobody.
  const after = add('d');
  await turn();
  expect([after.done, stream.dropped, log.busy]).toEqual([true, 4, false]);
});
