/**
 * The order of two driverIds: by Unicode code point, which is also that of their UTF-8 bytes and PostgreSQL's `COLLATE
 * "C"`, so that lists are in the same order whoever makes them. Negative when `a` comes first; 0 when they are the same.
 *
 * JavaScript's own `<` goes by UTF-16 code unit and puts U+1F600, whose surrogates begin at 0xD800, before U+FF00.
 *
 * @param a well-formed: no lone surrogate
 * @param b likewise
 */
export function compareIds(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return x >= 0xd800 && y >= 0xd800 ? rank(x) - rank(y) : x - y;
  }
  return a.length - b.length;
}

/** Moves surrogates behind all other code units. @param unit a code unit from 0xD800 */
function rank(unit: number): number {
  return unit >= 0xe000 ? unit - 0x800 : unit + 0x2000;
}
