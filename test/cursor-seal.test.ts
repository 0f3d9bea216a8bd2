import { expect, test } from 'vitest';
import { cursorSeal } from '../src/cursor-seal.ts';
import { Circle } from '../src/geo/circle.ts';
import { EVERYWHERE } from '../src/geo/everywhere.ts';
import { encodePosition } from '../src/protocol/position.ts';
import type { Moment } from '../src/subscriptions/cursor.ts';
import { Tracker } from '../src/tracker.ts';

const MOMENTS: readonly Moment[] = [
  { epoch: 'i-0', revision: 0 },
  { epoch: 'i-1', revision: 35 },
  { epoch: 'i-1', revision: 36 },
  { epoch: 'i-123456789', revision: 2 ** 47 },
];

test.each(MOMENTS)('what is sealed is opened by the same seal, and by no other: %j', (moment) => {
  const seal = cursorSeal('i');
  const sealed = seal.seal(moment);
  expect(sealed).toMatch(/^[\w-]{22}$/);
  expect(seal.open(sealed)).toEqual(moment);
  expect(cursorSeal('i').open(sealed)?.epoch).not.toBe(moment.epoch);
});

test('no two are alike, nor has any of their characters to do with the moment', () => {
  const seal = cursorSeal('i');
  const sealed = Array.from({ length: 2_000 }, (_, i) => seal.seal(MOMENTS[i % 2]));
  expect(new Set(sealed).size).toBe(sealed.length);
  // The last has two bits.
  for (let at = 0; at < 21; at++) {
    const often = [0, 1].map((half) => sealed.filter((text, i) => i % 2 === half && text[at] < 'a').length);
    // 38 of 64 come before a small letter: 594 of 1000, give or take 15.5.
    for (const count of often) expect(Math.abs(count - 594)).toBeLessThan(100);
  }
});

test('what is made up, cut or changed is of no fleet that there is', () => {
  const seal = cursorSeal('i');
  const sealed = seal.seal({ epoch: 'i-1', revision: 2 });
  const at = (i: number) => sealed.slice(0, i) + (sealed[i] === 'A' ? 'B' : 'A') + sealed.slice(i + 1);
  const changed = Array.from({ length: sealed.length - 1 }, (_, i) => at(i));
  for (const text of [...changed, 'A'.repeat(22)]) expect(seal.open(text)?.epoch).not.toMatch(/^i-[0-9]{1,3}$/);
  for (const text of [
    '',
    'i-1.2',
    '%',
    sealed.slice(1),
    sealed.slice(0, -4),
    `${sealed}AAAA`,
    '\0',
    'A'.repeat(100_000),
  ]) {
    expect(seal.open(text)).toBeUndefined();
  }
});

test('a cursor tells whoever may see a part nothing, and is good to go on from all the same', () => {
  const writer = { full: false, write() {}, writeLate() {}, remove() {}, whenStored() {} };
  const tracker = new Tracker({
    writer,
    now: () => 1_700_000_000_000,
    instance: 'i',
    encode: encodePosition,
    seal: cursorSeal('i'),
    ttlSeconds: 60,
    maxFutureSeconds: 0,
  });
  const sight = { fleet: 'f', bounds: new Circle(1, 2, 1_000) };
  tracker.accept('f', { driverId: 'inside', lat: 1, lng: 2 });
  const before = tracker.within(sight, EVERYWHERE, {}, 10)?.cursor as string;
  for (let i = 0; i < 2_000; i++) tracker.accept('f', { driverId: `outside${i}`, lat: 40, lng: 2 });
  const after = tracker.within(sight, EVERYWHERE, {}, 10)?.cursor as string;
  expect(after).toHaveLength(before.length);
  expect(after).not.toMatch(/^i-/);
  const woken: string[] = [];
  const recipient = { wake: () => void woken.push('woken') };
  const subscription = tracker.subscribe(sight, 's', recipient, { area: EVERYWHERE }, before);
  const snapshot = subscription.takeSnapshot();
  expect(snapshot.resumed).toBe(true);
  expect(snapshot.unchanged.map(({ id }) => id)).toEqual(['inside']);
  expect(subscription.cursor()).toHaveLength(before.length);
  // One that is not sealed is not theirs, and theirs is nobody else's.
  const plain = tracker.within({ fleet: 'f' }, EVERYWHERE, {}, 10)?.cursor;
  expect(tracker.subscribe(sight, 't', recipient, { area: EVERYWHERE }, plain).takeSnapshot().resumed).toBe(false);
  expect(tracker.subscribe({ fleet: 'f' }, 'u', recipient, { area: EVERYWHERE }, after).takeSnapshot().resumed).toBe(
    false,
  );
  // Who may see more, or less, was told of others.
  for (const radius of [999, 1_001]) {
    const other = { ...sight, bounds: new Circle(1, 2, radius) };
    expect(tracker.subscribe(other, 'v', recipient, { area: EVERYWHERE }, after).takeSnapshot().resumed).toBe(false);
  }
});
