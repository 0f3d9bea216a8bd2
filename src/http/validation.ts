import type { FastifySchemaCompiler } from 'fastify';
import type { z } from 'zod';
import { DomainError } from '../errors.ts';
import { faultsOf } from '../protocol/faults.ts';

/** Validates what a route takes by its zod schema; a fault names each field and the rule that it breaks. */
export const validatorCompiler: FastifySchemaCompiler<z.ZodType> =
  ({ schema }) =>
  (value) => {
    const result = schema.safeParse(value, { reportInput: true });
    return result.success ? { value: result.data } : { error: DomainError.invalid(faultsOf(result.error)) };
  };
