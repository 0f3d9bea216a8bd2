import { expect, test } from 'vitest';
import { Belief } from '../../src/client/belief.ts';
import { type Changes, Feed } from '../../src/client/feed.ts';
import type { ChangesMessage, Position, SnapshotMessage } from '../../src/client/wire.ts';
import { type Random, seeded } from '../support/random.ts';
import { at } from './support.ts';

/** A belief with a feed of it, as in a watch. */
function setUp() {
  const belief = new Belief();
  const source = { drivers: belief.drivers, serverTime: 1, followed: undefined };
  const feed = new Feed(source, true, () => {});
  const hear = (changes: Partial<ChangesMessage>) => {
    const message = { type: 'changes', subscription: 's', cursor: 'c', serverTime: 1, ...changes } as ChangesMessage;
    feed.note(belief.changes(message), false);
  };
  return { belief, feed, hear };
}

const taken = async (feed: Feed) => {
  const { value } = await feed.next();
  const { enter, move, exit } = value as Changes;
  return { enter: enter.map(({ timestamp }) => timestamp), move: move.map(({ timestamp }) => timestamp), exit };
};
const exits = (reason: string) => [{ driverId: 'a', reason }] as ChangesMessage['exit'];

test('what waits for a slow consumer is merged per driver', async () => {
  const { feed, hear } = setUp();
  expect(await taken(feed)).toEqual({ enter: [], move: [], exit: [] });
  // enter then move is an enter
  hear({ enter: [at('a', 1)] });
  hear({ move: [at('a', 2)] });
  expect(await taken(feed)).toEqual({ enter: [2], move: [], exit: [] });
  // move then move is one move
  hear({ move: [at('a', 3)] });
  hear({ move: [at('a', 4)] });
  expect(await taken(feed)).toEqual({ enter: [], move: [4], exit: [] });
  // exit then enter is a move
  hear({ exit: exits('left') });
  hear({ enter: [at('a', 5)] });
  expect(await taken(feed)).toEqual({ enter: [], move: [5], exit: [] });
  // move then exit is an exit, and an exit is never swallowed
  hear({ move: [at('a', 6)] });
  hear({ exit: exits('left') });
  hear({ enter: [at('a', 7)] });
  hear({ exit: exits('stale') });
  expect(await taken(feed)).toEqual({ enter: [], move: [], exit: exits('stale') });
  // enter then exit is nothing
  hear({ enter: [at('a', 8)] });
  hear({ exit: exits('left') });
  const waiting = feed.next();
  hear({ enter: [at('b', 9)] });
  expect((await waiting).value).toMatchObject({ enter: [at('b', 9)], move: [], exit: [] });
});

test('a consumer that waits is told at once, and several that wait one after another', async () => {
  const { feed, hear } = setUp();
  await feed.next();
  const first = feed.next();
  const second = feed.next();
  hear({ enter: [at('a', 1)] });
  hear({ enter: [at('b', 1)] });
  expect((await first).value?.enter).toEqual([at('a', 1)]);
  expect((await second).value?.enter).toEqual([at('b', 1)]);
});

test('at its end what waits is still told, then the error is thrown once; whoever leaves hears nothing more', async () => {
  const { feed, hear } = setUp();
  hear({ enter: [at('a', 1)] });
  feed.end(new Error('over'));
  expect((await feed.next()).value?.enter).toEqual([at('a', 1)]);
  await expect(feed.next()).rejects.toThrow('over');
  expect(await feed.next()).toEqual({ done: true, value: undefined });
  const left = setUp();
  left.hear({ enter: [at('a', 1)] });
  const waits = left.feed.next();
  await waits;
  const waiting = left.feed.next();
  expect(await left.feed.return()).toEqual({ done: true, value: undefined });
  expect(await waiting).toEqual({ done: true, value: undefined });
  expect(await left.feed.next()).toEqual({ done: true, value: undefined });
});

/** The truth: who is inside an area, and when each last changed. */
class World {
  readonly inside = new Map<string, Position>();
  readonly #changedAt = new Map<string, number>();
  readonly #random: Random;
  #time = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  get now(): number {
    return this.#time;
  }

  /** Lets a few things happen; what came of them is one message. */
  step(): Pick<ChangesMessage, 'enter' | 'move' | 'exit'> {
    const before = new Set(this.inside.keys());
    const touched = new Set<string>();
    for (let i = this.#random.below(6); i > 0; i--) {
      const driverId = `d${this.#random.below(25)}`;
      touched.add(driverId);
      this.#changedAt.set(driverId, ++this.#time);
      if (this.inside.has(driverId) && this.#random.next() < 0.4) this.inside.delete(driverId);
      else this.inside.set(driverId, at(driverId, this.#time));
    }
    const now = [...touched].map((driverId) => this.inside.get(driverId));
    const there = now.filter((position) => position !== undefined);
    return {
      enter: there.filter(({ driverId }) => !before.has(driverId)),
      move: there.filter(({ driverId }) => before.has(driverId)),
      exit: [...touched]
        .filter((driverId) => before.has(driverId) && !this.inside.has(driverId))
        .map((driverId) => ({ driverId, reason: 'left' })),
    };
  }

  /** A snapshot, resumed from a time or whole. */
  snapshot(since: number | undefined): SnapshotMessage {
    const all = [...this.inside.values()];
    const changed = ({ driverId }: Position) => (this.#changedAt.get(driverId) as number) > (since ?? -1);
    return {
      type: 'snapshot',
      subscription: 's',
      cursor: 'c',
      serverTime: 1,
      resumed: since !== undefined,
      drivers: all.filter(changed),
      ...(since === undefined ? {} : { unchanged: all.filter((one) => !changed(one)).map(({ driverId }) => driverId) }),
    };
  }
}

test('a belief, and those who follow its feed at any pace, have the truth through interruptions', async () => {
  const random = seeded('beliefs and feeds');
  for (let run = 0; run < 60; run++) {
    const world = new World(random);
    const belief = new Belief();
    const source = { drivers: belief.drivers, serverTime: 1, followed: undefined };
    const feed = new Feed(source, false, () => {});
    const believed = new Map<string, Position>();
    let heardAt: number | undefined;
    let connected = false;
    for (let step = 0; step < 200; step++) {
      const changes = world.step();
      if (random.next() < 0.1) connected = false;
      else if (connected) {
        feed.note(
          belief.changes({ type: 'changes', subscription: 's', cursor: 'c', serverTime: 1, ...changes }),
          false,
        );
        heardAt = world.now;
      } else if (random.next() < 0.5) {
        const difference = belief.snapshot(world.snapshot(random.next() < 0.7 ? heardAt : undefined));
        expect(difference).toBeDefined();
        feed.note(difference as NonNullable<typeof difference>, true);
        connected = true;
        heardAt = world.now;
      }
      if (connected) expect(sorted(belief.drivers)).toEqual(sorted(world.inside));
      // Bounded by who is in view now, or was when the consumer was last told.
      expect(feed.pending).toBeLessThanOrEqual(25);
      if (heardAt === undefined || random.next() > 0.2 || feed.pending === 0) continue;
      follow(believed, (await feed.next()).value as Changes);
      expect(sorted(believed)).toEqual(sorted(belief.drivers));
    }
  }
});

/** Does as a change says, and takes nothing that contradicts what is believed. */
function follow(believed: Map<string, Position>, { enter, move, exit }: Changes): void {
  for (const { driverId } of exit) expect(believed.delete(driverId)).toBe(true);
  for (const { driverId } of enter) expect(believed.has(driverId)).toBe(false);
  for (const { driverId } of move) expect(believed.has(driverId)).toBe(true);
  for (const position of [...enter, ...move]) believed.set(position.driverId, position);
}

function sorted(drivers: ReadonlyMap<string, Position>): Position[] {
  return [...drivers.values()].sort((a, b) => (a.driverId < b.driverId ? -1 : 1));
}
