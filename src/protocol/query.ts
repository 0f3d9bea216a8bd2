import { z } from 'zod';
import type { Where } from '../subscriptions/where.ts';

// No two parts can match the same digits, so that a long one costs no more than its length.
const DECIMAL = /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i;

/** A number in a query string: a plain decimal, checked by `schema`. Anything else is left for the schema to refuse. */
export function inQuery<T extends z.ZodType>(schema: T) {
  return z.preprocess((value) => (typeof value === 'string' && DECIMAL.test(value) ? Number(value) : value), schema);
}

const PREFIX = 'attributes.';

/**
 * The condition in a query string: `attributes.status=available`, repeated for other allowed values. `undefined` when
 * there is none.
 */
export function whereInQuery(query: Readonly<Record<string, unknown>>): Where | undefined {
  let where: Record<string, string[]> | undefined;
  for (const [name, value] of Object.entries(query)) {
    if (!name.startsWith(PREFIX)) continue;
    where ??= Object.create(null) as Record<string, string[]>;
    where[name.slice(PREFIX.length)] = Array.isArray(value) ? value.map(String) : [String(value)];
  }
  return where;
}
