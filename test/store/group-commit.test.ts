import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import type { Attributes } from '../../src/fix.ts';
import { GroupCommit, type GroupCommitOptions } from '../../src/store/group-commit.ts';
import { type DriverKey, type Entry, type StoredFix, StoreRejected, StoreUnavailable } from '../../src/store/store.ts';
import { row, T0 } from './rows.ts';

/** What no store may be asked, collected: thrown at the writer, it would count as a failure of the store. */
const faults: string[] = [];
afterEach(() => expect(faults.splice(0)).toEqual([]));

/** A store whose every transaction ends when and how the test says. It does one thing after the other, as they are told. */
class FakeStore {
  readonly batches: (readonly Entry[])[] = [];
  readonly held = new Map<string, StoredFix>();
  readonly history = new Set<StoredFix>();
  #open: { resolve: () => void; reject: (error: Error) => void } | undefined;

  write(entries: readonly Entry[]): Promise<void> {
    if (this.#open !== undefined) faults.push('two transactions at a time');
    if (entries.length === 0) faults.push('an empty transaction');
    // What is in the database's hands does not change under them.
    this.batches.push([...entries]);
    return new Promise((resolve, reject) => {
      this.#open = { resolve, reject };
    });
  }

  get busy(): boolean {
    return this.#open !== undefined;
  }

  /** The drivers of every transaction: late ones in brackets, removals with a minus. */
  get transactions(): string[] {
    return this.batches.map((batch) => batch.map(nameOf).join(''));
  }

  /** Those of the last one. */
  get last(): readonly Entry[] {
    return this.batches.at(-1) ?? [];
  }

  async end(outcome: 'commit' | 'commit, but lose the answer' | 'reject' | 'fail'): Promise<void> {
    if (this.#open === undefined) throw new Error('no transaction is open');
    const { resolve, reject } = this.#open;
    this.#open = undefined;
    if (outcome.startsWith('commit')) for (const entry of this.last) this.#apply(entry);
    if (outcome === 'commit') resolve();
    else if (outcome === 'reject') reject(new StoreRejected('no'));
    else reject(new StoreUnavailable('away'));
    await turn();
  }

  #apply(entry: Entry): void {
    if (entry.kind === 'removal') {
      this.held.delete(keyOf(entry.driver));
      return;
    }
    this.history.add(entry.fix);
    if (entry.kind === 'position') this.held.set(keyOf(entry.fix), entry.fix);
  }
}

const nameOf = (entry: Entry) =>
  entry.kind === 'removal'
    ? `-${entry.driver.driverId}`
    : entry.kind === 'late'
      ? `(${entry.fix.driverId})`
      : entry.fix.driverId;

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
    onRejected: (entry) => rejected.push(nameOf(entry)),
    onAvailability: (error) => availability.push(error === undefined),
    after: timers.after,
    random: () => 0,
    ...options,
  });
  const note = (name: string) => (error?: Error) => void calls.push(error ? `${name}: ${error.name}` : name);
  return { store, timers, rejected, calls, availability, commit, note };
}

const sent = (store: FakeStore) => store.transactions;

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
    expect(commit.pending).toBe(0);
  });

  it('writes all that came of a driver, in order, and tells all that waited', async () => {
    const { store, commit, calls, note } = setUp();
    commit.write(row('a', { timestamp: T0 + 1 }), note('a1'));
    commit.write(row('b'), note('b'));
    commit.write(row('a', { timestamp: T0 + 3 }), note('a3'));
    commit.writeLate(row('a', { timestamp: T0 + 2 }), note('a2'));
    await turn();
    await store.end('commit');
    expect(sent(store)).toEqual(['aba(a)']);
    expect(store.held.get(keyOf(row('a')))).toEqual(row('a', { timestamp: T0 + 3 }));
    expect(store.history.size).toBe(4);
    expect(calls).toEqual(['a1', 'b', 'a3', 'a2']);
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

  it('puts no more into a transaction than it may', async () => {
    const { store, commit, calls, note } = setUp({ maxBatch: 2 });
    for (const id of 'abcde') commit.write(row(id), note(id));
    await turn();
    await store.end('commit');
    expect(calls).toEqual(['a', 'b']);
    await store.end('commit');
    await store.end('commit');
    expect(sent(store)).toEqual(['ab', 'cd', 'e']);
  });

  it('bounds a transaction by its size too, however large the fixes are', async () => {
    const { store, commit } = setUp();
    for (let i = 0; i < 2_000; i++) commit.write(row(`d${i}`, { attributes: LARGE }));
    await turn();
    while (store.busy) await store.end('commit');
    expect(store.held.size).toBe(2_000);
    for (const batch of store.batches) expect(JSON.stringify(batch).length).toBeLessThan(10_000_000);
    expect(store.batches.length).toBeLessThan(20);
  });

  it('tries smaller transactions while they fail, and larger ones again once they do not', async () => {
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

  it('tries again for as long as the store is away, and forgets nothing', async () => {
    const { store, timers, commit, calls, availability, note } = setUp({ retryDelay: 100, retryDelayMax: 300 });
    commit.write(row('a', { timestamp: T0 + 1 }), note('a1'));
    commit.write(row('b'), note('b'));
    await turn();
    commit.write(row('a', { timestamp: T0 + 2 }), note('a2'));
    commit.writeLate(row('c'), note('c'));
    const delays = [];
    for (let n = 0; n < 4; n++) {
      await store.end('fail');
      delays.push(...timers.pending.values());
      expect(store.busy).toBe(false);
      expect(commit.available).toBe(false);
      expect(commit.pending).toBe(4);
      await timers.fire();
    }
    expect(delays).toEqual([100, 200, 300, 300]);
    await store.end('commit');
    expect(sent(store).at(-1)).toBe('aba(c)');
    expect(calls).toEqual(['a1', 'b', 'a2', 'c']);
    expect(availability).toEqual([false, true]);
  });

  it('is not back as long as it takes a little between two failures', async () => {
    const { store, timers, commit, availability } = setUp({ maxBatch: 8 });
    for (let i = 0; i < 30; i++) commit.write(row(`d${i}`));
    await turn();
    for (let i = 0; i < 6; i++) {
      await store.end('fail');
      await timers.fire();
      // Smaller and smaller ones are tried, of which one is taken now and then.
      if (store.last.length === 1) await store.end('commit');
    }
    expect(store.held.size).toBeGreaterThan(1);
    expect(commit.available).toBe(false);
    expect(availability).toEqual([false]);
    while (store.busy) await store.end('commit');
    expect(commit.available).toBe(true);
    expect(availability).toEqual([false, true]);
  });

  it('finds the one fix that the store will never take, and stores the others', async () => {
    const { store, commit, calls, rejected, note } = setUp();
    for (const id of 'abcdefgh') commit.write(row(id), note(id));
    await turn();
    while (store.busy) await store.end(sent(store).at(-1)?.includes('f') ? 'reject' : 'commit');
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

  it('tells whoever waits behind the one only of the others, also of the same driver', async () => {
    const { store, commit, calls, note } = setUp();
    commit.write(row('a', { timestamp: T0 + 1 }), note('a1'));
    commit.write(row('a', { timestamp: T0 + 2, speed: -1 }), note('a2'));
    commit.whenStored(note('barrier'));
    commit.write(row('a', { timestamp: T0 + 3 }), note('a3'));
    await turn();
    const isPoison = (entry: Entry) => entry.kind !== 'removal' && entry.fix.speed === -1;
    while (store.busy) await store.end(store.last.some(isPoison) ? 'reject' : 'commit');
    expect(calls).toEqual(['a1', 'a2: StoreRejected', 'barrier', 'a3']);
    expect([...store.history].map(({ timestamp }) => timestamp)).toEqual([T0 + 1, T0 + 3]);
  });

  it('is full when as many entries and callbacks wait as may', async () => {
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
    commit.write(row('d'));
    commit.remove(row('d'), T0);
    expect(commit.full).toBe(false);
    commit.whenStored(note('barrier'));
    expect(commit.full).toBe(true);
  });

  it('is full earlier when what waits is large: memory is what it is to bound', async () => {
    const { store, commit } = setUp({ maxPending: 10_000 });
    const most = (attributes?: Attributes) => {
      for (let i = 0; i < 10_000 && !commit.full; i++) commit.write(row(`d${i}`, { attributes }));
      return commit.pending;
    };
    const large = most(LARGE);
    expect(large).toBeLessThan(5_000);
    expect(large).toBeGreaterThan(1_000);
    await turn();
    while (store.busy) await store.end('commit');
    expect(commit.full).toBe(false);
    expect(most({ status: 'available', seats: 4 })).toBe(10_000);
    commit.close();
    expect(commit.full).toBe(false);
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

  it('knows what is not stored, and that closing is no draining', async () => {
    const { store, commit, note } = setUp();
    commit.write(row('a'));
    commit.whenStored(note('barrier'));
    commit.write(row('b'));
    const drained = commit.drain(50);
    expect(commit.unstored).toBe(2);
    await turn();
    commit.write(row('c'));
    await store.end('commit');
    expect(commit.unstored).toBe(1);
    commit.close();
    expect(await drained).toBe(true);
    const never = commit.drain(50);
    expect(await never).toBe(false);
  });

  it('does not try again what fails after it was closed', async () => {
    const { store, timers, commit } = setUp();
    commit.write(row('a'));
    await turn();
    commit.close();
    await store.end('fail');
    expect(timers.pending.size).toBe(0);
  });

  it('waits for a time of its own, so that many instances do not come back at once', async () => {
    const { store, timers, commit } = setUp({ retryDelay: 100, random: () => 0.5 });
    commit.write(row('a'));
    await turn();
    await store.end('fail');
    expect([...timers.pending.values()]).toEqual([75]);
    commit.close();
  });

  it('leaves what a callback waits for to the next turn, so that no chain of them holds up the others', async () => {
    const { store, commit, calls, note } = setUp();
    commit.write(row('a'), () => commit.whenStored(note('again')));
    await turn();
    const ended = store.end('commit');
    await Promise.resolve();
    setImmediate(() => calls.push('turn'));
    await ended;
    await turn();
    expect(calls).toEqual(['turn', 'again']);
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

  it('keeps a removal in its place', async () => {
    const { store, timers, commit, calls, note } = setUp();
    commit.write(row('a', { timestamp: T0 + 5 }), note('write'));
    commit.write(row('b'), note('b'));
    await turn();
    commit.remove(row('a'), T0 + 7, note('remove'));
    commit.write(row('a'), note('back'));
    commit.remove(row('b'), T0 + 8, note('gone'));
    await store.end('commit, but lose the answer');
    await timers.fire();
    expect(calls).toEqual([]);
    await store.end('commit');
    expect(sent(store)).toEqual(['ab', 'ab-aa-b']);
    expect(store.last.flatMap((entry) => (entry.kind === 'removal' ? entry.at - T0 : []))).toEqual([7, 8]);
    expect([...store.held.values()]).toEqual([row('a')]);
    expect(calls).toEqual(['write', 'b', 'remove', 'back', 'gone']);
  });

  it('tells of a removal that is rejected, which holds up nobody', async () => {
    const { store, commit, calls, rejected, note } = setUp();
    commit.remove(row('a'), T0, note('a'));
    commit.remove(row('b'), T0, note('b'));
    commit.write(row('a'), note('back'));
    await turn();
    while (store.busy) await store.end(sent(store).at(-1)?.includes('-a') ? 'reject' : 'commit');
    expect(sent(store)).toEqual(['-a-ba', '-a', '-ba']);
    expect(rejected).toEqual(['-a']);
    expect(calls).toEqual(['a: StoreRejected', 'b', 'back']);
  });

  it('never says stored of what is not, loses nothing, and keeps the order, whatever happens', async () => {
    const driver = fc.constantFrom(...'abcd');
    const step = fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({
          do: fc.constantFrom('write' as const, 'write' as const, 'late' as const),
          driver,
          poison: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
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
    const seen = { stored: 0, rejected: 0 };
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 5 }), async (steps, maxBatch) => {
        const { store, timers, commit } = setUp({ maxBatch });
        const called: number[] = [];
        // What a store that does everything at once would hold of each driver, after each thing done to it.
        const states = new Map([...'abcd'].map((id) => [id, [undefined as StoredFix | undefined]]));
        const good = new Set<StoredFix>();
        // Collected, since a throw in a callback would not end the run.
        const problems: string[] = [];
        let waiters = 0;
        let clock = T0;
        const isPoison = (entry: Entry) => entry.kind !== 'removal' && entry.fix.speed === -1;
        const held = (id: string) => store.held.get(keyOf(row(id)));
        /** Whether the store holds what it should after the last thing done to the driver until now, or after a later one. */
        const expectation = (id: string) => {
          const from = (states.get(id)?.length ?? 0) - 1;
          const fixes = [...good];
          return () =>
            states.get(id)?.slice(from).includes(held(id)) === true && fixes.every((fix) => store.history.has(fix));
        };
        const end = (how: 'commit' | 'fail' | 'commit, but lose the answer') =>
          store.end(how.startsWith('commit') && store.last.some(isPoison) ? 'reject' : how);

        for (const it of steps) {
          const waiter = waiters;
          if (it.do === 'write' || it.do === 'late') {
            waiters++;
            const past = states.get(it.driver) as (StoredFix | undefined)[];
            const fix = row(it.driver, { receivedAt: ++clock, speed: it.poison ? -1 : 1 });
            past.push(it.do === 'write' && !it.poison ? fix : past.at(-1));
            if (!it.poison) good.add(fix);
            const fulfilled = expectation(it.driver);
            const onStored = (error?: Error) => {
              called.push(waiter);
              seen[error === undefined ? 'stored' : 'rejected']++;
              if (it.poison !== error instanceof StoreRejected) problems.push(`${it.poison} and ${error}`);
              if (!fulfilled()) problems.push(`said stored: ${it.driver}`);
            };
            if (it.do === 'write') commit.write(fix, onStored);
            else commit.writeLate(fix, onStored);
          } else if (it.do === 'remove') {
            waiters++;
            states.get(it.driver)?.push(undefined);
            const fulfilled = expectation(it.driver);
            commit.remove(row(it.driver), T0, (error) => {
              called.push(waiter);
              if (error !== undefined || !fulfilled()) problems.push(`said removed: ${it.driver}`);
            });
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
        for (const [id, past] of states) expect(held(id)).toBe(past.at(-1));
        expect(store.history).toEqual(good);
        expect(commit.pending).toBe(0);
      }),
      { numRuns: 500 },
    );
    expect(Math.min(seen.stored, seen.rejected)).toBeGreaterThan(20);
  });
});
