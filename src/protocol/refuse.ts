import type { z } from 'zod';

// Rules on several fields are told together with those on one.
export const when = () => true;

/**
 * Refuses fields that would change the answer if they were known there. Passed over, as unknown fields are, they would
 * give a wrong one.
 *
 * @param faults what to say, by name
 */
export function refuse<T extends z.ZodType>(schema: T, faults: Readonly<Record<string, string>>): T {
  let checked = schema;
  for (const [field, error] of Object.entries(faults)) {
    const isAbsent = (value: unknown) => (value as Record<string, unknown> | null)?.[field] === undefined;
    checked = checked.refine(isAbsent, { path: [field], error, when });
  }
  return checked;
}

/** What looks like a filter in a query string, and is none: passed over, it would give the whole list. */
export const NOT_FILTERS = {
  where: 'is not a parameter: write attributes.NAME=VALUE',
  attributes: 'is not a parameter: write attributes.NAME=VALUE',
} as const;
