import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Cursor, readCursor, writeCursor } from '../../src/subscriptions/cursor.ts';
import { Fingerprint } from '../../src/subscriptions/fingerprint.ts';

const fingerprint = fc.array(fc.double()).map((numbers) => {
  const fingerprint = new Fingerprint();
  for (const number of numbers) fingerprint.number(number);
  return fingerprint.toString();
});
/** −0 is 0 on the wire. */
const number = (min: number, max: number) => fc.double({ min, max, noNaN: true }).map((value) => value + 0);
const cursor: fc.Arbitrary<Cursor> = fc.record(
  {
    epoch: fc.tuple(fc.uuid(), fc.nat()).map(([instance, fleet]) => `${instance}-${fleet}`),
    revision: fc.maxSafeNat(),
    key: fc.oneof(fingerprint, fc.constant('part')),
    minDisplacement: number(0, 100_000),
    followed: fc.record({ lat: number(-90, 90), lng: number(-180, 180) }),
    members: fingerprint,
  },
  { requiredKeys: ['epoch', 'revision', 'key', 'minDisplacement'] },
);

test('what is written is read, to the last bit, and goes into a URL and a header as it is', () => {
  fc.assert(
    fc.property(cursor, (cursor) => {
      const text = writeCursor(cursor);
      expect(text).toMatch(/^[\w.~,-]+$/);
      expect(readCursor(text)).toEqual(cursor);
    }),
    { numRuns: 2_000, verbose: true },
  );
});

test('two that differ are written differently', () => {
  fc.assert(
    fc.property(cursor, cursor, (a, b) => {
      // Strict: a followed driver at 0, 0 is not none.
      expect(writeCursor(a) === writeCursor(b)).toBe(
        JSON.stringify(readCursor(writeCursor(b))) === JSON.stringify(readCursor(writeCursor(a))),
      );
      fc.pre(a.revision !== b.revision);
      expect(writeCursor(a)).not.toBe(writeCursor(b));
    }),
    { verbose: true },
  );
});

test('what was not written by it is no cursor, and never an error', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string(), fc.string({ unit: 'binary' }), cursor.map(writeCursor)),
      fc.nat(200),
      (text, at) => {
        const broken = `${text.slice(0, at)} ${text.slice(at)}`;
        expect(readCursor(broken)).toBeUndefined();
        readCursor(text);
      },
    ),
    { numRuns: 500, verbose: true },
  );
  const [one] = fc.sample(cursor, 1);
  for (const text of [
    '',
    '~',
    '.',
    '.~',
    'a.b',
    'a.b~',
    '.b~c',
    'a.~c',
    `${writeCursor(one)}\n`,
    `${writeCursor(one)}~`,
  ]) {
    expect(readCursor(text)).toBeUndefined();
  }
});

test.each([
  ['-', 'a.1~'],
  ['1', 'a.1~b~d'],
  ['.', 'a.1~b~d'],
  ['e1', 'a.1~b~d1'],
  ['~d1', 'a.1~b'],
  ['~f1,1', 'a.1~b'],
  ['~', 'a.1~b'],
  ['a', ''],
  ['a.', ''],
])('a megabyte of %j is refused as fast as it can be', (part, head) => {
  const text = `${head}${part.repeat(1_000_000 / part.length)}!`;
  const started = performance.now();
  expect(readCursor(text)).toBeUndefined();
  // Quadratic time would be minutes.
  expect(performance.now() - started).toBeLessThan(1_000);
});
