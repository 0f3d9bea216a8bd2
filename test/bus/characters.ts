import fc from 'fast-check';

/** Any character of Unicode; those that mean something to somebody more often. (The unit `binary` takes a second to make.) */
export const character = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...'abcXYZ09 "\\{}/%\u0000\u0001\n\ré🚕') },
  {
    weight: 1,
    arbitrary: fc
      .integer({ min: 0, max: 0x10ffff })
      .filter((code) => code < 0xd800 || code > 0xdfff)
      .map((code) => String.fromCodePoint(code)),
  },
);
