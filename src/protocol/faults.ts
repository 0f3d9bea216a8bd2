import type { z } from 'zod';
import { DomainError, type Fault } from '../errors.ts';

/** The broken rules that zod found, in the words of the contract: the first of each field. */
export function faultsOf(error: z.core.$ZodError): Fault[] {
  const faults = new Map<string, Fault>();
  for (const issue of error.issues) {
    const field = issue.path.map(String).join('.');
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
