import { describe, expect, test } from 'vitest';
import { DomainError } from '../../src/errors.ts';
import { Circle } from '../../src/geo/circle.ts';
import { EVERYWHERE } from '../../src/geo/everywhere.ts';
import { PAGE } from '../../src/history/past-reader.ts';
import type { ReplaySource } from '../../src/history/replay-source.ts';
import { messageEncoder } from '../../src/protocol/encode.ts';
import { encodePosition } from '../../src/protocol/position.ts';
import { Around } from '../../src/subscriptions/area.ts';
import { Outbox } from '../../src/subscriptions/outbox.ts';
import { Tracker } from '../../src/tracker.ts';
import { Belief } from '../support/belief.ts';
import { destination, type Place, trueDistance } from '../support/geodesic.ts';
import { seeded } from '../support/random.ts';
import { DAWN, kept, madeUpDay, sourceOf, Truth, TTL } from './past.ts';
import { Stage } from './stage.ts';

const HERE: Place = [30, -97];
const view = { area: new Circle(...HERE, 1_000) };
const ids = (list: { driverId: string }[] | undefined) => list?.map(({ driverId }) => driverId);

/** Counts what is asked of a source. */
function counted(source: ReplaySource) {
  const asked = { calls: 0, fixes: 0, drivers: new Set<string>(), waiting: 0 };
  const counting: ReplaySource = {
    latest: (...question) => source.latest(...question),
    fixes: async (...question) => {
      asked.calls++;
      const fixes = await source.fixes(...question);
      asked.fixes += fixes.length;
      for (const { driverId } of fixes) asked.drivers.add(driverId);
      return fixes;
    },
  };
  return { asked, source: counting };
}

describe('[17.2] at any time a driver is where its newest fix until then says', () => {
  test('one that leaves is seen to leave, however far it is then', async () => {
    const from = DAWN;
    const fixes = [
      kept('far', HERE, from - 10_000),
      kept('far', [-30, 80], from + 120_000),
      kept('far', HERE, from + 240_000),
      kept('other', [-30, 80], from + 120_000),
    ];
    const { asked, source } = counted(sourceOf(fixes));
    const stage = new Stage({ source, view, from, to: from + 600_000, speed: 100 });
    await stage.begin();
    await stage.playOut();
    const [snapshot, left, back, stale, end] = stage.messages;
    expect(stage.messages.length).toBe(5);
    expect([snapshot.serverTime, ids(snapshot.drivers)]).toEqual([from, ['far']]);
    expect([left.serverTime, left.exit]).toEqual([from + 120_000, [{ driverId: 'far', reason: 'left' }]]);
    expect([back.serverTime, ids(back.enter)]).toEqual([from + 240_000, ['far']]);
    // It is there for the TTL, not a moment less.
    expect([stale.serverTime, stale.exit]).toEqual([from + 545_000, [{ driverId: 'far', reason: 'stale' }]]);
    expect(end).toMatchObject({ type: 'changes', serverTime: from + 600_000 });
    // Who never was about the area is not read.
    expect([...asked.drivers]).toEqual(['far']);
  });

  test('one is there at the beginning that was heard of just so long before, with its true receivedAt', async () => {
    const fixes = [
      kept('last', HERE, DAWN - TTL, { receivedAt: DAWN + 5_000 }),
      kept('gone', HERE, DAWN - TTL - 1),
      kept('now', HERE, DAWN),
      kept('yet', HERE, DAWN + 1),
    ];
    const stage = new Stage({ source: sourceOf(fixes), view, from: DAWN, to: DAWN + 2, speed: 1 });
    await stage.begin();
    expect(ids(stage.messages[0].drivers)?.sort()).toEqual(['last', 'now']);
    expect(stage.belief.drivers.get('last')).toMatchObject({ timestamp: DAWN - TTL, receivedAt: DAWN + 5_000 });
    await stage.playOut();
    expect(stage.belief.inside).toEqual(['now', 'yet']);
  });

  test('where an area around a driver comes to, those who wait there are met, and stale when their time is over', async () => {
    const from = DAWN;
    const there = destination(HERE, 90, 20_000);
    const fixes = [
      ...[-200, 0, 100].map((second) => kept('taxi', HERE, from + second * 1000)),
      ...[200, 300, 400, 500].map((second) => kept('taxi', there, from + second * 1000)),
      kept('near', HERE, from + 90_000),
      // Heard of long before it is met, and known before as one that was near.
      kept('wanderer', HERE, from - 50_000),
      kept('wanderer', there, from + 10_000),
      kept('hidden', there, from + 5_000),
      // Known there before, and away again: it is not to be met.
      kept('absent', there, from - 100_000),
      kept('absent', [0, 0], from + 20_000),
    ];
    const truth = new Truth(fixes);
    const stage = new Stage({
      source: sourceOf(fixes),
      view: { area: new Around('taxi', 1_000) },
      from,
      to: from + 900_000,
      speed: 200,
    });
    await stage.begin();
    const seen: [number, string[]][] = [];
    stage.onMessage = ({ serverTime }) => seen.push([(serverTime - from) / 1000, stage.belief.inside]);
    await stage.playOut();
    expect(truth.at(from + 250_000).size).toBe(5);
    expect(seen).toEqual(
      [
        [10, ['taxi']],
        [90, ['near', 'taxi']],
        [100, ['near', 'taxi']],
        [200, ['hidden', 'taxi', 'wanderer']],
        [300, ['hidden', 'taxi', 'wanderer']],
        // 5 s, or 10 s, and the TTL, in steps of 10 s: with them it is there, beyond them not.
        [310, ['taxi', 'wanderer']],
        [320, ['taxi']],
        [400, ['taxi']],
        [500, ['taxi']],
        [810, []],
        [900, []],
      ].map(([time, inside]) => [time, inside]),
    );
    expect(stage.belief.followed).toBe('stale');
  });

  test('where an area around a driver comes back to, nobody is believed who has gone meanwhile', async () => {
    const there = destination(HERE, 90, 50_000);
    const taxi = [HERE, HERE, there, there, there, HERE, HERE];
    const fixes = [
      ...taxi.map((place, n) => kept('taxi', place, DAWN + n * 60_000)),
      kept('gone', HERE, DAWN + 50_000),
      kept('gone', [0, 0], DAWN + 200_000),
    ];
    const { asked, source } = counted(sourceOf(fixes));
    const area = new Around('taxi', 1_000);
    const stage = new Stage({ source, view: { area }, from: DAWN, to: DAWN + 360_000, speed: 5 });
    await stage.begin();
    const seen = new Set<string>();
    await stage.playOut(() => seen.add(stage.belief.inside.join()));
    expect([...seen]).toEqual(['taxi', 'gone,taxi']);
    expect(stage.belief.inside).toEqual(['taxi']);
    // The way of the taxi is read twice, and where it is at first; that of the other only while it is near.
    expect(asked.fixes).toBe(1 + 2 * 6 + 1);
  });

  test('thousands of fixes of one moment are told as one', async () => {
    const count = 3 * PAGE + 17;
    const all = Array.from({ length: count }, (_, n) => `d${n}`);
    const fixes = all.flatMap((id) => [kept(id, HERE, DAWN + 1_000), kept(id, [0, 0], DAWN + 2_000)]);
    const stage = new Stage({ source: sourceOf(fixes), view, from: DAWN, to: DAWN + 3_000, speed: 1 });
    const sizes: number[] = [];
    stage.onMessage = ({ serverTime }) => sizes.push(Math.floor((serverTime - DAWN) / 1000), stage.belief.drivers.size);
    await stage.begin();
    await stage.playOut();
    expect(sizes).toEqual([0, 0, 1, count, 2, 0, 3, 0]);
  });

  test('of two fleets one is played', async () => {
    const fixes = [kept('ours', HERE, DAWN), kept('theirs', HERE, DAWN, { fleet: 'other' })];
    const stage = new Stage({
      source: sourceOf(fixes),
      view: { area: EVERYWHERE },
      from: DAWN,
      to: DAWN + 1,
      speed: 1,
    });
    await stage.begin();
    expect(stage.belief.inside).toEqual(['ours']);
  });
});

test('[17.1] it tells what a live subscription would have told', async () => {
  const random = seeded('live and past');
  const from = DAWN + 9 * 3_600_000;
  const to = from + 3_600_000;
  const fixes = madeUpDay(random, HERE, { drivers: 60, from, to, reach: 6_000 })
    .map((fix) => ({ ...fix, receivedAt: fix.timestamp }))
    .sort((a, b) => a.timestamp - b.timestamp);
  for (const area of [new Circle(...HERE, 2_500), new Around('d7', 3_000), EVERYWHERE]) {
    let now = 0;
    const tracker = new Tracker({
      writer: { full: false, write() {}, writeLate() {}, remove() {}, whenStored() {} },
      now: () => now,
      instance: 'live',
      encode: encodePosition,
      ttlSeconds: TTL / 1000,
      maxFutureSeconds: 0,
    });
    const live = new Belief();
    const turn: (() => void)[] = [];
    const outbox = new Outbox(
      { send: (data) => live.hear(JSON.parse(data)), bufferedAmount: 0, close() {} },
      messageEncoder(() => now),
      { now: () => now, defer: (callback) => turn.push(callback), after: () => () => {} },
    );
    const view = { area, where: { status: ['free'] }, maxAge: 120 };
    tracker.subscribe({ fleet: 'default' }, 'default', outbox, view);
    const stage = new Stage({ source: sourceOf(fixes), view, from, to, speed: 60 });
    await stage.begin();
    let next = 0;
    let compared = 0;
    const compare = () => {
      const time = stage.replay.now;
      for (; next < fixes.length && fixes[next].timestamp <= time; next++) {
        now = fixes[next].timestamp;
        const { fleet, receivedAt: _, ...fix } = fixes[next];
        // Attributes that are absent are kept as none, not as the last ones.
        expect(tracker.accept(fleet, { ...fix, attributes: fix.attributes ?? {} })).toBe('accepted');
      }
      now = time;
      while (tracker.expire());
      for (const callback of turn.splice(0)) callback();
      expect(stage.belief.inside).toEqual(live.inside);
      expect(stage.belief.followed).toBe(live.followed);
      compared += live.drivers.size;
    };
    compare();
    await stage.playOut(compare);
    expect(compared).toBeGreaterThan(100);
  }
});

test('[17.6] to a peer that reads nothing nothing is told, and when it reads again it believes what is so', async () => {
  const random = seeded('slow replay');
  const to = DAWN + 1_800_000;
  const fixes = madeUpDay(random, HERE, { drivers: 50, from: DAWN, to, reach: 5_000, pause: [1, 20] });
  const truth = new Truth(fixes);
  for (const area of [new Circle(...HERE, 2_000), new Around('d3', 2_500)]) {
    const stage = new Stage({ source: sourceOf(fixes), view: { area }, from: DAWN, to, speed: 120 });
    await stage.begin();
    while (stage.replay.now < to) {
      const before = stage.messages.length;
      stage.block(true);
      for (let n = random.below(40); n > 0 && stage.replay.now < to; n--) await stage.pass(50);
      expect(stage.messages.length).toBe(before);
      expect(stage.ended).toBeUndefined();
      stage.block(false);
      await stage.pass(50);
      const isIn = new Set(
        [...truth.at(stage.replay.now)]
          .filter(([, { lat, lng }]) => {
            const followed = area instanceof Around ? truth.at(stage.replay.now).get(area.driverId) : undefined;
            const centre =
              area instanceof Around ? followed && new Circle(followed.lat, followed.lng, area.radius) : area;
            return centre !== undefined && isInside(centre, lat, lng);
          })
          .map(([id]) => id),
      );
      expect(stage.belief.inside).toEqual([...isIn].sort());
    }
    expect(stage.belief.contradictions).toEqual([]);
  }
});

function isInside({ lat, lng, radius }: Circle, ...place: Place): boolean {
  return trueDistance(lat, lng, ...place) <= radius;
}

test('[17.6] no more of the past is held than is about to happen', async () => {
  const random = seeded('bounds');
  const to = DAWN + 7_200_000;
  const fixes = madeUpDay(random, HERE, { drivers: 60, from: DAWN, to, reach: 2_000, pause: [1, 6] });
  expect(fixes.length).toBeGreaterThan(50_000);
  const stage = new Stage({ source: sourceOf(fixes), view: { area: EVERYWHERE }, from: DAWN, to, speed: 3_600 });
  await stage.begin();
  let most = 0;
  await stage.playOut(() => {
    most = Math.max(most, stage.replay.load.fixes);
  });
  expect(most).toBeGreaterThan(PAGE);
  expect(most).toBeLessThanOrEqual(3 * PAGE);
});

test('[17.6] more drivers than a replay may hold are too many at the beginning, and later', async () => {
  const present = Array.from({ length: 10 }, (_, n) => kept(`d${n}`, HERE, DAWN));
  const more = kept('more', HERE, DAWN + 1_000);
  const play = { view, from: DAWN, to: DAWN + 60_000, speed: 10 };
  const enough = new Stage({ ...play, source: sourceOf([...present, more]), maxDrivers: 11 });
  await enough.begin();
  await enough.playOut();
  expect(enough.ended).toEqual({ error: undefined });
  const many = new Stage({ ...play, source: sourceOf([...present, more]), maxDrivers: 10 });
  await many.begin();
  await many.playOut();
  expect(many.ended?.error).toMatchObject({ code: 'limit' });
  expect(many.clock.timers()).toBe(0);
  const full = new Stage({ ...play, source: sourceOf(present), maxDrivers: 9 });
  await expect(full.begin()).rejects.toMatchObject({ code: 'limit' });
});

test('[17.6] at its own pace little is read ahead, and nothing while nobody asks', async () => {
  const fixes = Array.from({ length: 7_200 }, (_, second) => kept('a', HERE, DAWN + second * 1000));
  const { asked, source } = counted(sourceOf(fixes));
  const stage = new Stage({ source, view, from: DAWN, to: DAWN + 7_200_000, speed: 1 });
  await stage.begin();
  for (let n = 0; n < 100; n++) await stage.pass(100);
  expect(stage.replay.now).toBe(DAWN + 10_000);
  expect(asked.fixes).toBeLessThan(150);
  stage.replay.stop();
  const { calls } = asked;
  expect(stage.clock.timers()).toBe(0);
  await stage.pass(10_000);
  expect(asked.calls).toBe(calls);
  expect(stage.ended).toBeUndefined();
});

test('[17.6] the clock of a replay waits for what is yet to be read, and misses nothing of it', async () => {
  const fixes = [kept('a', HERE, DAWN + 30_000), kept('a', [0, 0], DAWN + 31_000), kept('a', HERE, DAWN + 32_000)];
  const memory = sourceOf(fixes);
  let answer: (() => void) | undefined;
  const source: ReplaySource = {
    latest: (...question) => memory.latest(...question),
    fixes: async (...question) => {
      await new Promise<void>((resolve) => {
        answer = resolve;
      });
      return memory.fixes(...question);
    },
  };
  const stage = new Stage({ source, view, from: DAWN, to: DAWN + 60_000, speed: 10 });
  await stage.begin();
  for (let n = 0; n < 100; n++) await stage.pass(100);
  expect(stage.replay.now).toBe(DAWN);
  await stage.playOut(() => answer?.());
  expect(stage.messages.flatMap(({ enter = [], exit = [] }) => [...enter, ...exit]).length).toBe(3);
});

test('[17.5] when the store is away it ends with the error, and can be gone on with from the last mark', async () => {
  const to = DAWN + 600_000;
  const fixes = Array.from({ length: 600 }, (_, n) => kept(`d${n % 7}`, HERE, DAWN + n * 1000));
  const memory = sourceOf(fixes);
  let isAway = false;
  const away = new DomainError('unavailable', 'away');
  const source: ReplaySource = {
    latest: (...question) => memory.latest(...question),
    fixes: async (...question) => {
      if (isAway) throw away;
      return memory.fixes(...question);
    },
  };
  const stage = new Stage({ source, view, from: DAWN, to, speed: 10 });
  await stage.begin();
  for (let n = 0; n < 100; n++) await stage.pass(50);
  isAway = true;
  await stage.playOut();
  expect(stage.ended).toEqual({ error: away });
  expect(stage.clock.timers()).toBe(0);
  const [at, end] = (stage.belief.cursor as string).split('-').map(Number);
  expect(at).toBe(stage.messages.at(-1)?.serverTime);
  expect(at).toBeGreaterThan(DAWN + 40_000);
  expect(end).toBe(to);
  const again = new Stage({ source: memory, view, from: at, to: end, speed: 10 });
  await again.begin();
  expect([again.belief.full, again.belief.drivers]).toEqual([1, stage.belief.drivers]);
});

test('the clock of now may be set back, or stand still and then go on, and that of the replay goes no faster', async () => {
  const stage = new Stage({ source: sourceOf([]), view, from: DAWN, to: DAWN + 3_600_000, speed: 1 });
  await stage.begin();
  await stage.pass(1_000);
  expect(stage.replay.now).toBe(DAWN + 1_000);
  stage.clock.setBack(60_000);
  await stage.pass(1_000);
  expect(stage.replay.now).toBe(DAWN + 1_950);
  stage.clock.now += 600_000;
  await stage.pass(50);
  expect(stage.replay.now).toBe(DAWN + 2_950);
  stage.replay.stop();
});

test('[11.4, 17.4] a maxRate is by the clock of now, and the last change does not wait for it', async () => {
  const fixes = Array.from({ length: 600 }, (_, n) => kept('a', HERE, DAWN + n * 1000, { speed: n }));
  const to = DAWN + 600_000;
  const stage = new Stage({ source: sourceOf(fixes), view: { ...view, maxRate: 1 }, from: DAWN, to, speed: 60 });
  await stage.begin();
  await stage.playOut();
  // Ten seconds.
  expect(stage.messages.length).toBeGreaterThanOrEqual(11);
  expect(stage.messages.length).toBeLessThanOrEqual(13);
  expect(stage.messages.at(-1)).toMatchObject({ serverTime: to });
  expect(stage.belief.drivers.get('a')).toMatchObject({ speed: 599 });
});
