import { StoreRejected, StoreUnavailable } from './store.ts';

/**
 * Sorts what pg threw. SQLSTATE classes 22 (data exception), 23 (constraint violation) and 54 (program limit exceeded) are the
 * rows' own fault and will fail for ever; all else (no connection, 08 connection exception, 53 resources, 57 operator intervention, 40
 * deadlock, timeouts) says nothing about the rows.
 *
 * https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
export function toStoreError(error: unknown): StoreUnavailable | StoreRejected {
  if (error instanceof StoreUnavailable || error instanceof StoreRejected) return error;
  const { message, code } = describe(error);
  // Node's own codes (ECONNREFUSED …) are never five characters that begin with two digits.
  if (/^(22|23|54)[0-9A-Z]{3}$/.test(code)) return new StoreRejected(message, { cause: error });
  return new StoreUnavailable(message, { cause: error });
}

/** Whether the database undid a transaction that waited for one that waited for it (SQLSTATE 40P01). */
export function isDeadlock(error: unknown): boolean {
  return error instanceof StoreUnavailable && describe(error.cause).code === '40P01';
}

/** Message and code of an error, also of the AggregateError without a message that a dual-stack connect throws. */
function describe(error: unknown): { message: string; code: string } {
  if (error instanceof AggregateError && error.message === '' && error.errors.length > 0)
    return describe(error.errors[0]);
  if (!(error instanceof Error)) return { message: String(error), code: '' };
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return { message: error.message || code || error.name, code };
}
