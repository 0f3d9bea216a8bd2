import type { Random } from '../support/random.ts';

/** Numbers at the bounds of what programs keep them in. */
export const NUMBERS: readonly number[] = [
  0,
  -0,
  1,
  -1,
  0.5,
  90,
  -90,
  90.000001,
  180,
  -180,
  180.0000001,
  360,
  1e-9,
  5e-324,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32,
  2 ** 53 - 1,
  2 ** 53,
  2 ** 53 + 2,
  -(2 ** 53),
  8.64e15,
  8.64e15 + 1,
  1e21,
  1e300,
  1.7976931348623157e308,
  -1.7976931348623157e308,
];

/** What JSON has no number for, or hardly. */
export const NUMERALS: readonly string[] = [
  '1e400',
  '-1e400',
  '1e-400',
  '-0',
  '-0.0',
  '9007199254740993',
  '123456789012345678901234567890',
  `0.${'1'.repeat(400)}`,
  '1E5',
  '1e+05',
  'NaN',
  'Infinity',
  '-Infinity',
  '01',
  '+1',
  '.5',
  '5.',
  '0x10',
  '1_000',
  '1n',
];

/** Strings that somewhere once did harm. */
const STRINGS: readonly string[] = [
  '',
  ' ',
  '\0',
  'a\0b',
  '\n',
  '\r\n',
  '\u2028',
  '\ufeff',
  '\u200b',
  '\u202eabc',
  '\ud800',
  '\udfff',
  '\ud83d\ude97',
  'e\u0301',
  '\u00e9',
  '\uffff',
  '\u{10ffff}',
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  'null',
  'undefined',
  'true',
  'NaN',
  '0',
  '-1',
  '1e400',
  '../../etc/passwd',
  '..%2f..',
  '%',
  '%00',
  '%zz',
  '%ff',
  "' OR 1=1 --",
  '"; DROP TABLE positions; --',
  '$1',
  '\\',
  '\\u0000',
  '<script>alert(1)</script>',
  '{"a":1}',
  '[]',
  '#{7*7}',
  '{{7*7}}',
  'data: x\n\nevent: y',
  'a'.repeat(128),
  'a'.repeat(129),
  'ä'.repeat(128),
  '\ud83d\ude97'.repeat(64),
  '\ud83d\ude97'.repeat(65),
  '((((((((((a+)+)+)+)+)+)+)+)+)+',
  '2026-02-30T00:00:00Z',
  '2026-01-01T00:00:00.0000000000000000001Z',
  '+275760-09-13T00:00:00.001Z',
  '-74.02,40.7,-73.93',
  '-74.02,40.7,-73.93,40.8,1',
  '180,-90,-180,90',
  'NaN,NaN,NaN,NaN',
];

/** Long ones: for buffers, and for expressions that go back and forth. */
const LONG_STRINGS: readonly string[] = ['x'.repeat(65_536), `${'a'.repeat(40_000)}!`, '\ud83d\ude97'.repeat(5_000)];

/** A string of no particular use. */
export function nastyString(random: Random): string {
  return random.pick(random.below(100) === 0 ? LONG_STRINGS : STRINGS);
}

/** Keys that are more than keys in JavaScript, and others that a map may stumble over. */
export const KEYS: readonly string[] = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'valueOf',
  'toJSON',
  'then',
  'length',
  'type',
  'id',
  'fleet',
  'sub',
  'access_token',
  '',
  ' ',
  '\0',
  'a.b',
  'a[b]',
  'attributes.status',
  'x'.repeat(65),
  '\ud800',
];

/** A piece of JSON that is written as it stands: a numeral that no number has, a key that comes twice. */
export class Raw {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** A value of no particular use. */
export function nasty(random: Random): unknown {
  switch (random.below(12)) {
    case 0:
      return null;
    case 1:
      return random.below(2) === 0;
    case 2:
    case 3:
    case 4:
      return random.pick(NUMBERS);
    case 5:
      return new Raw(random.pick(NUMERALS));
    case 6:
    case 7:
    case 8:
      return nastyString(random);
    case 9:
      return Array.from({ length: random.pick([0, 1, 2, 5, 1001]) }, () => random.pick(NUMBERS));
    case 10:
      return { [random.pick(KEYS)]: nastyString(random) };
    default:
      return nested(random.pick([1, 2, 10, 100, 1000, 5000]), random);
  }
}

function nested(depth: number, random: Random): Raw {
  return random.below(2) === 0
    ? new Raw('['.repeat(depth) + ']'.repeat(depth))
    : new Raw(`${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`);
}
