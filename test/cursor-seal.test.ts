import { expect, test } from 'vitest';
import { cursorSeal } from '../src/cursor-seal.ts';
import { Circle } from '../src/geo/circle.ts';
import { EVERYWHERE } from '../src/geo/everywhere.ts';
import { encodePosition } from '../src/protocol/position.ts';
import { Tracker } from '../src/tracker.ts';

const CURSORS = ['i-1.2~abc', `${'x'.repeat(63)}`, `${'x'.repeat(64)}`, 'i-1.zzzz~a-b~d12.5~f-89.9,179~mabc-def'];

test.each(CURSORS)('what is sealed is opened by the same seal, and by no other: %j', (cursor) => {
  const seal = cursorSeal();
  const sealed = seal.seal(cursor);
  expect(sealed).toMatch(/^[\w-]+$/);
  expect(sealed).not.toContain(cursor);
  expect(seal.open(sealed)).toBe(cursor);
  expect(seal.seal(cursor)).not.toBe(sealed);
  expect(cursorSeal().open(sealed)).toBeUndefined();
});

test('what is made up, cut or changed is nothing', () => {
  const seal = cursorSeal();
  const sealed = seal.seal('i-1.2~abc');
  const at = (i: number) => sealed.slice(0, i) + (sealed[i] === 'A' ? 'B' : 'A') + sealed.slice(i + 1);
  const wrong = [
    '',
    'i-1.2~abc',
    '%',
    sealed.slice(1),
    sealed.slice(0, -4),
    `${sealed}AAAA`,
    '\u0000',
    'A'.repeat(100_000),
  ];
  for (const text of [...wrong, ...Array.from({ length: sealed.length - 1 }, (_, i) => at(i))]) {
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
    seal: cursorSeal(),
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
});
