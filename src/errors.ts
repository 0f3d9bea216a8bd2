/** Every code that an error can carry, whatever the transport. The list is closed: others program against it. */
export const ERROR_CODES = {
  invalid: 'The request or message breaks a rule of the contract; the message names the field and the rule.',
  future: 'The fix is dated further ahead of the server clock than allowed.',
  unauthorized: 'There is no token, or it is not valid or no longer.',
  forbidden: 'The token does not allow this.',
  not_found: 'There is no such thing, or not for this token.',
  too_large: 'The request or message has more bytes than allowed.',
  unsupported: 'The content type is not one that this call takes.',
  limit: 'A limit of this connection or token is reached.',
  unavailable: 'The service cannot take this now; try again later.',
  internal: 'The server failed; nothing was changed.',
} as const;

/** What an error is about; stable. */
export type ErrorCode = keyof typeof ERROR_CODES;

/** One broken rule: the field (a path such as `positions.3.latitude`, or '' for the whole) and what it must be. */
export interface Fault {
  readonly field: string;
  readonly message: string;
}

/** An error that its causer is told about, as code and message. */
export class DomainError extends Error {
  override name = 'DomainError';
  readonly code: ErrorCode;
  readonly faults: readonly Fault[];

  constructor(code: ErrorCode, message: string, faults: readonly Fault[] = []) {
    super(message);
    this.code = code;
    this.faults = faults;
  }

  /** A request or message that breaks these rules. */
  static invalid(faults: readonly Fault[]): DomainError {
    const message = faults.map(({ field, message }) => (field === '' ? message : `${field} ${message}`)).join('; ');
    return new DomainError('invalid', message, faults);
  }
}
