import { z } from 'zod';
import type { Where } from '../subscriptions/where.ts';
import { parse } from './faults.ts';
import { MAX_KEY, MAX_TEXT, number } from './fix.ts';
import { whereInQuery } from './query.ts';

const MAX_CONDITIONS = 16;
const MAX_ALLOWED = 64;
const conditionValue = z.union([
  z.string().max(MAX_TEXT, { error: `must have at most ${MAX_TEXT} characters` }),
  number(),
  z.boolean(),
]);

/** A condition on attributes, as `subscriptions/where.ts` evaluates it. */
export const whereSchema = z.preprocess(
  (where, context) => {
    if (typeof where !== 'object' || where === null) return where;
    const fault = (message: string) => {
      context.addIssue({ code: 'custom', message, input: where });
      return z.NEVER;
    };
    // Counted before any is looked at.
    if (Object.keys(where).length > MAX_CONDITIONS) return fault(`must have at most ${MAX_CONDITIONS} keys`);
    // A record would drop this key, and the condition would hold for everybody.
    if (Object.hasOwn(where, '__proto__')) return fault('must not have the key __proto__');
    if (Object.keys(where).some((key) => key.length > MAX_KEY))
      return fault(`must have keys of at most ${MAX_KEY} characters`);
    return where;
  },
  z
    .record(
      z.string(),
      z.union([conditionValue, z.array(conditionValue).max(MAX_ALLOWED)], {
        error: `must be a string, number or boolean, or a list of at most ${MAX_ALLOWED} of them`,
      }),
      { error: 'must be an object' },
    )
    .meta({
      description: 'Each attribute must have the given value, or one of the given ones. At most 16 keys.',
      maxProperties: MAX_CONDITIONS,
      example: { status: 'available', seats: [4, 6] },
    }),
);

const filtersSchema = z.object({ attributes: whereSchema.optional() });

/** The condition in a query string, checked; `undefined` when there is none. @throws {DomainError} `invalid` */
export function conditionInQuery(query: Readonly<Record<string, unknown>>): Where | undefined {
  const attributes = whereInQuery(query);
  // Nearly every query has none or a plain one, of lists of strings: only their number can break a rule.
  if (attributes === undefined || isPlain(attributes)) return attributes;
  return parse(filtersSchema, { attributes }).attributes;
}

function isPlain(attributes: Readonly<Record<string, readonly string[]>>): boolean {
  let keys = 0;
  for (const key in attributes) {
    if (++keys > MAX_CONDITIONS || key === '__proto__' || key.length > MAX_KEY) return false;
    const allowed = attributes[key];
    if (allowed.length > MAX_ALLOWED) return false;
    for (const text of allowed) if (text.length > MAX_TEXT) return false;
  }
  return true;
}
