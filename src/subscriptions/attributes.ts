import type { Attributes } from '../fix.ts';

/** Whether two drivers say the same of themselves. Values are as on the wire, so `4` and `"4"` differ. */
export function sameAttributes(a: Attributes | undefined, b: Attributes | undefined): boolean {
  if (a === b) return true;
  if (a === undefined || b === undefined) return false;
  let keys = 0;
  for (const key in a) {
    if (!Object.hasOwn(b, key) || a[key] !== b[key]) return false;
    keys++;
  }
  return Object.keys(b).length === keys;
}
