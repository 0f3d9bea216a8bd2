import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseMessageId } from '../../src/protocol/client-messages.ts';
import { type FixMessage, fixSchema, toFix } from '../../src/protocol/fix.ts';
import { isPlainFix } from '../../src/protocol/plain-fix.ts';

const AT = { latitude: 12.3, longitude: 67.8 };

/** Numbers at and beyond every bound, and things that are none. */
const odd = fc.oneof(
  fc.double(),
  fc.constantFrom(0, -0, 90, -90, 180, -180, 360, 1e-300, 1e308, -1, 90.000001, 1763766000000),
  fc.constantFrom(undefined, null, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY),
  fc.constantFrom('', '12', '2026-01-31T12:00:00Z', true, [], [1], {}, { value: 1 }),
);
const text = fc.oneof(
  fc.string({ maxLength: 140 }),
  fc.string({ unit: 'binary', maxLength: 5 }),
  fc.constantFrom('a'.repeat(128), 'a'.repeat(129), 'ö', '\u2028', '\x7f', 'a\nb', '\ud800', '😀', '\0'),
);
const attributes = fc.oneof(
  odd,
  fc.dictionary(
    fc.oneof(text, fc.constantFrom('', '__proto__', 'k'.repeat(64), 'k'.repeat(65))),
    fc.oneof(odd, text, fc.constantFrom('v'.repeat(256), 'v'.repeat(257))),
    { maxKeys: 4 },
  ),
  fc
    .array(fc.integer(), { minLength: 14, maxLength: 19 })
    .map((n) => Object.fromEntries(n.map((v, i) => [`k${i}`, v]))),
);
/** Mostly right, so that a fix as a whole is right now and then. */
const mostly = (right: fc.Arbitrary<unknown>, wrong: fc.Arbitrary<unknown> = odd) =>
  fc.oneof({ weight: 9, arbitrary: right }, { weight: 1, arbitrary: wrong });
const between = (min: number, max: number) => fc.double({ min, max, noNaN: true });
const fix = mostly(
  fc.record(
    {
      driverId: mostly(fc.string({ minLength: 1 }), fc.oneof(odd, text)),
      latitude: mostly(between(-90, 90)),
      longitude: mostly(between(-180, 180)),
      timestamp: mostly(between(0, 2e12)),
      accuracy: mostly(between(0, 1e9)),
      altitude: mostly(between(-1e9, 1e9)),
      heading: mostly(between(0, 360)),
      speed: mostly(between(0, 1e9)),
      attributes: mostly(fc.dictionary(fc.string({ minLength: 1 }), fc.oneof(fc.string(), fc.boolean())), attributes),
      unknown: odd,
    },
    { requiredKeys: ['latitude', 'longitude'] },
  ),
);

test('what is plainly a fix is what the schema takes, and means the same', () => {
  let plain = 0;
  fc.assert(
    fc.property(fix, (value) => {
      if (!isPlainFix(value)) return;
      plain++;
      const parsed = fixSchema.parse(value);
      expect(toFix(value, 'd')).toEqual(toFix(parsed, 'd'));
    }),
    { numRuns: 20_000 },
  );
  expect(plain).toBeGreaterThan(1000);
});

test('a fix with every field is plain, and so is one with the required ones', () => {
  const whole: FixMessage = {
    driverId: 'driver-xyz-789',
    ...AT,
    timestamp: 1763766000000,
    accuracy: 5,
    altitude: 31,
    heading: 270,
    speed: 8.2,
    attributes: { status: 'available', seats: 4, on: true },
  };
  expect(isPlainFix(whole)).toBe(true);
  expect(isPlainFix(AT)).toBe(true);
  expect(isPlainFix({ ...AT, speed: null, attributes: null })).toBe(true);
});

test.each([
  ['a text', 'a-1', true],
  ['text beyond ASCII', 'Ö-1', true],
  ['a whole number', -7, true],
  ['a number that is not whole', 1.5, false],
  ['a number too large to be exact', 2 ** 53, false],
  ['an empty text', '', false],
  ['a text that is too long', 'x'.repeat(129), false],
  ['control characters', 'a\nb', false],
  ['null', null, false],
  ['an object', {}, false],
])('the id of a message may be or not be %s', (_what, id, right) => {
  if (right) expect(parseMessageId(id)).toBe(id);
  else expect(() => parseMessageId(id)).toThrow();
});
