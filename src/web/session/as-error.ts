import { NearcastError } from '../../client/index.ts';

/**
 * What a call failed by. What is no error of the client is of an answer of another shape than it should have: that is told to the
 * browser's console too, and is `protocol` to whoever reads the page.
 */
export function asError(thrown: unknown): NearcastError {
  if (thrown instanceof NearcastError) return thrown;
  (globalThis as { reportError?: (error: unknown) => void }).reportError?.(thrown);
  return new NearcastError('protocol', 'What the server answered cannot be understood.', { cause: thrown });
}

const PASSING: ReadonlySet<string> = new Set(['network', 'unavailable', 'limit', 'internal']);

/** Whether it may be better a while later. */
export function isPassing({ code }: { readonly code: string }): boolean {
  return PASSING.has(code);
}
