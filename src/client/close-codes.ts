import type { ErrorCode } from './errors.ts';

/** The close code for a token that is missing, bad or at its end. */
export const UNAUTHORIZED = 4401;

/** What close codes mean that no reconnection mends: 44xx, and frames that were too large or no text. */
const FINAL: Readonly<Record<number, ErrorCode>> = {
  1007: 'invalid',
  1009: 'too_large',
  4400: 'invalid',
  4401: 'unauthorized',
  4403: 'forbidden',
  4408: 'unauthorized',
  4429: 'limit',
};

/** What a close code means after which one must not come back without changing something; else `undefined`. */
export function finalCode(closeCode: number): ErrorCode | undefined {
  return FINAL[closeCode] ?? (closeCode >= 4400 && closeCode < 4500 ? 'invalid' : undefined);
}
