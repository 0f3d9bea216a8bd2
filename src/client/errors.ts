import type { Fault, ServerErrorCode } from './wire.ts';

/**
 * What an error is about. The server’s codes, and three of this client: `network` (no answer came), `protocol` (what
 * answered is not Nearcast), `closed` (it was closed on this side).
 */
export type ErrorCode = ServerErrorCode | 'network' | 'protocol' | 'closed';

/** What an error knows beside its code and message. */
export interface ErrorDetails {
  /** The HTTP status, of an answer over HTTP. */
  readonly status?: number;
  /** Each field at fault, and the rule that it breaks. */
  readonly errors?: readonly Fault[];
  /** Seconds to wait before trying again. */
  readonly retryAfter?: number;
  /** What to quote to the operator. */
  readonly requestId?: string;
  /** The close code, where the WebSocket was closed for good. */
  readonly closeCode?: number;
  readonly cause?: unknown;
}

/** An error of the server (RFC 9457 over HTTP, an `error` message or a close code on the socket) or of this client. */
export class NearcastError extends Error {
  override readonly name = 'NearcastError';
  readonly code: ErrorCode;
  readonly status?: number;
  readonly errors: readonly Fault[];
  readonly retryAfter?: number;
  readonly requestId?: string;
  readonly closeCode?: number;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, 'cause' in details ? { cause: details.cause } : undefined);
    this.code = code;
    this.status = details.status;
    this.errors = details.errors ?? [];
    this.retryAfter = details.retryAfter;
    this.requestId = details.requestId;
    this.closeCode = details.closeCode;
  }
}

/** The error that an `error` message means. */
export function errorOf(message: {
  readonly code: ServerErrorCode;
  readonly message: string;
  readonly field?: string;
  readonly retryAfter?: number;
}): NearcastError {
  const { code, message: text, field, retryAfter } = message;
  const errors = field === undefined ? [] : [{ field, message: text }];
  return new NearcastError(code, text, { errors, retryAfter });
}

/** Something thrown by the code of an application or a platform, as an error of this client. */
export function asNearcastError(error: unknown, code: ErrorCode, what: string): NearcastError {
  if (error instanceof NearcastError) return error;
  const why = error instanceof Error ? error.message : String(error);
  return new NearcastError(code, `${what}: ${why}`, { cause: error });
}
