import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GroupCommit, type GroupCommitOptions } from '../../src/store/group-commit.ts';
import { type StoredPosition, StoreRejected, StoreUnavailable } from '../../src/store/store.ts';
import { row, T0 } from './rows.ts';

/** A store whose every statement ends when and how the test says. */
class FakeStore {
  readonly batches: (readonly StoredPosition[])[] = [];
  readonly held = new Map<string, StoredPosition>();
  #open: { rows: readonly StoredPosition[]; resolve: () => void; reject: (error: Error) => void } | undefined;

  writePositions(rows: readonly StoredPosition[]): Promise<void> {
    expect(this.#open, 'one statement at a time').toBeUndefined();
    expect(new Set(rows.map(keyOf)).size, 'one row a driver').toBe(rows.length);
    this.batches.push(rows);
    return new Promise((resolve, reject) => {
      this.#open = { rows, resolve, reject };
    });
  }

  get busy(): boolean {
    return this.#open !== undefined;
  }

  async end(outcome: 'commit' | 'commit, but lose the answer' | 'reject' | 'fail'): Promise<void> {
    if (this.#open === undefined) throw new Error('no statement is open');
    const { rows, resolve, reject } = this.#open;
    this.#open = undefined;
    if (outcome.startsWith('commit')) {
      for (const it of rows) {
        if ((this.held.get(keyOf(it))?.timestamp ?? -1) < it.timestamp) this.held.set(keyOf(it), it);
      }
    }
    if (outcome === 'commit') resolve();
    else if (outcome === 'reject') reject(new StoreRejected('no'));
    else reject(new StoreUnavailable('away'));
    await turn();
  }
}

/** Timers that go off when the test says. */
class FakeTimers {
  readonly pending = new Map<() => void, number>();
  readonly after = (milliseconds: number, callback: () => void) => {
    this.pending.set(callback, milliseconds);
    return () => void this.pending.delete(callback);
  };
  async fire(): Promise<void> {
    for (const callback of [...this.pending.keys()]) {
      this.pending.delete(callback);
      callback();
    }
    await turn();
  }
}

/** Attributes as large as they may be: 15 kB. */
const LARGE = Object.fromEntries(Array.from({ length: 16 }, (_, i) => [`${i}`.padEnd(64, 'k'), 'x'.repeat(256)]));

const keyOf = (it: StoredPosition) => `${it.fleet}\n${it.driverId}`;
/** Two rounds of the event loop: what was put off to the end of this one has happened. */
const turn = () => new Promise<void>((resolve) => setImmediate(() => setImmediate(resolve)));

function setUp(options: Partial<GroupCommitOptions> = {}) {
  const store = new FakeStore();
  const timers = new FakeTimers();
  const rejected: string[] = [];
  const calls: string[] = [];
  const availability: boolean[] = [];
  const commit = new GroupCommit({
    store,
    onRejected: (it) => rejected.push(it.driverId),
    onAvailability: (error) => availability.push(error === undefined),
    after: timers.after,
    random: () => 0,
    ...options,
  });
  const note = (name: string) => (error?: Error) => void calls.push(error ? `${name}: ${error.name}` : name);
  return { store, timers, rejected, calls, availability, commit, note };
}

const sent = (store: FakeStore) => store.batches.map((batch) => batch.map(({ driverId }) => driverId).join(''));

describe('GroupCommit', () => {
  it('writes what arrives in one turn as one batch, and what arrives meanwhile as the next', async () => {
    const { store, commit, calls, note } = setUp();
    commit.write(row('a'), note('a'));
    commit.write(row('b'), note('b'));
    expect(store.busy).toBe(false);
    await turn();
    commit.write(row('c'), note('c'));
    commit.write(row('d'), note('d'));
    await turn();
    expect(calls).toEqual([]);
    await store.end('commit');
    expect(calls).toEqual(['a', 'b']);
    await store.end('commit');
    expect(sent(store)).toEqual(['ab', 'cd']);
    expect(calls).toEqual(['a', 'b', 'c', 'd']);
    expect(commit.pending).toEqual({ rows: 0, callbacks: 0 });
  });

  it('writes only the newest of a driver, and tells all that waited, in order', async () => {
    const { store, commit, calls, note } = setUp();
    commit.write(row('a', { timestamp: T0 + 1 }), note('a1'));
    commit.write(row('b'), note('b'));
    commit.write(row('a', { timestamp: T0 + 3 }), note('a3'));
    commit.write(row('a', { timestamp: T0 + 2 }), note('a2'));
    await turn();
    await store.end('commit');
    expect(store.batches).toEqual([[row('a', { timestamp: T0 + 3 }), row('b')]]);
    expect(calls).toEqual(['a1', 'b', 'a3', 'a2']);
  });

  it('keeps drivers of the same name in two fleets apart', async () => {
    const { store, commit } = setUp();
    commit.write(row('a', { fleet: 'red' }));
    commit.write(row('a', { fleet: 'blue' }));
    await turn();
    expect(store.batches[0]).toHaveLength(2);
  });

  it('calls a barrier once all that was written before is committed, and not for what came after', async () => {
    const { store, commit, calls, note } = setUp();
    commit.write(row('a'));
    await turn();
    commit.write(row('b'));
    commit.whenStored(note('barrier'));
    commit.write(row('c'), note('c'));
    await store.end('commit');
    expect(calls).toEqual([]);
    await store.end('commit');
    expect(calls).toEqual(['barrier', 'c']);
  });

  it('calls a barrier at the end of the turn when nothing waits, never at once', async () => {
    const { commit, calls, note } = setUp();
    commit.whenStored(note('barrier'));
    expect(calls).toEqual([]);
    await turn();
    expect(calls).toEqual(['barrier']);
  });

  it('puts no more rows into a statement than it may', async () => {
    const { store, commit, calls, note } = setUp({ maxBatch: 2 });
    for (const id of 'abcde') commit.write(row(id), note(id));
    await turn();
    await store.end('commit');
    expect(calls).toEqual(['a', 'b']);
    await store.end('commit');
    await store.end('commit');
    expect(sent(store)).toEqual(['ab', 'cd', 'e']);
  });

  it('bounds a statement by its size too, however large the rows are', async () => {
    const { store, commit } = setUp();
    for (let i = 0; i < 2_000; i++) commit.write(row(`d${i}`, { attributes: LARGE }));
    await turn();
    while (store.busy) await store.end('commit');
    expect(store.held.size).toBe(2_000);
    for (const batch of store.batches) expect(JSON.stringify(batch).length).toBeLessThan(10_000_000);
    expect(store.batches.length).toBeLessThan(20);
  });

  it('tries smaller statements while they fail, and larger ones again once they do not', async () => {
    const { store, timers, commit } = setUp({ maxBatch: 8 });
    for (let i = 0; i < 40; i++) commit.write(row(`d${i}`));
    await turn();
    for (let i = 0; i < 4; i++) {
      await store.end('fail');
      await timers.fire();
    }
    while (store.busy) await store.end('commit');
    expect(store.batches.map((batch) => batch.length)).toEqual([8, 4, 2, 1, 1, 2, 4, 8, 8, 8, 8, 1]);
    expect(store.held.size).toBe(40);
  });

  it('tries again for as long as the store is away, each driver with its newest row', async () => {
    const { store, timers, commit, calls, availability, note } = setUp({ retryDelay: 100, retryDelayMax: 300 });
    commit.write(row('a', { timestamp: T0 + 1 }), note('a1'));
    commit.write(row('b'), note('b'));
    await turn();
    commit.write(row('a', { timestamp: T0 + 2 }), note('a2'));
    commit.write(row('c'), note('c'));
    const delays = [];
    for (let n = 0; n < 4; n++) {
      await store.end('fail');
      delays.push(...timers.pending.values());
      expect(store.busy).toBe(false);
      expect(commit.available).toBe(false);
      expect(commit.pending).toEqual({ rows: 3, callbacks: 4 });
      await timers.fire();
    }
    expect(delays).toEqual([100, 200, 300, 300]);
    await store.end('commit');
    expect(store.batches.at(-1)).toEqual([row('a', { timestamp: T0 + 2 }), row('b'), row('c')]);
    expect(calls).toEqual(['a1', 'b', 'a2', 'c']);
    expect(availability).toEqual([false, true]);
  });

  it('finds the one row that the store will never take, and stores the others', async () => {
    const { store, commit, calls, rejected, note } = setUp();
    for (const id of 'abcdefgh') commit.write(row(id), note(id));
    await turn();
    while (store.busy) await store.end(store.batches.at(-1)?.some((it) => it.driverId === 'f') ? 'reject' : 'commit');
    expect(rejected).toEqual(['f']);
    expect([...store.held.values()].map((it) => it.driverId).join('')).toBe('abcdegh');
    expect(calls).toEqual(['a', 'b', 'c', 'd', 'e', 'f: StoreRejected', 'g', 'h']);
    expect(sent(store)).toEqual(['abcdefgh', 'abcd', 'efgh', 'ef', 'e', 'f', 'gh']);
  });

  it('does not repeat what it stored when the store goes away in the search for the one', async () => {
    const { store, timers, commit, calls, note } = setUp();
    for (const id of 'abcd') commit.write(row(id), note(id));
    await turn();
    await store.end('reject');
    await store.end('commit');
    await store.end('fail');
    expect(calls).toEqual(['a', 'b']);
    await timers.fire();
    await store.end('commit');
    expect(sent(store)).toEqual(['abcd', 'ab', 'cd', 'cd']);
    expect(calls).toEqual(['a', 'b', 'c', 'd']);
  });

  it('tells those whose row gave way to one that was rejected', async () => {
    const { store, timers, commit, calls, note } = setUp();
    commit.write(row('a', { timestamp: T0 + 1 }), note('a1'));
    await turn();
    commit.write(row('a', { timestamp: T0 + 2 }), note('a2'));
    commit.whenStored(note('barrier'));
    await store.end('fail');
    await timers.fire();
    await store.end('reject');
    expect(calls).toEqual(['a1: StoreRejected', 'a2: StoreRejected', 'barrier']);
  });

  it('is full when as many rows or callbacks wait as may', async () => {
    const { store, commit, note } = setUp({ maxPending: 3 });
    commit.write(row('a'));
    await turn();
    commit.write(row('b'));
    expect(commit.full).toBe(false);
    commit.write(row('c'));
    expect(commit.full).toBe(true);
    await store.end('commit');
    await store.end('commit');
    expect(commit.full).toBe(false);
    for (const n of [1, 2, 3]) commit.write(row('d', { timestamp: T0 + n }), note('d'));
    expect(commit.full).toBe(true);
  });

  it('drains, or says in time that it could not', async () => {
    const { store, timers, commit } = setUp();
    commit.write(row('a'));
    const late = commit.drain(50);
    await turn();
    await timers.fire();
    expect(await late).toBe(false);
    const done = commit.drain(50);
    await store.end('commit');
    expect(await done).toBe(true);
    expect(timers.pending.size).toBe(0);
  });

  it('leaves no timer when it is closed, and tells whoever waits', async () => {
    const { store, timers, commit, calls, note } = setUp();
    commit.write(row('a'), note('a'));
    await turn();
    await store.end('fail');
    commit.close();
    expect(calls).toEqual(['a: StoreUnavailable']);
    expect(timers.pending.size).toBe(0);
    commit.write(row('b'), note('b'));
    await turn();
    expect(calls).toEqual(['a: StoreUnavailable', 'b: StoreUnavailable']);
    expect(store.batches).toHaveLength(1);
  });

  it('goes on when a callback writes, closes, or waits again', async () => {
    const { store, commit, calls, note } = setUp();
    commit.write(row('a'), () => {
      commit.write(row('b'), note('b'));
      commit.whenStored(() => commit.close());
    });
    await turn();
    await store.end('commit');
    await store.end('commit');
    expect(calls).toEqual(['b']);
    commit.whenStored(note('late'));
    await turn();
    expect(calls).toEqual(['b', 'late: StoreUnavailable']);
  });

  it('never says stored of what is not, loses nothing, and keeps the order, whatever happens', async () => {
    const driver = fc.constantFrom(...'abcdefgh');
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.record({ do: fc.constant('write' as const), driver, poison: fc.boolean() }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('barrier' as const) }) },
      { weight: 3, arbitrary: fc.record({ do: fc.constant('turn' as const) }) },
      {
        weight: 4,
        arbitrary: fc.record({
          do: fc.constant('end' as const),
          how: fc.constantFrom('commit', 'commit', 'fail', 'commit, but lose the answer'),
        }),
      },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 5 }), async (steps, maxBatch) => {
        const { store, timers, commit, rejected } = setUp({ maxBatch });
        const called: number[] = [];
        const newest = new Map<string, StoredPosition>();
        // Collected, since a throw in a callback would not end the run.
        const problems: string[] = [];
        let waiters = 0;
        let clock = T0;
        const isPoison = (it: StoredPosition) => it.speed === -1;
        const atLeast = (it: StoredPosition) => (store.held.get(keyOf(it))?.timestamp ?? -1) >= it.timestamp;
        const end = (how: 'commit' | 'fail' | 'commit, but lose the answer') =>
          store.end(how.startsWith('commit') && store.batches.at(-1)?.some(isPoison) ? 'reject' : how);

        for (const it of steps) {
          if (it.do === 'write') {
            const written = row(it.driver, { timestamp: ++clock, speed: it.poison && clock % 4 === 0 ? -1 : 1 });
            newest.set(it.driver, written);
            const waiter = waiters++;
            commit.write(written, (error) => {
              called.push(waiter);
              if (error === undefined && !atLeast(written)) problems.push(`said stored: ${it.driver}`);
              if (error !== undefined && !rejected.includes(it.driver)) problems.push(`said rejected: ${it.driver}`);
            });
          } else if (it.do === 'barrier') {
            const waiter = waiters++;
            const before = [...newest.values()];
            commit.whenStored(() => {
              called.push(waiter);
              for (const written of before) {
                if (!atLeast(written) && !rejected.includes(written.driverId)) problems.push(`too soon: ${waiter}`);
              }
            });
          } else if (it.do === 'end' && store.busy) {
            await end(it.how as 'commit');
          } else {
            await timers.fire();
          }
        }
        await turn();
        while (store.busy || timers.pending.size > 0) {
          if (store.busy) await end('commit');
          else await timers.fire();
        }
        expect(problems).toEqual([]);
        expect(called).toEqual(Array.from({ length: waiters }, (_, index) => index));
        for (const [id, written] of newest) {
          if (!isPoison(written)) expect(store.held.get(keyOf(row(id)))).toEqual(written);
        }
        expect(commit.pending).toEqual({ rows: 0, callbacks: 0 });
      }),
      { numRuns: 500 },
    );
  });
});
