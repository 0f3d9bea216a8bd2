import type { z } from 'zod';
import { DomainError, type Fault } from '../errors.ts';

/** A message can be wrong in more places than anybody wants to read of, or than should be sent back. */
const MAX_FAULTS = 16;
/** A field's name may come from the client, at any length. */
const MAX_FIELD = 80;

/** The broken rules that zod found, in the words of the contract: the first of each field, and not more than 16. */
export function faultsOf(error: z.core.$ZodError): Fault[] {
  const faults = new Map<string, Fault>();
  for (const issue of error.issues) {
    if (faults.size === MAX_FAULTS) break;
    const field = issue.path.map(String).join('.').slice(0, MAX_FIELD);
    if (!faults.has(field)) faults.set(field, { field, message: isMissing(issue) ? 'is required' : issue.message });
  }
  return [...faults.values()];
}

function isMissing(issue: z.core.$ZodIssue): boolean {
  return (issue.code === 'invalid_type' || issue.code === 'invalid_union') && issue.input === undefined;
}

/** Parses, or throws a `DomainError` of code `invalid` that names each field and rule. */
export function parse<T extends z.ZodType>(schema: T, value: unknown): z.output<T> {
  const result = schema.safeParse(value, { reportInput: true });
  if (result.success) return result.data;
  throw DomainError.invalid(faultsOf(result.error));
}
