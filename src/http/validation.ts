import type { FastifyRouteSchemaDef, FastifySchemaCompiler } from 'fastify/types/schema.js';
import type { z } from 'zod';
import { DomainError } from '../errors.ts';
import { faultsOf } from '../protocol/faults.ts';

/**
 * Validates what a route takes by a function of its own where that is quicker, and by its zod schema what that leaves
 * undefined.
 */
export function quickly<T>(read: (value: Record<string, unknown>) => unknown): FastifySchemaCompiler<T> {
  return (route) => {
    const validate = validatorCompiler(route as FastifyRouteSchemaDef<z.ZodType>);
    return (value) => {
      const quick = read(value);
      return quick === undefined ? validate(value) : { value: quick };
    };
  };
}

/** Validates what a route takes by its zod schema; a fault names each field and the rule that it breaks. */
export const validatorCompiler: FastifySchemaCompiler<z.ZodType> =
  ({ schema }) =>
  (value) => {
    const result = schema.safeParse(value, { reportInput: true });
    return result.success ? { value: result.data } : { error: DomainError.invalid(faultsOf(result.error)) };
  };
