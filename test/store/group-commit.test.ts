import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GroupCommit, type GroupCommitOptions } from '../../src/store/group-commit.ts';
import { type DriverKey, type StoredPosition, StoreRejected, StoreUnavailable } from '../../src/store/store.ts';
import { row, T0 } from './rows.ts';

/** A store whose every statement ends when and how the test says. */
class FakeStore {
  readonly batches: (readonly StoredPosition[])[] = [];
  /** The drivers of every statement, removals with a minus. */
  readonly statements: string[] = [];
  readonly held = new Map<string, StoredPosition>();
  #open: { apply: () => void; resolve: () => void; reject: (error: Error) => void } | undefined;

  writePositions(rows: readonly StoredPosition[]): Promise<void> {
    this.batches.push(rows);
    return this.#begin('', rows, () => {
      for (const it of rows) {
        if ((this.held.get(keyOf(it))?.timestamp ?? -1) < it.timestamp) this.held.set(keyOf(it), it);
      }
    });
  }

  removePositions(drivers: readonly DriverKey[]): Promise<void> {
    const keys = drivers.map(keyOf);
    return this.#begin('-', drivers, () => {
      for (const key of keys) this.held.delete(key);
    });
  }

  get busy(): boolean {
    return this.#open !== undefined;
  }

  async end(outcome: 'commit' | 'commit, but lose the answer' | 'reject' | 'fail'): Promise<void> {
    if (this.#open === undefined) throw new Error('no statement is open');
    const { apply, resolve, reject } = this.#open;
    this.#open = undefined;
    if (outcome.startsWith('commit')) apply();
    if (outcome === 'commit') resolve();
    else if (outcome === 'reject') reject(new StoreRejected('no'));
    else reject(new StoreUnavailable('away'));
    await turn();
  }

  #begin(sign: string, drivers: readonly DriverKey[], apply: () => void): Promise<void> {
    expect(this.#open, 'one statement at a time').toBeUndefined();
    expect(drivers.length, 'no empty statement').toBeGreaterThan(0);
    expect(new Set(drivers.map(keyOf)).size, 'each driver once').toBe(drivers.length);
    this.statements.push(sign + drivers.map(({ driverId }) => driverId).join(''));
    return new Promise((resolve, reject) => {
      this.#open = { apply, resolve, reject };
    });
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

const keyOf = (it: DriverKey) => `${it.fleet}\n${it.driverId}`;
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

const sent = (store: FakeStore) => store.statements;

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

  describe('removing', () => {
    it('leaves nothing of what was written before, even in one batch', async () => {
      const { store, commit, calls, note } = setUp();
      store.held.set(keyOf(row('a')), row('a', { timestamp: T0 - 1 }));
      commit.write(row('a'), note('write'));
      commit.remove(row('a'), note('remove'));
      commit.whenStored(note('barrier'));
      await turn();
      expect(calls).toEqual([]);
      await store.end('commit');
      expect(sent(store)).toEqual(['-a']);
      expect(store.held.size).toBe(0);
      expect(calls).toEqual(['write', 'remove', 'barrier']);
      expect(commit.pending).toEqual({ rows: 0, callbacks: 0 });
    });

    it('comes before what is written after it, which may be older, even in one batch', async () => {
      const { store, commit, calls, note } = setUp();
      store.held.set(keyOf(row('a')), row('a', { timestamp: T0 + 1 }));
      commit.write(row('a', { timestamp: T0 + 2 }), note('a+2'));
      commit.write(row('b'), note('b'));
      commit.remove(row('a'), note('remove'));
      commit.write(row('a', { timestamp: T0 - 1 }), note('a-1'));
      commit.write(row('a', { timestamp: T0 - 2 }), note('a-2'));
      await turn();
      await store.end('commit');
      expect(calls).toEqual([]);
      await store.end('commit');
      expect(sent(store)).toEqual(['-a', 'ab']);
      expect(store.held.get(keyOf(row('a')))).toEqual(row('a', { timestamp: T0 - 1 }));
      expect(calls).toEqual(['a+2', 'b', 'remove', 'a-1', 'a-2']);
    });

    it('waits for the row that is being written', async () => {
      const { store, commit, calls, note } = setUp();
      commit.write(row('a'), note('write'));
      await turn();
      commit.remove(row('a'), note('remove'));
      await store.end('commit');
      expect(calls).toEqual(['write']);
      await store.end('commit');
      expect(sent(store)).toEqual(['a', '-a']);
      expect(calls).toEqual(['write', 'remove']);
    });

    it('keeps to the fleet of the driver', async () => {
      const { store, commit } = setUp();
      commit.write(row('a', { fleet: 'red' }));
      commit.write(row('a', { fleet: 'blue' }));
      commit.remove({ fleet: 'red', driverId: 'a' });
      await turn();
      while (store.busy) await store.end('commit');
      expect([...store.held.values()].map(({ fleet }) => fleet)).toEqual(['blue']);
    });

    it('is tried again after a row that may have been stored, and takes the row’s place', async () => {
      const { store, timers, commit, calls, note } = setUp();
      commit.write(row('a', { timestamp: T0 + 5 }), note('write'));
      commit.write(row('b'), note('b'));
      await turn();
      commit.remove(row('a'), note('remove'));
      commit.write(row('a', { timestamp: T0 }), note('back'));
      await store.end('commit, but lose the answer');
      await timers.fire();
      await store.end('commit');
      await store.end('commit');
      expect(sent(store)).toEqual(['ab', '-a', 'ab']);
      expect(store.held.get(keyOf(row('a')))).toEqual(row('a', { timestamp: T0 }));
      expect(calls).toEqual(['write', 'b', 'remove', 'back']);
    });

    it('is not repeated when the store goes away between it and the row that follows', async () => {
      const { store, timers, commit, calls, note } = setUp();
      commit.remove(row('a'), note('remove'));
      commit.remove(row('b'), note('b'));
      commit.write(row('a'), note('back'));
      await turn();
      await store.end('commit');
      await store.end('fail');
      expect(calls).toEqual([]);
      await timers.fire();
      await store.end('commit');
      expect(sent(store)).toEqual(['-ab', 'a', 'a']);
      expect(calls).toEqual(['remove', 'b', 'back']);
    });

    it('stands, and is told to stand, when the row that follows is rejected', async () => {
      const { store, commit, calls, rejected, note } = setUp();
      commit.remove(row('a'), note('remove'));
      commit.write(row('a'), note('back'));
      await turn();
      await store.end('commit');
      await store.end('reject');
      expect(rejected).toEqual(['a']);
      expect(calls).toEqual(['remove', 'back: StoreRejected']);
    });

    it('that is rejected is told to whom it concerns, and holds up nobody', async () => {
      const { store, commit, calls, rejected, note } = setUp();
      commit.remove(row('a'), note('a'));
      commit.remove(row('b'), note('b'));
      commit.write(row('a'), note('back'));
      await turn();
      while (store.busy) await store.end(store.statements.at(-1)?.startsWith('-a') ? 'reject' : 'commit');
      expect(sent(store)).toEqual(['-ab', '-a', '-b', 'a']);
      expect(rejected).toEqual(['a']);
      expect(calls).toEqual(['a: StoreRejected', 'b', 'back']);
    });

    it('counts towards what may wait, a driver once', async () => {
      const { commit, note } = setUp({ maxPending: 2 });
      commit.write(row('a'));
      commit.remove(row('a'));
      commit.write(row('a'));
      expect(commit.pending.rows).toBe(1);
      commit.remove(row('b'));
      expect(commit.full).toBe(true);
      commit.close();
      expect(commit.full).toBe(false);
      for (let n = 0; n < 2; n++) commit.remove(row('c'), note('c'));
      expect(commit.full).toBe(true);
    });

    it('tells whoever waits when it is closed', async () => {
      const { store, timers, commit, calls, note } = setUp();
      commit.remove(row('a'), note('a'));
      await turn();
      await store.end('fail');
      commit.close();
      commit.remove(row('b'), note('b'));
      await turn();
      expect(calls).toEqual(['a: StoreUnavailable', 'b: StoreUnavailable']);
      expect(timers.pending.size).toBe(0);
      expect(sent(store)).toEqual(['-a']);
    });
  });

  it('never says stored of what is not, loses nothing, and keeps the order, whatever happens', async () => {
    const driver = fc.constantFrom(...'abcdefgh');
    const step = fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({
          do: fc.constant('write' as const),
          driver,
          age: fc.integer({ min: -3, max: 3 }),
          // Of these drivers alone, as of one that had a poison it is open what becomes of its next rows.
          poison: fc.constantFrom('', '', '', 'g', 'h'),
        }),
      },
      { weight: 3, arbitrary: fc.record({ do: fc.constant('remove' as const), driver }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('barrier' as const) }) },
      { weight: 3, arbitrary: fc.record({ do: fc.constant('turn' as const) }) },
      {
        weight: 5,
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
        // What a store that does everything at once would hold of each driver, after each thing done to it.
        const states = new Map([...'abcdefgh'].map((id) => [id, [undefined as StoredPosition | undefined]]));
        const poisoned = new Set<string>();
        // Of each driver, the rows that a removal came after.
        const forgotten = new Map<string, Set<StoredPosition>>();
        const written = new Map<string, StoredPosition[]>();
        // Collected, since a throw in a callback would not end the run.
        const problems: string[] = [];
        let waiters = 0;
        let clock = T0;
        const isPoison = (it: StoredPosition) => it.speed === -1;
        const held = (id: string) => store.held.get(keyOf(row(id)));
        /** Whether the store holds what it did after the last thing done to the driver until now, or one done since. */
        const expectation = (id: string) => {
          const from = (states.get(id)?.length ?? 0) - 1;
          const gone = new Set(forgotten.get(id));
          return () => {
            const is = held(id);
            if (is !== undefined && gone.has(is)) return false;
            return poisoned.has(id) || states.get(id)?.slice(from).includes(is);
          };
        };
        const end = (how: 'commit' | 'fail' | 'commit, but lose the answer') => {
          const writes = !store.statements.at(-1)?.startsWith('-');
          return store.end(writes && how.startsWith('commit') && store.batches.at(-1)?.some(isPoison) ? 'reject' : how);
        };

        for (const it of steps) {
          const waiter = waiters;
          if (it.do === 'write' || it.do === 'remove') {
            const past = states.get(it.driver) as (StoredPosition | undefined)[];
            const last = past.at(-1);
            waiters++;
            if (it.do === 'write') {
              const bad = it.poison === it.driver;
              if (bad) poisoned.add(it.driver);
              const next = row(it.driver, { timestamp: T0 + it.age, receivedAt: ++clock, speed: bad ? -1 : 1 });
              written.set(it.driver, [...(written.get(it.driver) ?? []), next]);
              past.push(last === undefined || last.timestamp < next.timestamp ? next : last);
              const fulfilled = expectation(it.driver);
              commit.write(next, (error) => {
                called.push(waiter);
                if (error === undefined && !fulfilled()) problems.push(`said stored: ${it.driver}`);
                if (error !== undefined && !rejected.includes(it.driver)) problems.push(`said rejected: ${it.driver}`);
              });
            } else {
              past.push(undefined);
              forgotten.set(it.driver, new Set(written.get(it.driver)));
              const fulfilled = expectation(it.driver);
              commit.remove(row(it.driver), (error) => {
                called.push(waiter);
                if (error !== undefined || !fulfilled()) problems.push(`said removed: ${it.driver}`);
              });
            }
          } else if (it.do === 'barrier') {
            waiters++;
            const all = [...states.keys()].map(expectation);
            commit.whenStored(() => {
              called.push(waiter);
              if (!all.every((fulfilled) => fulfilled())) problems.push(`too soon: ${waiter}`);
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
        for (const [id, past] of states) {
          if (poisoned.has(id)) expect(forgotten.get(id)?.has(held(id) as StoredPosition) ?? false).toBe(false);
          else expect(held(id)).toBe(past.at(-1));
        }
        expect(commit.pending).toEqual({ rows: 0, callbacks: 0 });
      }),
      { numRuns: 500 },
    );
  });
});
