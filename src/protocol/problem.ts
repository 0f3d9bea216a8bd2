import { STATUS_CODES } from 'node:http';
import type { ErrorCode, Fault } from '../errors.ts';
import { DATA_HEADERS } from './data-headers.ts';

/** The HTTP status of each error. */
export const STATUS: Readonly<Record<ErrorCode, number>> = {
  invalid: 400,
  future: 400,
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  too_large: 413,
  unsupported: 415,
  limit: 429,
  unavailable: 503,
  internal: 500,
};

/** An error as the body of an `application/problem+json` answer (RFC 9457). */
export function encodeProblem(
  code: ErrorCode,
  detail: string,
  status: number,
  faults: readonly Fault[],
  requestId: string | undefined,
): string {
  const errors = faults.length > 0 ? faults : undefined;
  return JSON.stringify({ type: 'about:blank', title: STATUS_CODES[status], status, code, detail, errors, requestId });
}

/** A whole HTTP answer with a problem, for a connection on which no request was understood. It ends the connection. */
export function rawProblem(code: ErrorCode, detail: string, status: number = STATUS[code]): string {
  const body = encodeProblem(code, detail, status, [], undefined);
  return [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'Content-Type: application/problem+json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...Object.entries(DATA_HEADERS).map(([name, value]) => `${name}: ${value}`),
    'Connection: close',
    '',
    body,
  ].join('\r\n');
}
