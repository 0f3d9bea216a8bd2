import type { Case } from './case.ts';

/** Attempts at most: each takes some milliseconds, or seconds where nothing is answered. */
const MAX_ATTEMPTS = 300;
const MAX_TIME = 60_000;

/** Any of what cases are made of. */
type Plain = string | number | boolean | undefined | readonly Plain[] | { readonly [key: string]: Plain };

/**
 * The smallest sequence of cases in reach that still fails; undefined when not even the whole does.
 *
 * @param cases the last one failed; those before it may have to do with it
 */
export async function shrink(
  cases: readonly Case[],
  fails: (cases: readonly Case[]) => Promise<boolean>,
): Promise<readonly Case[] | undefined> {
  const deadline = performance.now() + MAX_TIME;
  let attempts = 0;
  let smallest: readonly Case[] = cases.slice(-1);
  // What happens now and then is tried more than once.
  if (!((await fails(smallest)) || (await fails(smallest)))) {
    smallest = cases;
    if (!(await fails(cases))) return undefined;
  }
  for (let smaller: readonly Case[] | undefined = smallest; smaller !== undefined; ) {
    smaller = undefined;
    for (const candidate of candidates(smallest as unknown as Plain)) {
      if (++attempts > MAX_ATTEMPTS || performance.now() > deadline) return smallest;
      const sequence = candidate as unknown as readonly Case[];
      if (sequence.length > 0 && (await fails(sequence))) {
        smaller = sequence;
        smallest = sequence;
        break;
      }
    }
  }
  return smallest;
}

/** Everything that is a little smaller than a value; halves first. What has a name stays what it is. */
function* candidates(value: Plain, key = ''): Generator<Plain> {
  if (typeof value === 'string') {
    if (['kind', 'method', 'as'].includes(key)) return;
    for (let size = value.length >> 1 || value.length; size >= 1; size >>= 1) {
      for (let at = 0; at + size <= value.length && at / size < 16; at += size) {
        yield value.slice(0, at) + value.slice(at + size);
      }
    }
  } else if (Array.isArray(value)) {
    // A header has a name and a value, whatever they are.
    const start = key === 'header' ? 0 : value.length >> 1 || value.length;
    for (let size = start; size >= 1; size >>= 1) {
      for (let at = 0; at < value.length; at += size) yield [...value.slice(0, at), ...value.slice(at + size)];
    }
    for (const [i, item] of value.entries()) {
      for (const smaller of candidates(item, key === 'headers' ? 'header' : '')) yield value.with(i, smaller);
    }
  } else if (typeof value === 'object') {
    for (const [name, item] of Object.entries(value as { [key: string]: Plain })) {
      for (const smaller of candidates(item, name)) yield { ...(value as object), [name]: smaller };
    }
  }
}
