import { z } from 'zod';

// No two parts can match the same digits, so that a long one costs no more than its length.
const DECIMAL = /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i;

/** Whether a text is a plain decimal, as numbers in a query string must be. */
export function isDecimal(text: string): boolean {
  return DECIMAL.test(text);
}

/** A number in a query string: a plain decimal, checked by `schema`. Anything else is left for the schema to refuse. */
export function inQuery<T extends z.ZodType>(schema: T) {
  return z.preprocess((value) => (typeof value === 'string' && isDecimal(value) ? Number(value) : value), schema);
}

const PREFIX = 'attributes.';

/** Whether a parameter is a part of a condition. */
export function isFilter(name: string): boolean {
  return name.startsWith(PREFIX);
}

/** What the contract says of {@link whereInQuery}: parameters with names of a client's choice have no place in it. */
export const FILTERS =
  'Filters: `attributes.NAME=VALUE` keeps drivers whose attribute has that value; repeated, any of the values. Different names must all match.';

/**
 * The condition in a query string: `attributes.status=available`, repeated for other allowed values. `undefined` when
 * there is none.
 */
export function whereInQuery(query: Readonly<Record<string, unknown>>): Record<string, string[]> | undefined {
  let where: Record<string, string[]> | undefined;
  for (const name in query) {
    if (!isFilter(name)) continue;
    const value = query[name];
    where ??= Object.create(null) as Record<string, string[]>;
    where[name.slice(PREFIX.length)] = Array.isArray(value) ? value.map(String) : [String(value)];
  }
  return where;
}

/**
 * The path to ask for the next page: the same query, but after another one. Parameters are passed on as they were written;
 * `access_token` and whatever is not of the call are left out.
 *
 * @param path without a query
 * @param url of the request
 * @param own the names of the call's parameters, beside filters and `after`
 */
export function nextPath(path: string, url: string, own: readonly string[], after: string): string {
  const at = url.indexOf('?');
  const kept = (at === -1 ? [] : url.slice(at + 1).split('&')).filter((pair) => {
    const name = nameOf(pair);
    return own.includes(name) || isFilter(name);
  });
  return `${path}?${[...kept, `after=${encodeURIComponent(after)}`].join('&')}`;
}

/** The name of a parameter, as the parser takes it: one that cannot be decoded is left as it was written. */
function nameOf(pair: string): string {
  const name = pair.split('=', 1)[0];
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}
